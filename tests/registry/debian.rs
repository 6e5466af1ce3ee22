//! Runs the registry of the distribution project itself, with TLS and a password.

use std::fs::{self, File};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::server;

const MEDIA_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const LOGIN: &str = "puller:hunter2";

/// Ends with the test.
pub(crate) struct Distribution {
    pub(crate) host: String,
    process: Child,
    directory: TempDir,
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts it, where it is installed.
pub(crate) async fn start() -> Option<Distribution> {
    let (name, password) = LOGIN.split_once(':').unwrap();
    let Ok(users) = Command::new("htpasswd").args(["-Bbn", name, password]).output() else {
        eprintln!("skipped: install apache2-utils (htpasswd) and docker-registry");
        return None;
    };
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str| directory.path().join(name);
    fs::write(file("users"), users.stdout).unwrap();
    let [certificate, key] = server::pair();
    fs::write(file("tls.crt"), certificate).unwrap();
    fs::write(file("tls.key"), key).unwrap();
    let host = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let at = directory.path().display();
    let config = format!(
        "version: 0.1
storage: {{filesystem: {{rootdirectory: {at}/images}}}}
http: {{addr: '{host}', secret: one process, tls: {{certificate: {at}/tls.crt, key: {at}/tls.key}}}}
auth: {{htpasswd: {{realm: test, path: {at}/users}}}}
"
    );
    fs::write(file("config.yaml"), config).unwrap();
    let log = File::create(file("log")).unwrap();
    let started = Command::new("docker-registry")
        .arg("serve")
        .arg(file("config.yaml"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn();
    let Ok(process) = started else {
        eprintln!("skipped: install docker-registry");
        return None;
    };
    let registry = Distribution { host, process, directory };
    for _ in 0..500 {
        if TcpStream::connect(&registry.host).await.is_ok() {
            return Some(registry);
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{}", fs::read_to_string(registry.directory.path().join("log")).unwrap());
}

impl Distribution {
    /// Puts an image without layers into its store, as the distribution project lays it out; its digest.
    pub(crate) fn store(&self, repository: &str, tag: &str) -> String {
        let config = self.blob(r#"{"os":"linux","architecture":"amd64","config":{"User":"65532"},"rootfs":{"type":"layers","diff_ids":[]}}"#);
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MEDIA_TYPE}","config":{{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:{config}","size":104}},"layers":[]}}"#
        );
        let manifest = self.blob(&manifest);
        self.link(&format!("repositories/{repository}/_layers/sha256/{config}"), &config);
        self.link(&format!("repositories/{repository}/_manifests/revisions/sha256/{manifest}"), &manifest);
        self.link(&format!("repositories/{repository}/_manifests/tags/{tag}/current"), &manifest);
        self.link(&format!("repositories/{repository}/_manifests/tags/{tag}/index/sha256/{manifest}"), &manifest);
        format!("sha256:{manifest}")
    }

    fn blob(&self, content: &str) -> String {
        let digits = server::sha256(content).replace("sha256:", "");
        self.write(&format!("blobs/sha256/{}/{digits}/data", &digits[..2]), content);
        digits
    }

    fn link(&self, at: &str, digits: &str) {
        self.write(&format!("{at}/link"), &format!("sha256:{digits}"));
    }

    fn write(&self, at: &str, content: &str) {
        let path = self.directory.path().join("images/docker/registry/v2").join(at);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}
