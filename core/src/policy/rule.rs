//! Applies the policy's rules, which keep or replace images before the catalog is asked.

use std::fmt;

use super::glob::Glob;
use super::pattern::{self, Pattern};
use super::problem::shown;
use crate::reference::{ParseError, Reference};

/// A rule of the policy: a pattern of images, and its effect on them. It displays as the pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    pub(super) repositories: Glob,
    pub(super) tags: Option<Glob>,
    pub(super) effect: Effect,
}

/// The effect of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The rule keeps the image.
    Keep,
    /// The rule replaces the image by another reference.
    Replace(Replacement),
}

impl Rule {
    /// Reports whether the rule matches an image. Rules with `tag` do not match images without a tag.
    pub fn matches(&self, image: &Reference) -> bool {
        let tag = || self.tags.as_ref().is_none_or(|tags| image.tag().is_some_and(|tag| tags.matches(tag)));
        self.repositories.matches(image.name()) && tag()
    }

    /// Returns the rule's effect on the images that it matches.
    pub fn effect(&self) -> &Effect {
        &self.effect
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.repositories)?;
        self.tags.as_ref().map_or(Ok(()), |tags| write!(f, ":{tags}"))
    }
}

/// A reference with placeholders for parts of the replaced image, such as `r.example.com/{repository}:{tag}`.
#[derive(Clone)]
pub struct Replacement {
    text: Box<str>,
    parts: Vec<Part>,
    /// The pattern that all results match.
    shape: Pattern,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(Box<str>),
    Placeholder(Placeholder),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    Repository,
    Name,
    Tag,
}

impl Placeholder {
    /// Each placeholder with its spelling, a sample value, and the characters that its values never have.
    const ALL: [(Self, &str, &str, &[u8]); 3] = [
        (Self::Repository, "{repository}", "a/a", b":@"),
        (Self::Name, "{name}", "a", b"/:@"),
        (Self::Tag, "{tag}", "1", b"/:@"),
    ];

    fn sample(self) -> &'static str {
        Self::ALL.into_iter().find(|(placeholder, ..)| *placeholder == self).map_or("", |(_, _, sample, _)| sample)
    }

    fn shape(self) -> pattern::Part {
        let row = Self::ALL.into_iter().find(|(placeholder, ..)| *placeholder == self);
        pattern::Part::Gap { without: row.map_or(b"", |(.., without)| without), empty: false }
    }
}

impl Replacement {
    pub(super) fn parse(written: &str) -> Result<Self, ReplacementError> {
        let parts = parts(written)?;
        let registry = match parts.first() {
            Some(Part::Literal(literal)) => literal.split_once('/').map_or("", |(registry, _)| registry),
            _ => "",
        };
        if registry.is_empty() {
            return Err(ReplacementError::NoRegistry);
        }
        let (mut sample, mut shape) = (String::new(), Vec::new());
        for part in &parts {
            match part {
                Part::Literal(literal) => {
                    sample.push_str(literal);
                    shape.push(pattern::Part::Text(literal.clone()));
                }
                Part::Placeholder(placeholder) => {
                    sample.push_str(placeholder.sample());
                    shape.push(placeholder.shape());
                }
            }
        }
        let reference: Reference = sample.parse().map_err(ReplacementError::Reference)?;
        if !reference.as_str().starts_with(&format!("{registry}/")) || registry.bytes().any(|b| b.is_ascii_uppercase())
        {
            return Err(ReplacementError::NoRegistry);
        }
        if reference.as_str() != sample {
            return Err(ReplacementError::NotCanonical { canonical: written.replacen('/', "/library/", 1) });
        }
        if reference.tag().is_none() && reference.digest().is_none() {
            return Err(ReplacementError::NoTag { written: written.to_owned() });
        }
        Ok(Self { text: written.into(), parts, shape: Pattern::new(shape) })
    }

    /// Returns the registry that all results have.
    pub fn registry(&self) -> &str {
        self.text.split('/').next().unwrap_or_default()
    }

    /// Returns the reference that replaces an image.
    pub fn of(&self, image: &Reference) -> Result<Reference, ReplaceError> {
        let repository = image.repository();
        let mut text = String::with_capacity(self.text.len() + repository.len());
        for part in &self.parts {
            text.push_str(match part {
                Part::Literal(literal) => literal,
                Part::Placeholder(Placeholder::Repository) => repository,
                Part::Placeholder(Placeholder::Name) => repository.rsplit('/').next().unwrap_or_default(),
                Part::Placeholder(Placeholder::Tag) => image.tag().ok_or(ReplaceError::NoTag)?,
            });
        }
        text.try_into().map_err(ReplaceError::Invalid)
    }

    /// Reports whether `image`, with or without its digest, may be the result for some other image.
    pub fn may_give(&self, image: &Reference) -> bool {
        let unpinned = image.as_str().split('@').next();
        [Some(image.as_str()), unpinned].into_iter().flatten().any(|image| self.shape.matches(image))
    }
}

impl fmt::Display for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Replacement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replacement({})", self.text)
    }
}

impl PartialEq for Replacement {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Replacement {}

fn parts(written: &str) -> Result<Vec<Part>, ReplacementError> {
    let mut parts = Vec::new();
    let mut rest = written;
    while !rest.is_empty() {
        let brace = rest.find('{').unwrap_or(rest.len());
        let (literal, from) = rest.split_at(brace);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into()));
        }
        let Some(end) = from.find('}') else {
            if from.is_empty() {
                break;
            }
            return Err(ReplacementError::Placeholder(from.into()));
        };
        let (name, after) = from.split_at(end + 1);
        let placeholder = Placeholder::ALL.into_iter().find(|(_, spelling, ..)| *spelling == name);
        let (placeholder, ..) = placeholder.ok_or_else(|| ReplacementError::Placeholder(name.into()))?;
        parts.push(Part::Placeholder(placeholder));
        rest = after;
    }
    Ok(parts)
}

/// The error of an invalid `replace`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplacementError {
    /// The value has an unknown placeholder.
    #[error("`{}` is no placeholder; write `{{repository}}`, `{{name}}` or `{{tag}}`", shown(.0))]
    Placeholder(Box<str>),
    /// The registry is missing, or depends on the image so that the author of a pod could choose it.
    #[error("begin with a registry in lower case, such as `dhi.io/` or `docker.io/`")]
    NoRegistry,
    /// The value is a short form.
    #[error("write it out as `{}`", shown(.canonical))]
    NotCanonical {
        /// The value in canonical form.
        canonical: String,
    },
    /// The value has no tag, which would mean `latest`.
    #[error("it has no tag; write `{}:{{tag}}` to keep the image's own", shown(.written))]
    NoTag {
        /// The written value.
        written: String,
    },
    /// The value gives no valid reference, whatever the values of the placeholders.
    #[error("{0}; write something like `dhi.io/{{name}}:{{tag}}`")]
    Reference(ParseError),
}

/// The error of a replacement that gives no reference for an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceError {
    /// The replacement contains `{tag}`, but the image has no tag.
    #[error("needs the image's tag, and it has none")]
    NoTag,
    /// The result is not a valid reference, for example because its tag is too long.
    #[error("gives no image reference: {0}")]
    Invalid(ParseError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_parts_of_the_image() {
        for (replacement, image, given) in [
            ("dhi.io/nginx:1.31", "nginx:1.25", Ok("dhi.io/nginx:1.31")),
            ("r.example.com/{repository}:{tag}", "ghcr.io/a/b:1", Ok("r.example.com/a/b:1")),
            ("docker.io/acme/{name}:{tag}-x", "nginx:1", Ok("docker.io/acme/nginx:1-x")),
            ("r.example.com/{name}:{tag}", "nginx", Err(ReplaceError::NoTag)),
        ] {
            let image = image.parse().unwrap();
            let replacement = Replacement::parse(replacement).unwrap();
            let found = replacement.of(&image);
            assert_eq!(found.as_ref().map(Reference::as_str).map_err(|error| *error), given, "{replacement} {image}");
            assert!(
                !replacement.may_give(&image) && found.is_ok_and(|found| replacement.may_give(&found)) == given.is_ok()
            );
        }
        let long = Replacement::parse("r.example.com/a:{tag}-x")
            .unwrap()
            .of(&format!("a:{}", "1".repeat(127)).parse().unwrap());
        assert_eq!(long, Err(ReplaceError::Invalid(ParseError::Tag)));
    }

    #[test]
    fn impossible_targets_are_refused() {
        for (written, error) in [
            ("", ReplacementError::NoRegistry),
            ("nginx:1", ReplacementError::NoRegistry),
            ("acme/nginx:1", ReplacementError::NoRegistry),
            ("{repository}:{tag}", ReplacementError::NoRegistry),
            ("{name}.example.com/a:1", ReplacementError::NoRegistry),
            ("DHI.io/nginx:1", ReplacementError::NoRegistry),
            ("docker.io/nginx:1", ReplacementError::NotCanonical { canonical: "docker.io/library/nginx:1".to_owned() }),
            ("dhi.io/nginx", ReplacementError::NoTag { written: "dhi.io/nginx".to_owned() }),
            ("dhi.io/{image}:1", ReplacementError::Placeholder("{image}".into())),
            ("dhi.io/{name:1", ReplacementError::Placeholder("{name:1".into())),
            ("dhi.io/Nginx:1", ReplacementError::Reference(ParseError::Uppercase)),
            ("dhi.io/nginx:{tag}:x", ReplacementError::Reference(ParseError::Tag)),
            ("dhi.io/nginx:{repository}", ReplacementError::Reference(ParseError::Tag)),
        ] {
            assert_eq!(Replacement::parse(written), Err(error), "{written}");
        }
    }
}
