//! Builds and recognizes references to hardened images by the policy's `hardened.repository`.

use std::fmt;

use super::PUBLIC_REGISTRY;
use super::problem::shown;
use crate::reference::{ParseError, Reference};

/// The form of hardened references: a repository with `{name}` in place of the image's name, such as `dhi.io/{name}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The canonical text before `{name}`.
    prefix: String,
    suffix: String,
    /// The length of the registry at the beginning of `prefix`, in bytes.
    registry: usize,
}

impl Repository {
    const PLACEHOLDER: &'static str = "{name}";

    pub(super) fn public() -> Self {
        Self { prefix: format!("{PUBLIC_REGISTRY}/"), suffix: String::new(), registry: PUBLIC_REGISTRY.len() }
    }

    pub(super) fn parse(written: &str) -> Result<Self, RepositoryError> {
        let (prefix, suffix) = written.split_once(Self::PLACEHOLDER).ok_or(RepositoryError::NoName)?;
        let mut repository = Self { prefix: prefix.to_owned(), suffix: suffix.to_owned(), registry: 0 };
        if !prefix.contains('/') {
            return Err(RepositoryError::NameInRegistry);
        }
        let sample = repository.with("name").parse::<Reference>().map_err(RepositoryError::Reference)?;
        if sample.tag().is_some() || sample.digest().is_some() {
            return Err(RepositoryError::Tagged);
        }
        let path = sample.as_str().strip_prefix(sample.registry()).unwrap_or_default();
        let canonical = sample.registry().to_ascii_lowercase() + path;
        if canonical != repository.with("name") {
            let canonical = canonical.replacen("name", Self::PLACEHOLDER, 1);
            return Err(RepositoryError::NotCanonical { canonical });
        }
        repository.registry = sample.registry().len();
        Ok(repository)
    }

    fn with(&self, name: &str) -> String {
        [&self.prefix, name, &self.suffix].concat()
    }

    /// Returns the registry of the hardened images.
    pub fn registry(&self) -> &str {
        self.prefix.get(..self.registry).unwrap_or_default()
    }

    /// Returns the reference to a tag of a hardened image; the error if name and tag give no valid reference.
    pub fn reference(&self, name: &str, tag: &str) -> Result<Reference, ParseError> {
        Reference::tagged(&[&self.prefix, name, &self.suffix], self.registry, tag)
    }

    /// Returns the hardened image's name in a repository of this form; `None` if the repository has another form.
    pub fn name_in<'n>(&self, repository: &'n str) -> Option<&'n str> {
        let name = repository.strip_prefix(&*self.prefix)?.strip_suffix(&*self.suffix)?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.prefix, Self::PLACEHOLDER, self.suffix)
    }
}

/// The error of an invalid `hardened.repository`.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// `{name}` is missing, so all images would get the same reference.
    #[error("`{{name}}` is missing; write something like `dhi.io/{{name}}` or `docker.io/acme/dhi-{{name}}`")]
    NoName,
    /// `{name}` is in the registry, so each image would have its own registry, or unintentionally Docker Hub.
    #[error(
        "`{{name}}` must stand behind the registry and a `/`; write something like `dhi.io/{{name}}` or `docker.io/acme/dhi-{{name}}`"
    )]
    NameInRegistry,
    /// The value has a tag or digest, although the tag differs for each image.
    #[error("a tag or digest has no place here; remove it")]
    Tagged,
    /// The value is not a repository.
    #[error("{0}; write something like `dhi.io/{{name}}` or `docker.io/acme/dhi-{{name}}`")]
    Reference(ParseError),
    /// The value is a short form, or uses another name of the registry.
    #[error("write it out as `{}`", shown(.canonical))]
    NotCanonical {
        /// The value in canonical form.
        canonical: String,
    },
}
