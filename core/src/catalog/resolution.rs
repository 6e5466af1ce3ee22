//! What an upstream reference is in hardened images, and why.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

use super::{Declared, Facts, Image};

/// How sure the counterpart is, the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The same version is declared.
    Exact,
    /// The same short tag is declared. It floats as before, but need not name the same patch.
    Alias,
    /// An earlier revision of the catalog declared it: most likely it can be pulled, and gets no fixes.
    Past,
    /// The minor line is declared: another patch.
    Line,
    /// The reference has no version: the newest line is a guess.
    Floating,
    /// Newer than what the catalog declares: only a registry knows whether it is published.
    Unlisted,
    /// Nothing corresponds.
    #[serde(skip)]
    None,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 7] =
        [Self::Exact, Self::Alias, Self::Past, Self::Line, Self::Floating, Self::Unlisted, Self::None];

    /// The class as policies, `explain` and metrics spell it.
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
    /// How sure the counterpart is.
    pub class: Class,
    /// The hardened image that answers for the repository, also where no tag corresponds.
    pub image: Option<&'c Image>,
    /// The tag of the hardened image: one for every class but [`Class::None`].
    pub tag: Option<String>,
    /// The declared build that the tag names. For tags that are not declared, the closest one: of the same line, else the
    /// image's default.
    pub build: Option<Declared<'c>>,
    /// Why.
    pub reason: Reason<'c>,
}

impl<'c> Resolution<'c> {
    /// What the counterpart is like to run; where only the name matches, the image's default build. None where the repository
    /// is not in the catalog, or what is there behaves in another way.
    pub fn facts(&self) -> Option<Facts<'c>> {
        if let Reason::Substitute { .. } = self.reason {
            return None;
        }
        self.build.map(|build| build.facts()).or_else(|| Some(self.image?.facts()))
    }

    /// The same version on the same operating system with a shell and the upstream's ways, where the catalog declares it.
    pub fn compat(&self) -> Option<Declared<'c>> {
        match self.class {
            Class::Exact | Class::Alias | Class::Line | Class::Floating => self.build?.compat(),
            Class::Past | Class::Unlisted | Class::None => None,
        }
    }
}

/// Why a reference has the counterpart that it has. It displays as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason<'c> {
    /// Exact.
    SameVersion {
        /// The upstream's distribution, where no build has it and the default takes its place.
        instead_of: Option<Box<str>>,
    },
    /// Alias.
    SameTag {
        /// What the tag names today.
        today: &'c str,
        /// The upstream's distribution, where no build has it and the default takes its place.
        instead_of: Option<Box<str>>,
    },
    /// Past.
    Withdrawn {
        /// The live tag of its line.
        live: Option<Declared<'c>>,
    },
    /// Line.
    OtherPatch {
        /// The version that is asked for.
        version: Box<str>,
        /// The tag of its line.
        live: Declared<'c>,
        /// The operating system that has the very version.
        elsewhere: Option<&'c str>,
    },
    /// Floating.
    NewestLine {
        /// The shortest tag of the newest line.
        live: Declared<'c>,
    },
    /// Unlisted.
    AfterSnapshot {
        /// The newest version that the catalog has.
        newest: &'c str,
    },
    /// No hardened image answers for the repository.
    UnknownRepository,
    /// What the catalog has instead is another image.
    Substitute {
        /// In what it differs.
        note: Option<&'c str>,
    },
    /// The catalog has development builds only, or the tag asks for one.
    DevelopmentOnly,
    /// A digest names an upstream image and nothing else.
    DigestOnly,
    /// An image for Windows.
    Windows,
    /// A FIPS build: they exist in mirrored repositories only.
    Fips,
    /// An architecture that the image lacks.
    NoPlatform {
        /// The architecture, as the catalog writes it.
        platform: &'static str,
    },
    /// The tag is a word.
    NoVersion {
        /// The tag.
        tag: Box<str>,
    },
    /// The tag is a commit id that the catalog does not have.
    Commit,
    /// The catalog has no version of that line.
    NoLine {
        /// The newest version that the catalog has.
        newest: &'c str,
    },
    /// Versions say nothing about upstream's.
    OtherScheme {
        /// In what they differ.
        why: &'c str,
    },
    /// The catalog has the line, but neither the version nor a short tag that it could stand for.
    NeverDeclared {
        /// What is asked for, in the catalog's words.
        stem: Box<str>,
        /// The live tag of its line.
        live: Declared<'c>,
    },
    /// The catalog has the line, but not on that operating system.
    NoBase {
        /// The operating system, as upstream writes it.
        base: Box<str>,
        /// The same version or line on another one.
        live: Option<Declared<'c>>,
    },
    /// The catalog has the line on that operating system, but not the version.
    OtherPatchOnBase {
        /// The operating system, as upstream writes it.
        base: Box<str>,
        /// The same version on another one.
        live: Declared<'c>,
    },
    /// The version exists on other operating systems than the default one.
    OtherBase {
        /// The same version there.
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

/// A live tag, with what it names where that is more than the tag.
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
