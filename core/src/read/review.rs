//! Reads the request of an admission review, borrowed from its body.

use std::str::Utf8Error;

use crate::read::wire::{self, Cursor, Read, Text, WireError, fields};
use crate::read::workload::{Kind, Object};
use crate::text::printable;

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
    Syntax(#[source] WireError),
    /// JSON, but a field has a type that Kubernetes does not give it.
    #[error("the body is not an AdmissionReview with a well-formed object")]
    Shape(#[source] WireError),
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

impl ReviewError {
    fn of(error: WireError) -> Self {
        if error.is_type { Self::Shape(error) } else { Self::Syntax(error) }
    }
}

/// The envelope.
#[derive(Default)]
struct Review<'a> {
    api_version: Text<'a>,
    kind: Text<'a>,
    request: Option<Written<'a>>,
}

fields!(Review<'a> { "apiVersion" => api_version, "kind" => kind, "request" => request });

/// A request as it is written.
#[derive(Default)]
struct Written<'a> {
    uid: Text<'a>,
    kind: GroupKind<'a>,
    subresource: Text<'a>,
    name: Text<'a>,
    namespace: Text<'a>,
    operation: Text<'a>,
    object: Lenient<Object<'a>>,
    old_object: Lenient<Object<'a>>,
    dry_run: bool,
}

fields!(Written<'a> {
    "uid" => uid,
    "kind" => kind,
    "subResource" => subresource,
    "name" => name,
    "namespace" => namespace,
    "operation" => operation,
    "object" => object,
    "oldObject" => old_object,
    "dryRun" => dry_run,
});

#[derive(Default)]
struct GroupKind<'a> {
    group: Text<'a>,
    kind: Text<'a>,
}

fields!(GroupKind<'a> { "group" => group, "kind" => kind });

/// An object of some kind. Others than ours may give any type to the fields of a pod: that is for later to judge.
struct Lenient<T>(Result<Option<T>, WireError>);

impl<T> Default for Lenient<T> {
    fn default() -> Self {
        Self(Ok(None))
    }
}

impl<'a, T: Read<'a>> Read<'a> for Lenient<T> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, WireError> {
        cursor.lenient().map(Self)
    }
}

impl<'a> Request<'a> {
    /// Reads the body of a review in one pass.
    pub fn parse(body: &'a [u8]) -> Result<Self, ReviewError> {
        let body = simdutf8::basic::from_utf8(body)
            .or_else(|_| std::str::from_utf8(body)) // which says where it is none
            .map_err(ReviewError::Encoding)?;
        let review: Review<'a> = wire::read(body).map_err(ReviewError::of)?;
        if &*review.kind != "AdmissionReview" || &*review.api_version != API_VERSION {
            return Err(ReviewError::Version { kind: cut(&review.kind), version: cut(&review.api_version) });
        }
        let request = review.request.filter(|request| !request.uid.is_empty()).ok_or(ReviewError::NoRequest)?;
        let operation = match &*request.operation {
            "CREATE" => Operation::Create,
            "UPDATE" => Operation::Update,
            "DELETE" => Operation::Delete,
            "CONNECT" => Operation::Connect,
            other => return Err(ReviewError::Operation(cut(other))),
        };
        let kind = Kind::of(&request.kind.group, &request.kind.kind);
        let decided = kind.is_some() && matches!(operation, Operation::Create | Operation::Update);
        let ours = |object: Lenient<Object<'a>>| match object.0 {
            Err(error) if decided => Err(ReviewError::Shape(error)),
            object => Ok(object.ok().flatten()),
        };
        Ok(Self {
            uid: request.uid,
            kind,
            subresource: request.subresource,
            namespace: request.namespace,
            name: request.name,
            operation,
            object: ours(request.object)?,
            old_object: ours(request.old_object)?,
            dry_run: request.dry_run,
        })
    }
}

fn cut(text: &str) -> String {
    printable(text, 100).into_owned()
}
