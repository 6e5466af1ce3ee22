//! Sets up refreshes of a catalog: a folder with the files, and a registry that can fail.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::server::{Reply, Server, Speaks};

/// Longer than any test waits on purpose.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
pub(super) const IMAGES: [&str; 6] = ["anchor", "buoy", "compass", "dinghy", "ensign", "ferry"];

/// A folder with a catalog of `IMAGES`, and a policy that has them in a registry.
pub(super) struct Desk(pub(super) TempDir);

impl Desk {
    pub(super) fn at(host: &str) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let image = |name: &&str| {
            json!({
                "name": name, "upstream": [{"ref": format!("docker.io/sea/{name}")}], "run_as": 1861, "default": {"os": "debian-13", "version": "2.4.1"},
                "variants": [{"os": "debian-13", "suffix": ["", "-debian13"], "lines": [["2.4.1", "2.4", "2"]], "shell": ["bash"]}],
            })
        };
        let catalog = json!({"schema": "dhi-images/1", "images": IMAGES.iter().map(image).collect::<Vec<_>>()});
        fs::write(desk.file("catalog.json"), catalog.to_string()).unwrap();
        let insecure = if host.is_empty() { String::new() } else { format!("verify: {{insecure: ['{host}']}}\n") };
        desk.policy(host, &insecure);
        desk
    }

    pub(super) fn policy(&self, host: &str, more: &str) {
        let policy = format!(
            "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhardened: {{repository: '{host}/acme/dhi-{{name}}'}}\n{more}"
        );
        fs::write(self.file("policy.yaml"), policy).unwrap();
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quench"));
        command.current_dir(self.0.path()).args([
            "catalog",
            "refresh",
            "--policy",
            "policy.yaml",
            "--out",
            "fresh.json",
        ]);
        command.args(["--catalog", "catalog.json"]).args(arguments);
        for proxy in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
            command.env_remove(proxy);
        }
        command
    }

    /// The exit code, and what is said.
    pub(super) async fn refresh(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = self.command(arguments);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(String::from_utf8(stdout).unwrap(), "", "data goes into the file");
        (status.code().unwrap(), String::from_utf8(stderr).unwrap())
    }

    pub(super) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The tags of an image in the new file, in the order of the alphabet.
    pub(super) fn tags(&self, name: &str) -> Vec<String> {
        let shown = run(self.0.path(), &["catalog", "show", name, "--catalog", "fresh.json", "--output", "json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let builds = shown["builds"].as_array().unwrap().iter();
        let tags = builds.flat_map(|build| build["tags"].as_array().unwrap());
        let mut tags: Vec<String> = tags.map(|tag| tag.as_str().unwrap().to_owned()).collect();
        tags.sort();
        tags
    }

    pub(super) fn partial(&self) -> Option<String> {
        fs::read_to_string(self.file("fresh.json.partial")).ok()
    }

    pub(super) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    }
}

pub(super) fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_quench")).current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(super) fn page(tags: &[&str]) -> Reply {
    Reply::body(json!({"tags": tags}).to_string())
}

/// The image that is asked for.
pub(super) fn name(path: &str) -> &str {
    path.split_once("/v2/acme/dhi-").unwrap().1.split_once("/tags/list").unwrap().0
}

/// How often each image was asked for.
pub(super) fn asked(server: &Server) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for seen in server.seen() {
        *asked.entry(name(&seen.path).to_owned()).or_default() += 1;
    }
    asked
}

pub(super) fn once(names: &[&str]) -> BTreeMap<String, usize> {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

/// A registry that has 2.4.2 of every image.
pub(super) struct Fickle {
    pub(super) server: Server,
    /// How many images it answers for before it does something else.
    answers: Arc<AtomicUsize>,
}

impl Fickle {
    pub(super) async fn after(answers: usize, then: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        let left = Arc::new(AtomicUsize::new(answers));
        let answers = left.clone();
        let server = Server::start(Speaks::Plain, move |_, _| {
            let has_answer = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if has_answer { page(&["2.4.2", "2.4.2-debian13", "2.4"]) } else { then() }
        })
        .await;
        Self { server, answers }
    }

    pub(super) fn recover(&self) {
        self.answers.store(1000, Ordering::SeqCst);
    }

    /// How often each image was asked for.
    pub(super) fn asked(&self) -> BTreeMap<String, usize> {
        asked(&self.server)
    }
}

pub(super) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// The rest is asked for once, and the file is as if nothing had happened.
pub(super) async fn goes_on(desk: &Desk, registry: &Fickle, before: usize) {
    registry.recover();
    let (code, said) = desk.refresh(&[]).await;
    let images = if before == 1 { "image" } else { "images" };
    let expected = format!(
        "continuing from fresh.json.partial: {before} {images} already answered\n\
         wrote fresh.json: 6 images answered, {before} of them before; new: 12 tags; gone: 30 tags\n\
         left out: 0 tags of builds that the catalog does not know, 0 of development builds, 0 of signatures\n"
    );
    assert_eq!((code, said), (0, expected));
    assert_eq!(desk.files(), ["catalog.json", "fresh.json", "policy.yaml"]);
    for image in IMAGES {
        assert_eq!(desk.tags(image), ["2.4", "2.4.2", "2.4.2-debian13"].map(str::to_owned)[..], "{image}");
    }
}
