//! Tests `quench rewrite` as a process.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const QUENCH: &str = env!("CARGO_BIN_EXE_quench");

/// A stream as people write it: comments, order, quoting and line ends of all sorts.
const STREAM: &str = "\
# Source: chart/templates/web.yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop} # ours
spec:
  template:
    spec:
      containers:
      - image: \"nginx:1.31.4\"   # the front
        name:   web
      - name: cache
        image: memcached:1.6.45
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: text
data:
  pod.yaml: |
    image: nginx:1.31.4
---
{\"apiVersion\": \"v1\", \"kind\": \"Pod\", \"metadata\": {\"name\": \"p\"}, \"spec\": {\"containers\": [{\"name\": \"c\", \"image\": 'nginx:1.31.4'}]}}
";

fn rewritten(stream: &str) -> String {
    stream
        .replace("\"nginx:1.31.4\"", "\"dhi.io/nginx:1.31.4\"")
        .replace("'nginx:1.31.4'", "'dhi.io/nginx:1.31.4'")
        .replace(" memcached:1.6.45", " dhi.io/memcached:1.6.45")
        .replace("'memcached:1.6.45'", "'dhi.io/memcached:1.6.45'")
}

fn rewrite(arguments: &[&str], input: &str) -> Output {
    feed(Command::new(QUENCH).arg("rewrite").args(arguments), input.as_bytes())
}

fn feed(command: &mut Command, input: &[u8]) -> Output {
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = process.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = process.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

#[track_caller]
fn assert_says(output: &Output, code: i32, words: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for word in words {
        assert!(said.contains(word), "`{word}` not in: {said}");
    }
}

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A pod of one container.
fn pod(name: &str, image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\nspec: {{containers: [{{name: c, image: '{image}'}}]}}\n"
    )
}

#[test]
fn a_stream_changes_in_its_images_only() {
    let output = rewrite(&[], STREAM);
    assert_says(&output, 0, &["warning: stdin: Deployment shop/web: container `cache`: set `runAsNonRoot: true`"]);
    assert_eq!(stdout(&output), rewritten(STREAM));
    let again = rewrite(&["-"], stdout(&output));
    assert_eq!((again.status.code(), &again.stdout), (Some(0), &output.stdout));
    let windows = STREAM.replace('\n', "\r\n");
    assert_eq!(stdout(&rewrite(&[], &windows)), rewritten(&windows));
}

#[test]
fn what_is_not_ours_passes_byte_by_byte() {
    let review = "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{\"object\":\
                  {\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"image\":\"nginx:1.31.4\"}]}}}}";
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nspec: {template: {spec: {containers: [{image: nginx:1.31.4}]}}}\n";
    for stream in
        ["", "\n\n", "# nothing\n---\n", "just text", "- a\n- b\n", "\u{feff}a: b\r\n", review, rollout, "---\n...\n"]
    {
        let output = rewrite(&[], stream);
        assert_eq!((output.status.code(), stdout(&output), stderr(&output)), (Some(0), stream, ""), "{stream:?}");
    }
}

#[test]
fn lists_namespaces_and_kinds_that_are_off() {
    let list = r#"{"apiVersion": "v1", "kind": "List", "items": [
  {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "legacy", "labels": {"quench.dev/mode": "off"}}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "legacy"}, "spec": {"containers": [{"name": "c", "image": "memcached:1.6.45"}]}},
  {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "b"}, "spec": {"containers": [{"name": "c", "image": "memcached:1.6.45"}]}},
  {"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "c"}, "spec": {"template": {"spec": {"containers": [{"name": "c", "image": "memcached:1.6.45"}]}}}}
]}
"#;
    let (legacy, others) = list.split_once("\"b\"").unwrap();
    let expected = [legacy, "\"b\"", &others.replacen("memcached", "dhi.io/memcached", 1)].concat();
    assert_eq!(stdout(&rewrite(&[], list)), expected);
    // The namespace of what names none.
    assert_eq!(stdout(&rewrite(&["--namespace", "legacy"], list)), list);
    // A label goes before the policy, and `warn` is no reason to leave manifests alone.
    let folder = folder(&[(
        "policy.yaml",
        "apiVersion: quench.dev/v1alpha1\nkind: Policy\nmode: warn\nnamespaces: [{match: dark, mode: off}]\nworkloads: {ReplicaSet: warn}\n",
    )]);
    let policy = folder.path().join("policy.yaml");
    let with_policy = |arguments: &[&str]| rewrite(&[&["--policy", text(&policy)], arguments].concat(), list);
    assert_eq!(stdout(&with_policy(&[])), [legacy, "\"b\"", &others.replace("memcached", "dhi.io/memcached")].concat());
    assert_eq!(stdout(&with_policy(&["--namespace", "dark"])), list);
}

#[test]
fn annotations_opt_out_and_owners_are_respected() {
    let annotated = |annotation: &str| {
        pod("p", "nginx:1.31.4").replace("{name: p}", &format!("{{name: p, annotations: {{{annotation}}}}}"))
    };
    for (stream, changes) in [
        (annotated("quench.dev/mode: 'off'"), false),
        (annotated("quench.dev/skip: c"), false),
        (annotated("quench.dev/mode: warn"), true),
        (annotated("kubernetes.io/config.mirror: x"), false),
        (
            pod("p", "nginx:1.31.4").replace(
                "{name: p}",
                "{name: p, ownerReferences: [{controller: true, kind: Cluster, apiVersion: a.b/v1}]}",
            ),
            false,
        ),
    ] {
        let output = rewrite(&[], &stream);
        assert_eq!(stdout(&output) != stream, changes, "{stream}{}", stderr(&output));
    }
}

#[test]
fn a_broken_document_leaves_the_others_handled() {
    let broken = "kind: Pod\nspec:\n\t- tab\n";
    let stream = format!("{}---\n{broken}---\n{}", pod("a", "nginx:1.31.4"), pod("b", "memcached:1.6.45"));
    let output = rewrite(&[], &stream);
    assert_says(&output, 2, &["error: stdin: line 8", "tab", "left unchanged"]);
    assert_eq!(stdout(&output), rewritten(&stream));

    let folder = folder(&[("bad.yaml", &stream), ("good.yaml", STREAM)]);
    let output = rewrite(&["--in-place", text(folder.path())], "");
    assert_says(
        &output,
        2,
        &["bad.yaml: line 8", "the whole file is left unchanged", "3 images rewritten in 1 of 2 files"],
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("bad.yaml")).unwrap(),
        stream,
        "a file with a broken document is left alone"
    );
    assert_eq!(fs::read_to_string(folder.path().join("good.yaml")).unwrap(), rewritten(STREAM));

    for (broken, said) in [
        (&b"kind: Pod\n# \xff\n"[..], "line 2: not UTF-8"),
        (b"apiVersion: v1\nkind: Pod\nspec: {containers: {}}\n", "line 1: Pod: a field has another type"),
        (b"a: 1\na: 2\n", "the key `a` stands"),
    ] {
        let output = feed(Command::new(QUENCH).arg("rewrite"), broken);
        assert_says(&output, 2, &[said]);
        assert_eq!(output.stdout, broken);
    }
}

#[test]
fn files_are_written_in_place_whole_or_not_at_all() {
    let folder = folder(&[
        ("a.yaml", STREAM),
        ("deep/b.yml", &pod("b", "memcached:1.6.45")),
        ("kept.yaml", "a: b\n"),
        ("notes.txt", STREAM),
    ]);
    let file = |name: &str| folder.path().join(name);
    fs::set_permissions(file("a.yaml"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink(file("deep/b.yml"), file("link.yaml")).unwrap();
    let untouched = fs::metadata(file("kept.yaml")).unwrap().ino();

    let output = rewrite(&["--in-place", text(folder.path())], "");
    assert_says(&output, 0, &["4 images rewritten in 2 of 3 files"]);
    assert!(output.stdout.is_empty());
    assert_eq!(fs::read_to_string(file("a.yaml")).unwrap(), rewritten(STREAM));
    assert_eq!(fs::read_to_string(file("deep/b.yml")).unwrap(), pod("b", "dhi.io/memcached:1.6.45"));
    assert_eq!(fs::read_to_string(file("notes.txt")).unwrap(), STREAM);
    assert_eq!(fs::metadata(file("a.yaml")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(file("link.yaml")).unwrap().is_symlink());
    assert_eq!(fs::metadata(file("kept.yaml")).unwrap().ino(), untouched, "what does not change is not written");
    assert_says(&rewrite(&["--in-place", text(folder.path())], ""), 0, &["0 images rewritten in 0 of 3 files"]);
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let long = format!("{STREAM}# {}\n", "x".repeat(100_000));
    let folder = folder(&[("a.yaml", &long)]);
    let file = folder.path().join("a.yaml");
    // Files may grow to a few kilobytes only, and whoever tries more gets an error.
    let script = format!("trap '' XFSZ; ulimit -f 8; exec {QUENCH} rewrite --in-place {}", text(&file));
    let output = feed(Command::new("bash").args(["-c", &script]), b"");
    assert_says(&output, 2, &["a.yaml; the file is unchanged"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), long);
    assert_eq!(files_in(folder.path()), [file], "nothing else is left behind");
}

#[test]
fn differences_and_checks() {
    let folder = folder(&[("a.yaml", STREAM), ("b.yaml", "a: b\n")]);
    let path = |name: &str| folder.path().join(name);
    let (a, b) = (path("a.yaml"), path("b.yaml"));
    let diff = rewrite(&["--diff", text(&a), text(&b)], "");
    assert_eq!(diff.status.code(), Some(0));
    let changed: Vec<&str> = stdout(&diff).lines().filter(|line| line.starts_with(['+', '-'])).collect();
    let (minus, plus) = (format!("--- {}", text(&a)), format!("+++ {}", text(&a)));
    assert_eq!(
        changed[..6],
        [
            &*minus,
            &plus,
            "-      - image: \"nginx:1.31.4\"   # the front",
            "+      - image: \"dhi.io/nginx:1.31.4\"   # the front",
            "-        image: memcached:1.6.45",
            "+        image: dhi.io/memcached:1.6.45",
        ]
    );
    // It is a patch.
    let patched = feed(Command::new("patch").args(["-p0", "-o", "-", text(&a)]).stdin(Stdio::piped()), &diff.stdout);
    if patched.status.success() {
        assert_eq!(stdout(&patched), rewritten(STREAM));
    }

    let check = rewrite(&["--check", text(&a), text(&b)], "");
    assert_says(&check, 1, &["3 images would be rewritten in 1 of 2 files"]);
    assert_eq!(stdout(&check), format!("{}\n", text(&a)));
    assert_says(&rewrite(&["--check", text(&b)], ""), 0, &["0 images would be rewritten in 0 of 1 files"]);
    let both = rewrite(&["--check", "--diff", text(&a)], "");
    assert_eq!((both.status.code(), both.stdout), (Some(1), rewrite(&["--diff", text(&a)], "").stdout));
    assert_eq!(fs::read_to_string(&a).unwrap(), STREAM);
}

#[test]
fn patches_name_their_objects() {
    let output = rewrite(&["--output", "patch"], STREAM);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let replace = |path: &str, value: &str| json!({"op": "replace", "path": path, "value": value});
    assert_eq!(
        lines,
        [
            json!({"file": "stdin", "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "web", "patch": [
                replace("/spec/template/spec/containers/0/image", "dhi.io/nginx:1.31.4"),
                replace("/spec/template/spec/containers/1/image", "dhi.io/memcached:1.6.45"),
            ]}),
            json!({"file": "stdin", "apiVersion": "v1", "kind": "Pod", "namespace": "default", "name": "p", "patch": [
                replace("/spec/containers/0/image", "dhi.io/nginx:1.31.4"),
            ]}),
        ]
    );
}

#[test]
fn pull_secrets_do_not_hide_those_of_the_account() {
    let account = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: web}\nimagePullSecrets:\n- name: own\n---\n";
    let workload = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata:\n  name: db\nspec:\n  template:\n    spec:\n      serviceAccountName: web\n      containers:\n      - name: c\n        image: memcached:1.6.45\n";
    let image = workload.replace("memcached", "dhi.io/memcached");
    let of = |stream: &str| rewrite(&["--pull-secrets"], stream);

    let output = of(&format!("{account}{workload}"));
    assert_says(&output, 0, &[]);
    let parsed: Value = serde_saphyr::from_str(stdout(&output).split("---\n").nth(1).unwrap()).unwrap();
    assert_eq!(
        parsed["spec"]["template"]["spec"]["imagePullSecrets"],
        json!([{"name": "own"}, {"name": "dhi-pull-secret"}])
    );
    assert_eq!(stdout(&of(stdout(&output))), stdout(&output), "a second time changes nothing");

    // Without the account nothing is known of its secrets: the image alone is rewritten.
    let output = of(workload);
    assert_says(
        &output,
        0,
        &[
            "StatefulSet default/db: pull secret `dhi-pull-secret` not added, for it would hide those of service account `web`",
        ],
    );
    assert_eq!(stdout(&output), image);
    // A pod that names some goes without those of its account anyway.
    let named = workload.replace("      containers:", "      imagePullSecrets:\n      - name: mine\n      containers:");
    let parsed: Value = serde_saphyr::from_str(stdout(&of(&named))).unwrap();
    assert_eq!(
        parsed["spec"]["template"]["spec"]["imagePullSecrets"],
        json!([{"name": "mine"}, {"name": "dhi-pull-secret"}])
    );
    assert_eq!(
        stdout(&rewrite(&[], &format!("{account}{workload}"))),
        format!("{account}{image}"),
        "only when asked to"
    );
}

#[test]
fn what_is_denied_is_left_alone() {
    let folder =
        folder(&[("policy.yaml", "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhazards: {privileged-port: deny}\n")]);
    let policy = folder.path().join("policy.yaml");
    let refused = pod("refused", "memcached:1.6.45").replace("name: c,", "name: c, ports: [{containerPort: 80}],");
    let stream = format!("{refused}---\n{}", pod("fine", "memcached:1.6.45"));
    let output = rewrite(&["--policy", text(&policy)], &stream);
    assert_says(&output, 1, &["denied: stdin: Pod default/refused: container `c`: port 80 may be refused"]);
    assert_eq!(stdout(&output), format!("{refused}---\n{}", pod("fine", "dhi.io/memcached:1.6.45")));
}

#[test]
fn several_files_make_one_stream() {
    let folder = folder(&[
        ("a.yaml", pod("a", "memcached:1.6.45").trim_end()),
        ("b.yaml", &pod("b", "memcached:1.6.45")),
        ("c.json", "{\"a\": 1}"),
        ("d.yaml", "---\nx: y\n"),
    ]);
    let output = rewrite(&[text(folder.path())], "");
    let file = |name| pod(name, "dhi.io/memcached:1.6.45");
    assert_eq!(stdout(&output), format!("{}---\n{}---\n{{\"a\": 1}}\n---\nx: y\n", file("a"), file("b")));
}

#[test]
fn mistakes_are_usage_errors() {
    let folder = folder(&[
        ("empty/notes.txt", "x"),
        ("policy.yaml", "apiVersion: quench.dev/v1alpha1\nkind: Policy\nmodee: x\n"),
    ]);
    let path = |name: &str| folder.path().join(name);
    let (empty, policy) = (path("empty"), path("policy.yaml"));
    for (arguments, said) in [
        (vec!["/nowhere.yaml"], "cannot read /nowhere.yaml"),
        (vec!["--in-place"], "stdin cannot be written in place"),
        (vec!["-", "-"], "`-` can be read once only"),
        (vec![text(&empty)], "no manifest (.yaml, .yml or .json) is in "),
        (vec!["--policy", text(&policy)], "policy.yaml:3:1: no such key"),
        (vec!["--in-place", "--check", "x"], "cannot be used with"),
        (vec!["--namespace", "A"], "lower-case"),
        (vec!["--output", "xml"], "[possible values: manifest, patch]"),
    ] {
        let output = rewrite(&arguments, "");
        assert_says(&output, 2, &[said]);
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_reader_that_has_enough_ends_it_quietly() {
    let stream = format!("{}---\n", pod("p", "memcached:1.6.45")).repeat(5_000);
    let script = format!("{QUENCH} rewrite 2>/dev/null | head -n 1; exit ${{PIPESTATUS[0]}}");
    let output = feed(Command::new("bash").args(["-c", &script]), stream.as_bytes());
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), "apiVersion: v1\n"));
}
