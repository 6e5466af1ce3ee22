//! Reviews an object under a given policy.

use quench_core::answer::outcome::Change;
use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, plan};
use quench_core::policy::Policy;
use quench_core::presence::Existing;
use quench_core::read::review;
use serde_json::{Value, json};

/// What a policy makes of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// The images that change, to what.
    pub(super) images: Vec<String>,
    pub(super) secrets: Vec<String>,
    pub(super) warnings: Vec<String>,
    pub(super) denial: Option<String>,
}

impl Answer {
    /// Asks as the API server does; `object` has its kind, `old` what it was.
    pub(super) fn of(policy: &Policy, catalog: &Catalog, object: &Value, old: Option<&Value>) -> Self {
        Self::with(policy, catalog, object, old, &Existing::declared())
    }

    /// The same, where registries said what exists.
    pub(super) fn with(
        policy: &Policy,
        catalog: &Catalog,
        object: &Value,
        old: Option<&Value>,
        existing: &Existing,
    ) -> Self {
        Self::lacking(policy, catalog, object, old, existing, &[])
    }

    /// The same, in a namespace that lacks these pull secrets.
    pub(super) fn lacking(
        policy: &Policy,
        catalog: &Catalog,
        object: &Value,
        old: Option<&Value>,
        existing: &Existing,
        absent_secrets: &[&str],
    ) -> Self {
        let (group, version) = match object["apiVersion"].as_str().unwrap_or("v1").split_once('/') {
            Some((group, version)) => (group, version),
            None => ("", "v1"),
        };
        let review = json!({
            "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
                "uid": "u", "kind": {"group": group, "version": version, "kind": object["kind"]},
                "namespace": object["metadata"]["namespace"],
                "operation": if old.is_some() { "UPDATE" } else { "CREATE" }, "object": object, "oldObject": old,
            }
        });
        let body = review.to_string();
        let review = review::Request::parse(body.as_bytes()).unwrap();
        let mode = policy.mode_in(&review.namespace);
        let request = plan::Request { absent_secrets, ..plan::Request::of(&review, mode).unwrap() };
        let outcome = plan(&request, policy, catalog).settle(existing);
        let (mut images, mut secrets) = (Vec::new(), Vec::new());
        for change in outcome.changes() {
            match change {
                Change::SetImage { to, .. } => images.push(to.to_string()),
                Change::AddPullSecret { name, .. } => secrets.push((*name).to_owned()),
                Change::Record { .. } => {}
            }
        }
        let mut patched = object.clone();
        json_patch::patch(&mut patched, &outcome.patch()).unwrap();
        assert_eq!(images.is_empty() && secrets.is_empty(), patched == *object);
        Self { images, secrets, warnings: outcome.warnings().to_vec(), denial: outcome.denial().map(str::to_owned) }
    }

    /// `=IMAGE`, `+SECRET`, `!warned of`, `x refused for`: hazards by their code alone.
    pub(super) fn compact(&self) -> String {
        let hazard = |line: &String| match line.rsplit_once(" [") {
            Some((_, code)) => code.trim_end_matches(']').to_owned(),
            None => line.clone(),
        };
        let images = self.images.iter().map(|image| format!("={image}"));
        let secrets = self.secrets.iter().map(|secret| format!("+{secret}"));
        let warnings = self.warnings.iter().map(|line| format!("!{}", hazard(line)));
        let denial = self.denial.iter().map(|line| format!("x{}", hazard(line)));
        images.chain(secrets).chain(warnings).chain(denial).collect::<Vec<_>>().join(" ")
    }

    /// A line each, for people.
    pub(super) fn lines(&self) -> Vec<String> {
        let images = self.images.iter().map(|image| format!("image {image}"));
        let secrets = self.secrets.iter().map(|secret| format!("pull secret {secret}"));
        let warnings = self.warnings.iter().map(|line| format!("warning {line}"));
        let denial = self.denial.iter().map(|line| format!("refused {line}"));
        let lines: Vec<String> = images.chain(secrets).chain(warnings).chain(denial).collect();
        if lines.is_empty() { vec!["nothing".to_owned()] } else { lines }
    }
}
