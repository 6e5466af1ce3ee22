//! Runs a registry with TLS and a password, as hardened images usually have it.

use std::fs::{self, File};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

use crate::kubectl::eventually;

/// What its images' names begin with. `tests/node/within` has the name lead to the node.
pub(crate) const HOST: &str = "registry.test:5000";
const USER: &str = "puller";
const PASSWORD: &str = "let me in";

pub(crate) struct Registry {
    /// Of its configuration and its images.
    dir: PathBuf,
    address: String,
    /// None in an outage.
    process: Mutex<Option<Child>>,
}

impl Registry {
    pub(crate) fn start(dir: &Path, address: &str) -> Self {
        let dir = dir.join("registry");
        fs::create_dir(&dir).unwrap();
        let file = |name: &str| dir.join(name);
        let made = rcgen::generate_simple_self_signed(["registry.test".to_owned()]).unwrap();
        fs::write(file("tls.crt"), made.cert.pem()).unwrap();
        fs::write(file("tls.key"), made.signing_key.serialize_pem()).unwrap();
        let users = Command::new("htpasswd").args(["-Bbn", USER, PASSWORD]).output().unwrap();
        assert!(users.status.success(), "{users:?}");
        fs::write(file("users"), users.stdout).unwrap();
        let listen = HOST.replace("registry.test", address);
        let config = format!(
            "version: 0.1
storage: {{filesystem: {{rootdirectory: {dir}/images}}}}
http: {{addr: '{listen}', secret: one process, tls: {{certificate: {dir}/tls.crt, key: {dir}/tls.key}}}}
auth: {{htpasswd: {{realm: test, path: {dir}/users}}}}
",
            dir = dir.display()
        );
        fs::write(file("config.yaml"), config).unwrap();
        let registry = Self { dir, address: listen, process: Mutex::default() };
        registry.serve();
        registry
    }

    fn serve(&self) {
        let log = File::options().create(true).append(true).open(self.dir.join("registry.log")).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(self.dir.join("config.yaml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        *self.process.lock().unwrap() = Some(process);
        eventually("registry", || TcpStream::connect(&self.address).ok());
    }

    /// Runs something while it is away.
    pub(crate) fn without(&self, meanwhile: impl FnOnce()) {
        /// Gives it back also when the test fails: other cases follow.
        struct Away<'a>(&'a Registry);
        impl Drop for Away<'_> {
            fn drop(&mut self) {
                self.0.serve();
            }
        }
        let mut process = self.process.lock().unwrap().take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
        let away = Away(self);
        meanwhile();
        drop(away);
    }

    /// What clients have to trust.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.dir.join("tls.crt")
    }
}

/// Copies an OCI archive to `REPOSITORY:TAG`.
pub(crate) fn push(archive: &Path, reference: &str) {
    let said = Command::new("skopeo")
        .args(["copy", "--quiet", "--dest-tls-verify=false", "--dest-creds", &format!("{USER}:{PASSWORD}")])
        .arg(format!("oci-archive:{}", archive.display()))
        .arg(format!("docker://{HOST}/{reference}"))
        .output()
        .unwrap();
    assert!(said.status.success(), "push of {reference}: {said:?}");
}

/// The digest of `REPOSITORY:TAG`, by which nodes pull.
pub(crate) fn digest(reference: &str) -> String {
    let said = Command::new("skopeo")
        .args(["inspect", "--tls-verify=false", "--creds", &format!("{USER}:{PASSWORD}"), "--format", "{{.Digest}}"])
        .arg(format!("docker://{HOST}/{reference}"))
        .output()
        .unwrap();
    assert!(said.status.success(), "{reference}: {said:?}");
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// The arguments of kubectl that create a secret of this name, which opens the registry.
pub(crate) fn create_secret(name: &str) -> [&str; 7] {
    static LOGIN: LazyLock<[String; 3]> = LazyLock::new(|| {
        [
            format!("--docker-server=https://{HOST}"),
            format!("--docker-username={USER}"),
            format!("--docker-password={PASSWORD}"),
        ]
    });
    let [server, user, password] = &*LOGIN;
    ["create", "secret", "docker-registry", name, server, user, password]
}
