//! Runs `quench` as a process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) fn quench(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quench"));
    command.args(arguments).env_remove("KUBERNETES_SERVICE_HOST").env_remove("POD_NAMESPACE").env_remove("QUENCH_LOG");
    command
}

/// Runs to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    quench(arguments).output().unwrap()
}

/// A process that serves, and ends with the test.
pub(crate) struct Serving {
    pub(crate) process: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
    stderr: BufReader<ChildStderr>,
    /// What it wrote before it served.
    pub(crate) said: String,
}

impl Serving {
    #[allow(dead_code, reason = "one test has an environment of its own")]
    pub(crate) fn with(arguments: &[&str]) -> Self {
        Self::of(quench(&[&["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], arguments].concat()))
    }

    pub(crate) fn of(command: Command) -> Self {
        Self::fed(command, b"")
    }

    /// With this on its standard input.
    pub(crate) fn fed(mut command: Command, input: &[u8]) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        process.stdin.take().unwrap().write_all(input).unwrap();
        let stderr = BufReader::new(process.stderr.take().unwrap());
        let unknown = SocketAddr::from(([0; 4], 0));
        let mut serving = Self { process, address: unknown, admin: unknown, stderr, said: String::new() };
        while serving.address == unknown {
            let mut line = String::new();
            assert_ne!(serving.stderr.read_line(&mut line).unwrap(), 0, "it ended: {}", serving.said);
            serving.said += &line;
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["message"] == "serving" {
                serving.address = line["address"].as_str().unwrap().parse().unwrap();
                serving.admin = line["admin"].as_str().unwrap().parse().unwrap();
            }
        }
        serving
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// The exit code, and what it wrote to stderr.
    pub(crate) fn ended(&mut self) -> (Option<i32>, String) {
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code(), said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A directory with the four files of `quench certs`.
pub(crate) fn certificates() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    assert!(run(&["certs", "--out", path(directory.path())]).status.success());
    directory
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}
