//! Runs `quench serve` as a process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use crate::control_plane::K8S;
use crate::kubectl::eventually;
use crate::visited::host;

/// The binary that cargo built for these tests.
pub(crate) const QUENCH: &str = env!("CARGO_BIN_EXE_quench");

/// A serving quench. It is killed when it is dropped, and when the thread that started it ends.
pub(crate) struct Quench {
    process: Child,
    admin: SocketAddr,
    log: PathBuf,
    /// The webhook configuration that it printed.
    pub(crate) configuration: String,
}

impl Quench {
    /// Starts `quench serve --print-webhook-config` and waits until it serves. Its log is `DIR/quench-NAME.log`.
    pub(crate) fn start(dir: &Path, name: &str, flags: &[&str]) -> Self {
        Self::start_by(&dir.join("pki/admin.kubeconfig"), dir, name, flags)
    }

    /// The same, by a kubeconfig of its own.
    pub(crate) fn start_by(kubeconfig: &Path, dir: &Path, name: &str, flags: &[&str]) -> Self {
        let flags = [&["--print-webhook-config"], flags].concat();
        let mut quench = Self::spawn_by(kubeconfig, dir, name, &flags, Stdio::piped());
        let mut stdout = quench.process.stdout.take().unwrap();
        stdout.read_to_string(&mut quench.configuration).unwrap();
        assert!(!quench.configuration.is_empty(), "quench does not start: {}", quench.log());
        quench
    }

    /// Starts `quench serve --register` against the cluster of a kubeconfig, and waits until it is ready.
    pub(crate) fn register(dir: &Path, name: &str, flags: &[&str]) -> Self {
        let quench = Self::spawn(dir, name, &[&["--register"], flags].concat(), Stdio::null());
        eventually("registered quench", || {
            fs::read_to_string(&quench.log).unwrap().contains("registered").then_some(())
        });
        quench
    }

    /// Starts `quench serve --self-managed` by a kubeconfig, and waits for nothing.
    pub(crate) fn self_managed(dir: &Path, name: &str, kubeconfig: &Path, flags: &[&str]) -> Self {
        Self::spawn_by(kubeconfig, dir, name, &[&["--self-managed"], flags].concat(), Stdio::null())
    }

    fn spawn(dir: &Path, name: &str, flags: &[&str], stdout: Stdio) -> Self {
        Self::spawn_by(&dir.join("pki/admin.kubeconfig"), dir, name, flags, stdout)
    }

    fn spawn_by(kubeconfig: &Path, dir: &Path, name: &str, flags: &[&str], stdout: Stdio) -> Self {
        let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(); // free again at once
        let listen = SocketAddr::new(host(), 0);
        let log = dir.join(format!("quench-{name}.log"));
        let process = Command::new(K8S)
            .args(["leash", QUENCH, "serve", "--listen", &listen.to_string(), "--admin", &admin.to_string()])
            .args(flags)
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        Self { process, admin, log, configuration: String::new() }
    }

    /// The same process, but with the metrics of another.
    pub(crate) fn measured_at(mut self, admin: SocketAddr) -> Self {
        self.admin = admin;
        self
    }

    /// Ends it without a chance to tidy up.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks it to stop, and waits.
    pub(crate) fn terminate(mut self) -> ExitStatus {
        let asked = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(asked.success());
        eventually("end of quench", || self.process.try_wait().unwrap())
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Where it takes reviews, as its log says once it serves.
    pub(crate) fn port(&self) -> u16 {
        let port_in = |line: &str| {
            let line: Value = serde_json::from_str(line).ok()?;
            let serving = line["message"] == "serving";
            serving.then(|| line["address"].as_str()?.rsplit_once(':')?.1.parse().ok()).flatten()
        };
        eventually("serving quench", || self.log().lines().find_map(port_in))
    }

    /// Its metrics: name and labels to value.
    pub(crate) fn metrics(&self) -> BTreeMap<String, f64> {
        let answer = self.ask("/metrics");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        samples(&answer)
    }

    /// Nothing where it is ready, and otherwise why it is not.
    pub(crate) fn not_ready(&self) -> Option<String> {
        let answer = self.ask("/readyz");
        (!answer.starts_with("HTTP/1.1 200 ")).then_some(answer)
    }

    /// The answer of its probes and metrics, with its headers.
    fn ask(&self, path: &str) -> String {
        let mut connection = TcpStream::connect(self.admin).unwrap();
        write!(connection, "GET {path} HTTP/1.1\r\nHost: quench\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Quench {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The samples of a text in Prometheus' format: name and labels to value.
pub(crate) fn samples(text: &str) -> BTreeMap<String, f64> {
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(sample).collect()
}

/// What a command says that ends with the exit code 2, as it must.
pub(crate) fn refused(dir: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("timeout");
    command.args(["20", QUENCH]).args(arguments).env("KUBECONFIG", dir.join("pki/admin.kubeconfig"));
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// `quench certs` for the Service `quench` of the namespace `quench`.
pub(crate) fn certs(dir: &Path) {
    let made = Command::new(QUENCH).args(["certs", "--out"]).arg(dir).output().unwrap();
    assert!(made.status.success(), "{made:?}");
}
