//! The table of hazards: the default action of each, and which containers it is about.

use std::fmt;

use serde::Deserialize;
use strum::VariantArray;

use super::Code;

/// What is the same for every finding of a hazard.
struct Row {
    default: Setting,
    about: About,
    /// Whether a registry's answer can take the finding away, or bring it.
    answerable: bool,
    /// Whether the finding also counts where the image is taken from a mirror: it is about the change or the pull, not the image.
    counts_for_mirrors: bool,
}

/// Which containers a hazard is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum About {
    /// Every container, whatever it runs.
    Every,
    /// A container that has a hardened candidate, or at least an image of that name.
    Candidate,
    /// A container whose image is hardened.
    Hardened,
    /// A container that has a candidate, or whose image is a target already.
    Both,
}

impl Code {
    /// Every hazard.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    #[expect(clippy::match_same_arms, reason = "one row a hazard")]
    const fn row(self) -> Row {
        use About::{Both, Candidate, Every, Hardened};
        use Setting::{Auto, Ignore, Keep, Warn};
        match self {
            Self::PrivilegedPort => Row::new(Warn, Every),
            Self::PrivilegedPortHost => Row::new(Keep, Candidate),
            Self::MissingNonroot => Row::new(Warn, Every),
            Self::RunsAsRoot => Row::new(Warn, Both),
            Self::NamedUser => Row::new(Keep, Candidate).answerable(),
            Self::NeedsRoot => Row::new(Keep, Both),
            Self::NoShell => Row::new(Keep, Candidate),
            Self::ProgramMissing => Row::new(Keep, Candidate),
            Self::ProgramUnknown => Row::new(Warn, Candidate),
            Self::EntrypointDiffers => Row::new(Keep, Candidate),
            Self::NoEntrypoint => Row::new(Keep, Candidate),
            Self::NoPackageManager => Row::new(Keep, Candidate),
            Self::DataPathMoved => Row::new(Keep, Candidate),
            Self::DataOwnerDiffers => Row::new(Keep, Candidate),
            Self::VolumeOwnership => Row::new(Auto, Candidate),
            Self::PortsDiffer => Row::new(Auto, Candidate),
            Self::VariableIgnored => Row::new(Auto, Candidate),
            Self::FolderIgnored => Row::new(Auto, Candidate),
            Self::ArgumentsDiffer => Row::new(Auto, Candidate),
            Self::DefaultsDiffer => Row::new(Auto, Candidate),
            Self::UserDiffers => Row::new(Auto, Candidate),
            Self::TimeZoneMissing => Row::new(Warn, Candidate),
            Self::PlatformMissing => Row::new(Keep, Candidate).answerable(),
            Self::FipsUnavailable => Row::new(Keep, Candidate),
            Self::DigestDropped => Row::new(Ignore, Candidate).answerable(),
            Self::DevVariant => Row::new(Warn, Hardened),
            Self::HardenedUnknown => Row::new(Warn, Hardened),
            Self::PullSecretMissing => Row::new(Keep, Candidate).counting_for_mirrors(),
            Self::PullSecretAbsent => Row::new(Warn, Both).counting_for_mirrors(),
            Self::ForeignOwner => Row::new(Keep, Candidate).counting_for_mirrors(),
            Self::StaysTogether => Row::new(Keep, Candidate),
            Self::OperatorManaged => Row::new(Warn, Candidate),
        }
    }

    /// Returns the word in policies, warnings, audit annotations and metrics.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// Finds the code of that name.
    pub fn named(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// Returns what a policy that does not name the hazard says of it.
    pub fn default_setting(self) -> Setting {
        self.row().default
    }

    pub(crate) fn about(self) -> About {
        self.row().about
    }

    pub(crate) fn is_answerable(self) -> bool {
        self.row().answerable
    }

    pub(crate) fn counts_for_mirrors(self) -> bool {
        self.row().counts_for_mirrors
    }
}

impl Row {
    const fn new(default: Setting, about: About) -> Self {
        Self { default, about, answerable: false, counts_for_mirrors: false }
    }

    const fn answerable(self) -> Self {
        Self { answerable: true, ..self }
    }

    const fn counting_for_mirrors(self) -> Self {
        Self { counts_for_mirrors: true, ..self }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Certainty {
    /// The container would not run as before.
    Certain,
    /// It may not: that depends on what no pod shows, or on a fact that is only likely.
    Possible,
}

/// What a policy says of a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Setting {
    /// The image stays where the hazard is certain, and is rewritten with a warning where it is possible.
    Auto,
    /// Nothing, not even a warning.
    Ignore,
    /// The image is rewritten and the user warned.
    Warn,
    /// The image stays and the user is warned.
    Keep,
    /// The object is refused.
    Deny,
}

impl Setting {
    /// Returns what a finding does.
    pub fn action(self, certainty: Certainty) -> Action {
        match (self, certainty) {
            (Self::Auto, Certainty::Certain) | (Self::Keep, _) => Action::Keep,
            (Self::Auto, Certainty::Possible) | (Self::Warn, _) => Action::Warn,
            (Self::Ignore, _) => Action::Ignore,
            (Self::Deny, _) => Action::Deny,
        }
    }

    /// Returns the word in policies.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            _ => self.action(Certainty::Certain).name(),
        }
    }
}

impl From<Action> for Setting {
    fn from(action: Action) -> Self {
        match action {
            Action::Ignore => Self::Ignore,
            Action::Warn => Self::Warn,
            Action::Keep => Self::Keep,
            Action::Deny => Self::Deny,
        }
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
