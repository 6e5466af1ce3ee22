//! Reviews a pod with given answers of registries.

use quench_core::answer::audit::Annotation;
use quench_core::answer::outcome::{Change, Outcome};
use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, plan};
use quench_core::policy::{Mode, Policy};
use quench_core::presence::{Existing, Inquiry, Presence, Published};
use quench_core::read::review;
use quench_core::reference::Reference;
use serde_json::{Value, json};

pub(super) fn digest(digit: u8) -> String {
    format!("sha256:{}", char::from(digit).to_string().repeat(64))
}

/// What a registry says, in short: `-` absent, `?` unknown, else the digest's digit, `tag=…` of the newest, `user=…` and platforms.
pub(super) fn presence(short: &str) -> Presence {
    let mut words = short.split(' ');
    match words.next().unwrap() {
        "-" => Presence::Absent,
        "?" => Presence::Unknown,
        digit => {
            let mut published =
                Published { tag: None, digest: digest(digit.as_bytes()[0]).into(), platforms: Vec::new(), user: None };
            for word in words {
                match word.split_once('=') {
                    Some(("tag", tag)) => published.tag = Some(tag.into()),
                    Some((_, user)) => published.user = Some(user.into()),
                    None => published.platforms.push(word.into()),
                }
            }
            Presence::Present(published)
        }
    }
}

pub(super) fn policy(body: &str) -> Policy {
    Policy::parse(&format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{body}"), "policy.yaml").unwrap()
}

/// What becomes of a pod.
pub(super) struct Answer {
    pub(super) asked: Vec<Inquiry>,
    pub(super) images: Vec<Reference>,
    /// The audit annotations `rewrites` and `kept` of its first container.
    pub(super) rewritten: Value,
    pub(super) kept: Value,
    pub(super) codes: Vec<String>,
    pub(super) denied: bool,
}

impl Answer {
    pub(super) fn asked_for(&self) -> Vec<&str> {
        self.asked.iter().map(|inquiry| inquiry.reference.as_str()).collect()
    }
}

/// What registries say: that of these references, and nothing of others.
pub(super) fn known(answers: &[(&str, Presence)]) -> impl Fn(&[Inquiry]) -> Existing {
    move |asked| {
        let of = |inquiry: &Inquiry| {
            let answer = answers.iter().find(|(to, _)| *to == inquiry.reference.as_str())?;
            Some((inquiry.clone(), answer.1.clone()))
        };
        Existing::of(asked.iter().filter_map(of))
    }
}

/// `answers` says what registries do of what is asked.
pub(super) fn ask(
    policy: &Policy,
    catalog: &Catalog,
    pod: &Value,
    answers: impl FnOnce(&[Inquiry]) -> Existing,
) -> Answer {
    let body = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {
        "uid": "u", "kind": {"group": "", "version": "v1", "kind": "Pod"}, "namespace": "shop", "operation": "CREATE", "object": pod,
    }})
    .to_string();
    let review = review::Request::parse(body.as_bytes()).unwrap();
    let request = plan::Request::of(&review, Mode::Enforce).unwrap();
    let plan = plan(&request, policy, catalog);
    let asked: Vec<Inquiry> = plan.candidates().cloned().collect();
    let outcome = plan.settle(&answers(&asked));
    let of_first = |annotation: fn(&Outcome<'_>) -> Option<String>| -> Value {
        annotation(&outcome).map_or(Value::Null, |json| serde_json::from_str::<Value>(&json).unwrap()["c"].clone())
    };
    Answer {
        asked,
        images: outcome
            .changes()
            .iter()
            .filter_map(|change| match change {
                Change::SetImage { to, .. } => Some(to.clone()),
                _ => None,
            })
            .collect(),
        rewritten: of_first(|outcome| outcome.audit_annotations().rewrites.as_ref().map(Annotation::json)),
        kept: of_first(|outcome| outcome.audit_annotations().kept.as_ref().map(Annotation::json)),
        codes: outcome.hazards().iter().map(|(code, _)| code.name().to_owned()).collect(),
        denied: outcome.denial().is_some(),
    }
}

pub(super) fn pod(image: &str, container: &Value) -> Value {
    let mut pod = json!({"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": image}]}});
    let fields = pod["spec"]["containers"][0].as_object_mut().unwrap();
    fields.extend(container.as_object().unwrap().clone());
    pod
}

/// Says of a pod of one image: what is asked; what the image becomes, by which match, and why not another; or `stays`, with codes and reason.
pub(super) fn decided(body: &str, image: &str, container: &Value, answers: &[(&str, &str)]) -> (Vec<String>, String) {
    let answers: Vec<_> = answers.iter().map(|(to, short)| (*to, presence(short))).collect();
    let answer = ask(&policy(body), &Catalog::embedded(), &pod(image, container), known(&answers));
    let asked = answer.asked_for().into_iter().map(str::to_owned).collect();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let end = match &*answer.images {
        [] => {
            let codes: Vec<String> = answer.kept["codes"].as_array().into_iter().flatten().map(text).collect();
            let verb = if answer.denied { "refused" } else { "stays" };
            [verb, &codes.join(","), &text(&answer.kept["reason"])].join("|")
        }
        [to] => [to.as_str(), &text(&answer.rewritten["match"]), &text(&answer.rewritten["reason"])].join("|"),
        images => panic!("{images:?}"),
    };
    (asked, end)
}

pub(super) const NGINX: &str = "dhi.io/nginx:1.31.4";
pub(super) const COMPAT: &str = "dhi.io/nginx:1.31.4-compat";
pub(super) const HUB: &str = "m.example.com/hub/library/nginx:1.31.4";
pub(super) const MIRRORED: &str =
    "hazards: {missing-nonroot: ignore}\nmirrors: [{from: docker.io, to: m.example.com/hub}]\nverify: {}";

/// The policy, the image, the rest of its container, what registries answer; what is asked for, and the end.
type Row<'r> = (&'r str, &'r str, Value, &'r [(&'r str, &'r str)], &'r [&'r str], &'r str);

pub(super) fn table(rows: &[Row<'_>]) {
    let mut wrong = Vec::new();
    for (body, image, container, answers, asked, end) in rows {
        let (found_asked, found) = decided(body, image, container, answers);
        if (&*found, &*found_asked.iter().map(String::as_str).collect::<Vec<_>>()) != (*end, *asked) {
            wrong.push(format!(
                "{body}\n{image} {container} {answers:?}:\n  {found_asked:?} {found}\n  not {asked:?} {end}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
