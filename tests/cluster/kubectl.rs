//! Runs kubectl.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::control_plane::K8S;

/// How long anything may take that controllers have to do: a `CronJob`'s up to a minute, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(100);

/// kubectl with an administrator's kubeconfig, and perhaps a namespace.
#[derive(Clone)]
pub(crate) struct Kubectl {
    kubeconfig: PathBuf,
    namespace: Option<String>,
}

/// What one run of kubectl said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) succeeded: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// What follows `Warning: `, line by line.
    pub(crate) fn warnings(&self) -> Vec<String> {
        self.stderr.lines().filter_map(|line| line.strip_prefix("Warning: ")).map(str::to_owned).collect()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Kubectl {
    pub(crate) fn new(kubeconfig: &Path) -> Self {
        Self { kubeconfig: kubeconfig.to_owned(), namespace: None }
    }

    pub(crate) fn within(&self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self.clone() }
    }

    /// Runs it with a text on its standard input, whatever comes of it.
    pub(crate) fn try_with(&self, stdin: &str, arguments: &[&str]) -> Said {
        let mut command = Command::new(K8S);
        command.arg("kubectl").env("KUBECONFIG", &self.kubeconfig).env("KUBERC", "off");
        command.args(self.namespace.iter().flat_map(|namespace| ["--namespace", namespace]));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        let output = thread::scope(|scope| {
            scope.spawn(move || pipe.write_all(stdin.as_bytes())); // it may not care to read
            child.wait_with_output().unwrap()
        });
        Said {
            succeeded: output.status.success(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs it with a text on its standard input; it must succeed.
    pub(crate) fn with(&self, stdin: &str, arguments: &[&str]) -> Said {
        let said = self.try_with(stdin, arguments);
        assert!(said.succeeded, "kubectl {}: {}", arguments.join(" "), said.stderr);
        said
    }

    /// Runs it; it must succeed.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.with("", arguments)
    }

    pub(crate) fn apply(&self, manifest: &str) -> Said {
        self.with(manifest, &["apply", "-f", "-"])
    }

    /// `get` with these arguments, as JSON.
    pub(crate) fn get(&self, arguments: &[&str]) -> Value {
        self.run(&[&["get", "-o", "json"], arguments].concat()).json()
    }

    /// The items of a list.
    pub(crate) fn list(&self, arguments: &[&str]) -> Vec<Value> {
        self.get(arguments)["items"].as_array().unwrap().clone()
    }

    /// The JSON of a YAML document with one object.
    pub(crate) fn json_of(&self, yaml: &str) -> Value {
        self.with(yaml, &["create", "--dry-run=client", "-o", "json", "-f", "-"]).json()
    }
}

/// Asks again and again until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "no {what} within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(150));
    }
}
