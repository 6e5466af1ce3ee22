//! Parses prefixes of repositories (a registry, or a registry and the beginning of a path) and maps images by them.

use std::fmt;

use crate::reference::{ParseError, Reference};

/// A registry, or a registry and the beginning of a path, in canonical form: `docker.io/acme`. Path components are
/// whole, so `docker.io/acm` does not match images of `docker.io/acme`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// Parses a prefix; `None` if the registry is missing. Other host names of docker.io are accepted.
    pub(super) fn parse(written: &str) -> Option<Self> {
        let written = written.trim_end_matches('/');
        let sample = format!("{written}/a/a").parse::<Reference>().ok()?;
        let prefix = sample.as_str().strip_suffix("/a/a")?;
        let host = written.split('/').next()?;
        // A first component that is not a host would be read as a path on Docker Hub, although a registry was meant.
        let names_host = prefix == written || host.ends_with("docker.io");
        let lower_case = !host.bytes().any(|b| b.is_ascii_uppercase());
        (names_host && lower_case).then(|| Self(prefix.into()))
    }

    /// Returns the registry of the prefix.
    pub fn registry(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Reports whether an image is below the prefix.
    pub fn holds(&self, image: &Reference) -> bool {
        image.is_below(&self.0)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mapping from one prefix to another, below which the same repositories have the same tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The prefix of the images that are mapped.
    pub from: Prefix,
    /// The prefix that replaces `from`.
    pub to: Prefix,
}

impl Mapping {
    /// Returns the mapping with the longest `from` that the image is below; `None` if there is none.
    pub(super) fn of<'m>(mappings: &'m [Self], image: &Reference) -> Option<&'m Self> {
        mappings.iter().filter(|mapping| mapping.from.holds(image)).max_by_key(|mapping| mapping.from.0.len())
    }

    /// Replaces `from` by `to` in the image's reference; tag and digest stay.
    pub(super) fn apply(&self, image: &Reference) -> Result<Reference, ParseError> {
        let rest = image.as_str().get(self.from.0.len()..).unwrap_or_default();
        [&self.to.0, rest].concat().try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_end_at_components_and_the_longest_holds() {
        let mapping = |from, to| Mapping { from: Prefix::parse(from).unwrap(), to: Prefix::parse(to).unwrap() };
        let mappings = [
            mapping("docker.io", "mirror.example.com/hub"),
            mapping("docker.io/acme", "mirror.example.com/acme/"),
            mapping("ghcr.io/a", "index.docker.io/b"),
            mapping("quay.io/org/app", "mirror.example.com/app"),
        ];
        let digest = format!("@sha256:{}", "0".repeat(64));
        for (image, mapped) in [
            ("nginx:1", Some("mirror.example.com/hub/library/nginx:1".to_owned())),
            ("nginx", Some("mirror.example.com/hub/library/nginx".to_owned())),
            ("acme/app:1", Some("mirror.example.com/acme/app:1".to_owned())),
            (&format!("acmes/app:1{digest}"), Some(format!("mirror.example.com/hub/acmes/app:1{digest}"))),
            ("ghcr.io/a/x:1", Some("docker.io/b/x:1".to_owned())),
            ("ghcr.io/ab/x:1", None),
            ("quay.io/org/app:2", Some("mirror.example.com/app:2".to_owned())),
            ("docker.io.evil.example/x:1", None),
        ] {
            let image = image.parse().unwrap();
            let found = Mapping::of(&mappings, &image).map(|mapping| mapping.apply(&image).unwrap().to_string());
            assert_eq!(found, mapped, "{image}");
        }
    }
}
