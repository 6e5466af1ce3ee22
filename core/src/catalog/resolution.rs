//! Describes the catalog's answer for an upstream reference: the hardened tag, how certain it is, and the reason.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{Declared, Facts, Image};

/// The certainty that a hardened tag corresponds to an upstream tag; the most certain class comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The catalog declares a tag with the same full version.
    Exact,
    /// The catalog declares the same short tag, such as `1.31`. Both tags move, but may point to different patches.
    Alias,
    /// An earlier revision of the catalog declared the version. It can most likely still be pulled, but gets no fixes.
    Past,
    /// The catalog declares the minor line of the version, with another patch.
    Line,
    /// The reference has no version, so the tag of the newest line is a guess.
    Floating,
    /// The version is newer than the catalog, so only a registry knows whether it is published.
    Unlisted,
    /// No hardened tag corresponds.
    #[serde(skip)]
    None,
}

impl Class {
    /// All classes, the most certain first.
    pub const ALL: [Self; 7] =
        [Self::Exact, Self::Alias, Self::Past, Self::Line, Self::Floating, Self::Unlisted, Self::None];

    /// Returns the word for the class in policies, `explain` and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Alias => "alias",
            Self::Past => "past",
            Self::Line => "line",
            Self::Floating => "floating",
            Self::Unlisted => "unlisted",
            Self::None => "none",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Class {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// The catalog's answer for one upstream reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution<'c> {
    /// The certainty that the hardened tag corresponds.
    pub class: Class,
    /// The hardened image for the repository, even if no tag corresponds.
    pub image: Option<&'c Image>,
    /// The hardened tag; `None` if and only if the class is [`Class::None`].
    pub tag: Option<String>,
    /// The declared build of the tag; for an undeclared tag, the closest build: one of the same line, else the newest.
    pub build: Option<Declared<'c>>,
    /// The reason for the answer.
    pub reason: Reason<'c>,
}

impl<'c> Resolution<'c> {
    /// Returns the facts of the hardened build; those of the default build if only the repository matches. `None` if
    /// the repository is not in the catalog, or its hardened image is another program.
    pub fn facts(&self) -> Option<Facts<'c>> {
        if let Reason::Substitute { .. } = self.reason {
            return None;
        }
        self.build.map(|build| build.facts()).or_else(|| Some(self.image?.facts()))
    }
}

/// The reason for the catalog's answer. It displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason<'c> {
    /// The reason for [`Class::Exact`]: the catalog declares the same version.
    SameVersion {
        /// The distribution in upstream's tag, if the image has no build for it and the default build is used.
        instead_of: Option<Box<str>>,
    },
    /// The reason for [`Class::Alias`]: the catalog declares the same short tag.
    SameTag {
        /// The full version that the hardened tag points to in this catalog.
        today: &'c str,
        /// The distribution in upstream's tag, if the image has no build for it and the default build is used.
        instead_of: Option<Box<str>>,
    },
    /// The reason for [`Class::Past`]: only an earlier revision of the catalog declared the version.
    Withdrawn {
        /// The newest declared tag of the same line.
        live: Option<Declared<'c>>,
    },
    /// The reason for [`Class::Line`]: the catalog declares another patch of the line.
    OtherPatch {
        /// The requested version.
        version: Box<str>,
        /// The newest declared tag of the same line.
        live: Declared<'c>,
        /// Another operating system, if a build for it has exactly the requested version.
        elsewhere: Option<&'c str>,
    },
    /// The reason for [`Class::Floating`]: the reference has no version.
    NewestLine {
        /// The shortest tag of the newest line.
        live: Declared<'c>,
    },
    /// The reason for [`Class::Unlisted`]: the version is newer than the catalog.
    AfterSnapshot {
        /// The newest version of the image in the catalog.
        newest: &'c str,
    },
    /// No hardened image replaces the repository.
    UnknownRepository,
    /// The hardened image for the repository is another program ([`Role::Substitute`](super::Role::Substitute)).
    Substitute {
        /// The difference, as the catalog describes it.
        note: Option<&'c str>,
    },
    /// The catalog has only development builds of the image, or the tag asks for a development build.
    DevelopmentOnly,
    /// The reference has a digest and no tag, so its version is unknown.
    DigestOnly,
    /// The upstream tag is for Windows.
    Windows,
    /// The upstream tag is a FIPS build. Hardened FIPS builds exist in mirrored repositories only.
    Fips,
    /// The hardened image is not built for the architecture in the tag.
    NoPlatform {
        /// The architecture in the catalog's spelling, such as `arm64`.
        platform: &'static str,
    },
    /// The upstream tag has no version.
    NoVersion {
        /// The upstream tag.
        tag: Box<str>,
    },
    /// The upstream tag is a commit id that is not in the catalog.
    Commit,
    /// The catalog has no version of the requested line.
    NoLine {
        /// The newest version of the image in the catalog.
        newest: &'c str,
    },
    /// The hardened image's version numbers do not correspond to upstream's.
    OtherScheme {
        /// The difference, as the catalog describes it.
        why: &'c str,
    },
    /// The catalog has the line, but neither the requested version nor its short tag.
    NeverDeclared {
        /// The requested stem (the tag without operating system and flavor), in the catalog's spelling.
        stem: Box<str>,
        /// The newest declared tag of the same line.
        live: Declared<'c>,
    },
    /// The catalog does not have the line on the requested operating system.
    NoBase {
        /// The operating system in upstream's spelling, such as `bookworm`.
        base: Box<str>,
        /// A tag of the same version or line on another operating system.
        live: Option<Declared<'c>>,
    },
    /// The catalog has the line on the requested operating system, but not the version.
    OtherPatchOnBase {
        /// The operating system in upstream's spelling, such as `bookworm`.
        base: Box<str>,
        /// A tag of the same version on another operating system.
        live: Declared<'c>,
    },
    /// The catalog has the version, but not on the default operating system.
    OtherBase {
        /// A tag of the same version on another operating system.
        live: Declared<'c>,
    },
    /// The catalog has the version with a flavor only.
    Flavored {
        /// A tag of the same version with a flavor.
        live: Declared<'c>,
    },
    /// A word of the upstream tag is neither an operating system nor a flavor of the image.
    NoBuild {
        /// The unknown word.
        word: Box<str>,
        /// The stem of the tag: its version and the words that belong to it.
        stem: Box<str>,
    },
}

/// Displays a declared tag, and its full version if that differs from the tag's stem: `1.31 (1.31.4)`.
struct Live<'d, 'c>(&'d Declared<'c>);

impl fmt::Display for Live<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.0)?;
        if self.0.stem != self.0.version() {
            write!(f, " ({})", self.0.version())?;
        }
        Ok(())
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instead = |f: &mut fmt::Formatter<'_>, of: &Option<Box<str>>| match of {
            Some(base) => write!(f, "; no {base} build: the default operating system"),
            None => Ok(()),
        };
        match self {
            Self::SameVersion { instead_of } => {
                f.write_str("the same version")?;
                instead(f, instead_of)
            }
            Self::SameTag { today, instead_of } => {
                write!(f, "the same short tag, {today} today; upstream's may name another patch")?;
                instead(f, instead_of)
            }
            Self::Withdrawn { live } => {
                f.write_str("declared by an earlier revision of the catalog only")?;
                live.as_ref().map_or(Ok(()), |live| write!(f, "; live tag of its line: {}", Live(live)))
            }
            Self::OtherPatch { version, live, elsewhere: Some(os) } => {
                write!(f, "{version} exists on {os} only; live tag of its line: {}", Live(live))
            }
            Self::OtherPatch { version, live, elsewhere: None } => {
                write!(f, "{version} is not declared; live tag of its line: {}", Live(live))
            }
            Self::NewestLine { live } => {
                write!(f, "the reference names no version; shortest tag of the newest line: {}", Live(live))
            }
            Self::AfterSnapshot { newest } => {
                write!(f, "newer than the catalog (newest {newest}); only the registry knows whether it is published")
            }
            Self::UnknownRepository => f.write_str("repository not in the catalog"),
            Self::Substitute { note } => {
                f.write_str("the hardened image is another build")?;
                note.map_or(Ok(()), |note| write!(f, ": {note}"))
            }
            Self::DevelopmentOnly => {
                f.write_str("development builds only, which run as root and hold a package manager")
            }
            Self::DigestOnly => f.write_str("digest only: the version is not in the reference"),
            Self::Windows => f.write_str("Windows image"),
            Self::Fips => f.write_str("FIPS build: those exist in mirrored repositories only"),
            Self::NoPlatform { platform } => write!(f, "no {platform} build"),
            Self::NoVersion { tag } => write!(f, "`{tag}` names no version"),
            Self::Commit => f.write_str("a commit id that the catalog does not have"),
            Self::NoLine { newest } => write!(f, "version line not in the catalog (newest {newest})"),
            Self::OtherScheme { why } => write!(f, "versions do not line up with upstream's: {why}"),
            Self::NeverDeclared { stem, live } => {
                write!(f, "{stem} is not declared; live tag of its line: {}", Live(live))
            }
            Self::NoBase { base, live: Some(live) } => write!(f, "no {base} build of this line; {} exists", Live(live)),
            Self::NoBase { base, live: None } => write!(f, "no {base} build"),
            Self::OtherPatchOnBase { base, live } => {
                write!(f, "no {base} build of this version; {} exists", Live(live))
            }
            Self::OtherBase { live } => write!(f, "no build on the default operating system; {} exists", Live(live)),
            Self::Flavored { live } => write!(f, "flavored builds only; {} exists", Live(live)),
            Self::NoBuild { word, stem } => write!(f, "no -{word} build of {stem}"),
        }
    }
}
