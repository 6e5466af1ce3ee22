//! Facts about how upstream starts an image, and what the hardened image does not do of that. docs/starts.md tells how to write them.
//!
//! ```
//! use quench_core::catalog::{Catalog, Effect};
//!
//! let catalog = Catalog::embedded();
//! let start = catalog.get("mongodb").and_then(|image| image.start()).unwrap();
//! let first = &start.variables[0];
//! assert!(first.names.iter().any(|name| name.matches("MONGO_INITDB_ROOT_USERNAME")));
//! assert_eq!(first.effect, Effect::Open);
//! ```

mod check;
mod condition;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::check::StartProblem;
pub use self::condition::{Condition, ConditionError, Pattern, Word};

/// How upstream starts an image, and what is lost of it in the hardened one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Start {
    /// What upstream's image starts.
    pub upstream: UpstreamStart,
    /// Paths of upstream's programs, or folders of them, that the hardened image does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Box<str>>,
    /// What the builds of each flavor do with arguments; the empty flavor is the plain build.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub builds: BTreeMap<Box<str>, BuildStart>,
    /// The flavor that is what upstream's image is, where the plain build is less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counterpart: Option<Box<str>>,
    /// Variables that only upstream's start reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Variables>,
    /// Folders and files that only upstream's start, configuration or user reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<Folders>,
    /// Forms of arguments that upstream's start takes and the hardened one does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Arguments>,
    /// Defaults that upstream's build or start changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub defaults: Vec<ChangedDefault>,
    /// What the hardened start needs of the user that it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// Where upstream's image keeps data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<Data>,
    /// Where upstream's image reads its configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<Place>,
    /// Sockets that upstream's image makes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<Place>,
    /// How sure the facts about the image as a whole are.
    #[serde(skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// Where the facts were read. The embedded catalog does without.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Box<str>>,
    /// What else is known, and no pod shows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Box<str>>,
}

/// What upstream's image starts, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamStart {
    /// Its entrypoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<Box<str>>,
    /// Its default arguments.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Box<str>>,
    /// Whether a script starts the program.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub script: bool,
    /// The user of the image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// The user that its script changes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drops_to: Option<u32>,
    /// Its working folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<Box<str>>,
    /// The ports that it declares, such as `80/tcp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Box<str>>,
}

impl UpstreamStart {
    /// Returns the user that the program runs as, if known: the one that upstream's script changes to, else the image's.
    pub fn runs_as(&self) -> Option<u32> {
        self.drops_to.or(self.user)
    }

    /// Returns the declared TCP ports; ranges and invalid ports are left out.
    pub fn tcp_ports(&self) -> impl Iterator<Item = u16> {
        self.ports.iter().filter_map(|port| port.strip_suffix("/tcp").unwrap_or(port).parse().ok())
    }
}

/// What the hardened builds of a flavor do with a container's arguments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildStart {
    /// Where arguments go.
    pub arguments: Passing,
    /// What a first argument without a dash is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_word: Option<FirstWord>,
    /// The subcommands of the program, where all of them are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subcommands: Vec<Box<str>>,
}

/// Where the arguments of a container go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Passing {
    /// They are executed as a command.
    Exec,
    /// The program gets them.
    Program,
    /// They are ignored, or break the start.
    Fixed,
}

/// What the hardened image takes a first argument without a dash for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstWord {
    /// A program.
    Program,
    /// A mistake.
    Never,
    /// A subcommand.
    Subcommand,
    /// A file.
    File,
    /// Nothing: it is ignored.
    Ignored,
    /// The server's name, and nothing else.
    Only,
}

/// What is lost where the hardened start does not do what upstream's does; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A security setting is lost.
    Open,
    /// Data is not found, or written elsewhere.
    Data,
    /// It starts, and other pods get no answer.
    Unreachable,
    /// It does not start.
    Refuses,
    /// A database, a user or a file is not made.
    Absent,
    /// A default takes the place of a setting.
    #[serde(rename = "default")]
    Fallback,
}

impl Effect {
    /// The effect as catalogs spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Data => "data",
            Self::Unreachable => "unreachable",
            Self::Refuses => "refuses",
            Self::Absent => "absent",
            Self::Fallback => "default",
        }
    }
}

/// How sure a fact is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sure {
    /// Read in the scripts and definitions of both sides, or seen.
    #[default]
    Certain,
    /// Read on one side, or inferred.
    Likely,
}

impl Sure {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_certain(&self) -> bool {
        *self == Self::Certain
    }
}

/// Variables that only upstream's start reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variables {
    /// Their names. Where several rows have a variable, the longest name holds.
    pub names: Vec<Pattern>,
    /// What is lost.
    pub effect: Effect,
    /// How sure that is.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// When it is: all of these.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Values that the hardened image behaves like anyway.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fine: Vec<Box<str>>,
}

/// Folders and files that only upstream's start, configuration or user reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// Their paths. A mount at or below one of them is ignored.
    pub paths: Vec<Box<str>>,
    /// What is lost.
    pub effect: Effect,
    /// How sure that is.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// When it is: all of these.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Where the hardened image reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<Box<str>>,
}

/// A form of arguments that the hardened image does not take as upstream's does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// The form.
    pub form: Form,
    /// What is lost.
    pub effect: Effect,
    /// How sure that is.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// When it is: all of these.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Arguments of that form; with `name-first`, the first of them is the name.
    pub example: Vec<Box<str>>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cure: Option<Box<str>>,
}

/// What a container's arguments begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The program's own name.
    NameFirst,
    /// Another program's name.
    OtherProgramFirst,
    /// A path, or a file.
    PathFirst,
    /// A flag.
    FlagsFirst,
    /// A subcommand: what the conditions say.
    Subcommand,
}

/// A default of upstream's image that the hardened one does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedDefault {
    /// What the hardened image does: the rest of a sentence that begins with "hardened".
    pub hardened: Box<str>,
    /// What to do about it.
    pub cure: Box<str>,
    /// What is lost.
    pub effect: Effect,
    /// How sure that is.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// When it is: all of these.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// When it is not: any of these.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Condition>,
}

/// What the hardened start needs of the user that it runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// Folders that the start writes and that only the image's own user may write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<Box<str>>,
    /// Whether the user must be in `/etc/passwd`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
    /// What the start makes of root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// How sure that is.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// When it does: all of these.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// What the hardened start makes of root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Root {
    /// It does not start as root, while upstream's does.
    Refused,
    /// It does not start as another user.
    Required,
}

/// A folder where upstream's image keeps data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Its path.
    pub path: Box<str>,
    /// Where the hardened image keeps it, where that is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<Box<str>>,
    /// The user that upstream's image writes it as, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// Whether the program refuses data of another user, whatever its group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sole_owner: bool,
    /// Variables and flags that say where the data is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_by: Vec<Box<str>>,
    /// Of which builds that is so: all of these.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A path of upstream's image, and where the hardened one has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its path.
    pub path: Box<str>,
    /// Where the hardened image has it, where that is elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<Box<str>>,
    /// When that is so: all of these.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

#[cfg(test)]
mod tests;
