//! The user's file: what may be rewritten to what, and what each hazard means.

mod check;
mod file;
mod glob;
mod maps;
mod mode;
mod owners;
mod pattern;
mod prefix;
mod problem;
mod raw;
mod repository;
mod rule;
mod schema;
mod secret;
mod shadowed;
mod syntax;
mod verify;

use std::array;
use std::collections::HashSet;

pub use self::check::{Checked, Note, Remark};
pub use self::glob::{Glob, GlobError};
pub use self::mode::{GitOps, Mode, NamespaceMode, OptOut, Treatment, Workloads};
pub use self::owners::Owners;
pub use self::prefix::{Mapping, Prefix};
pub use self::problem::{PolicyError, Problem};
pub use self::repository::{Repository, RepositoryError};
pub use self::rule::{Effect, ReplaceError, Replacement, ReplacementError, Rule};
pub use self::secret::{Propagate, PullSecret};
pub use self::verify::{Unknown, Verify};
use crate::catalog::{Class, Platform};
use crate::hazard::{Action, Certainty, Code, Hazard, Setting};
use crate::read::workload::Kind;
use crate::reference::{ParseError, Reference, is_host_and_port};

/// Where hardened images are published.
pub(crate) const PUBLIC_REGISTRY: &str = "dhi.io";

/// What may be rewritten to what, and what each hazard means.
///
/// ```
/// use quench_core::policy::{Mode, Policy};
///
/// let policy = Policy::parse("apiVersion: quench.dev/v1alpha1\nkind: Policy\nmode: warn\n", "policy.yaml")?;
/// assert_eq!(policy.mode, Mode::Warn);
/// # Ok::<(), quench_core::policy::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// What happens where neither path, namespace nor annotation says otherwise.
    pub mode: Mode,
    /// How hardened images are named here.
    pub repository: Repository,
    /// The match classes whose candidates are used.
    pub matches: Vec<Class>,
    /// Whether builds with a shell take the place of those that would not run.
    pub compat: Compat,
    /// What becomes of misspelt hardened images.
    pub misspelt: Misspelt,
    /// What nodes may be, where a pod does not say.
    pub platforms: Vec<Platform>,
    /// What becomes of a pinned image.
    pub digest: Digest,
    /// What goes before the catalog; the first match holds.
    pub rules: Vec<Rule>,
    /// Where images are that have no hardened candidate: the same bytes.
    pub mirrors: Vec<Mapping>,
    /// Copies, which are looked up as what they copy.
    pub aliases: Vec<Mapping>,
    /// The pull secrets that targets need.
    pub pull_secrets: Vec<PullSecret>,
    /// What the webhook does with each kind.
    pub workloads: Workloads,
    /// The modes of namespaces; the first match holds.
    pub namespaces: Vec<NamespaceMode>,
    /// The controllers that do not mind changed pods.
    pub owners: Owners,
    /// How registries are asked which targets exist; None where they are not.
    pub verify: Option<Verify>,
    /// Who may lower the mode.
    pub opt_out: OptOut,
    hazards: [Setting; Code::ALL.len()],
}

impl Default for Policy {
    /// What holds without a file; [`Policy::DEFAULT_TEXT`] is the same for people.
    fn default() -> Self {
        Self {
            mode: Mode::Enforce,
            repository: Repository::public(),
            matches: vec![Class::Exact, Class::Alias],
            compat: Compat::Auto,
            misspelt: Misspelt::Keep,
            platforms: Platform::default_list(),
            digest: Digest::Pin,
            rules: Vec::new(),
            mirrors: Vec::new(),
            aliases: Vec::new(),
            pull_secrets: vec![PullSecret {
                name: "dhi-pull-secret".to_owned(),
                registries: Prefix::parse(PUBLIC_REGISTRY).into_iter().collect(),
                propagate: None,
                check: false,
            }],
            workloads: Workloads::default(),
            namespaces: Vec::new(),
            owners: Owners::default(),
            verify: None,
            opt_out: OptOut::Container,
            hazards: array::from_fn(|at| Code::ALL.get(at).map_or(Setting::Keep, |code| code.default_setting())),
        }
    }
}

impl Policy {
    /// The default policy as a file, with a remark for each key.
    pub const DEFAULT_TEXT: &str = include_str!("../data/policy.yaml");

    /// What a hazard does where it is certain.
    pub fn action(&self, code: Code) -> Action {
        self.setting(code).action(Certainty::Certain)
    }

    /// What a finding does.
    pub fn action_of(&self, hazard: &Hazard<'_>) -> Action {
        self.setting(hazard.code()).action(hazard.certainty())
    }

    fn setting(&self, code: Code) -> Setting {
        self.hazards.get(code as usize).copied().unwrap_or_else(|| code.default_setting())
    }

    /// Says what a hazard does.
    pub fn set_hazard(&mut self, code: Code, setting: Setting) {
        if let Some(slot) = self.hazards.get_mut(code as usize) {
            *slot = setting;
        }
    }

    /// The mode of a namespace: that of the first entry which fits it, else the policy's.
    ///
    /// ```
    /// use quench_core::policy::{Mode, Policy};
    ///
    /// let text = "apiVersion: quench.dev/v1alpha1\nkind: Policy\nnamespaces: [{match: 'legacy-*', mode: warn}]\n";
    /// let policy = Policy::parse(text, "policy.yaml")?;
    /// assert_eq!((policy.mode_in("legacy-shop"), policy.mode_in("shop")), (Mode::Warn, Mode::Enforce));
    /// # Ok::<(), quench_core::policy::PolicyError>(())
    /// ```
    pub fn mode_in(&self, namespace: &str) -> Mode {
        self.namespaces.iter().find(|entry| entry.names.matches(namespace)).map_or(self.mode, |entry| entry.mode)
    }

    /// What the webhook does with objects of that kind.
    pub fn treatment(&self, kind: Kind) -> Treatment {
        self.workloads.treatment(kind)
    }

    /// The names of the secrets that pulling `image` may need, in the policy's order.
    pub fn pull_secrets_for(&self, image: &Reference) -> impl Iterator<Item = &str> {
        self.pull_secrets
            .iter()
            .filter(|secret| secret.registries.iter().any(|prefix| prefix.holds(image)))
            .map(|secret| secret.name.as_str())
    }

    /// The rule for an image.
    pub fn rule_for(&self, image: &Reference) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(image))
    }

    /// What an image is a copy of, where `aliases` says so.
    pub fn original_of(&self, image: &Reference) -> Option<Result<Reference, ParseError>> {
        Mapping::of(&self.aliases, image).map(|alias| alias.apply(image))
    }

    /// Where `mirrors` has an image; what lies where they lead is not mirrored again.
    pub fn mirror_of(&self, image: &Reference) -> Option<Result<Reference, ParseError>> {
        let mirror = Mapping::of(&self.mirrors, image).filter(|_| !self.is_mirrored(image))?;
        Some(mirror.apply(image))
    }

    /// Whether an image lies where `mirrors` leads.
    pub fn is_mirrored(&self, image: &Reference) -> bool {
        self.mirrors.iter().any(|mirror| mirror.to.holds(image))
    }

    /// The registries, each with its port where it has one, that the policy names for targets. No other is ever asked: whoever
    /// writes a pod must not choose what quench connects to.
    ///
    /// ```
    /// use quench_core::policy::Policy;
    ///
    /// let text = "apiVersion: quench.dev/v1alpha1\nkind: Policy\nmirrors: [{from: docker.io, to: 'mirror.example.com:5000/hub'}]\n";
    /// let policy = Policy::parse(text, "policy.yaml")?;
    /// assert_eq!(policy.contacted().collect::<Vec<_>>(), ["dhi.io", "mirror.example.com:5000"]);
    /// # Ok::<(), quench_core::policy::PolicyError>(())
    /// ```
    pub fn contacted(&self) -> impl Iterator<Item = &str> {
        let replacements = self.rules.iter().filter_map(|rule| match rule.effect() {
            Effect::Keep => None,
            Effect::Replace(replacement) => Some(replacement.registry()),
        });
        let mirrors = self.mirrors.iter().map(|mirror| mirror.to.registry());
        let mut seen = HashSet::new();
        let named = [self.repository.registry()].into_iter().chain(mirrors).chain(replacements);
        named.filter(move |registry| is_host_and_port(registry) && seen.insert(*registry))
    }

    /// Whether `target` is in the public catalog; without a target, whether [`Policy::repository`] is.
    pub fn is_public(&self, target: Option<&Reference>) -> bool {
        target.map_or_else(|| self.repository.registry(), Reference::registry) == PUBLIC_REGISTRY
    }

    /// Whether an image may be what a rule gave for another.
    pub fn is_given_by_rule(&self, image: &Reference) -> bool {
        self.rules.iter().any(|rule| match rule.effect() {
            Effect::Keep => false,
            Effect::Replace(replacement) => replacement.may_give(image),
        })
    }
}

/// Whether builds with a shell take the place of those that would not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    /// The `-compat` build, where it takes a hazard away that keeps the image.
    Auto,
    /// Only the plain build.
    Never,
}

/// What becomes of references that mean a hardened image and name none: guides spread `dhi.io/dhi/nginx`, and operators that compose
/// references by registry, path and prefix come to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Misspelt {
    /// They are left alone.
    Keep,
    /// The image that is meant takes their place.
    Repair,
}

/// What becomes of an image that is pinned by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// What was pinned stays pinned, to the target's digest.
    Pin,
    /// Every target is pinned.
    Always,
    /// Targets have a tag only.
    Drop,
}
