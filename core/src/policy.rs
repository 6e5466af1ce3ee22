//! Holds the policy: the user's file that decides which images are rewritten to which, and what each hazard does.

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

/// The registry of the public catalog.
pub(crate) const PUBLIC_REGISTRY: &str = "dhi.io";

/// A policy: which images are rewritten to which references, and what each hazard does.
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
    /// The mode if neither the webhook's path, the namespace nor an annotation sets one.
    pub mode: Mode,
    /// The form of hardened references.
    pub repository: Repository,
    /// The match classes whose hardened tags are used.
    pub matches: Vec<Class>,
    /// Whether a `-compat` build is used if the plain build would not run.
    pub compat: Compat,
    /// The treatment of misspelt hardened references.
    pub misspelt: Misspelt,
    /// The platforms of the cluster's nodes; a pod's node selector and affinity narrow them.
    pub platforms: Vec<Platform>,
    /// The treatment of images that are pinned by digest.
    pub digest: Digest,
    /// The rules, which apply before the catalog is asked; the first matching rule wins.
    pub rules: Vec<Rule>,
    /// The mirrors: other places of the same bytes, for images without a hardened target.
    pub mirrors: Vec<Mapping>,
    /// The copies and pull-through caches: an image on one is resolved as the image that it copies.
    pub aliases: Vec<Mapping>,
    /// The pull secrets that targets need.
    pub pull_secrets: Vec<PullSecret>,
    /// The webhook's treatment of each kind of workload.
    pub workloads: Workloads,
    /// The modes of some namespaces; the first matching entry wins.
    pub namespaces: Vec<NamespaceMode>,
    /// The controllers that accept changed images in their pods.
    pub owners: Owners,
    /// The settings for asking registries whether targets exist; `None` if registries are not asked.
    pub verify: Option<Verify>,
    /// The objects that may lower the mode: namespaces, workloads or containers.
    pub opt_out: OptOut,
    hazards: [Setting; Code::ALL.len()],
}

impl Default for Policy {
    /// Creates the policy that applies without a policy file; [`Policy::DEFAULT_TEXT`] is the same policy as a file.
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
    /// The default policy as a YAML file, with a comment for each key.
    pub const DEFAULT_TEXT: &str = include_str!("../data/policy.yaml");

    /// Returns the action for a certain finding of a hazard.
    pub fn action(&self, code: Code) -> Action {
        self.setting(code).action(Certainty::Certain)
    }

    /// Returns the action for a finding of a hazard, which may be certain or only possible.
    pub fn action_of(&self, hazard: &Hazard<'_>) -> Action {
        self.setting(hazard.code()).action(hazard.certainty())
    }

    fn setting(&self, code: Code) -> Setting {
        self.hazards.get(code as usize).copied().unwrap_or_else(|| code.default_setting())
    }

    /// Sets the action for a hazard.
    pub fn set_hazard(&mut self, code: Code, setting: Setting) {
        if let Some(slot) = self.hazards.get_mut(code as usize) {
            *slot = setting;
        }
    }

    /// Returns the mode of a namespace: that of the first matching entry of `namespaces`, else the policy's mode.
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

    /// Returns the webhook's treatment of a kind of workload.
    pub fn treatment(&self, kind: Kind) -> Treatment {
        self.workloads.treatment(kind)
    }

    /// Returns the names of the policy's pull secrets for an image, in the policy's order.
    pub fn pull_secrets_for(&self, image: &Reference) -> impl Iterator<Item = &str> {
        self.pull_secrets
            .iter()
            .filter(|secret| secret.registries.iter().any(|prefix| prefix.holds(image)))
            .map(|secret| secret.name.as_str())
    }

    /// Returns the first rule that matches an image; `None` if no rule does.
    pub fn rule_for(&self, image: &Reference) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(image))
    }

    /// Returns the original that a copied image is resolved as; `None` if no entry of `aliases` applies.
    pub fn original_of(&self, image: &Reference) -> Option<Result<Reference, ParseError>> {
        Mapping::of(&self.aliases, image).map(|alias| alias.apply(image))
    }

    /// Returns the reference of the same image on a mirror; `None` if no mirror applies or the image is on one already.
    pub fn mirror_of(&self, image: &Reference) -> Option<Result<Reference, ParseError>> {
        let mirror = Mapping::of(&self.mirrors, image).filter(|_| !self.is_mirrored(image))?;
        Some(mirror.apply(image))
    }

    /// Reports whether an image is on a mirror (below the `to` of an entry of `mirrors`).
    pub fn is_mirrored(&self, image: &Reference) -> bool {
        self.mirrors.iter().any(|mirror| mirror.to.holds(image))
    }

    /// Returns the registries, with ports, that the policy names for targets. quench contacts no other registry, so
    /// that the author of a pod cannot choose the hosts that quench connects to.
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

    /// Reports whether a target is in the registry of the public catalog; without a target, whether
    /// [`Policy::repository`] is.
    pub fn is_public(&self, target: Option<&Reference>) -> bool {
        target.map_or_else(|| self.repository.registry(), Reference::registry) == PUBLIC_REGISTRY
    }

    /// Reports whether a rule may replace another image by this image.
    pub fn is_given_by_rule(&self, image: &Reference) -> bool {
        self.rules.iter().any(|rule| match rule.effect() {
            Effect::Keep => false,
            Effect::Replace(replacement) => replacement.may_give(image),
        })
    }
}

/// Whether a `-compat` build is used if the plain build would not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Compat {
    /// Uses the `-compat` build if a hazard would keep the image with the plain build, but not with this one.
    Auto,
    /// Uses plain builds only.
    Never,
}

/// The treatment of misspelt hardened references such as `dhi.io/dhi/nginx`. Guides contain them, and operators
/// produce them that compose references from registry, path and prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Misspelt {
    /// Leaves the image unchanged.
    Keep,
    /// Replaces the reference by the hardened image that it means.
    Repair,
}

/// The treatment of an image that is pinned by digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Digest {
    /// Pins the target to its own digest if the image was pinned.
    Pin,
    /// Pins every target to its digest.
    Always,
    /// Uses targets by tag only.
    Drop,
}
