//! What follows from a plan: changes, warnings, a denial, and the record of all of it.

use std::fmt;

use json_patch::Patch;
use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Serialize, Serializer};

use crate::audit::AuditAnnotations;
use crate::decision::Match;
use crate::hazard::{Action, Code};
use crate::reference::Reference;
use crate::workload::{Kind, ORIGINAL_IMAGES, Place};

/// What follows from a plan.
#[derive(Debug)]
pub struct Outcome<'p> {
    pub(crate) kind: Kind,
    pub(crate) changes: Vec<Change<'p>>,
    pub(crate) warnings: Vec<String>,
    pub(crate) denial: Option<String>,
    pub(crate) audit: AuditAnnotations,
    pub(crate) images: Vec<(Match, bool)>,
    pub(crate) hazards: Vec<(Code, Action)>,
}

impl<'p> Outcome<'p> {
    /// Nothing to change and nothing to say.
    pub fn nothing() -> Self {
        Self {
            kind: Kind::Pod,
            changes: Vec::new(),
            warnings: Vec::new(),
            denial: None,
            audit: AuditAnnotations::default(),
            images: Vec::new(),
            hazards: Vec::new(),
        }
    }

    /// The changes, in the order in which they apply.
    pub fn changes(&self) -> &[Change<'p>] {
        &self.changes
    }

    /// At most ten lines for whoever applies the object.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Why the object is refused, where it is.
    pub fn denial(&self) -> Option<&str> {
        self.denial.as_deref()
    }

    /// What the API server's audit log keeps.
    pub fn audit_annotations(&self) -> &AuditAnnotations {
        &self.audit
    }

    /// The match of every image that was looked at, and whether it is rewritten.
    pub fn images(&self) -> &[(Match, bool)] {
        &self.images
    }

    /// The hazards that were found, and what each does.
    pub fn hazards(&self) -> &[(Code, Action)] {
        &self.hazards
    }

    /// The changes as JSON Patch (RFC 6902), written without a document in between.
    ///
    /// # Panics
    /// Never: operations of strings always serialise into memory.
    pub fn patch_text(&self) -> String {
        serde_json::to_string(self).expect("strings serialise into memory")
    }

    /// The changes as a [`Patch`], for whoever applies them to a document.
    ///
    /// # Panics
    /// Never: the text of a patch always parses.
    pub fn patch(&self) -> Patch {
        serde_json::from_str(&self.patch_text()).expect("our own operations are well formed")
    }
}

/// The operations of the patch.
impl Serialize for Outcome<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut operations = serializer.serialize_seq(Some(self.changes.len()))?;
        for change in &self.changes {
            operations.serialize_element(&PatchOperation { spec: self.kind.pod_spec(), change })?;
        }
        operations.end()
    }
}

/// One change to the object.
#[derive(Debug, PartialEq, Eq)]
pub enum Change<'p> {
    /// An image field gets another reference.
    SetImage {
        /// The field.
        at: Place,
        /// The reference.
        to: Reference,
    },
    /// The pod names one more pull secret.
    AddPullSecret {
        /// The secret.
        name: &'p str,
        /// Whether the pod has a list to append to.
        append: bool,
    },
    /// The annotation that keeps what the images were.
    Record {
        /// Its value.
        images: String,
        /// What of `/metadata/annotations` exists already.
        below: Parent,
    },
}

/// How much of `/metadata/annotations` an object has: what is missing is added with the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// No metadata.
    Object,
    /// Metadata without annotations.
    Metadata,
    /// Annotations.
    Annotations,
}

struct PatchOperation<'c> {
    /// JSON Pointer of the pod specification.
    spec: &'static str,
    change: &'c Change<'c>,
}

impl Serialize for PatchOperation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spec = self.spec;
        match self.change {
            Change::SetImage { at, to } => operation(serializer, "replace", &Pointer(spec, at), to.as_str()),
            Change::AddPullSecret { name, append: true } => {
                operation(serializer, "add", &Pointer(spec, &"/imagePullSecrets/-"), &Entry("name", name))
            }
            Change::AddPullSecret { name, append: false } => {
                operation(serializer, "add", &Pointer(spec, &"/imagePullSecrets"), &[Entry("name", name)])
            }
            Change::Record { images, below: Parent::Annotations } => {
                operation(serializer, "add", "/metadata/annotations/quench.dev~1original-images", &**images)
            }
            Change::Record { images, below: Parent::Metadata } => {
                operation(serializer, "add", "/metadata/annotations", &Entry(ORIGINAL_IMAGES, &**images))
            }
            Change::Record { images, below: Parent::Object } => {
                let annotations = Entry("annotations", Entry(ORIGINAL_IMAGES, &**images));
                operation(serializer, "add", "/metadata", &annotations)
            }
        }
    }
}

fn operation<S: Serializer>(
    serializer: S,
    op: &'static str,
    path: &(impl Serialize + ?Sized),
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    let mut operation = serializer.serialize_struct("Operation", 3)?;
    operation.serialize_field("op", op)?;
    operation.serialize_field("path", path)?;
    operation.serialize_field("value", value)?;
    operation.end()
}

/// A JSON Pointer in two parts.
struct Pointer<'c, D: fmt::Display>(&'static str, &'c D);

impl<D: fmt::Display> Serialize for Pointer<'_, D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}{}", self.0, self.1))
    }
}

/// An object with one field.
struct Entry<V>(&'static str, V);

impl<V: Serialize> Serialize for Entry<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(1))?;
        object.serialize_entry(self.0, &self.1)?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::workload::ImageList;

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
        }
    }
}
