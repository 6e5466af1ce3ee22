//! Matches repositories, tags and namespaces by patterns: `*` stands for any text without a `/`, `**` for any text.

use std::fmt;

use super::pattern::{Part, Pattern};
use super::problem::shown;
use crate::reference::{ParseError, Reference};

/// The longest pattern for tags (at most 128 characters) and names of namespaces (at most 63), in bytes.
const MAX_WORD: usize = 255;

/// A glob pattern, which must match the whole of a text.
#[derive(Clone)]
pub struct Glob {
    pattern: Box<str>,
    parts: Pattern,
}

impl Glob {
    /// Parses a pattern for canonical repositories, such as `ghcr.io/acme/**`.
    pub(super) fn of_repositories(pattern: &str) -> Result<Self, GlobError> {
        if pattern.is_empty() {
            return Err(GlobError::Empty { any: "`**`" });
        }
        // A text that the pattern matches. If it is not a canonical repository, the pattern matches none.
        let sample = match pattern.strip_prefix("**") {
            Some(rest) => ["a.a/a", rest].concat(),
            None => match pattern.strip_prefix("*/") {
                Some(rest) => ["a.a/", rest].concat(),
                None => pattern.to_owned(),
            },
        };
        let sample = sample.replace("**", "a/a").replace('*', "a");
        if !sample.contains('/') {
            return Err(GlobError::NoRepository { registry: pattern.contains(['.', ':']) });
        }
        let reference: Reference = sample.parse().map_err(GlobError::Reference)?;
        if reference.tag().is_some() || reference.digest().is_some() {
            return Err(GlobError::Tagged);
        }
        if reference.as_str() != sample {
            let canonical = match (reference.registry(), pattern.split_once('/')) {
                ("docker.io", Some(("docker.io", rest))) => format!("docker.io/library/{rest}"),
                ("docker.io", Some((host, rest))) if host.ends_with(".docker.io") => format!("docker.io/{rest}"),
                _ => format!("docker.io/{pattern}"),
            };
            return Err(GlobError::NotCanonical { canonical });
        }
        if reference.registry().bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(GlobError::NotCanonical { canonical: pattern.to_ascii_lowercase() });
        }
        Self::new(pattern)
    }

    /// Parses a pattern for tags, such as `1.25*`.
    pub(super) fn of_tags(pattern: &str) -> Result<Self, GlobError> {
        Self::of_words(pattern, |c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    }

    /// Parses a pattern for names of namespaces, such as `team-*`.
    pub(super) fn of_namespaces(pattern: &str) -> Result<Self, GlobError> {
        Self::of_words(pattern, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    }

    fn of_words(pattern: &str, allowed: impl Fn(char) -> bool) -> Result<Self, GlobError> {
        if pattern.is_empty() {
            return Err(GlobError::Empty { any: "`*`" });
        }
        if pattern.len() > MAX_WORD {
            return Err(GlobError::TooLong);
        }
        if pattern.contains("**") {
            return Err(GlobError::Stars { allowed: "`*`" });
        }
        match pattern.chars().find(|c| *c != '*' && !allowed(*c)) {
            Some(character) => Err(GlobError::Character { character }),
            None => Self::new(pattern),
        }
    }

    fn new(pattern: &str) -> Result<Self, GlobError> {
        if pattern.contains("***") {
            return Err(GlobError::Stars { allowed: "`*` or `**`" });
        }
        let mut parts = Vec::new();
        let mut rest = pattern;
        while !rest.is_empty() {
            let (text, stars) = rest.split_at(rest.find('*').unwrap_or(rest.len()));
            if !text.is_empty() {
                parts.push(Part::Text(text.into()));
            }
            rest = stars.trim_start_matches('*');
            match stars.len() - rest.len() {
                0 => {}
                1 => parts.push(Part::Gap { without: b"/", empty: true }),
                _ => parts.push(Part::Gap { without: b"", empty: true }),
            }
        }
        Ok(Self { pattern: pattern.into(), parts: Pattern::new(parts) })
    }

    /// Reports whether the pattern matches the whole text.
    pub fn matches(&self, text: &str) -> bool {
        self.parts.matches(text)
    }

    /// Returns some of the patterns that match everything that this pattern matches: itself, `*`, `**` and `PREFIX/**`.
    pub(super) fn covering(&self) -> impl Iterator<Item = String> {
        let whole_components = self.pattern.match_indices('/').filter_map(|(slash, _)| self.pattern.get(..=slash));
        let below = whole_components.map(|components| format!("{components}**"));
        let any_word = (!self.pattern.contains('/')).then(|| "*".to_owned());
        [self.pattern.to_string(), "**".to_owned()].into_iter().chain(any_word).chain(below)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.pattern)
    }
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Glob({})", self.pattern)
    }
}

impl PartialEq for Glob {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl Eq for Glob {}

/// The error of a text that is not a valid pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GlobError {
    /// The pattern is empty.
    #[error("the pattern is empty; write {any} for any")]
    Empty {
        /// The pattern that matches any text, as advice.
        any: &'static str,
    },
    /// The pattern has too many stars in a row.
    #[error("only {allowed} stands for other text; remove the further stars")]
    Stars {
        /// The wildcards that are allowed.
        allowed: &'static str,
    },
    /// The pattern has a character that no such name contains.
    #[error("no name has a `{}`; only `*` stands for other text", .character.escape_default())]
    Character {
        /// The first such character.
        character: char,
    },
    /// The pattern is a registry or a word, and lacks a repository.
    #[error("a registry and a repository are needed; write {}", if *.registry { "`/**` behind the registry for all of its images" } else { "it out, such as `docker.io/library/nginx`" })]
    NoRepository {
        /// Whether the pattern looks like a registry.
        registry: bool,
    },
    /// The pattern has a tag or digest; tags belong in the key `tag`.
    #[error("tag and digest have no place here; write the tag in `tag`")]
    Tagged,
    /// The pattern is not in canonical form, so it would never match.
    #[error("it would never match; write it out as `{}`", shown(.canonical))]
    NotCanonical {
        /// The pattern in canonical form.
        canonical: String,
    },
    /// The pattern matches no image reference.
    #[error("it can never match: {0}; only `*` (up to a `/`) and `**` stand for other text")]
    Reference(ParseError),
    /// The pattern is too long.
    #[error("the pattern is longer than any name; write a shorter one with `*`")]
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_anchored_and_stop_at_slashes() {
        for (pattern, text, fits) in [
            ("ghcr.io/acme/**", "ghcr.io/acme/app", true),
            ("ghcr.io/acme/**", "ghcr.io/acme/a/b", true),
            ("ghcr.io/acme/**", "ghcr.io/acme", false),
            ("ghcr.io/acme/**", "ghcr.io/acme-evil/app", false),
            ("ghcr.io/acme/**", "xghcr.io/acme/app", false),
            ("ghcr.io/acme/*", "ghcr.io/acme/app", true),
            ("ghcr.io/acme/*", "ghcr.io/acme/a/b", false),
            ("docker.io/library/nginx", "docker.io/library/nginx", true),
            ("docker.io/library/nginx", "dockerxio/library/nginx", false),
            ("docker.io/library/nginx", "docker.io/library/nginx-x", false),
            ("**/nginx", "docker.io/library/nginx", true),
            ("**", "ghcr.io/a", true),
            ("*.gcr.io/**", "eu.gcr.io/a/b", true),
            ("*.gcr.io/**", "a/eu.gcr.io/a/b", false),
            ("registry:5000/**", "registry:5000/a", true),
            ("ghcr.io/*/app-*", "ghcr.io/x/app-1", true),
        ] {
            assert_eq!(Glob::of_repositories(pattern).unwrap().matches(text), fits, "{pattern} {text}");
        }
        for (pattern, tag, fits) in [("1.25*", "1.25.3-alpine", true), ("1.25*", "11.25", false), ("1.2", "1x2", false)]
        {
            assert_eq!(Glob::of_tags(pattern).unwrap().matches(tag), fits, "{pattern} {tag}");
        }
        assert!(Glob::of_namespaces("team-*").unwrap().matches("team-a"));
    }

    #[test]
    fn what_never_fits_is_refused() {
        let canonical = |written: &str| GlobError::NotCanonical { canonical: written.to_owned() };
        for (pattern, error) in [
            ("", GlobError::Empty { any: "`**`" }),
            ("nginx", GlobError::NoRepository { registry: false }),
            ("ghcr.io", GlobError::NoRepository { registry: true }),
            ("library/nginx", canonical("docker.io/library/nginx")),
            ("docker.io/nginx", canonical("docker.io/library/nginx")),
            ("docker.io/*", canonical("docker.io/library/*")),
            ("index.docker.io/library/*", canonical("docker.io/library/*")),
            ("GHCR.io/acme/**", canonical("ghcr.io/acme/**")),
            ("ghcr.io/acme/app:1", GlobError::Tagged),
            ("ghcr.io/acme/***", GlobError::Stars { allowed: "`*` or `**`" }),
            ("ghcr.io/ac?e/app", GlobError::Reference(ParseError::Repository)),
            ("ghcr.io/Acme/app", GlobError::Reference(ParseError::Uppercase)),
        ] {
            assert_eq!(Glob::of_repositories(pattern).unwrap_err(), error, "{pattern}");
        }
        assert_eq!(Glob::of_tags("1.[0-9]").unwrap_err(), GlobError::Character { character: '[' });
        assert_eq!(Glob::of_tags("1.**").unwrap_err(), GlobError::Stars { allowed: "`*`" });
        assert_eq!(Glob::of_namespaces("Team-*").unwrap_err(), GlobError::Character { character: 'T' });
    }
}
