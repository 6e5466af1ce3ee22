//! Tests `quench policy` as a process.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const HEAD: &str = "apiVersion: quench.dev/v1alpha1\nkind: Policy\n";

/// Runs `quench policy` in that folder.
fn quench(folder: &Path, arguments: &[&str], stdin: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quench"));
    command.arg("policy").args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read it closes it.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    child.wait_with_output().unwrap()
}

/// The exit code, stdout and stderr.
fn run(folder: &Path, arguments: &[&str], stdin: &[u8]) -> (i32, String, String) {
    let output = quench(folder, arguments, stdin);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_says_of_each_file_whether_it_is_valid() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, text: &[u8]| std::fs::write(folder.join(name), text).unwrap();
    write("good.yaml", HEAD.as_bytes());
    write("noted.yaml", format!("{HEAD}hardened:\n  digest: drop\nhazards:\n  dev-variant: warn\n").as_bytes());
    write("bad.yaml", format!("{HEAD}mode: audit\n").as_bytes());
    write("latin.yaml", b"# caf\xe9\n");
    let notes = "noted.yaml: valid\n\
                 note: noted.yaml:4:11: `hardened.digest`: without effect without `verify`\n";
    let bad = "error: bad.yaml:3:7: `mode`: write off, warn or enforce: `audit`\n";
    let missing = "error: cannot read the policy missing.yaml: No such file or directory (os error 2)\n";
    for (files, stdin, code, stdout, stderr) in [
        (&["good.yaml"][..], "", 0, "good.yaml: valid\n".to_owned(), String::new()),
        (&["noted.yaml"], "", 0, notes.to_owned(), String::new()),
        (&["bad.yaml"], "", 1, String::new(), bad.to_owned()),
        (&["bad.yaml", "good.yaml"], "", 1, "good.yaml: valid\n".to_owned(), bad.to_owned()),
        (&["missing.yaml"], "", 2, String::new(), missing.to_owned()),
        (&["missing.yaml", "bad.yaml", "good.yaml"], "", 2, "good.yaml: valid\n".to_owned(), [missing, bad].concat()),
        (
            &["latin.yaml"],
            "",
            1,
            String::new(),
            "error: latin.yaml:1:6: a policy file is UTF-8 text; save it as such\n".to_owned(),
        ),
        (&["-"], HEAD, 0, "stdin: valid\n".to_owned(), String::new()),
        (
            &["-"],
            "",
            1,
            String::new(),
            "error: stdin:1:1: the file is empty; begin with `apiVersion: quench.dev/v1alpha1` and `kind: Policy`\n"
                .to_owned(),
        ),
    ] {
        let arguments = [&["check"], files].concat();
        assert_eq!(run(folder, &arguments, stdin.as_bytes()), (code, stdout, stderr), "{files:?}");
    }
}

#[test]
fn usage_errors_are_two() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["check"][..], &["chekc"], &[], &["check", "--strict", "x"], &["default", "x"]] {
        let (code, stdout, stderr) = run(folder.path(), arguments, b"");
        assert_eq!((code, &*stdout, stderr.is_empty()), (2, "", false), "{arguments:?}");
    }
    let (code, ..) = run(folder.path(), &["check", "."], b"");
    assert_eq!(code, 2);
}

#[test]
fn default_is_a_valid_policy_and_schema_is_json() {
    let folder = tempfile::tempdir().unwrap();
    let (code, default, stderr) = run(folder.path(), &["default"], b"");
    assert_eq!((code, &*stderr), (0, ""));
    assert_eq!(default, quench_core::policy::Policy::DEFAULT_TEXT);
    let (code, stdout, stderr) = run(folder.path(), &["check", "-"], default.as_bytes());
    assert_eq!((code, stdout.starts_with("stdin: valid\n"), &*stderr), (0, true, ""));

    let (code, schema, stderr) = run(folder.path(), &["schema"], b"");
    assert_eq!((code, &*stderr), (0, ""));
    let committed = std::fs::read_to_string("docs/policy.schema.json").unwrap();
    assert!(schema == committed, "renew docs/policy.schema.json: tests/core/policy.rs says how");
    assert!(serde_json::from_str::<Value>(&schema).unwrap().is_object());
}

#[test]
fn help_names_the_commands_and_the_exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let (code, help, _) = run(folder.path(), &["--help"], b"");
    assert!(code == 0 && ["check", "default", "schema"].iter().all(|name| help.contains(name)), "{help}");
    let (code, help, _) = run(folder.path(), &["check", "--help"], b"");
    assert!(code == 0 && help.contains("Exit codes: 0 all are valid; 1 one is not; 2 usage"), "{help}");
}
