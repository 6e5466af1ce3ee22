//! Holds the facts about how upstream's image starts, and the parts of its start that the hardened image lacks.
//! docs/starts.md explains how to write them.
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

/// The start of upstream's image, and the differences of the hardened image's start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Start {
    /// The command, user and ports of upstream's image.
    pub upstream: UpstreamStart,
    /// The paths of upstream's programs, or folders of programs, that the hardened image does not have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Box<str>>,
    /// The handling of a container's arguments by the builds of each flavor; the empty flavor is the plain build.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub builds: BTreeMap<Box<str>, BuildStart>,
    /// The flavor that corresponds to upstream's image, if the plain build contains less, such as `compat` of airflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counterpart: Option<Box<str>>,
    /// The environment variables that only upstream's start reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<Variables>,
    /// The folders and files that only upstream's start, configuration or user reads.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub folders: Vec<Folders>,
    /// The forms of arguments that upstream's start accepts and the hardened image does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Arguments>,
    /// The defaults of the program that upstream's build or start changes and the hardened image does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub defaults: Vec<ChangedDefault>,
    /// The requirements of the hardened start on the user that it runs as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// The folders where upstream's image keeps data.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub data: Vec<Data>,
    /// The paths where upstream's image reads its configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub config: Vec<Place>,
    /// The sockets that upstream's image creates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sockets: Vec<Place>,
    /// The certainty of the facts about the image as a whole.
    #[serde(skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// The sources of the facts, such as a script with its commit; left out of the embedded catalog.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Box<str>>,
    /// Further remarks for people, which no hazard uses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Box<str>>,
}

/// The command, user and ports of upstream's image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpstreamStart {
    /// The entrypoint of upstream's image.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<Box<str>>,
    /// The default arguments of upstream's image (`CMD`).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<Box<str>>,
    /// Whether the entrypoint is a script that starts the program.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub script: bool,
    /// The uid in upstream's image (`USER`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// The uid that the entrypoint script changes to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drops_to: Option<u32>,
    /// The working directory of upstream's image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workdir: Option<Box<str>>,
    /// The ports that upstream's image declares, such as `80/tcp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<Box<str>>,
}

impl UpstreamStart {
    /// Returns the uid that upstream's program runs as: `drops_to`, else `user`; `None` if unknown.
    pub fn runs_as(&self) -> Option<u32> {
        self.drops_to.or(self.user)
    }

    /// Returns the TCP ports that upstream's image declares; ranges and invalid ports are left out.
    pub fn tcp_ports(&self) -> impl Iterator<Item = u16> {
        self.ports.iter().filter_map(|port| port.strip_suffix("/tcp").unwrap_or(port).parse().ok())
    }
}

/// The handling of a container's arguments (`args`) by the hardened builds of a flavor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BuildStart {
    /// The receiver of the arguments.
    pub arguments: Passing,
    /// The meaning of a first argument that does not begin with a dash; `None` if unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_word: Option<FirstWord>,
    /// The subcommands of the program, if all of them are known; empty otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subcommands: Vec<Box<str>>,
}

/// The receiver of a container's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Passing {
    /// The arguments are executed as a command.
    Exec,
    /// The arguments are passed to the program.
    Program,
    /// The arguments are ignored, or break the start.
    Fixed,
}

/// The meaning of a first argument without a dash to the hardened image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FirstWord {
    /// The argument is the name of a program to start.
    Program,
    /// The program does not accept such an argument.
    Never,
    /// The argument is a subcommand of the program.
    Subcommand,
    /// The argument is a file.
    File,
    /// The argument is ignored.
    Ignored,
    /// The program accepts only the server's name.
    Only,
}

/// The loss if the hardened start does not do the same as upstream's; the worst effect comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// A security setting is lost.
    Open,
    /// Data is not found, or is written to another place.
    Data,
    /// The container starts, but other pods get no answer from it.
    Unreachable,
    /// The container does not start.
    Refuses,
    /// A database, a user or a file is not created.
    Absent,
    /// The program uses a default instead of a setting.
    #[serde(rename = "default")]
    Fallback,
}

impl Effect {
    /// Returns the effect's word in catalogs.
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

/// The certainty of a fact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sure {
    /// The fact was read in upstream's and the hardened image's scripts and definitions, or was seen in a test.
    #[default]
    Certain,
    /// The fact was read for one of the two images only, or was inferred.
    Likely,
}

impl Sure {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_certain(&self) -> bool {
        *self == Self::Certain
    }
}

/// Environment variables that only upstream's start reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variables {
    /// The names of the variables. If several rows match a variable, the row with the longest name applies.
    pub names: Vec<Pattern>,
    /// The loss if the hardened image is used.
    pub effect: Effect,
    /// The certainty of the fact in this row.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// The conditions of this row, all of which must hold.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The values of the variables that equal the behavior of the hardened image, so that the row does not apply.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fine: Vec<Box<str>>,
}

/// Folders and files that only upstream's start, configuration or user reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folders {
    /// The paths of the folders and files. The hardened image ignores a volume mounted at or below one of them.
    pub paths: Vec<Box<str>>,
    /// The loss if the hardened image is used.
    pub effect: Effect,
    /// The certainty of the fact in this row.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// The conditions of this row, all of which must hold.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The path that the hardened image reads instead; `None` if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead: Option<Box<str>>,
}

/// A form of arguments that the hardened image handles differently from upstream's image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arguments {
    /// The form of the arguments.
    pub form: Form,
    /// The loss if the hardened image is used.
    pub effect: Effect,
    /// The certainty of the fact in this row.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// The conditions of this row, all of which must hold.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Example arguments of the form; the first of a [`Form::NameFirst`] is the program's name.
    pub example: Vec<Box<str>>,
    /// The advice in the warning, such as a flag to add; `None` for the form's usual advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cure: Option<Box<str>>,
}

/// The beginning of a container's arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// The arguments begin with the program's own name.
    NameFirst,
    /// The arguments begin with another program's name.
    OtherProgramFirst,
    /// The arguments begin with a path or a file.
    PathFirst,
    /// The arguments begin with a flag.
    FlagsFirst,
    /// The arguments begin with a subcommand, which only the row's conditions describe.
    Subcommand,
}

/// A default of upstream's image that the hardened image does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedDefault {
    /// The behavior of the hardened image: the rest of a sentence that begins with "hardened".
    pub hardened: Box<str>,
    /// The advice in the warning.
    pub cure: Box<str>,
    /// The loss if the hardened image is used.
    pub effect: Effect,
    /// The certainty of the fact in this row.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// The conditions of this row, all of which must hold.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The conditions any of which prevents the row from applying.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unless: Vec<Condition>,
}

/// The requirements of the hardened start on the user that it runs as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// The folders that the start writes, and that only the image's own user may write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<Box<str>>,
    /// Whether the user must be in `/etc/passwd`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub listed: bool,
    /// The behavior of the hardened image as root; `None` if its start does not depend on root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Root>,
    /// The certainty of the fact in this row.
    #[serde(default, skip_serializing_if = "Sure::is_certain")]
    pub sure: Sure,
    /// The conditions of these requirements, all of which must hold.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// The behavior of the hardened image when the pod runs it as root, or as another user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Root {
    /// The hardened image does not start as root, while upstream's does.
    Refused,
    /// The hardened image starts only as root.
    Required,
}

/// A folder where upstream's image keeps data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The path of the folder.
    pub path: Box<str>,
    /// The path in the hardened image; `None` if it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<Box<str>>,
    /// The uid that upstream's image writes the data as; `None` if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// Whether the program refuses data that another user owns, regardless of its group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sole_owner: bool,
    /// The variables and flags that set the folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told_by: Vec<Box<str>>,
    /// The conditions on the build, all of which must hold.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A path in upstream's image, and the same file's path in the hardened image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The path in upstream's image.
    pub path: Box<str>,
    /// The path in the hardened image; `None` if it is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<Box<str>>,
    /// The conditions of this row, all of which must hold.
    #[serde(default, rename = "if", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

#[cfg(test)]
mod tests;
