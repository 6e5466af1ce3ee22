//! Tests pods that use what the start of an upstream image does. The annotation `expect` of each document in
//! `tests/starts` has the result for its container `c`: `moved` or `kept`, the codes of the hazards that are reported
//! (without `missing-nonroot`), and after `->` the tag, if it differs from upstream's. The command line and the webhook
//! must give the same result.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, plan};
use quench_core::hazard::{Code, Setting};
use quench_core::manifest::documents;
use quench_core::policy::{Mode, Policy};
use quench_core::presence::Existing;
use quench_core::read::review;
use quench_core::rewrite::Rewriter;
use quench_core::rewrite::inventory::Surroundings;
use serde_json::{Value, json};

/// A pod, and what is to become of it.
struct Case {
    name: String,
    expected: String,
    text: String,
    pod: Value,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/starts");
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files {
        for text in fs::read_to_string(file).unwrap().split("---\n") {
            let pod: Value = serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
            let of =
                |at: &str| pod.pointer(at).and_then(Value::as_str).unwrap_or_else(|| panic!("{at}: {text}")).to_owned();
            cases.push(Case {
                name: of("/metadata/name"),
                expected: of("/metadata/annotations/expect"),
                text: text.to_owned(),
                pod,
            });
        }
    }
    cases
}

impl Case {
    /// What the command line makes of it.
    fn by_file(&self, policy: &Policy, catalog: &Catalog) -> String {
        let rewriter = Rewriter {
            policy,
            catalog,
            namespace: "default",
            pull_secrets: false,
            surroundings: Surroundings::default(),
            existing: Existing::declared(),
        };
        let parsed = documents(&self.text)[0].parse().unwrap().unwrap();
        let rewritten = rewriter.rewrite(&parsed).unwrap();
        let after: Value =
            rewritten.text.map_or_else(|| self.pod.clone(), |text| serde_saphyr::from_str(&text).unwrap());
        self.said(&after, &rewritten.objects[0].warnings)
    }

    /// What the webhook makes of it.
    fn by_review(&self, policy: &Policy, catalog: &Catalog) -> String {
        let review = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
            "uid": "1", "operation": "CREATE", "namespace": "shop", "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"}, "object": self.pod,
        }});
        let body = review.to_string().into_bytes();
        let review = review::Request::parse(&body).unwrap();
        let request = plan::Request::of(&review, Mode::Enforce).unwrap();
        let outcome = plan(&request, policy, catalog).settle(&Existing::declared());
        let mut after = self.pod.clone();
        json_patch::patch(&mut after, &outcome.patch()).unwrap();
        self.said(&after, outcome.warnings())
    }

    fn said(&self, after: &Value, warnings: &[String]) -> String {
        let is_c = |container: &&Value| container["name"] == "c";
        let image = |pod: &Value| {
            let mut containers = pod["spec"]["containers"].as_array().unwrap().iter();
            containers.find(is_c).unwrap()["image"].as_str().unwrap().to_owned()
        };
        let (before, after) = (image(&self.pod), image(after));
        let tag = |image: &str| image.rsplit_once(':').unwrap().1.trim_start_matches('v').to_owned();
        let mut said = String::from(if before == after { "kept" } else { "moved" });
        let codes: BTreeSet<&str> =
            warnings.iter().filter_map(|line| line.rsplit_once('[')?.1.strip_suffix(']')).collect();
        for code in codes.into_iter().filter(|code| *code != "missing-nonroot") {
            said.push(' ');
            said.push_str(code);
        }
        if before != after && tag(&before) != tag(&after) {
            said.push_str(" ->");
            said.push_str(&tag(&after));
        }
        for line in warnings {
            assert!(line.len() <= 120 && line.ends_with(']'), "{}: {line}", self.name);
        }
        said
    }

    /// The codes in the order of their names, which is that of what is said.
    fn expected(&self) -> String {
        let mut words: Vec<&str> = self.expected.split(' ').collect();
        let codes = words.len() - usize::from(words.last().is_some_and(|last| last.starts_with("->")));
        words[1..codes].sort_unstable();
        words.join(" ")
    }
}

/// No hazard keeps an image.
fn warning() -> Policy {
    let mut policy = Policy::default();
    for code in Code::ALL {
        policy.set_hazard(*code, Setting::Warn);
    }
    policy
}

#[test]
fn pods_become_what_their_start_allows() {
    let (policy, catalog) = (Policy::default(), Catalog::embedded());
    let warning = warning();
    let (mut wrong, mut silent, mut moved, mut names) = (Vec::new(), 0, 0, BTreeSet::new());
    for case in cases() {
        let [by_file, by_review] = [case.by_file(&policy, &catalog), case.by_review(&policy, &catalog)];
        if by_file != case.expected() || by_review != by_file {
            wrong.push(format!("{}: {by_file}; by the webhook {by_review}; not {}", case.name, case.expected()));
        }
        silent += usize::from(by_file == "moved");
        moved += usize::from(by_file.starts_with("moved"));
        // It is the hazards that keep it.
        let is_kept_by_hazards = by_file.starts_with("kept ");
        assert!(!is_kept_by_hazards || case.by_file(&warning, &catalog).starts_with("moved"), "{}", case.name);
        assert!(names.insert(case.name.clone()), "{} is there twice", case.name);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Facts must not come to keep what moves: this count changes with the cases alone.
    assert_eq!((moved, names.len()), (69, 133));
    assert!(silent >= 40, "{silent} cases are silent");
}

#[test]
fn a_catalog_without_facts_judges_nothing_by_them() {
    let mut file: Value = serde_json::from_str(&Catalog::embedded_text()).unwrap();
    for image in file["images"].as_array_mut().unwrap() {
        image.as_object_mut().unwrap().remove("start");
    }
    let (policy, catalog) = (Policy::default(), Catalog::parse(&file.to_string()).unwrap());
    let from_facts = ["variable-ignored", "folder-ignored", "arguments-differ", "defaults-differ", "user-differs"];
    for case in cases() {
        let said = case.by_file(&policy, &catalog);
        assert!(!from_facts.iter().any(|code| said.contains(code)), "{}: {said}", case.name);
    }
}
