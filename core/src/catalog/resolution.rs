//! The catalog's answer for an upstream reference, with the reason.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{Declared, Facts, Image};

/// The certainty that a hardened tag corresponds to an upstream one, the most certain first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The catalog declares the same version.
    Exact,
    /// The catalog declares the same short tag. It moves like the original, but may name another patch.
    Alias,
    /// An earlier revision of the catalog declared the version: it can most likely be pulled, but gets no fixes.
    Past,
    /// The catalog declares the minor line, with another patch.
    Line,
    /// The reference has no version, so the newest line is a guess.
    Floating,
    /// The version is newer than the catalog: only a registry knows whether it is published.
    Unlisted,
    /// Nothing corresponds.
    #[serde(skip)]
    None,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 7] =
        [Self::Exact, Self::Alias, Self::Past, Self::Line, Self::Floating, Self::Unlisted, Self::None];

    /// Returns the word in policies, `explain` and metrics.
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

/// The answer for one reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution<'c> {
    /// The certainty of the answer.
    pub class: Class,
    /// The hardened image for the repository, also if no tag corresponds.
    pub image: Option<&'c Image>,
    /// The hardened tag; `None` exactly for [`Class::None`].
    pub tag: Option<String>,
    /// The declared build of the tag. For undeclared tags the closest build: of the same line, else the image's
    /// default.
    pub build: Option<Declared<'c>>,
    /// The reason.
    pub reason: Reason<'c>,
}

impl<'c> Resolution<'c> {
    /// Returns the facts of the hardened build, or of the default build if only the repository matches. `None` if the
    /// repository is not in the catalog, or holds another program.
    pub fn facts(&self) -> Option<Facts<'c>> {
        if let Reason::Substitute { .. } = self.reason {
            return None;
        }
        self.build.map(|build| build.facts()).or_else(|| Some(self.image?.facts()))
    }

    /// Returns the `-compat` build of the same version and operating system, if the catalog declares it.
    pub fn compat(&self) -> Option<Declared<'c>> {
        match self.class {
            Class::Exact | Class::Alias | Class::Line | Class::Floating => self.build?.compat(),
            Class::Past | Class::Unlisted | Class::None => None,
        }
    }
}

/// The reason for an answer; it displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason<'c> {
    /// Reason for [`Class::Exact`].
    SameVersion {
        /// Upstream's distribution, if no build has it and the default one is used.
        instead_of: Option<Box<str>>,
    },
    /// Reason for [`Class::Alias`].
    SameTag {
        /// The version that the tag names today.
        today: &'c str,
        /// Upstream's distribution, if no build has it and the default one is used.
        instead_of: Option<Box<str>>,
    },
    /// Reason for [`Class::Past`].
    Withdrawn {
        /// The newest tag of its line.
        live: Option<Declared<'c>>,
    },
    /// Reason for [`Class::Line`].
    OtherPatch {
        /// The requested version.
        version: Box<str>,
        /// The newest tag of its line.
        live: Declared<'c>,
        /// The operating system that has exactly this version.
        elsewhere: Option<&'c str>,
    },
    /// Reason for [`Class::Floating`].
    NewestLine {
        /// The shortest tag of the newest line.
        live: Declared<'c>,
    },
    /// Reason for [`Class::Unlisted`].
    AfterSnapshot {
        /// The newest version in the catalog.
        newest: &'c str,
    },
    /// No hardened image replaces the repository.
    UnknownRepository,
    /// The catalog has another program for the repository.
    Substitute {
        /// The difference.
        note: Option<&'c str>,
    },
    /// The catalog has development builds only, or the tag asks for one.
    DevelopmentOnly,
    /// The reference has a digest only, which names an upstream image and nothing else.
    DigestOnly,
    /// The image is for Windows.
    Windows,
    /// The image is a FIPS build; these exist in mirrored repositories only.
    Fips,
    /// The image is not built for the architecture.
    NoPlatform {
        /// The architecture, as the catalog writes it.
        platform: &'static str,
    },
    /// The tag has no version.
    NoVersion {
        /// The tag.
        tag: Box<str>,
    },
    /// The tag is a commit id that the catalog does not have.
    Commit,
    /// The catalog has no version of the line.
    NoLine {
        /// The newest version in the catalog.
        newest: &'c str,
    },
    /// The image's versions do not line up with upstream's.
    OtherScheme {
        /// The difference.
        why: &'c str,
    },
    /// The catalog has the line, but neither the version nor its short tag.
    NeverDeclared {
        /// The requested stem, in the catalog's spelling.
        stem: Box<str>,
        /// The newest tag of its line.
        live: Declared<'c>,
    },
    /// The catalog has the line, but not on that operating system.
    NoBase {
        /// The operating system, as upstream writes it.
        base: Box<str>,
        /// The same version or line on another operating system.
        live: Option<Declared<'c>>,
    },
    /// The catalog has the line on that operating system, but not the version.
    OtherPatchOnBase {
        /// The operating system, as upstream writes it.
        base: Box<str>,
        /// The same version on another operating system.
        live: Declared<'c>,
    },
    /// The version exists on operating systems other than the default one.
    OtherBase {
        /// The same version on one of these.
        live: Declared<'c>,
    },
    /// The version exists with a flavor only.
    Flavored {
        /// The same version with a flavor.
        live: Declared<'c>,
    },
    /// A word of the tag is neither an operating system nor a flavor of the image.
    NoBuild {
        /// The word.
        word: Box<str>,
        /// The rest of the tag.
        stem: Box<str>,
    },
}

/// Displays a newest tag, with its version if the tag does not spell it.
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
