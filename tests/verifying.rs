//! Tests `rewrite --verify` and `explain --verify` with a registry that has some images, lacks some, and fails for
//! some.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[expect(dead_code, reason = "other tests use the rest")]
#[path = "registry/server.rs"]
mod server;

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};
use server::{Reply, Server, Speaks, sha256};
use tempfile::TempDir;

const PODS: &str = "\
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - {name: new, image: 'nginx:1.31.99'}
  - {name: same, image: 'nginx:1.31.99'}
  - {name: gone, image: 'nginx:1.31.4'}
  - {name: down, image: 'memcached:1.6.45'}
";

/// Which registry answers, and the files of the commands.
struct Desk {
    registry: Server,
    folder: TempDir,
}

fn config() -> String {
    json!({"os": "linux", "architecture": "amd64", "config": {"User": "65532:65532"}}).to_string()
}

fn manifest() -> String {
    let config = json!({"digest": sha256(&config()), "size": config().len(), "mediaType": "application/vnd.oci.image.config.v1+json"});
    json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": []})
        .to_string()
}

impl Desk {
    async fn new(verify: &str) -> Self {
        let registry = Server::start(Speaks::Plain, |seen, _| match &*seen.path {
            "/v2/nginx/manifests/1.31.99" => Reply::manifest(manifest()),
            path if path.starts_with("/v2/nginx/blobs/") => Reply::body(config()),
            path if path.starts_with("/v2/nginx/") => Reply::status(404),
            _ => Reply::status(500),
        })
        .await;
        let folder = tempfile::tempdir().unwrap();
        let host = &registry.host;
        let policy = format!(
            "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhardened: {{repository: '{host}/{{name}}', platforms: [linux/amd64]}}\n{}",
            verify.replace("HOST", host)
        );
        fs::write(folder.path().join("policy.yaml"), policy).unwrap();
        fs::write(folder.path().join("pods.yaml"), PODS).unwrap();
        Self { registry, folder }
    }

    /// Exit code, stdout and stderr, with the registry's address as HOST.
    async fn run(&self, arguments: &str) -> (i32, String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quench"));
        command.current_dir(&self.folder).args(arguments.split(' ')).args([
            "--policy",
            "policy.yaml",
            "--log-level=off",
        ]);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap().replace(&self.registry.host, "HOST");
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

#[tokio::test]
async fn manifests_become_what_the_registry_has() {
    let desk = Desk::new("verify: {insecure: [HOST]}\n").await;
    let (code, out, said) = desk.run("rewrite --verify pods.yaml").await;
    // What a registry could not say is no success.
    assert_eq!((code, &*out), (2, &*PODS.replace("'nginx:1.31.99'", "'HOST/nginx:1.31.99'")), "{said}");
    let of_registries: Vec<_> = said.lines().filter(|line| line.contains(" HOST ")).collect();
    assert_eq!(
        of_registries,
        [
            "note: HOST does not have HOST/nginx:1.31.4",
            "warning: HOST could not say whether it has HOST/memcached:1.6.45"
        ]
    );
    let asked = desk.registry.seen();
    assert_eq!(asked.iter().filter(|seen| seen.path == "/v2/nginx/manifests/1.31.99").count(), 1, "{asked:?}");
}

#[tokio::test]
async fn nobody_is_asked_without_the_flag() {
    let desk = Desk::new("verify: {insecure: [HOST]}\n").await;
    let (code, out, said) = desk.run("rewrite pods.yaml").await;
    // As the catalog declares it: it knows of no 1.31.99.
    let declared = PODS.replace("'nginx:1.31.4'", "'HOST/nginx:1.31.4'").replace("'memcached:", "'HOST/memcached:");
    assert_eq!((code, &*out), (0, &*declared), "{said}");
    assert!(said.starts_with("note: registries are not asked without --verify"), "{said}");
    assert_eq!(desk.registry.seen(), []);
}

#[tokio::test]
async fn it_needs_to_be_said_how() {
    let desk = Desk::new("").await;
    for command in ["rewrite --verify pods.yaml", "explain --verify nginx"] {
        let (code, out, said) = desk.run(command).await;
        let expected = "error: --verify: the policy does not say how registries are asked; add `verify: {}` to it\n";
        assert_eq!((code, &*out, &*said), (2, "", expected), "{command}");
    }
    let (code, _, said) = desk.run("rewrite --registry-ca ca.pem pods.yaml").await;
    assert_eq!((code, &*said), (2, "error: --registry-auth and --registry-ca are for --verify; add it\n"));
    assert_eq!(desk.registry.seen(), []);
}

#[tokio::test]
async fn an_explanation_says_what_the_registry_does() {
    let desk = Desk::new("verify: {insecure: [HOST]}\n").await;
    let images = "nginx:1.31.99 nginx:1.31.4 memcached:1.6.45 example.com/ours:1";
    let (code, out, _) = desk.run(&format!("explain --verify --output json {images}")).await;
    assert_eq!(code, 0);
    let answers: Vec<Value> =
        out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["registry"].take()).collect();
    let present = json!({"presence": "present", "tag": null, "digest": sha256(&manifest()), "platforms": ["linux/amd64"], "user": "65532:65532"});
    assert_eq!(answers, [present, json!({"presence": "absent"}), json!({"presence": "unknown"}), Value::Null]);

    let (_, out, _) = desk.run("explain --verify nginx:1.31.99").await;
    let said = format!("  registry     has it, {}, for linux/amd64, as user \"65532:65532\"\n", sha256(&manifest()));
    assert!(out.contains(&said), "{out}");
    let asked = desk.registry.seen().len();
    let (_, out, _) = desk.run("explain nginx:1.31.99").await;
    assert!(
        out.contains("rewrite to HOST/nginx:1.31.99, if the registry has it\n") && !out.contains("registry  "),
        "{out}"
    );
    assert_eq!(desk.registry.seen().len(), asked);
}
