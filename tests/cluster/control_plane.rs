//! Starts the Kubernetes control plane that `tests/cluster/build` made.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::kubectl::Kubectl;

/// The multi-call binary: every program of Kubernetes that the tests run.
pub(crate) const K8S: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/bin/k8s");

/// The running programs. They stop when it is dropped, and when this process ends in whatever way.
pub(crate) struct ControlPlane {
    supervisor: Child,
    served: Served,
}

/// What the supervisor says once everything serves.
#[derive(Deserialize)]
struct Served {
    kubeconfig: PathBuf,
    audit: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
    authority: String,
}

impl ControlPlane {
    /// The program of the binary and its flags say which: one of our own, or one that is visited.
    pub(crate) fn start(dir: &Path, program: Vec<String>) -> Self {
        assert!(
            Path::new(K8S).exists(),
            "{K8S} is missing: run tests/cluster/build (7 minutes the first time, then seconds)"
        );
        let log = fs::File::create(dir.join("control-plane.log")).unwrap();
        let mut supervisor = Command::new(K8S)
            .args(program)
            .arg("--dir")
            .arg(dir)
            .stdin(Stdio::piped()) // its end is the sign to stop
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(supervisor.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Ok(served) = serde_json::from_str(&line) else {
            let log = fs::read_to_string(dir.join("control-plane.log")).unwrap_or_default();
            panic!("the control plane does not start; logs are in {}: {log}", dir.display())
        };
        Self { supervisor, served }
    }

    pub(crate) fn kubeconfig(&self) -> &Path {
        &self.served.kubeconfig
    }

    pub(crate) fn kubectl(&self) -> Kubectl {
        Kubectl::new(self.kubeconfig())
    }

    /// A certificate for servers on loopback, and its key.
    pub(crate) fn serving_certificate(&self) -> [&Path; 2] {
        [&self.served.certificate, &self.served.key]
    }

    /// Who signed it: the `caBundle` of a webhook.
    pub(crate) fn authority(&self) -> &str {
        &self.served.authority
    }

    /// The audit log: what the API server noted about each request for a workload, as lines of JSON.
    pub(crate) fn audit_log(&self) -> String {
        fs::read_to_string(&self.served.audit).unwrap()
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        drop(self.supervisor.stdin.take());
        for _ in 0..600 {
            if !matches!(self.supervisor.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.supervisor.kill(); // its children die with it
    }
}
