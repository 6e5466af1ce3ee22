//! Reads image references by the grammar of the distribution project, and writes short names out like runtimes do.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The longest repository path, without its registry (distribution/reference, `RepositoryNameTotalLengthMax`).
const MAX_PATH: usize = 255;
/// The longest tag (distribution/reference, `TagRegexp`).
const MAX_TAG: usize = 128;
/// The registry of an image name that names none.
const DOCKER_HUB: &str = "docker.io";

/// A valid image reference in canonical form: `registry/repository[:tag][@digest]`.
///
/// Docker Hub's short names and aliases are written out. No tag is added.
///
/// ```
/// use quench_core::reference::Reference;
///
/// let nginx: Reference = "nginx:1.31.4".parse()?;
/// assert_eq!(nginx.to_string(), "docker.io/library/nginx:1.31.4");
/// assert_eq!((nginx.registry(), nginx.repository(), nginx.tag()), ("docker.io", "library/nginx", Some("1.31.4")));
/// # Ok::<(), quench_core::reference::ParseError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    text: String,
    /// The length of the registry; a `/` follows it unless it is empty.
    registry: usize,
    /// The length of registry, `/` and repository.
    name: usize,
    /// The end of the tag, which starts one byte after `name`; equal to `name` if there is no tag.
    tag: usize,
}

/// The reason why a text is not an image reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The text is empty.
    #[error("the image reference is empty")]
    Empty,
    /// The text is an image ID: 64 hexadecimal digits.
    #[error("64 hexadecimal digits are an image ID, not a repository")]
    Identifier,
    /// The part before the first `/` looks like a host but is not one.
    #[error("the registry is not a host name, IPv4 address or [IPv6 address] with an optional port")]
    Registry,
    /// The repository has upper-case letters.
    #[error("the repository must be lower case")]
    Uppercase,
    /// A path component does not match `[a-z0-9]+([._-][a-z0-9]+)*`.
    #[error("the repository has a character or separator that is not allowed")]
    Repository,
    /// The repository is longer than the registry protocol allows.
    #[error("the repository is longer than {MAX_PATH} characters")]
    RepositoryTooLong,
    /// The tag does not match `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
    #[error("the tag must be 1 to {MAX_TAG} letters, digits, `_`, `.` or `-`, and not start with `.` or `-`")]
    Tag,
    /// The digest is not `sha256:`, `sha384:` or `sha512:` with the right number of lower-case hexadecimal digits.
    #[error("the digest is not sha256, sha384 or sha512 with its hexadecimal digits in lower case")]
    Digest,
}

impl Reference {
    /// Returns the reference to `tag` in a repository with canonical name `name`, whose registry has the length
    /// `registry`.
    pub(crate) fn tagged(name: &[&str], registry: usize, tag: &str) -> Result<Self, ParseError> {
        let length: usize = name.iter().map(|part| part.len()).sum();
        let mut text = String::with_capacity(length + 1 + tag.len());
        text.extend(name.iter().copied());
        let path = text.get(path_start(registry)..).ok_or(ParseError::Registry)?;
        check_path(path, path.len())?;
        check_tag(tag)?;
        text.push(':');
        text.push_str(tag);
        let end = text.len();
        Ok(Self { text, registry, name: length, tag: end })
    }

    /// Returns the reference to another tag of the same repository, without a digest.
    ///
    /// ```
    /// # use quench_core::reference::Reference;
    /// let image: Reference = "nginx:1.31.4".parse()?;
    /// assert_eq!(image.with_tag("1.31")?.to_string(), "docker.io/library/nginx:1.31");
    /// assert!(image.with_tag("1:31").is_err());
    /// # Ok::<(), quench_core::reference::ParseError>(())
    /// ```
    pub fn with_tag(&self, tag: &str) -> Result<Self, ParseError> {
        Self::tagged(&[self.name()], self.registry, tag)
    }

    /// Returns the reference with `digest` added; a reference that has a digest stays as it is.
    pub(crate) fn pinned(self, digest: &str) -> Result<Self, ParseError> {
        if self.digest().is_some() {
            return Ok(self);
        }
        check_digest(digest)?;
        let Self { mut text, registry, name, tag } = self;
        text.reserve_exact(1 + digest.len());
        text.push('@');
        text.push_str(digest);
        Ok(Self { text, registry, name, tag })
    }

    /// Reports whether the reference is `other`, or `other` with a digest.
    pub(crate) fn is_or_pins(&self, other: &Self) -> bool {
        self == other || other.digest().is_none() && self.text.get(..self.tag) == Some(other.as_str())
    }

    /// Returns the registry's host and port as written; `docker.io` for Docker Hub under any of its names.
    ///
    /// The registry is empty if the first component has a dot but is no host name, as in `a_b.c/app`: the distribution
    /// project accepts such a reference without a registry.
    pub fn registry(&self) -> &str {
        self.text.get(..self.registry).unwrap_or_default()
    }

    /// Returns the repository inside the registry, such as `library/nginx`.
    pub fn repository(&self) -> &str {
        self.text.get(path_start(self.registry)..self.name).unwrap_or_default()
    }

    /// Returns registry and repository, such as `docker.io/library/nginx`.
    pub fn name(&self) -> &str {
        self.text.get(..self.name).unwrap_or_default()
    }

    /// Returns the tag; `None` if the reference has none.
    pub fn tag(&self) -> Option<&str> {
        self.text.get(self.name + 1..self.tag).filter(|tag| !tag.is_empty())
    }

    /// Returns the digest with its algorithm, `sha256:…`; `None` if the reference has none.
    pub fn digest(&self) -> Option<&str> {
        self.text.get(self.tag + 1..).filter(|digest| !digest.is_empty())
    }

    /// Returns the canonical text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Reports whether the repository is `prefix` or lies below it, at a `/`. `prefix` is a registry, or a registry and
    /// path.
    ///
    /// ```
    /// # use quench_core::reference::Reference;
    /// let image: Reference = "docker.io/acme/app:1".parse()?;
    /// assert!(image.is_below("docker.io") && image.is_below("docker.io/acme") && !image.is_below("docker.io/ac"));
    /// # Ok::<(), quench_core::reference::ParseError>(())
    /// ```
    pub fn is_below(&self, prefix: &str) -> bool {
        self.name().strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The parts of a written reference. Its canonical form is `prefix` and the text without its first `skip` bytes.
struct Parts {
    prefix: &'static str,
    skip: usize,
    registry: usize,
    name: usize,
    tag: usize,
}

impl Parts {
    fn of(text: &str) -> Result<Self, ParseError> {
        if text.is_empty() {
            return Err(ParseError::Empty);
        }
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ParseError::Identifier);
        }
        let (host, remainder) = match cut(text, b'/') {
            Some((first, rest)) if is_host(first) => (Some(first), rest),
            _ => (None, text),
        };
        let hub = host.is_none_or(is_docker_hub);
        let registry = match host {
            Some(host) if !hub => registry_length(host)?,
            _ => DOCKER_HUB.len(),
        };
        let (named, digest) = match cut(remainder, b'@') {
            Some((named, digest)) => (named, Some(digest)),
            None => (remainder, None),
        };
        let (path, tag) = match cut(named, b':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (named, None),
        };
        let official = hub && !remainder.bytes().any(|b| b == b'/');
        let (prefix, skip) = match (hub, official) {
            (false, _) => ("", 0),
            (true, true) => ("docker.io/library/", text.len() - remainder.len()),
            (true, false) => ("docker.io/", text.len() - remainder.len()),
        };
        let name = prefix.len() + (text.len() - remainder.len() - skip) + path.len();
        check_path(path, name - path_start(registry))?;
        tag.map_or(Ok(()), check_tag)?;
        digest.map_or(Ok(()), check_digest)?;
        Ok(Self { prefix, skip, registry, name, tag: name + tag.map_or(0, |tag| 1 + tag.len()) })
    }
}

/// Splits at the first `separator`. References are short, so a loop over bytes is faster than a prepared search.
fn cut(text: &str, separator: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|b| b == separator)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Reports whether the first path component names a registry, not a namespace of Docker Hub.
fn is_host(component: &str) -> bool {
    component == "localhost" || component.bytes().any(|b| b == b'.' || b == b':' || b.is_ascii_uppercase())
}

/// Reports whether a host is Docker Hub under any of its names. `registry-1.docker.io` serves its API.
fn is_docker_hub(host: &str) -> bool {
    matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

/// Returns where the repository starts after a registry of this length.
const fn path_start(registry: usize) -> usize {
    if registry == 0 { 0 } else { registry + 1 }
}

/// Returns the length of the registry; 0 if `host` is no host name but a valid path component, such as `a_b.c`.
fn registry_length(host: &str) -> Result<usize, ParseError> {
    match check_registry(host) {
        Ok(()) => Ok(host.len()),
        Err(_) if is_path_component(host.as_bytes()) => Ok(0),
        Err(error) => Err(error),
    }
}

/// Reports whether `host` is a host name, an IPv4 address or an IPv6 address in brackets, in lower case, with or
/// without a port.
pub(crate) fn is_host_and_port(host: &str) -> bool {
    let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    !host.is_empty()
        && !host.bytes().any(|b| b.is_ascii_uppercase())
        && check_registry(host).is_ok()
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}

fn check_registry(host: &str) -> Result<(), ParseError> {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => {
            if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
                return Err(ParseError::Registry);
            }
            match port.strip_prefix(':') {
                None if !port.is_empty() => return Err(ParseError::Registry),
                port => (None, port),
            }
        }
        None => match host.split_once(':') {
            Some((name, port)) => (Some(name), Some(port)),
            None => (Some(host), None),
        },
    };
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let valid = name.is_none_or(|name| name.split('.').all(label))
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    if valid { Ok(()) } else { Err(ParseError::Registry) }
}

/// Checks the path of a repository; `length` is the length of the canonical path, `library/` included.
fn check_path(path: &str, length: usize) -> Result<(), ParseError> {
    if !path.as_bytes().split(|b| *b == b'/').all(is_path_component) {
        let is_upper = path.bytes().any(|b| b.is_ascii_uppercase());
        return Err(if is_upper { ParseError::Uppercase } else { ParseError::Repository });
    }
    if length > MAX_PATH {
        return Err(ParseError::RepositoryTooLong);
    }
    Ok(())
}

/// Reports whether a path component is lower-case letters and digits, joined by `.`, `_`, `__` or any number of `-`.
fn is_path_component(component: &[u8]) -> bool {
    let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let mut rest = component;
    loop {
        let run = rest.iter().take_while(|b| alphanumeric(b)).count();
        let Some(after) = rest.get(run..).filter(|_| run > 0) else { return false };
        let separator = match after {
            [] => return true,
            [b'_', b'_', ..] => 2,
            [b'.' | b'_', ..] => 1,
            _ => after.iter().take_while(|b| **b == b'-').count(),
        };
        match after.get(separator..) {
            Some(next) if separator > 0 => rest = next,
            _ => return false,
        }
    }
}

fn check_tag(tag: &str) -> Result<(), ParseError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    if tag.is_empty() || tag.len() > MAX_TAG || tag.starts_with(['.', '-']) || !tag.bytes().all(allowed) {
        return Err(ParseError::Tag);
    }
    Ok(())
}

fn check_digest(digest: &str) -> Result<(), ParseError> {
    let digits = match digest.split_once(':') {
        Some(("sha256", hex)) if hex.len() == 64 => hex,
        Some(("sha384", hex)) if hex.len() == 96 => hex,
        Some(("sha512", hex)) if hex.len() == 128 => hex,
        _ => return Err(ParseError::Digest),
    };
    if digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) { Ok(()) } else { Err(ParseError::Digest) }
}

impl FromStr for Reference {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let Parts { prefix, skip, registry, name, tag } = Parts::of(text)?;
        let rest = text.get(skip..).unwrap_or_default();
        let mut canonical = String::with_capacity(prefix.len() + rest.len());
        canonical.push_str(prefix);
        canonical.push_str(rest);
        Ok(Self { text: canonical, registry, name, tag })
    }
}

impl TryFrom<String> for Reference {
    type Error = ParseError;

    /// Reads a reference, reusing the buffer of a text that is already canonical.
    fn try_from(text: String) -> Result<Self, ParseError> {
        match Parts::of(&text)? {
            Parts { prefix: "", skip: 0, registry, name, tag } => Ok(Self { text, registry, name, tag }),
            Parts { prefix, skip, registry, name, tag } if text.get(..skip).is_some_and(|head| head == prefix) => {
                Ok(Self { text, registry, name, tag })
            }
            _ => text.parse(),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({})", self.text)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
