//! The wire of an admission review: a request that borrows from the body, and the reply.

use std::str::Utf8Error;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::error::Category;

use crate::json::push_string;
use crate::outcome::Outcome;
use crate::wire::Text;
use crate::workload::{Kind, Object};

/// The only version that is spoken (`admissionReviewVersions` of the webhook configuration).
const API_VERSION: &str = "admission.k8s.io/v1";

/// The request of an `AdmissionReview`, borrowed from its body.
#[derive(Debug)]
pub struct Request<'a> {
    /// What the reply echoes.
    pub uid: Text<'a>,
    /// The kind of the object, where it has a pod specification.
    pub kind: Option<Kind>,
    /// Empty for the object itself.
    pub subresource: Text<'a>,
    /// Where the object lives.
    pub namespace: Text<'a>,
    /// Empty where the API server is to generate one.
    pub name: Text<'a>,
    /// What is being done.
    pub operation: Operation,
    /// The object as it is to be; None on DELETE.
    pub object: Option<Object<'a>>,
    /// The object as it is; None on CREATE.
    pub old_object: Option<Object<'a>>,
    /// Whether nothing will be stored.
    pub dry_run: bool,
}

/// What is being done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are Kubernetes' own")]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    /// Kubernetes' name of the operation.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// Why a body is no request that can be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// JSON is UTF-8.
    #[error("the body is not UTF-8")]
    Encoding(#[source] Utf8Error),
    /// Cut off or garbage.
    #[error("the body is not JSON")]
    Syntax(#[source] serde_json::Error),
    /// JSON, but a field has a type that Kubernetes does not give it.
    #[error("the body is not an AdmissionReview with a well-formed object")]
    Shape(#[source] serde_json::Error),
    /// Another kind or version.
    #[error(
        "expected kind `AdmissionReview` of apiVersion `{API_VERSION}`, found kind `{kind}` of apiVersion `{version}`"
    )]
    Version {
        /// The `kind` of the body.
        kind: String,
        /// The `apiVersion` of the body.
        version: String,
    },
    /// A reply needs the request's uid.
    #[error("the AdmissionReview has no request with a uid")]
    NoRequest,
    /// Not one of the four.
    #[error("`operation` must be CREATE, UPDATE, DELETE or CONNECT: `{0}`")]
    Operation(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireReview<'a, O> {
    #[serde(borrow, default)]
    api_version: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
    #[serde(borrow)]
    request: Option<WireRequest<'a, O>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireRequest<'a, O> {
    #[serde(borrow, default)]
    uid: Text<'a>,
    #[serde(borrow)]
    kind: Option<WireKind<'a>>,
    #[serde(borrow, default)]
    sub_resource: Text<'a>,
    #[serde(borrow, default)]
    name: Text<'a>,
    #[serde(borrow, default)]
    namespace: Text<'a>,
    #[serde(borrow, default)]
    operation: Text<'a>,
    object: Option<O>,
    old_object: Option<O>,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
struct WireKind<'a> {
    #[serde(borrow, default)]
    group: Text<'a>,
    #[serde(borrow, default)]
    kind: Text<'a>,
}

impl<'a> Request<'a> {
    /// Reads the body of a review in one pass.
    pub fn parse(body: &'a [u8]) -> Result<Self, ReviewError> {
        let body = std::str::from_utf8(body).map_err(ReviewError::Encoding)?;
        let error = match serde_json::from_str::<WireReview<'a, Object<'a>>>(body) {
            Ok(review) => return Self::checked(review, |object| object),
            Err(error) => error,
        };
        match serde_json::from_str::<WireReview<'a, IgnoredAny>>(body) {
            // An object of some other kind may give any type to the fields of a pod: it is none of ours.
            Ok(envelope) => match Self::checked(envelope, |_| None)? {
                request if request.kind.is_none() => Ok(request),
                _ => Err(ReviewError::Shape(error)),
            },
            Err(_) if error.classify() == Category::Data => Err(ReviewError::Shape(error)),
            Err(_) => Err(ReviewError::Syntax(error)),
        }
    }

    fn checked<O>(
        review: WireReview<'a, O>,
        object: impl Fn(Option<O>) -> Option<Object<'a>>,
    ) -> Result<Self, ReviewError> {
        if &*review.kind != "AdmissionReview" || &*review.api_version != API_VERSION {
            let cut = |text: &str| text.chars().take(100).flat_map(char::escape_default).collect();
            return Err(ReviewError::Version { kind: cut(&review.kind), version: cut(&review.api_version) });
        }
        let request = review.request.filter(|request| !request.uid.is_empty()).ok_or(ReviewError::NoRequest)?;
        let operation = match &*request.operation {
            "CREATE" => Operation::Create,
            "UPDATE" => Operation::Update,
            "DELETE" => Operation::Delete,
            "CONNECT" => Operation::Connect,
            other => {
                return Err(ReviewError::Operation(other.chars().take(100).flat_map(char::escape_default).collect()));
            }
        };
        Ok(Self {
            uid: request.uid,
            kind: request.kind.and_then(|kind| Kind::of(&kind.group, &kind.kind)),
            subresource: request.sub_resource,
            namespace: request.namespace,
            name: request.name,
            operation,
            object: object(request.object),
            old_object: object(request.old_object),
            dry_run: request.dry_run.unwrap_or_default(),
        })
    }
}

/// The body of the answer to the review of that uid.
pub fn reply(uid: &str, outcome: &Outcome<'_>) -> Vec<u8> {
    let mut body = String::with_capacity(2048);
    body.push_str(r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"#);
    push_string(&mut body, uid);
    if let Some(message) = outcome.denial() {
        body.push_str(r#","allowed":false,"status":{"code":403,"reason":"Forbidden","message":"#);
        push_string(&mut body, message);
        body.push('}');
    } else if outcome.changes().is_empty() {
        body.push_str(r#","allowed":true"#);
    } else {
        body.push_str(r#","allowed":true,"patchType":"JSONPatch","patch":""#);
        STANDARD.encode_string(outcome.patch_text(), &mut body);
        body.push('"');
    }
    let mut before = r#","warnings":["#;
    for warning in outcome.warnings() {
        body.push_str(before);
        push_string(&mut body, warning);
        before = ",";
    }
    if before == "," {
        body.push(']');
    }
    let audit = outcome.audit_annotations();
    before = r#","auditAnnotations":{"#;
    for (name, value) in [("rewrites", &audit.rewrites), ("kept", &audit.kept)] {
        let Some(value) = value else { continue };
        body.push_str(before);
        push_string(&mut body, name);
        body.push(':');
        push_string(&mut body, value);
        before = ",";
    }
    body.push_str(if before == "," { "}}}" } else { "}}" });
    body.into_bytes()
}
