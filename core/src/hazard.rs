//! What would break or is unwise about a container, one function each, with a stable code.

mod code;
mod container;
mod platform;
mod port;
mod reference;
mod start;
mod time_zone;
mod upstream;
mod user;
mod volume;
mod words;

use std::borrow::Cow;
use std::fmt;

use strum::{EnumDiscriminants, EnumString, IntoStaticStr, VariantArray};

pub(crate) use self::code::About;
pub use self::code::{Action, Certainty, Setting};
use self::container::{Candidate, owned};
pub use self::container::{Counterpart, Inherited, of_container};
pub(crate) use self::platform::platform_missing_of;
pub(crate) use self::reference::{of_reference, operator_managed};
pub(crate) use self::user::named_user_of;
use crate::read::workload::group;
use crate::text::printable;

/// The most of a name from the object that a message repeats.
const MAX_NAME: usize = 63;
/// The most of a command's word that a message repeats: the advice behind it still fits the line.
const MAX_WORD: usize = 23;
/// The most of a volume's name that a message repeats, so that the advice fits behind it.
const MAX_VOLUME: usize = 18;

/// A hazard that a container has; displayed as what a user reads after the container's name.
///
/// [`Code`] is derived from it: the public name of a variant is its name in kebab case, such as `privileged-port`.
#[derive(Debug, Clone, PartialEq, Eq, EnumDiscriminants)]
#[strum_discriminants(
    name(Code),
    doc = "The public name of a hazard: the word in policies, warnings, audit annotations and metrics.",
    derive(Hash, PartialOrd, Ord, EnumString, IntoStaticStr, VariantArray),
    strum(serialize_all = "kebab-case")
)]
pub enum Hazard<'a> {
    /// A container port below 1024 that a nonroot user may not be allowed to bind.
    PrivilegedPort {
        /// The lowest such port.
        port: i64,
        /// The user that the container runs as, where it is known.
        uid: Option<i64>,
    },
    /// The same on the host's network, where it is refused.
    PrivilegedPortHost {
        /// The lowest such port.
        port: i64,
        /// The user that the container runs as, where it is known.
        uid: Option<i64>,
    },
    /// Nothing says that the container runs as a nonroot user.
    MissingNonroot,
    /// Told to run as root, on an image that is made for a nonroot user.
    RunsAsRoot {
        /// The user that the hardened image is made for.
        uid: u32,
    },
    /// Must be nonroot by number, and the hardened image names its user.
    NamedUser {
        /// The user that the hardened image runs as.
        uid: u32,
    },
    /// Does what only root can do, on an image whose default user is not root.
    NeedsRoot {
        /// What only root can do.
        reason: &'a str,
        /// The user that the hardened image runs as.
        uid: u32,
        /// Whether `runAsUser: 0` is no way out, since the hardened start refuses root.
        refuses_root: bool,
    },
    /// Starts a shell that the hardened image does not have.
    NoShell {
        /// The shell, or another program that runs scripts.
        program: Cow<'a, str>,
        /// The mounted script that needs it, where it is not started by its own name.
        script: Option<Cow<'a, str>>,
    },
    /// Starts a common program that the hardened image does not have.
    ProgramMissing {
        /// The name of the program.
        program: &'a str,
    },
    /// Starts a program that the hardened image may not have.
    ProgramUnknown {
        /// The program as it is started: a name or a path.
        program: Cow<'a, str>,
    },
    /// Starts a program by a path that the hardened image does not have.
    EntrypointDiffers {
        /// The path that is started.
        path: Cow<'a, str>,
    },
    /// Has arguments for an entrypoint that the hardened image does not have.
    NoEntrypoint,
    /// Installs packages, and the hardened image has no package manager.
    NoPackageManager {
        /// The name of the package manager.
        program: &'a str,
    },
    /// The hardened image keeps its data elsewhere than the volume.
    DataPathMoved {
        /// The variable or flag that says where the data is, where there is one.
        setting: Option<&'a str>,
        /// Where the hardened image looks.
        moved_to: &'a str,
    },
    /// The data belong to another user than the hardened image's.
    DataOwnerDiffers {
        /// The user that the data belongs to, where it is known.
        owner: Option<u32>,
        /// The user that the hardened image runs as.
        uid: u32,
        /// Whether a group would not do: on the node, where no `fsGroup` changes it, and for programs that insist on their user.
        chown: bool,
    },
    /// A volume that the hardened image's user may not read or write.
    VolumeOwnership {
        /// The volume.
        volume: Cow<'a, str>,
        /// The user that the hardened image runs as.
        uid: u32,
        /// Whether it lies on the node, where no `fsGroup` changes its group.
        on_node: bool,
        /// Whether `runAsUser: 0` is no way out, since the hardened start refuses root.
        refuses_root: bool,
        /// How sure it is that it matters: a writable folder of the node is root's.
        certainty: Certainty,
    },
    /// The hardened image listens elsewhere.
    PortsDiffer {
        /// A port that the pod asks.
        asked: i64,
        /// A port that the hardened image listens on.
        listens: u16,
        /// How sure it is that somebody asks the port.
        certainty: Certainty,
    },
    /// A variable that only upstream's start reads.
    VariableIgnored {
        /// The variable.
        name: Cow<'a, str>,
        /// Whether only an `envFrom` may bring it.
        env_from: bool,
        /// How sure it is that it matters.
        certainty: Certainty,
    },
    /// A mount where only upstream's start, configuration or user looks.
    FolderIgnored {
        /// Where it is mounted.
        path: Cow<'a, str>,
        /// Where the hardened image looks, where it does.
        instead: Option<&'a str>,
        /// How sure it is that it matters.
        certainty: Certainty,
    },
    /// Arguments that upstream's start takes in a way that the hardened one does not.
    ArgumentsDiffer {
        /// The first of them.
        word: Cow<'a, str>,
        /// What to do about it.
        cure: &'a str,
        /// How sure it is that it matters.
        certainty: Certainty,
    },
    /// A default that upstream's build or start changes, and that nothing in the pod decides.
    DefaultsDiffer {
        /// What the hardened image does.
        hardened: &'a str,
        /// What to do about it.
        cure: &'a str,
        /// How sure it is that it matters.
        certainty: Certainty,
    },
    /// An explicit user with whom the hardened start does not get on.
    UserDiffers {
        /// The user that the pod sets.
        uid: i64,
        /// What is wrong with that user.
        unfit: Unfit<'a>,
        /// The user that the hardened image is made for.
        run_as: u32,
        /// How sure it is that it matters.
        certainty: Certainty,
    },
    /// A time zone is set, and the hardened image has no time zones.
    TimeZoneMissing,
    /// The hardened image has no build for a node that the pod may run on.
    PlatformMissing {
        /// The architecture that has no build.
        architecture: &'a str,
    },
    /// A FIPS build, which the public catalog does not have.
    FipsUnavailable,
    /// A pinned image becomes a moving tag.
    DigestDropped,
    /// A development build, which runs as root and has a package manager.
    DevVariant,
    /// A reference in hardened form whose name or tag the catalog does not have.
    HardenedUnknown,
    /// The pod cannot be given the pull secret that the target needs.
    PullSecretMissing {
        /// The secret that the target needs.
        secret: &'a str,
    },
    /// The namespace has no Secret of the name that the target is pulled with.
    PullSecretAbsent {
        /// The secret that the target is pulled with.
        secret: &'a str,
    },
    /// The pod's controller compares its images with what it wrote.
    ForeignOwner {
        /// The API version of the controller.
        api_version: &'a str,
        /// Its kind.
        kind: &'a str,
    },
    /// Depends on the image of another container of the pod, which stays.
    StaysTogether {
        /// The other container.
        other: &'a str,
    },
    /// An operator composes the image: its settings are where to change it.
    OperatorManaged {
        /// Where the operator takes the image from.
        setting: &'static str,
    },
}

/// Why a user that a pod sets is none for the hardened start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit<'a> {
    /// The start writes this folder, and the user may not.
    CannotWrite(&'a str),
    /// The start looks the user up in `/etc/passwd`, and does not find it.
    NotListed,
    /// The start refuses root.
    Root,
}

impl Hazard<'_> {
    /// Returns the public name.
    pub fn code(&self) -> Code {
        self.into()
    }

    /// Returns how sure the finding is. Only hazards whose default is `auto` may be possible.
    pub fn certainty(&self) -> Certainty {
        match self {
            Self::VariableIgnored { certainty, .. }
            | Self::FolderIgnored { certainty, .. }
            | Self::ArgumentsDiffer { certainty, .. }
            | Self::DefaultsDiffer { certainty, .. }
            | Self::UserDiffers { certainty, .. }
            | Self::PortsDiffer { certainty, .. }
            | Self::VolumeOwnership { certainty, .. } => *certainty,
            _ => Certainty::Certain,
        }
    }
}

impl fmt::Display for Hazard<'_> {
    #[expect(clippy::too_many_lines, reason = "one arm a hazard")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrivilegedPort { port, uid: Some(uid) } => {
                write!(f, "port {port} may be refused as uid {uid}; use a port above 1023")
            }
            Self::PrivilegedPort { port, uid: None } => {
                write!(f, "port {port} may be refused to a nonroot user; use a port above 1023")
            }
            Self::PrivilegedPortHost { port, uid: Some(uid) } => {
                write!(f, "the node refuses port {port} to uid {uid}; use one above 1023")
            }
            Self::PrivilegedPortHost { port, uid: None } => {
                write!(f, "the node refuses port {port} to nonroot; use one above 1023")
            }
            Self::MissingNonroot => f.write_str("set `runAsNonRoot: true` or a numeric `runAsUser`"),
            Self::RunsAsRoot { uid } => write!(f, "set to run as root; the hardened image is made for uid {uid}"),
            Self::NamedUser { uid: 0 } => {
                f.write_str("`runAsNonRoot` refuses hardened's root user; set a numeric `runAsUser`")
            }
            Self::NamedUser { uid } => {
                write!(f, "`runAsNonRoot` refuses hardened's named user; set `runAsUser: {uid}`")
            }
            Self::NeedsRoot { reason, uid, refuses_root } => {
                let reason = printable(reason, MAX_NAME);
                if *refuses_root {
                    write!(f, "{reason} needs root, which hardened refuses; do without it")
                } else {
                    write!(f, "{reason} needs root, hardened runs as uid {uid}; set `runAsUser: 0`")
                }
            }
            Self::NoShell { program, script: None } => {
                write!(f, "starts `{program}`, which the hardened image lacks; start the program itself")
            }
            Self::NoShell { program, script: Some(script) } => {
                write!(f, "script `{}` needs `{program}`, which hardened lacks", printable(script, MAX_WORD))
            }
            Self::ProgramMissing { program } => write!(f, "hardened lacks `{program}`; start a program that it has"),
            Self::ProgramUnknown { program } => {
                write!(f, "hardened may lack `{}`; try it there first", printable(program, MAX_WORD))
            }
            Self::EntrypointDiffers { path } => {
                write!(f, "hardened has no `{}`; use its path there", printable(path, MAX_WORD))
            }
            Self::NoEntrypoint => f.write_str("hardened has no entrypoint for `args`; set `command` too"),
            Self::NoPackageManager { program } => {
                write!(f, "runs `{program}`, which hardened lacks; install in a build")
            }
            Self::DataPathMoved { setting: Some(setting), .. } => {
                write!(f, "hardened looks elsewhere for data; set `{setting}`")
            }
            Self::DataPathMoved { setting: None, moved_to } => {
                write!(f, "data moves to `{moved_to}`; mount it there")
            }
            Self::TimeZoneMissing => f.write_str("hardened has no time zones; mount `/usr/share/zoneinfo`"),
            Self::VariableIgnored { .. }
            | Self::FolderIgnored { .. }
            | Self::ArgumentsDiffer { .. }
            | Self::DefaultsDiffer { .. }
            | Self::UserDiffers { .. } => upstream::fmt(self, f),
            Self::DataOwnerDiffers { owner, uid, chown } => {
                match owner {
                    Some(owner) => write!(f, "data is uid {owner}'s")?,
                    None => f.write_str("data is another user's")?,
                }
                if *chown {
                    write!(f, "; chown it and set `runAsUser: {uid}`")
                } else {
                    write!(f, ", not uid {uid}'s; set `fsGroup: {uid}`")
                }
            }
            Self::VolumeOwnership { volume, uid, on_node, refuses_root, .. } => {
                let volume = printable(volume, MAX_VOLUME);
                write!(f, "uid {uid} may not use `{volume}`; ")?;
                match (on_node, refuses_root) {
                    (true, true) => f.write_str("change its owner"),
                    (true, false) => f.write_str("set `runAsUser: 0`"),
                    (false, _) => write!(f, "set `fsGroup: {uid}`"),
                }
            }
            Self::PortsDiffer { asked, listens, .. } => {
                write!(f, "hardened listens on {listens}, not {asked}; change or configure the port")
            }
            Self::PlatformMissing { architecture } => {
                write!(f, "hardened has no build for {architecture} nodes; set `nodeSelector` kubernetes.io/arch")
            }
            Self::FipsUnavailable => f.write_str("FIPS builds are in mirrors only; set `hardened.repository`"),
            Self::DigestDropped => f.write_str("the pin is dropped and the tag may move; pin it with `verify`"),
            Self::DevVariant => f.write_str("a development build, root and with tools; use a tag without `-dev`"),
            Self::HardenedUnknown => f.write_str("the catalog has no such hardened image or tag; check both"),
            Self::PullSecretMissing { secret } => write!(f, "the pod does not name the pull secret `{secret}`"),
            Self::PullSecretAbsent { secret } => {
                write!(f, "the namespace has no Secret `{}`; create it", printable(secret, MAX_WORD))
            }
            Self::ForeignOwner { api_version, kind } => {
                let (group, kind) = (printable(group(api_version), MAX_NAME), printable(kind, MAX_NAME));
                write!(f, "its controller may undo it; set the image in {group}/{kind}, or tolerate it")
            }
            Self::StaysTogether { other } => {
                write!(f, "shares with `{}`, which stays; move both", printable(other, MAX_WORD))
            }
            Self::OperatorManaged { setting } => write!(f, "its operator sets it; use {setting}"),
        }
    }
}

#[cfg(test)]
pub(crate) mod table_tests;
#[cfg(test)]
mod tests;
