//! Tests the container image that `tests/image/build` makes: its configuration, its files, and that it runs alone.
//!
//! `cargo test --test image`; building it takes minutes the first time.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what is wrong by stopping")]

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};
use std::{env, fs, str};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::GzDecoder;
use quench_certs::Authority;
use serde_json::{Value, json};

/// What the contract allows a program to weigh, in bytes.
const MAX_PROGRAM: usize = 16_000_000;

/// The archive that the script made.
static ARCHIVE: LazyLock<PathBuf> = LazyLock::new(|| {
    let built = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/image/build")).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    PathBuf::from(str::from_utf8(&built.stdout).unwrap().trim())
});

/// The files of the archive by their names.
static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| entries(&fs::read(&*ARCHIVE).unwrap()));

fn entries(tar: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(tar);
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), bytes)
    });
    entries.collect()
}

/// The blob that a descriptor names, which it describes rightly.
fn blob(descriptor: &Value) -> &'static [u8] {
    let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let bytes = &FILES[&format!("blobs/sha256/{digest}")];
    assert_eq!(descriptor["size"], bytes.len());
    assert_eq!(sha256(bytes), digest);
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest
        .as_ref()
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)]))
        .collect()
}

fn json_of(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

fn manifest() -> Value {
    let index = json_of(&FILES["index.json"]);
    assert_eq!(index["manifests"].as_array().unwrap().len(), 1);
    json_of(blob(&index["manifests"][0]))
}

/// The only layer, unpacked.
fn layer() -> Vec<u8> {
    let manifest = manifest();
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    let mut bytes = Vec::new();
    GzDecoder::new(blob(&manifest["layers"][0])).read_to_end(&mut bytes).unwrap();
    bytes
}

fn program() -> Vec<u8> {
    entries(&layer()).remove("quench").unwrap()
}

#[test]
fn it_says_what_the_dockerfile_says() {
    let config = json_of(blob(&manifest()["config"]));
    assert_eq!(
        config["config"],
        json!({
            "User": "65532:65532",
            "ExposedPorts": {"8443/tcp": {}, "8080/tcp": {}},
            "Entrypoint": ["/quench"],
            "Cmd": ["serve"],
            "Labels": {
                "org.opencontainers.image.title": "quench",
                "org.opencontainers.image.description":
                    "Moves a Kubernetes cluster to hardened or mirrored container images",
                "org.opencontainers.image.version": env!("CARGO_PKG_VERSION"),
                "org.opencontainers.image.licenses": "Apache-2.0",
            },
        })
    );
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    assert_eq!((&config["architecture"], &config["os"]), (&json!(architecture), &json!("linux")));
    assert_eq!(config["rootfs"], json!({"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer()))]}));
}

/// Docker gets only what .dockerignore lets through.
#[test]
fn the_context_has_the_sources_of_every_package() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignore = fs::read_to_string(root.join(".dockerignore")).unwrap();
    let context: Vec<_> =
        ignore.lines().filter_map(|line| line.strip_prefix('!')).map(|path| root.join(path)).collect();
    let metadata = ["metadata", "--no-deps", "--format-version=1"];
    let metadata = Command::new(env!("CARGO")).args(metadata).current_dir(root).output().unwrap();
    for package in json_of(&metadata.stdout)["packages"].as_array().unwrap() {
        let targets = package["targets"].as_array().unwrap().iter();
        let built =
            targets.filter(|target| ["lib", "bin", "custom-build"].iter().any(|kind| target["kind"] == json!([kind])));
        for source in built.map(|target| target["src_path"].as_str().unwrap()) {
            assert!(context.iter().any(|path| Path::new(source).starts_with(path)), ".dockerignore lacks {source}");
        }
    }
}

#[test]
fn it_holds_one_program_that_anybody_may_run_and_nobody_change() {
    let layer = layer();
    let mut archive = tar::Archive::new(&*layer);
    let found: Vec<_> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let owner = (header.uid().unwrap(), header.gid().unwrap());
            (entry.path().unwrap().display().to_string(), header.mode().unwrap(), owner, header.mtime().unwrap())
        })
        .collect();
    assert_eq!(found, [("quench".to_owned(), 0o755, (0, 0), 0)]);
}

#[test]
fn the_program_is_small() {
    let size = program().len();
    assert!(size <= MAX_PROGRAM, "{size} bytes");
}

/// Else another machine would make another program.
#[test]
fn the_program_knows_no_path_of_this_machine() {
    let program = program();
    let built = ARCHIVE.ancestors().nth(3).unwrap(); // TARGET/image/quench.tar
    let cargo_home =
        env::var("CARGO_HOME").map_or_else(|_| Path::new(&env::var("HOME").unwrap()).join(".cargo"), PathBuf::from);
    for path in [Path::new(env!("CARGO_MANIFEST_DIR")), built, &cargo_home] {
        let path = path.to_str().unwrap().as_bytes();
        let found = program.windows(path.len()).position(|window| window == path);
        let context = found.map(|at| String::from_utf8_lossy(&program[at..program.len().min(at + 120)]).into_owned());
        assert_eq!(context, None);
    }
    let sources = b"/crates/";
    assert!(program.windows(sources.len()).any(|window| window == sources), "panics name the files of dependencies");
}

/// In an empty folder: no linker, no library, no file of the system.
#[test]
fn the_program_runs_where_there_is_nothing_else() {
    let said = in_an_empty_folder(&[], &["explain", "nginx:1.31.4", "--output", "json"]);
    assert!(said.status.success(), "{said:?}");
    assert_eq!(json_of(&said.stdout)["target"], "dhi.io/nginx:1.31.4");
}

/// The C library looks names up without loading anything: with a name it gets as far as the network, which is empty here.
#[test]
fn the_program_looks_names_up() {
    let authority = Authority::new("test", SystemTime::now(), Duration::from_secs(60)).unwrap();
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {
            "server": "https://api.test:1",
            "certificate-authority-data": BASE64_STANDARD.encode(authority.certificate_pem()),
        }}],
        "users": [{"name": "test", "user": {}}],
    });
    let register = ["serve", "--register", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    for (hosts, expected) in [("127.0.0.1 api.test", "tcp connect error"), ("", "dns error")] {
        let files = [("hosts", format!("{hosts}\n")), ("kubeconfig", kubeconfig.to_string())];
        let said = in_an_empty_folder(&files, &register);
        let stderr = String::from_utf8(said.stderr).unwrap();
        assert!(!said.status.success() && stderr.contains(expected), "{hosts}: {stderr}");
    }
}

/// The program as the first and only one in a root of its own, which has nothing but these files in /etc.
fn in_an_empty_folder(files: &[(&str, String)], arguments: &[&str]) -> Output {
    let root = tempfile::tempdir().unwrap();
    fs::copy(ARCHIVE.with_file_name("quench"), root.path().join("quench")).unwrap();
    fs::create_dir(root.path().join("etc")).unwrap();
    for (name, text) in files {
        fs::write(root.path().join("etc").join(name), text).unwrap();
    }
    // A user becomes root of a folder where the kernel permits it, and loses the way out: the network is empty, too.
    Command::new("unshare")
        .args(["--map-root-user", "--net", "--root"])
        .arg(root.path())
        .arg("/quench")
        .args(arguments)
        .env_clear()
        .env("PATH", env::var("PATH").unwrap())
        .env("KUBECONFIG", "/etc/kubeconfig")
        .output()
        .unwrap()
}
