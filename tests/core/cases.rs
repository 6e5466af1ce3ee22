//! Tests whole answers to whole reviews. Each folder of `tests/cases` has a `request.json`, a `policy.yaml` if it needs
//! one, an `existing.json` if registries are asked, and the answer, which a person has checked. A new case is a new
//! folder; `INSTA_UPDATE=always` writes its answer.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::fs;
use std::path::Path;

use quench_core::answer::audit::Annotation;
use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, plan};
use quench_core::policy::Policy;
use quench_core::presence::{Existing, Inquiry, Presence, Published};
use quench_core::read::review;
use serde_json::{Map, Value, json};

#[test]
fn answers_are_as_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/cases");
    let mut cases: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert!(cases.len() > 20, "{} cases", cases.len());
    let catalog = Catalog::embedded();
    for case in cases {
        let policy = match fs::read_to_string(case.join("policy.yaml")) {
            Ok(text) => Policy::parse(&text, "policy.yaml").unwrap(),
            Err(_) => Policy::default(),
        };
        let existing = match fs::read_to_string(case.join("existing.json")) {
            Ok(json) => Some(serde_json::from_str(&json).unwrap()),
            Err(_) => None,
        };
        let body = fs::read(case.join("request.json")).unwrap();
        let answer = serde_json::to_string_pretty(&answer(&body, &policy, &catalog, existing.as_ref())).unwrap();
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&case);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("answer", answer));
    }
}

/// What registries say of candidates, by reference: what is published, `absent` or `unknown`.
fn existing<'i>(asked: impl Iterator<Item = &'i Inquiry>, answers: &Map<String, Value>) -> Existing {
    let presence = |said: &Value| match said.as_str() {
        Some("absent") => Presence::Absent,
        Some("unknown") => Presence::Unknown,
        _ => Presence::Present(Published {
            tag: None,
            digest: said["digest"].as_str().unwrap().into(),
            platforms: said["platforms"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().into()).collect(),
            user: said["user"].as_str().map(Box::from),
        }),
    };
    Existing::of(
        asked.filter_map(|inquiry| Some((inquiry.clone(), presence(answers.get(inquiry.reference.as_str())?)))),
    )
}

fn answer(body: &[u8], policy: &Policy, catalog: &Catalog, answers: Option<&Map<String, Value>>) -> Value {
    let review = match review::Request::parse(body) {
        Ok(review) => review,
        Err(error) => return json!({"refused": error.to_string()}),
    };
    let Some(request) = plan::Request::of(&review, policy.mode) else { return json!("nothing to decide") };
    let plan = plan(&request, policy, catalog);
    let existing = answers.map_or_else(Existing::declared, |answers| existing(plan.candidates(), answers));
    let outcome = plan.settle(&existing);
    let read = |annotation: &Option<Annotation>| {
        annotation.as_ref().map(|annotation| serde_json::from_str::<Value>(&annotation.json()).unwrap())
    };
    json!({
        "patch": serde_json::from_str::<Value>(&outcome.patch_text()).unwrap(),
        "warnings": outcome.warnings(),
        "denial": outcome.denial(),
        "rewrites": read(&outcome.audit_annotations().rewrites),
        "kept": read(&outcome.audit_annotations().kept),
        "hazards": read(&outcome.audit_annotations().hazards),
    })
}
