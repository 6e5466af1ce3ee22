//! `quench catalog refresh` against registries that behave as a test says, and against a real one.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

#[path = "registry/debian.rs"]
mod debian;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "registry/server.rs"]
mod server;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use server::{Reply, Server, Speaks};
use tempfile::TempDir;
use tokio::time::sleep;

/// Longer than any test waits on purpose.
const PATIENCE: Duration = Duration::from_secs(30);
const IMAGES: [&str; 6] = ["anchor", "buoy", "compass", "dinghy", "ensign", "ferry"];

/// A folder with a catalog of `IMAGES`, and a policy that has them in a registry.
struct Desk(TempDir);

impl Desk {
    fn at(host: &str) -> Self {
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

    fn policy(&self, host: &str, more: &str) {
        let policy = format!(
            "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhardened: {{repository: '{host}/acme/dhi-{{name}}'}}\n{more}"
        );
        fs::write(self.file("policy.yaml"), policy).unwrap();
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
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
    async fn refresh(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = self.command(arguments);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert_eq!(String::from_utf8(stdout).unwrap(), "", "data goes into the file");
        (status.code().unwrap(), String::from_utf8(stderr).unwrap())
    }

    fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The tags of an image in the new file, in the order of the alphabet.
    fn tags(&self, name: &str) -> Vec<String> {
        let shown = run(self.0.path(), &["catalog", "show", name, "--catalog", "fresh.json", "--output", "json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let builds = shown["builds"].as_array().unwrap().iter();
        let tags = builds.flat_map(|build| build["tags"].as_array().unwrap());
        let mut tags: Vec<String> = tags.map(|tag| tag.as_str().unwrap().to_owned()).collect();
        tags.sort();
        tags
    }

    fn partial(&self) -> Option<String> {
        fs::read_to_string(self.file("fresh.json.partial")).ok()
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    }
}

fn run(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_quench")).current_dir(folder).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn page(tags: &[&str]) -> Reply {
    Reply::body(json!({"tags": tags}).to_string())
}

/// The image that is asked for.
fn name(path: &str) -> &str {
    path.split_once("/v2/acme/dhi-").unwrap().1.split_once("/tags/list").unwrap().0
}

/// How often each image was asked for.
fn asked(server: &Server) -> BTreeMap<String, usize> {
    let mut asked = BTreeMap::new();
    for seen in server.seen() {
        *asked.entry(name(&seen.path).to_owned()).or_default() += 1;
    }
    asked
}

fn once(names: &[&str]) -> BTreeMap<String, usize> {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

/// A registry that has 2.4.2 of every image.
struct Fickle {
    server: Server,
    /// How many images it answers for before it does something else.
    answers: Arc<AtomicUsize>,
}

impl Fickle {
    async fn after(answers: usize, then: impl Fn() -> Reply + Send + Sync + 'static) -> Self {
        let left = Arc::new(AtomicUsize::new(answers));
        let answers = left.clone();
        let server = Server::start(Speaks::Plain, move |_, _| {
            let has_answer = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
            if has_answer { page(&["2.4.2", "2.4.2-debian13", "2.4"]) } else { then() }
        })
        .await;
        Self { server, answers }
    }

    fn recover(&self) {
        self.answers.store(1000, Ordering::SeqCst);
    }

    /// How often each image was asked for.
    fn asked(&self) -> BTreeMap<String, usize> {
        asked(&self.server)
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_fresh_file_has_what_the_registry_lists() {
    let server = Server::start(Speaks::Plain, |seen, _| match (name(&seen.path), seen.path.contains("last=")) {
        ("anchor", false) => {
            page(&["2.4.1", "2.4.2", "2.4"]).with("link", "</v2/acme/dhi-anchor/tags/list?last=2.4>; rel=\"next\"")
        }
        ("anchor", true) => {
            page(&["2.4.1-debian13", "2.4.2-debian13", "2.4-debian13", "2.4.2-dev", "sha256-00.sig", "2.5.0", "edge"])
        }
        ("buoy", _) => page(&["2.4.0", "2.4"]),
        ("compass", _) => Reply::status(404),
        ("dinghy", _) => page(&["2.4.1-fips", "sha256-00"]),
        _ => page(&["2.4.1", "2.4", "2", "2.4.1-debian13", "2.4-debian13", "2-debian13"]),
    })
    .await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&[]).await;
    assert_eq!(
        (code, &*said),
        (
            0,
            "wrote fresh.json: 6 images answered; new: 3 tags; gone: 19 tags\n\
             not there, so left out: 2 images: compass, dinghy\n\
             left out: 3 tags of which the catalog knows no build, 1 of development builds, 2 of signatures\n"
        )
    );
    assert_eq!(desk.files(), ["catalog.json", "fresh.json", "policy.yaml"], "nothing else is left");
    assert_eq!(desk.tags("anchor"), ["2.4", "2.4-debian13", "2.4.1", "2.4.1-debian13", "2.4.2", "2.4.2-debian13"]);
    assert_eq!((desk.tags("buoy"), desk.tags("ferry").len()), (vec!["2.4".to_owned(), "2.4.0".to_owned()], 6));
    let file: Value = serde_json::from_str(&fs::read_to_string(desk.file("fresh.json")).unwrap()).unwrap();
    assert_eq!(file["source"]["refreshed"]["repository"], format!("{}/acme/dhi-{{name}}", server.host));
    for (image, matched, decision) in [
        ("sea/anchor:2.4.2", "exact", "rewrite"),
        ("sea/anchor:2.4.1", "exact", "rewrite"),
        ("sea/anchor:2.4", "alias", "rewrite"),
        ("sea/anchor:2", "none", "keep"),
        ("sea/anchor:2.5.0", "unlisted", "keep"),
        ("sea/buoy:2.4.1", "past", "keep"),
        ("sea/buoy:2.4.0", "exact", "rewrite"),
        ("sea/compass:2.4.1", "none", "keep"),
    ] {
        let arguments = ["explain", "--catalog", "fresh.json", "--output", "json", image];
        let line: Value = serde_json::from_str(&run(desk.0.path(), &arguments)).unwrap();
        assert_eq!((&line["match"], &line["decision"]), (&json!(matched), &json!(decision)), "{line}");
    }
    // The new version has the facts of its line.
    let explained =
        run(desk.0.path(), &["explain", "--policy", "policy.yaml", "--catalog", "fresh.json", "sea/anchor:2.4.2"]);
    assert!(explained.contains("runs as      1861\n") && explained.contains("shell        bash\n"), "{explained}");
}

#[tokio::test]
async fn a_limit_is_kept_to_and_then_it_goes_on() {
    let limited = Mutex::new(2);
    let server = Server::start(Speaks::Plain, move |seen, _| {
        let mut limited = limited.lock().unwrap();
        if name(&seen.path) == "buoy" && *limited > 0 {
            *limited -= 1;
            return if *limited == 1 { Reply::status(429).with("retry-after", "2") } else { Reply::status(429) };
        }
        page(&["2.4.1"])
    })
    .await;
    let desk = Desk::at(&server.host);
    let began = Instant::now();
    let (code, said) = desk.refresh(&[]).await;
    assert_eq!(code, 0, "{said}");
    let said_so = format!("buoy: asked again in 2 s: {0}: it limits how often it is asked\n", server.host);
    assert_eq!(said.matches(&said_so).count(), 2, "{said}");
    // What it asked for, and twice the first pause.
    assert!(began.elapsed() >= Duration::from_secs(4), "{:?}", began.elapsed());
    assert_eq!(asked(&server)["buoy"], 3);
    assert_eq!(server.seen().len(), IMAGES.len() + 2);
}

/// The rest is asked for once, and the file is as if nothing had happened.
async fn goes_on(desk: &Desk, registry: &Fickle, before: usize) {
    registry.recover();
    let (code, said) = desk.refresh(&[]).await;
    let images = if before == 1 { "image" } else { "images" };
    let expected = format!(
        "going on by fresh.json.partial: {before} {images} answered before\n\
         wrote fresh.json: 6 images answered, {before} of them before; new: 12 tags; gone: 30 tags\n\
         left out: 0 tags of which the catalog knows no build, 0 of development builds, 0 of signatures\n"
    );
    assert_eq!((code, said), (0, expected));
    assert_eq!(desk.files(), ["catalog.json", "fresh.json", "policy.yaml"]);
    for image in IMAGES {
        assert_eq!(desk.tags(image), ["2.4", "2.4.2", "2.4.2-debian13"].map(str::to_owned)[..], "{image}");
    }
}

#[tokio::test]
async fn after_an_outage_or_a_limit_only_the_rest_is_asked_for() {
    for (status, reason) in [
        (500, "500 Internal Server Error"),
        (429, "it limits how often it is asked"),
        (403, "403 Forbidden; refused: 3 images: dinghy, ensign, ferry"),
    ] {
        let registry = Fickle::after(3, move || Reply::status(status)).await;
        let host = &registry.server.host;
        let desk = Desk::at(host);
        let (code, said) = desk.refresh(&["--tries", "2"]).await;
        let expected = format!(
            "error: {host}: {reason}; 3 of 6 images answered, fresh.json is not written; the same command goes on from here\n"
        );
        assert_eq!((code, said), (2, expected));
        assert_eq!(desk.partial().unwrap().lines().count(), 1 + 3);
        assert!(!desk.file("fresh.json").exists());
        let before = registry.asked();
        goes_on(&desk, &registry, 3).await;
        for (image, times) in registry.asked() {
            let more = usize::from(!["anchor", "buoy", "compass"].contains(&&*image));
            assert_eq!(times, before.get(&image).copied().unwrap_or_default() + more, "{image}");
        }
    }
}

#[tokio::test]
async fn a_limit_for_hours_is_not_waited_for() {
    let registry = Fickle::after(2, || Reply::status(429).with("retry-after", "7200")).await;
    let desk = Desk::at(&registry.server.host);
    let began = Instant::now();
    let (code, said) = desk.refresh(&[]).await;
    assert!(code == 2 && began.elapsed() < PATIENCE, "{said}");
    assert!(
        said.contains("it limits how often it is asked, and wants to be left alone for 2h; 2 of 6 images"),
        "{said}"
    );
    assert_eq!(registry.asked(), once(&["anchor", "buoy", "compass"]));
    goes_on(&desk, &registry, 2).await;
}

#[tokio::test]
async fn a_kill_and_a_signal_lose_nothing_that_was_learned() {
    for (signal, code) in [("KILL", None), ("INT", Some(2)), ("TERM", Some(2))] {
        let registry = Fickle::after(3, Reply::never).await;
        let desk = Desk::at(&registry.server.host);
        let child = desk.start(&[]);
        until("three are learned", || desk.partial().is_some_and(|text| text.lines().count() == 1 + 3)).await;
        until("the fourth is asked for", || registry.asked().len() == 4).await;
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().unwrap().success());
        let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), code, "{said}");
        if code.is_some() {
            let expected = format!(
                "error: stopped by SIG{signal}; 3 of 6 images answered, fresh.json is not written; the same command goes on from here\n"
            );
            assert_eq!(said, expected);
        }
        assert!(!desk.file("fresh.json").exists());
        // A kill may cut a line.
        let mut partial = desk.partial().unwrap();
        partial.push_str(r#"{"name":"dinghy","tags":{"ta"#);
        fs::write(desk.file("fresh.json.partial"), partial).unwrap();
        goes_on(&desk, &registry, 3).await;
        let asked = registry.asked();
        assert_eq!((asked["compass"], asked["dinghy"], asked["ferry"]), (1, 2, 1));
    }
}

#[tokio::test]
async fn what_is_refused_stays_where_that_is_asked_for() {
    let server = Server::start(Speaks::Plain, |seen, _| match name(&seen.path) {
        "buoy" => Reply::status(403),
        _ => page(&["2.4.2"]),
    })
    .await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&[]).await;
    assert!(code == 2 && said.contains("403 Forbidden; refused: 1 image: buoy; 5 of 6 images answered"), "{said}");
    let (code, said) = desk.refresh(&["--keep-unanswered"]).await;
    assert!(code == 0 && said.contains("not answered, so as before: 1 image: "), "{said}");
    assert_eq!(asked(&server), [once(&IMAGES), [("buoy".to_owned(), 2)].into()].into_iter().flatten().collect());
    assert_eq!((desk.tags("buoy").len(), desk.tags("ferry")), (6, vec!["2.4.2".to_owned()]));
    assert_eq!(desk.partial(), None);
}

#[tokio::test]
async fn a_registry_that_knows_us_not_is_not_asked_for_everything() {
    let server = Server::start(Speaks::Plain, |_, _| Reply::status(403)).await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&["--keep-unanswered"]).await;
    assert!(code == 2 && said.contains("403 Forbidden; refused: 5 images"), "{said}");
    assert_eq!((server.seen().len(), desk.file("fresh.json").exists()), (5, false));
    let server = Server::start(Speaks::Plain, |_, _| Reply::status(500)).await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&["--keep-unanswered"]).await;
    assert!(code == 2 && said.contains("500 Internal Server Error; 0 of 6 images"), "{said}");
    assert_eq!((server.seen().len(), desk.file("fresh.json").exists()), (3, false));
    let server = Server::start(Speaks::Plain, |_, _| Reply::status(404)).await;
    let desk = Desk::at(&server.host);
    let (code, said) = desk.refresh(&[]).await;
    assert!(code == 2 && said.contains("error: none of 6 images is there as 127.0.0.1:"), "{said}");
    assert!(!desk.file("fresh.json").exists());
}

#[tokio::test]
async fn named_images_alone_are_asked_for() {
    let registry = Fickle::after(1000, || Reply::status(500)).await;
    let desk = Desk::at(&registry.server.host);
    let (code, said) = desk.refresh(&["ferry", "buoy", "ferry"]).await;
    assert!(
        code == 0 && said.starts_with("wrote fresh.json: 2 images answered; new: 4 tags; gone: 10 tags\n"),
        "{said}"
    );
    assert_eq!(registry.asked(), once(&["buoy", "ferry"]));
    assert_eq!((desk.tags("anchor").len(), desk.tags("ferry").len()), (6, 3));
    let (code, said) = desk.refresh(&["fery"]).await;
    assert_eq!((code, &*said), (2, "error: no image of the catalog is called `fery`; nearest: `ferry`\n"));
}

#[tokio::test]
async fn what_cannot_be_read_or_written_is_an_error_before_anything_is_asked() {
    let registry = Fickle::after(1000, || Reply::status(500)).await;
    let desk = Desk::at(&registry.server.host);
    fs::write(desk.file("broken.json"), "{}").unwrap();
    for (arguments, said) in [
        (&["--registry-auth", "nowhere.json"][..], "cannot read the registry credentials nowhere.json"),
        (&["--registry-auth", "broken.json", "--registry-ca", "nowhere.pem"], "nowhere.pem"),
        (&["--tries", "0"], "0 is not in 1..=100"),
    ] {
        let (code, found) = desk.refresh(arguments).await;
        assert!(code == 2 && found.contains(said), "{arguments:?}: {found}");
    }
    for (out, said) in
        [("no/fresh.json", "cannot keep what is learned in no/fresh.json.partial"), (".", ". is a folder; name a file")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quench"));
        let output = command
            .current_dir(desk.0.path())
            .args(["catalog", "refresh", "--policy", "policy.yaml", "--out", out])
            .output();
        let found = String::from_utf8(output.unwrap().stderr).unwrap();
        assert!(found.contains(said), "{found}");
    }
    assert_eq!(registry.server.seen().len(), 0);
}

#[tokio::test]
async fn debians_registry_is_refreshed_from() {
    let Some(registry) = debian::start().await else { return };
    for tag in ["2.4.1", "2.4.2", "2.4", "2.4.2-debian13", "2.4.2-dev", "latest"] {
        registry.store("acme/dhi-anchor", tag);
    }
    for number in 10..40 {
        registry.store("acme/dhi-ferry", &format!("2.4.{number}"));
    }
    let desk = Desk::at("");
    desk.policy(&registry.host, "");
    let authority = STANDARD.encode(server::authority());
    let pem = format!("-----BEGIN CERTIFICATE-----\n{authority}\n-----END CERTIFICATE-----\n");
    fs::write(desk.file("ca.pem"), pem).unwrap();
    let auths = |login: &str| json!({"auths": {&registry.host: {"auth": STANDARD.encode(login)}}}).to_string();
    fs::write(desk.file("auth.json"), auths(debian::LOGIN)).unwrap();
    fs::write(desk.file("other.json"), auths("puller:wrong")).unwrap();
    let (code, said) = desk.refresh(&["--registry-ca", "ca.pem", "--registry-auth", "other.json"]).await;
    assert!(code == 2 && said.contains("0 of 6 images answered"), "{said}");
    let (code, said) = desk.refresh(&["--registry-ca", "ca.pem", "--registry-auth", "auth.json"]).await;
    assert!(code == 0 && said.contains("not there, so left out: 4 images: buoy, compass, dinghy, ensign\n"), "{said}");
    assert_eq!(desk.tags("anchor"), ["2.4", "2.4.1", "2.4.2", "2.4.2-debian13"]);
    assert_eq!(desk.tags("ferry").len(), 30);
    let arguments =
        ["explain", "--policy", "policy.yaml", "--catalog", "fresh.json", "--output", "json", "sea/anchor:2.4.2"];
    let line: Value = serde_json::from_str(&run(desk.0.path(), &arguments)).unwrap();
    assert_eq!(
        (&line["match"], &line["target"]),
        (&json!("exact"), &json!(format!("{}/acme/dhi-anchor:2.4.2", registry.host)))
    );
}
