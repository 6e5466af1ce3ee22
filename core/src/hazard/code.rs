//! The public names of hazards, and what each does where the policy does not say.

use std::fmt;

use serde::Deserialize;

/// The public name of a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A container port below 1024 that a nonroot user may not be allowed to bind.
    PrivilegedPort,
    /// The same on the host's network, where it is refused.
    PrivilegedPortHost,
    /// Nothing says that the container runs as a nonroot user.
    MissingNonroot,
    /// Told to run as root, on an image that is made for a nonroot user.
    RunsAsRoot,
    /// Must be nonroot by number, and the hardened image names its user.
    NamedUser,
    /// Does what only root can do, on an image whose default user is not root.
    NeedsRoot,
    /// Starts a shell that the hardened image does not have.
    NoShell,
    /// Starts a common program that the hardened image does not have.
    ProgramMissing,
    /// Starts a program that the hardened image may not have.
    ProgramUnknown,
    /// Starts a program by a path that the hardened image does not have.
    EntrypointDiffers,
    /// Has arguments for an entrypoint that the hardened image does not have.
    NoEntrypoint,
    /// Installs packages, and the hardened image has no package manager.
    NoPackageManager,
    /// The hardened image keeps its data elsewhere than the volume.
    DataPathMoved,
    /// The data belong to another user than the hardened image's.
    DataOwnerDiffers,
    /// A volume that the hardened image's user may not read or write.
    VolumeOwnership,
    /// The hardened image listens elsewhere.
    PortsDiffer,
    /// The hardened image has no build for a node that the pod may run on.
    PlatformMissing,
    /// A FIPS build, which the public catalog does not have.
    FipsUnavailable,
    /// A pinned image becomes a moving tag.
    DigestDropped,
    /// A development build, which runs as root and has a package manager.
    DevVariant,
    /// The pod cannot be given the pull secret that the target needs.
    PullSecretMissing,
    /// The namespace has no Secret of the name that the target is pulled with.
    PullSecretAbsent,
    /// The pod's controller compares its images with what it wrote.
    ForeignOwner,
    /// An operator composes the image: its settings are where to change it.
    OperatorManaged,
}

/// What is fixed about a hazard.
struct Row {
    name: &'static str,
    default: Action,
    about: About,
}

/// Which containers a hazard speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Whatever they run.
    Every,
    /// Those that have a hardened candidate, or at least an image of that name.
    Candidate,
    /// Those whose image is hardened.
    Hardened,
    /// Those that have a candidate, and those whose image is a target already.
    Both,
}

impl Code {
    /// Every hazard.
    pub const ALL: [Self; 24] = [
        Self::PrivilegedPort,
        Self::PrivilegedPortHost,
        Self::MissingNonroot,
        Self::RunsAsRoot,
        Self::NamedUser,
        Self::NeedsRoot,
        Self::NoShell,
        Self::ProgramMissing,
        Self::ProgramUnknown,
        Self::EntrypointDiffers,
        Self::NoEntrypoint,
        Self::NoPackageManager,
        Self::DataPathMoved,
        Self::DataOwnerDiffers,
        Self::VolumeOwnership,
        Self::PortsDiffer,
        Self::PlatformMissing,
        Self::FipsUnavailable,
        Self::DigestDropped,
        Self::DevVariant,
        Self::PullSecretMissing,
        Self::PullSecretAbsent,
        Self::ForeignOwner,
        Self::OperatorManaged,
    ];

    fn row(self) -> Row {
        use About::{Both, Candidate, Every, Hardened};
        use Action::{Ignore, Keep, Warn};
        let row = |name, default, about| Row { name, default, about };
        match self {
            Self::PrivilegedPort => row("privileged-port", Warn, Every),
            Self::PrivilegedPortHost => row("privileged-port-host", Keep, Candidate),
            Self::MissingNonroot => row("missing-nonroot", Warn, Every),
            Self::RunsAsRoot => row("runs-as-root", Warn, Both),
            Self::NamedUser => row("named-user", Keep, Candidate),
            Self::NeedsRoot => row("needs-root", Keep, Candidate),
            Self::NoShell => row("no-shell", Keep, Candidate),
            Self::ProgramMissing => row("program-missing", Keep, Candidate),
            Self::ProgramUnknown => row("program-unknown", Warn, Candidate),
            Self::EntrypointDiffers => row("entrypoint-differs", Keep, Candidate),
            Self::NoEntrypoint => row("no-entrypoint", Keep, Candidate),
            Self::NoPackageManager => row("no-package-manager", Keep, Candidate),
            Self::DataPathMoved => row("data-path-moved", Keep, Candidate),
            Self::DataOwnerDiffers => row("data-owner-differs", Keep, Candidate),
            Self::VolumeOwnership => row("volume-ownership", Warn, Candidate),
            Self::PortsDiffer => row("ports-differ", Warn, Candidate),
            Self::PlatformMissing => row("platform-missing", Keep, Candidate),
            Self::FipsUnavailable => row("fips-unavailable", Keep, Candidate),
            Self::DigestDropped => row("digest-dropped", Ignore, Candidate),
            Self::DevVariant => row("dev-variant", Warn, Hardened),
            Self::PullSecretMissing => row("pull-secret-missing", Keep, Candidate),
            Self::PullSecretAbsent => row("pull-secret-absent", Warn, Both),
            Self::ForeignOwner => row("foreign-owner", Keep, Candidate),
            Self::OperatorManaged => row("operator-managed", Warn, Candidate),
        }
    }

    /// The code as policies, warnings, audit annotations and metrics spell it.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// The code of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// What happens where the policy does not say.
    pub fn default_action(self) -> Action {
        self.row().default
    }

    pub(crate) fn about(self) -> About {
        self.row().about
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a hazard does to the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing, not even a warning.
    Ignore,
    /// The image is rewritten and the user warned.
    Warn,
    /// The image stays and the user is warned.
    Keep,
    /// The object is refused.
    Deny,
}

impl Action {
    /// The action as policies and metrics spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Warn => "warn",
            Self::Keep => "keep",
            Self::Deny => "deny",
        }
    }
}
