//! Tests that quench parses each reference like `ParseNormalizedNamed` of github.com/distribution/reference.
//!
//! The Go program beside this file answers. The inputs are the test tables of that project, texts of our own and
//! generated texts. One difference is intended: quench takes `registry-1.docker.io`, the API of Docker Hub, as
//! `docker.io`.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test says what is wrong by stopping"
)]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use quench_core::reference::Reference;
use serde::Deserialize;

mod generator;
mod inputs;

const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/conformance");
/// The host of Docker Hub's API, and the alias that the distribution project knows and that means the same to us.
const ONE_DIFFERENCE: (&str, &str) = ("registry-1.docker.io/", "index.docker.io/");

/// What one parser makes of one text.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Answer")]
enum Meaning {
    Refused,
    Image { canonical: String, registry: String, repository: String, tag: String, digest: String },
}

/// A line of the Go program.
#[derive(Deserialize)]
struct Answer {
    ok: bool,
    canonical: String,
    domain: String,
    path: String,
    tag: String,
    digest: String,
}

impl From<Answer> for Meaning {
    fn from(answer: Answer) -> Self {
        let Answer { ok, canonical, domain: registry, path: repository, tag, digest } = answer;
        if ok { Self::Image { canonical, registry, repository, tag, digest } } else { Self::Refused }
    }
}

impl Meaning {
    fn to_quench(text: &str) -> Self {
        let Ok(image) = text.parse::<Reference>() else { return Self::Refused };
        Self::Image {
            canonical: image.to_string(),
            registry: image.registry().to_owned(),
            repository: image.repository().to_owned(),
            tag: image.tag().unwrap_or_default().to_owned(),
            digest: image.digest().unwrap_or_default().to_owned(),
        }
    }
}

#[test]
fn every_text_means_the_same_to_the_distribution_project() {
    let oracle = Oracle::build();
    let tables = oracle.tables();
    let ours = inputs::written();
    assert!(tables.len() > 400, "the tables gave {} inputs: where are they?", tables.len());
    let seeds: Vec<&str> = tables.iter().chain(&ours).map(String::as_str).collect();
    let generated = generator::mutants(&seeds, 20_000);
    let texts: Vec<String> = tables.iter().chain(&ours).chain(&generated).cloned().collect();

    let answers = oracle.answers(&texts);
    let differences: Vec<_> = texts
        .iter()
        .zip(&answers)
        .map(|(text, theirs)| (text, Meaning::to_quench(text), theirs))
        .filter(|(_, ours, theirs)| ours != *theirs)
        .collect();

    let accepted = answers.iter().filter(|answer| **answer != Meaning::Refused).count();
    assert_eq!(differences, [], "{} of {} differ: (text, quench, distribution)", differences.len(), texts.len());
    assert!(accepted * 4 > texts.len(), "only {accepted} of {} texts are references: a weak test", texts.len());
    println!(
        "{} texts, {accepted} of them references: {} of the tables, {} of ours, {} generated",
        texts.len(),
        tables.len(),
        ours.len(),
        generated.len()
    );
}

/// The Go program, built.
struct Oracle {
    program: PathBuf,
}

impl Oracle {
    fn build() -> Self {
        let program = Path::new(MODULE).join("bin/conformance");
        // The flags of tests/cluster, so that both share the compiled standard library.
        let mut build = Command::new("go");
        build.args(["build", "-trimpath", "-o"]).arg(&program).arg(".").env("CGO_ENABLED", "0");
        output(build.current_dir(MODULE), "");
        Self { program }
    }

    /// The strings in the test files of the module itself: we keep no copy of them.
    fn tables(&self) -> Vec<String> {
        let mut list = Command::new("go");
        list.args(["list", "-m", "-f", "{{.Dir}}", "github.com/distribution/reference"]).current_dir(MODULE);
        let module = output(&mut list, "");
        let mut inputs = Command::new(&self.program);
        inputs.arg("inputs");
        for name in ["reference_test.go", "normalize_test.go", "regexp_test.go"] {
            inputs.arg(Path::new(module.trim()).join(name));
        }
        lines(&output(&mut inputs, ""))
    }

    fn answers(&self, texts: &[String]) -> Vec<Meaning> {
        let (ours, theirs) = ONE_DIFFERENCE;
        let questions: String = texts
            .iter()
            .map(|text| match text.strip_prefix(ours) {
                Some(rest) => format!("{theirs}{rest}"),
                None => text.clone(),
            })
            .map(|text| serde_json::to_string(&text).unwrap() + "\n")
            .collect();
        let answers = lines(&output(Command::new(&self.program).arg("answers"), &questions));
        assert_eq!(answers.len(), texts.len(), "one answer a text");
        answers
    }
}

fn lines<T: for<'de> Deserialize<'de>>(text: &str) -> Vec<T> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Runs a command that must succeed. What it reads is written beside it, so that neither waits for the other.
fn output(command: &mut Command, stdin: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut pipe = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || pipe.write_all(stdin.as_bytes()).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success(), "{command:?}: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}
