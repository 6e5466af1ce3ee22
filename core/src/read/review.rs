//! Reads the request of an `AdmissionReview`; its texts borrow from the HTTP body.

use std::str::Utf8Error;

use crate::read::wire::{self, Cursor, Read, Text, WireError, fields};
use crate::read::workload::{Kind, Object};
use crate::text::printable;

/// The only `AdmissionReview` version that quench accepts (`admissionReviewVersions` of the webhook configuration).
const API_VERSION: &str = "admission.k8s.io/v1";

/// The request of an `AdmissionReview`; its texts borrow from the HTTP body.
#[derive(Debug)]
pub struct Request<'a> {
    /// The request's uid, which the reply repeats.
    pub uid: Text<'a>,
    /// The object's kind; `None` if objects of that kind have no pod specification.
    pub kind: Option<Kind>,
    /// The subresource; empty for the object itself.
    pub subresource: Text<'a>,
    /// The object's namespace.
    pub namespace: Text<'a>,
    /// The object's name; empty if the API server is to generate one.
    pub name: Text<'a>,
    /// The operation that the API server is asked to do.
    pub operation: Operation,
    /// The new object; `None` on DELETE.
    pub object: Option<Object<'a>>,
    /// The stored object; `None` on CREATE.
    pub old_object: Option<Object<'a>>,
    /// Whether the API server will not store the object (`dryRun`).
    pub dry_run: bool,
}

/// The operation of an admission request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are Kubernetes' own")]
pub enum Operation {
    Create,
    Update,
    Delete,
    Connect,
}

impl Operation {
    /// Returns the name that Kubernetes uses, such as `CREATE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
        }
    }
}

/// The reason why the HTTP body has no admission request that can be answered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReviewError {
    /// The body is not UTF-8, as JSON must be.
    #[error("the body is not UTF-8")]
    Encoding(#[source] Utf8Error),
    /// The body is cut off or is not JSON.
    #[error("the body is not JSON")]
    Syntax(#[source] WireError),
    /// The body is JSON, but a field has a type that Kubernetes does not give it.
    #[error("the body is not an AdmissionReview with a well-formed object")]
    Shape(#[source] WireError),
    /// The body has another kind or version.
    #[error(
        "expected kind `AdmissionReview` of apiVersion `{API_VERSION}`, found kind `{kind}` of apiVersion `{version}`"
    )]
    Version {
        /// The `kind` of the body.
        kind: String,
        /// The `apiVersion` of the body.
        version: String,
    },
    /// The request or its uid is missing; a reply must repeat the uid.
    #[error("the AdmissionReview has no request with a uid")]
    NoRequest,
    /// The operation is not one of the four of [`Operation`].
    #[error("`operation` must be CREATE, UPDATE, DELETE or CONNECT: `{0}`")]
    Operation(String),
}

impl ReviewError {
    fn of(error: WireError) -> Self {
        if error.is_type { Self::Shape(error) } else { Self::Syntax(error) }
    }
}

/// The `AdmissionReview` around the request.
#[derive(Default)]
struct Review<'a> {
    api_version: Text<'a>,
    kind: Text<'a>,
    request: Option<Written<'a>>,
}

fields!(Review<'a> { "apiVersion" => api_version, "kind" => kind, "request" => request });

/// The fields of the request, before they are checked.
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

/// An object of any kind. Kinds without a pod may use the field names of a pod for other types, so a type error is kept
/// until the kind is known.
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
            .or_else(|_| std::str::from_utf8(body)) // its error has the position of the invalid byte
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
