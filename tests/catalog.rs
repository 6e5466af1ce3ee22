//! Tests `quench catalog` as a process.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Definitions of our own, in the public catalog's format.
const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/catalog/checkout");

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quench")).args(arguments).output().unwrap()
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn catalog(arguments: &[&str]) -> Output {
    run(&[&["catalog"], arguments].concat())
}

fn stdout(arguments: &[&str]) -> String {
    let output = catalog(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What `quench catalog import` makes of a checkout: its exit code, what it says, and the file.
fn import(checkout: &Path) -> (Option<i32>, String, Option<String>) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("catalog.json");
    let output = catalog(&["import", path(checkout), "--out", path(&out)]);
    let said = stderr(&output).replace(path(folder.path()), "OUT").replace(path(checkout), "CHECKOUT");
    assert!(output.stdout.is_empty(), "data goes into the file");
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.len() <= 1, "a file under another name is left: {left:?}");
    (output.status.code(), said, fs::read_to_string(out).ok())
}

/// A checkout with these definitions of `lighthouse` beside a good one.
fn checkout(definitions: &[(&str, &[u8])]) -> TempDir {
    let checkout = tempfile::tempdir().unwrap();
    let folder = checkout.path().join("image/lighthouse/debian-13");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(format!("{CHECKOUT}/image/lighthouse/debian-13/1.yaml"), folder.join("1.yaml")).unwrap();
    for (name, text) in definitions {
        fs::write(folder.join(name), text).unwrap();
    }
    checkout
}

#[test]
fn an_import_is_as_before() {
    let (code, said, text) = import(Path::new(CHECKOUT));
    assert_eq!(code, Some(0), "{said}");
    // The versions and upstream repositories of a real image, and the names that are not in the checkout, change with the snapshot.
    let mut file: Value = serde_json::from_str(&text.unwrap()).unwrap();
    let source = file["source"].take();
    assert!(source["carried_over"]["commit"].is_string(), "{source}");
    let (images, said) =
        (file["images"].as_array_mut().unwrap(), said.split("in the earlier catalog only").next().unwrap());
    for image in images.iter_mut().filter(|image| image["name"] == "nginx") {
        let past: Vec<Value> = serde_json::from_value(image["past_versions"].take()).unwrap();
        assert!(past.contains(&json!("1.31.4")) && !past.contains(&json!("99.1.0")), "{past:?}");
        assert_eq!(image["upstream"].take()[0]["ref"], "docker.io/library/nginx");
        assert!(image["start"].take()["folders"].is_array(), "facts about the start are carried over");
    }
    let lines: Vec<String> = images.iter().map(|image| format!("{image:#}")).collect();
    insta::assert_snapshot!(format!("{said}\n{}", lines.join("\n")));
}

#[test]
fn an_import_is_the_same_each_time_and_wherever_the_checkout_is() {
    let elsewhere = checkout(&[]);
    fs::remove_dir_all(elsewhere.path().join("image")).unwrap();
    let copied = Command::new("cp").args(["-r", &format!("{CHECKOUT}/image"), path(elsewhere.path())]).status();
    assert!(copied.unwrap().success());
    let (code, _, text) = import(elsewhere.path());
    assert_eq!((code, text), (Some(0), import(Path::new(CHECKOUT)).2));
}

#[test]
fn explain_takes_what_import_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("catalog.json");
    stdout(&["import", CHECKOUT, "--out", path(&out)]);
    assert_eq!(fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o644);
    for (image, matched, target) in [
        ("nginx:99.1.0", "exact", json!("dhi.io/nginx:99.1.0")),
        ("nginx:1.31.4", "past", json!("dhi.io/nginx:1.31.4")),
        ("redis:8.10.1", "none", Value::Null),
    ] {
        let output = run(&["explain", "--output", "json", "--catalog", path(&out), image]);
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&line["match"], &line["target"]), (&json!(matched), &target), "{line}");
    }
    let shown: Value =
        serde_json::from_str(&stdout(&["show", "lighthouse", "--catalog", path(&out), "--output", "json"])).unwrap();
    assert_eq!(shown["version"], "2.10.1");
    // An import can be carried over in turn: nothing of the first one is lost.
    let again = folder.path().join("again.json");
    stdout(&["import", CHECKOUT, "--catalog", path(&out), "--out", path(&again)]);
    let images =
        |file: &PathBuf| serde_json::from_str::<Value>(&fs::read_to_string(file).unwrap()).unwrap()["images"].take();
    assert_eq!(images(&again), images(&out));
}

#[test]
fn what_cannot_be_read_is_named_and_left_out() {
    const HEAD: &str = "# syntax=dhi.io/build:2-debian13\nimage: dhi.io/lighthouse\n";
    let twice =
        format!("{HEAD}tags: [1.9.4]\naccounts: {{run-as: root}}\nos-release: {{id: debian, version-id: 13}}\n");
    let broken = checkout(&[
        ("2-tab.yaml", format!("{HEAD}tags:\n\t- 2\n").as_bytes()),
        ("3-empty.yaml", HEAD.as_bytes()),
        ("4-latin.yaml", b"# syntax=dhi.io/build:2\nname: caf\xe9\n"),
        ("5-twice.yaml", twice.as_bytes()),
        ("6-other.yaml", b"image: [of, something, else\n"),
    ]);
    // Links may lead in circles, and out of the checkout.
    symlink("/etc", broken.path().join("image/lighthouse/link")).unwrap();
    let (code, said, text) = import(broken.path());
    assert_eq!(code, Some(1), "{said}");
    let said = said.split("in the earlier catalog only").next().unwrap();
    insta::assert_snapshot!(said);
    let alone = checkout(&[]);
    assert_eq!(text, import(alone.path()).2, "the others are as without them");
}

#[test]
fn without_a_definition_nothing_is_written() {
    let nothing = tempfile::tempdir().unwrap();
    let (code, said, text) = import(nothing.path());
    assert_eq!(
        (code, &*said, text),
        (
            Some(2),
            "error: CHECKOUT/image is not a folder; name a checkout of github.com/docker-hardened-images/catalog\n",
            None
        )
    );
    let broken = checkout(&[("1.yaml", b"# syntax=dhi.io/build:2\n")]);
    let (code, said, text) = import(broken.path());
    assert_eq!((code, text), (Some(2), None), "{said}");
    assert!(
        said.contains("image/lighthouse/debian-13/1.yaml:2:1: ") && said.contains("no definition that can be read"),
        "{said}"
    );
    fs::remove_dir_all(broken.path().join("image/lighthouse")).unwrap();
    assert_eq!(import(broken.path()).0, Some(2));
}

#[test]
fn a_file_that_cannot_be_written_or_is_no_catalog_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (missing, other) = (folder.path().join("no/catalog.json"), folder.path().join("other.json"));
    fs::write(&other, "{}").unwrap();
    for (arguments, said) in [
        (&["--out", path(&missing)][..], "cannot write "),
        (&["--out", path(folder.path())], "cannot write "),
        (&["--out", "x.json", "--catalog", path(&missing)], "cannot read the catalog "),
        (&["--out", "x.json", "--catalog", path(&other)], "is not a catalog"),
        (&[], "--out <FILE>"),
    ] {
        let output = catalog(&[&["import", CHECKOUT], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).contains(said), "{arguments:?}: {}", stderr(&output));
    }
    assert!(!Path::new("x.json").exists());
}

#[test]
fn the_commit_of_the_checkout_is_recorded() {
    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
    for (files, expected) in [
        (&[("HEAD", COMMIT)][..], json!(COMMIT)),
        (&[("HEAD", "ref: refs/heads/main\n"), ("refs/heads/main", COMMIT)], json!(COMMIT)),
        (
            &[
                ("HEAD", "ref: refs/heads/main\n"),
                ("packed-refs", "# pack\n0123456789abcdef0123456789abcdef01234567 refs/heads/main\n"),
            ],
            json!(COMMIT),
        ),
        (&[("HEAD", "ref: refs/../../secret\n"), ("../secret", COMMIT)], Value::Null),
        (&[("HEAD", "nothing\n")], Value::Null),
    ] {
        let checkout = checkout(&[]);
        for (name, text) in files {
            let file = checkout.path().join(".git").join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        let text = import(checkout.path()).2.unwrap();
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["source"]["commit"], expected, "{files:?}");
    }
}

#[test]
fn list_is_a_line_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("catalog.json");
    stdout(&["import", CHECKOUT, "--out", path(&out)]);
    let text = stdout(&["list", "--catalog", path(&out)]);
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        lines,
        [
            &["buoy", "3.1.0-jdk25", "none", "known", "development", "only"][..],
            &["lighthouse", "2.10.1", "none", "known", "debian-13", "alpine-3.24", "+compat", "+fips"],
            &["nginx", "99.1.0", "docker.io/library/nginx", "debian-13"],
        ]
    );
    let starts = |word| text.lines().map(|line: &str| line.find(word)).collect::<Vec<_>>();
    assert_eq!(starts("debian-13")[1..], [starts("development")[0]; 2], "columns are even");
    let json: Vec<Value> = stdout(&["list", "--output", "json", "--catalog", path(&out)])
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        json[1],
        json!({
            "name": "lighthouse", "version": "2.10.1", "operating_systems": ["debian-13", "alpine-3.24"], "flavors": ["compat", "fips"],
            "upstream": null, "development_only": false,
        })
    );
    let embedded = stdout(&["list"]);
    assert_eq!(embedded.lines().count(), quench_core::catalog::Catalog::embedded().images().len());
}

#[test]
fn show_says_everything_of_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("catalog.json");
    stdout(&["import", CHECKOUT, "--out", path(&out)]);
    insta::assert_snapshot!(stdout(&["show", "lighthouse", "--catalog", path(&out)]));
    let json: Value =
        serde_json::from_str(&stdout(&["show", "lighthouse", "--catalog", path(&out), "--output", "json"])).unwrap();
    assert_eq!(
        json["builds"][0],
        json!({
            "version": "2.10.1", "os": "debian-13", "flavor": null,
            "tags": ["2.10.1", "2.10.1-debian", "2.10.1-debian13", "2.10", "2.10-debian", "2.10-debian13", "2", "2-debian", "2-debian13"],
            "run_as": 1861, "user": "keeper", "entrypoint": ["/opt/lighthouse/lighthouse", "--serve"], "cmd": [], "workdir": "/var/lib/lighthouse",
            "ports": ["53/udp", "8080/tcp", "9100/tcp"], "shell": [], "platforms": ["amd64", "arm64"],
            "programs": ["/opt/lighthouse/lighthouse", "/usr/bin/lamp", "/usr/local/bin/lens"],
            "packages": ["base-files", "lighthouse=2.10.1-3", "tzdata"],
        })
    );
    let nginx = stdout(&["show", "nginx"]);
    assert!(nginx.contains("\n  upstream     docker.io/library/nginx (primary, certain)\n"), "{nginx}");
    for line in [
        "  ignores      /etc/nginx/templates /docker-entrypoint.d (absent, if start:upstream)",
        "  starts       /docker-entrypoint.sh nginx",
    ] {
        assert!(nginx.contains(line), "{nginx}");
    }
    let nginx: Value = serde_json::from_str(&stdout(&["show", "nginx", "--output", "json"])).unwrap();
    assert_eq!(nginx["start"]["upstream"]["script"], true, "{nginx}");
    let build = stdout(&["show", "build"]);
    assert!(build.contains("development builds only"), "{build}");
}

#[test]
fn every_embedded_image_shows_all_of_its_tags() {
    let embedded = quench_core::catalog::Catalog::embedded();
    for image in ["calico-node", "fluentd", "dotnet", "docker-dind", "maven"].map(|name| embedded.get(name).unwrap()) {
        let shown: Value = serde_json::from_str(&stdout(&["show", image.name(), "--output", "json"])).unwrap();
        let mut tags: Vec<&str> = shown["builds"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|build| build["tags"].as_array().unwrap())
            .map(|tag| tag.as_str().unwrap())
            .collect();
        let mut declared: Vec<String> = image.tags().map(|tag| tag.to_string()).collect();
        tags.sort_unstable();
        declared.sort();
        assert_eq!(tags, declared);
    }
}

#[test]
fn a_name_that_nobody_knows_gets_the_nearest_ones() {
    for (name, said) in [
        ("ngnix", "error: no image of the catalog is called `ngnix`; nearest: `nginx`"),
        ("dhi.io/nginx", "nearest: `nginx`"),
        ("kube-controllers", "nearest: `calico-kube-controllers`"),
        ("zzz", "error: no image of the catalog is called `zzz`; `quench catalog list` has all names\n"),
        ("a\u{1b}[2J", "called `a"),
        ("", "called ``"),
    ] {
        let output = catalog(&["show", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(stderr(&output).contains(said), "{name}: {}", stderr(&output));
        assert!(output.stdout.is_empty() && !stderr(&output).contains('\u{1b}'), "{name}");
    }
}

#[test]
fn whoever_reads_may_stop_early() {
    let mut list =
        Command::new(env!("CARGO_BIN_EXE_quench")).args(["catalog", "list"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(list.stdout.take());
    assert_eq!(list.wait().unwrap().code(), Some(0));
}
