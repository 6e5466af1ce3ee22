//! Holds the outcome of a plan (changes, warnings, denial, audit annotations) and writes it as a JSON Patch.

use std::fmt::{self, Write};

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, Patch, PatchOperation, ReplaceOperation};
use serde_json::json;

use crate::answer::audit::AuditAnnotations;
use crate::catalog::Match;
use crate::hazard::{Action, Code};
use crate::read::workload::{Kind, ORIGINAL_IMAGES, Place};
use crate::reference::Reference;
use crate::text::json::push_string;

/// The outcome of a plan for one object: its changes, warnings, denial and audit annotations.
#[derive(Debug)]
pub struct Outcome<'p> {
    pub(crate) kind: Kind,
    pub(crate) changes: Vec<Change<'p>>,
    pub(crate) warnings: Vec<String>,
    pub(crate) denial: Option<String>,
    pub(crate) audit: AuditAnnotations,
    pub(crate) images: Vec<(Match, bool)>,
    pub(crate) hazards: Vec<(Code, Action)>,
    pub(crate) pull_secrets: Vec<&'p str>,
}

impl<'p> Outcome<'p> {
    /// Creates an outcome without changes, warnings and denial.
    pub fn nothing() -> Self {
        Self {
            kind: Kind::Pod,
            changes: Vec::new(),
            warnings: Vec::new(),
            denial: None,
            audit: AuditAnnotations::default(),
            images: Vec::new(),
            hazards: Vec::new(),
            pull_secrets: Vec::new(),
        }
    }

    /// Returns the changes to the object, in the order in which they must be applied.
    pub fn changes(&self) -> &[Change<'p>] {
        &self.changes
    }

    /// Returns at most ten warnings for the person who applies the object.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Returns the message that refuses the object; `None` if the object is allowed.
    pub fn denial(&self) -> Option<&str> {
        self.denial.as_deref()
    }

    /// Returns the annotations for the API server's audit log.
    pub fn audit_annotations(&self) -> &AuditAnnotations {
        &self.audit
    }

    /// Returns the match of each image of the plan, and whether the image is rewritten.
    pub fn images(&self) -> &[(Match, bool)] {
        &self.images
    }

    /// Returns the codes of the hazards that were found, each with its action.
    pub fn hazards(&self) -> &[(Code, Action)] {
        &self.hazards
    }

    /// Returns the pull secrets that the pod's targets need and the pod does not name, whether or not they are added.
    pub fn pull_secrets(&self) -> &[&'p str] {
        &self.pull_secrets
    }

    /// Returns the changes as the text of a JSON Patch (RFC 6902).
    pub fn patch_text(&self) -> String {
        let mut json = String::with_capacity(512);
        let mut separator = '[';
        for change in &self.changes {
            json.push(separator);
            change.push_operation(&mut json, self.kind.pod_spec());
            separator = ',';
        }
        json.push_str(if separator == '[' { "[]" } else { "]" });
        json
    }

    /// Returns the changes as a [`Patch`], which can be applied to a JSON document.
    pub fn patch(&self) -> Patch {
        Patch(self.changes.iter().map(|change| change.operation(self.kind.pod_spec())).collect())
    }
}

/// A change to the object.
#[derive(Debug, PartialEq, Eq)]
pub enum Change<'p> {
    /// Sets an `image` field to another reference.
    SetImage {
        /// The place of the `image` field in the pod specification.
        at: Place,
        /// The new reference.
        to: Reference,
    },
    /// Adds a pull secret to the pod's `imagePullSecrets`.
    AddPullSecret {
        /// The name of the Secret.
        name: &'p str,
        /// Whether the pod has the list `imagePullSecrets` at this point of the patch.
        append: bool,
    },
    /// Adds or replaces the annotation that records the original images.
    Record {
        /// The value of the annotation.
        images: String,
        /// The deepest existing parent of the annotation.
        below: Parent,
    },
}

/// The deepest part of `/metadata/annotations` that an object has; the missing parts are added with the annotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// The object has no `metadata`.
    Object,
    /// The object has `metadata` without `annotations`.
    Metadata,
    /// The object has `metadata.annotations`.
    Annotations,
}

impl Change<'_> {
    /// Appends the change as an operation of RFC 6902; `spec` is the JSON Pointer of the pod specification.
    fn push_operation(&self, json: &mut String, spec: &str) {
        match self {
            // A reference has no characters that need escapes in JSON.
            Self::SetImage { at, to } => {
                push(json, format_args!(r#"{{"op":"replace","path":"{spec}{at}","value":"{to}"}}"#));
            }
            Self::AddPullSecret { name, append } => {
                let (end, open, close) = if *append { ("/-", "", "") } else { ("", "[", "]") };
                push(
                    json,
                    format_args!(r#"{{"op":"add","path":"{spec}/imagePullSecrets{end}","value":{open}{{"name":"#),
                );
                push_string(json, name);
                push(json, format_args!("}}{close}}}"));
            }
            Self::Record { images, below } => {
                let (open, close) = match below {
                    Parent::Annotations => (r#"/annotations/quench.dev~1original-images","value":"#, "}"),
                    Parent::Metadata => (r#"/annotations","value":{"quench.dev/original-images":"#, "}}"),
                    Parent::Object => (r#"","value":{"annotations":{"quench.dev/original-images":"#, "}}}"),
                };
                json.push_str(r#"{"op":"add","path":"/metadata"#);
                json.push_str(open);
                push_string(json, images);
                json.push_str(close);
            }
        }
    }

    /// Returns the change as an operation of RFC 6902; `spec` is the JSON Pointer of the pod specification.
    fn operation(&self, spec: &str) -> PatchOperation {
        let add = |path: &[&str], value| {
            PatchOperation::Add(AddOperation { path: PointerBuf::from_tokens(path.iter().copied()), value })
        };
        let in_spec = |path: &fmt::Arguments<'_>| {
            let text = format!("{spec}{path}");
            PointerBuf::from_tokens(text.split('/').skip(1))
        };
        match self {
            Self::SetImage { at, to } => PatchOperation::Replace(ReplaceOperation {
                path: in_spec(&format_args!("{at}")),
                value: to.as_str().into(),
            }),
            Self::AddPullSecret { name, append: true } => PatchOperation::Add(AddOperation {
                path: in_spec(&format_args!("/imagePullSecrets/-")),
                value: json!({ "name": name }),
            }),
            Self::AddPullSecret { name, append: false } => PatchOperation::Add(AddOperation {
                path: in_spec(&format_args!("/imagePullSecrets")),
                value: json!([{ "name": name }]),
            }),
            Self::Record { images, below: Parent::Annotations } => {
                add(&["metadata", "annotations", ORIGINAL_IMAGES], json!(images))
            }
            Self::Record { images, below: Parent::Metadata } => {
                add(&["metadata", "annotations"], json!({ ORIGINAL_IMAGES: images }))
            }
            Self::Record { images, below: Parent::Object } => {
                add(&["metadata"], json!({ "annotations": { ORIGINAL_IMAGES: images } }))
            }
        }
    }
}

fn push(json: &mut String, text: fmt::Arguments<'_>) {
    // Writing to memory does not fail.
    let _ = json.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::read::workload::ImageList;

    #[test]
    fn changes_apply_below_what_exists() {
        let set = || Change::SetImage {
            at: Place { list: ImageList::Containers, index: 1 },
            to: "dhi.io/nginx:1.31.4".parse().unwrap(),
        };
        let record = |below| Change::Record { images: r#"{"a":"b"}"#.to_owned(), below };
        for (changes, before, after) in [
            (
                vec![set()],
                json!({"spec":{"containers":[{},{"image":"nginx"}]}}),
                json!({"spec":{"containers":[{},{"image":"dhi.io/nginx:1.31.4"}]}}),
            ),
            (
                vec![
                    Change::AddPullSecret { name: "a", append: false },
                    Change::AddPullSecret { name: "b", append: true },
                ],
                json!({"spec":{"imagePullSecrets":null}}),
                json!({"spec":{"imagePullSecrets":[{"name":"a"},{"name":"b"}]}}),
            ),
            (
                vec![Change::AddPullSecret { name: "a", append: true }],
                json!({"spec":{"imagePullSecrets":[{"name":"x"}]}}),
                json!({"spec":{"imagePullSecrets":[{"name":"x"},{"name":"a"}]}}),
            ),
            (
                vec![record(Parent::Annotations)],
                json!({"metadata":{"annotations":{"x":"y","quench.dev/original-images":"old"}}}),
                json!({"metadata":{"annotations":{"x":"y","quench.dev/original-images":"{\"a\":\"b\"}"}}}),
            ),
            (
                vec![record(Parent::Metadata)],
                json!({"metadata":{"name":"x"}}),
                json!({"metadata":{"name":"x","annotations":{"quench.dev/original-images":"{\"a\":\"b\"}"}}}),
            ),
            (
                vec![record(Parent::Object)],
                json!({}),
                json!({"metadata":{"annotations":{"quench.dev/original-images":"{\"a\":\"b\"}"}}}),
            ),
        ] {
            let outcome = Outcome { changes, ..Outcome::nothing() };
            let mut document: Value = before.clone();
            json_patch::patch(&mut document, &outcome.patch()).unwrap();
            assert_eq!(document, after, "{before} {}", outcome.patch_text());
            assert_eq!(serde_json::from_str::<Patch>(&outcome.patch_text()).unwrap(), outcome.patch());
        }
    }
}
