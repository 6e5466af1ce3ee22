//! Plans what happens to each image of a pod or pod template: decides about it, finds its hazards, and chooses a
//! candidate as far as no registry must be asked.

mod candidate;
mod secrets;
mod skipped;
mod together;

use std::cell::OnceCell;
use std::ops::Range;

pub(crate) use self::candidate::Missing;

use self::candidate::Candidate;
use self::secrets::named_secrets;
use self::skipped::{Before, Skipped};
use crate::catalog::Catalog;
use crate::catalog::Match;
use crate::decide::decision::{Decision, FlavoredBuild};
use crate::hazard::{self, Action, Counterpart, Hazard, Inherited};
use crate::policy::{GitOps, Mode, OptOut, Policy, Treatment};
use crate::read::review::{self, Operation};
use crate::read::workload::{Composer, Image, ImageList, Kind, Metadata, Object, OwnerReference, group};
use crate::reference::Reference;

/// The pod or workload to plan for, with the circumstances that decide.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// The object to plan for: a pod, or a workload with a pod template.
    pub object: &'r Object<'r>,
    /// The stored object before an update; `None` for a new object.
    pub old: Option<&'r Object<'r>>,
    /// The object's kind.
    pub kind: Kind,
    /// The operation of the admission request.
    pub operation: Operation,
    /// Whether only ephemeral containers can change (the subresource `pods/ephemeralcontainers`).
    pub ephemeral: bool,
    /// The mode without the object's own annotations, which may lower it.
    pub mode: Mode,
    /// The use of the outcome.
    pub purpose: Purpose<'r>,
    /// The policy's pull secrets that are known to be missing from the namespace. Others exist, or were not checked.
    pub absent_secrets: &'r [&'r str],
}

/// The use of an outcome: the reply to a review, or the rewriting of a manifest.
#[derive(Debug, Clone, Copy)]
pub enum Purpose<'r> {
    /// The outcome is the reply to the API server about an object that is being stored.
    Review,
    /// The outcome rewrites a manifest: every kind that is not `off` is rewritten, original images are not recorded.
    Manifest {
        /// The pull secrets of the pod's service account; `None` if pull secrets are not to be added. They are added
        /// as well, because a pod that names pull secrets gets none from its account.
        account_secrets: Option<&'r [&'r str]>,
    },
}

impl<'r> Request<'r> {
    /// Returns the request of an admission review; `None` if the review is not about images that may be rewritten.
    pub fn of(review: &'r review::Request<'r>, mode: Mode) -> Option<Self> {
        let kind = review.kind?;
        let ephemeral = match &*review.subresource {
            "" => false,
            "ephemeralcontainers" if kind == Kind::Pod => true,
            _ => return None,
        };
        let old = match review.operation {
            Operation::Create => None,
            Operation::Update => review.old_object.as_ref(),
            Operation::Delete | Operation::Connect => return None,
        };
        let (object, operation, purpose) = (review.object.as_ref()?, review.operation, Purpose::Review);
        Some(Self { object, old, kind, operation, ephemeral, mode, purpose, absent_secrets: &[] })
    }
}

/// The plan for a pod, with one item for each image to decide about, in the pod's order.
#[derive(Debug)]
pub struct Plan<'p> {
    pub(crate) request: Request<'p>,
    pub(crate) policy: &'p Policy,
    pub(crate) mode: Mode,
    pub(crate) treatment: Treatment,
    /// The pull secrets of the policy that the pod names itself.
    pub(crate) named_secrets: Vec<&'p str>,
    /// The pod's controller, if it may not accept changed images; `None` if it accepts them.
    foreign_owner: Option<&'p OwnerReference<'p>>,
    /// The operator that composed the pod, computed on first use; the inner `None` means no known operator.
    composer: OnceCell<Option<Composer>>,
    pub(crate) items: Vec<Item<'p>>,
    pub(crate) findings: Vec<Finding<'p>>,
}

/// An image of the pod with its decision, the chosen candidate and its hazards.
#[derive(Debug)]
pub(crate) struct Item<'p> {
    pub(crate) image: Image<'p, 'p>,
    /// The image in the stored object; `None` for a new image.
    stored: Option<&'p str>,
    pub(crate) decision: Decision<'p>,
    pub(crate) choice: Choice<'p>,
    /// The candidates that their registry does not have or could not confirm.
    pub(crate) missing: Vec<Missing>,
    /// The range of the item's findings in [`Plan::findings`].
    pub(crate) findings: Range<usize>,
}

/// The candidate that is chosen for an image.
#[derive(Debug)]
pub(crate) enum Choice<'p> {
    /// The image has no candidate.
    Nothing,
    /// Registries must be asked about these candidates; the first that exists is chosen.
    Open(Vec<Candidate<'p>>),
    /// No registry confirmed a candidate, so the image stays.
    Unconfirmed,
    /// A hazard keeps the image, so no candidate is chosen.
    Kept,
    /// The decision's target is chosen.
    Target,
    /// A build of the target's version with a flavor is chosen, such as `-compat`.
    Flavored(Reference),
    /// The same image on a mirror is chosen.
    Mirror(Reference),
}

impl Item<'_> {
    /// Reports whether the image has a candidate that is not missing in its registry, regardless of hazards.
    pub(crate) fn has_candidate(&self) -> bool {
        self.decision.target.used().is_some() && !matches!(self.choice, Choice::Open(_) | Choice::Unconfirmed)
    }

    /// Returns the reference that the image is to become, with its match; `None` if the image stays.
    pub(crate) fn to(&self) -> Option<(&Reference, Match)> {
        match &self.choice {
            Choice::Nothing | Choice::Open(_) | Choice::Unconfirmed | Choice::Kept => None,
            Choice::Target => Some((self.decision.target.used()?, self.decision.matched)),
            Choice::Flavored(to) => Some((to, self.decision.matched)),
            Choice::Mirror(to) => Some((to, Match::Mirror)),
        }
    }
}

/// A hazard of an image that the policy does not ignore, with the policy's action.
#[derive(Debug, Clone)]
pub(crate) struct Finding<'p> {
    pub(crate) hazard: Hazard<'p>,
    pub(crate) action: Action,
}

/// Plans for every image that the request may change: new and changed images that are not skipped.
pub fn plan<'p>(request: &Request<'p>, policy: &'p Policy, catalog: &'p Catalog) -> Plan<'p> {
    let treatment = treatment(request, policy);
    let mut plan = Plan {
        request: *request,
        policy,
        mode: Mode::Off,
        treatment,
        named_secrets: Vec::new(),
        foreign_owner: None,
        composer: OnceCell::new(),
        items: Vec::new(),
        findings: Vec::new(),
    };
    let Some(pod) = request.object.pod(request.kind) else { return plan };
    plan.mode = effective_mode(request, pod, policy.opt_out);
    if plan.mode == Mode::Off || treatment == Treatment::Off || is_not_ours(request.object, pod) {
        return plan;
    }
    plan.named_secrets = named_secrets(pod.spec(), policy);
    plan.foreign_owner = foreign_owner(request, policy);
    let inherited = Inherited::of(pod.spec(), &policy.platforms);
    let skipped = Skipped::of([request.object, pod], policy.opt_out);
    let mut before = Before::of(request.old.and_then(|old| old.pod(request.kind)).map(Object::spec));
    plan.items.reserve_exact(pod.spec().container_count());
    for image in pod.spec().images() {
        let changeable = !request.ephemeral || image.place.list == ImageList::EphemeralContainers;
        let stored = before.reference(&image);
        if changeable && stored != Some(image.reference) && !skipped.has(&image) {
            plan.add(image, stored, &inherited, catalog);
        }
    }
    plan
}

impl<'p> Plan<'p> {
    fn add(&mut self, image: Image<'p, 'p>, stored: Option<&'p str>, inherited: &Inherited<'p>, catalog: &'p Catalog) {
        let mut decision = Decision::of(image.reference, self.policy, catalog);
        let first = self.findings.len();
        let target = decision.target.used();
        self.evaluate(&image, inherited, &decision, &decision.counterpart, target);
        let arrived = decision.arrived().filter(|_| target.is_none());
        if let Some(secret) = arrived.and_then(|target| self.absent_secret(target)) {
            self.find(Hazard::PullSecretAbsent { secret });
        }
        let choice = if target.is_none() {
            Choice::Nothing
        } else if self.policy.verify.is_some() {
            let (choice, findings) = self.offer(&image, inherited, &mut decision, first);
            self.items.push(Item { image, stored, decision, choice, missing: Vec::new(), findings });
            return;
        } else if let Some(choice) = decision
            .counterpart_build(self.policy)
            .and_then(|build| self.flavored(&image, inherited, &decision, first, build))
        {
            choice
        } else if self.allows(first, decision.matched) {
            Choice::Target
        } else {
            self.other_candidate(&image, inherited, &mut decision, first)
        };
        self.items.push(Item {
            image,
            stored,
            decision,
            choice,
            missing: Vec::new(),
            findings: first..self.findings.len(),
        });
    }

    /// Chooses a build with a flavor instead of the target; `None` if the build's hazards exclude it. The findings of
    /// the build replace those of the target, which begin at `first`.
    fn flavored(
        &mut self,
        image: &Image<'p, 'p>,
        inherited: &Inherited<'p>,
        decision: &Decision<'p>,
        first: usize,
        build: FlavoredBuild<'p>,
    ) -> Option<Choice<'p>> {
        let of_target = self.findings.split_off(first);
        self.evaluate(image, inherited, decision, &Counterpart::Candidate(build.facts), Some(&build.to));
        if self.allows(first, decision.matched) {
            return Some(Choice::Flavored(build.to));
        }
        self.findings.truncate(first);
        self.findings.extend(of_target);
        None
    }

    /// Chooses another candidate after a hazard excluded the target: a build with a flavor, else the mirror.
    fn other_candidate(
        &mut self,
        image: &Image<'p, 'p>,
        inherited: &Inherited<'p>,
        decision: &mut Decision<'p>,
        first: usize,
    ) -> Choice<'p> {
        for build in decision.fallback_builds(self.policy) {
            if let Some(choice) = self.flavored(image, inherited, decision, first, build) {
                return choice;
            }
        }
        let found = self.findings.get(first..).unwrap_or_default();
        let refused = found.iter().any(|finding| finding.action == Action::Deny);
        let Some(mirror) = decision.target.take_mirror().filter(|_| !refused) else { return Choice::Kept };
        let findings = self.of_mirror(found, &mirror);
        if !allow(&findings, Match::Mirror) || self.missing_secret(&mirror).is_some() {
            return Choice::Kept;
        }
        self.findings.truncate(first);
        self.findings.extend(findings);
        Choice::Mirror(mirror)
    }

    /// Adds the findings for an image that would become `target`.
    fn evaluate(
        &mut self,
        image: &Image<'p, 'p>,
        inherited: &Inherited<'p>,
        decision: &Decision<'p>,
        counterpart: &Counterpart<'p>,
        target: Option<&Reference>,
    ) {
        if let Some(container) = image.container {
            for hazard in hazard::of_container(container, inherited, counterpart) {
                self.find(hazard);
            }
        }
        let has_candidate = target.is_some() || matches!(counterpart, Counterpart::Candidate(_));
        if let Some(image) = decision.image() {
            let is_public = self.policy.is_public(target);
            for hazard in hazard::of_reference(image, counterpart, target, is_public, decision.is_unknown_hardened()) {
                self.find(hazard);
            }
        }
        let managed = decision.name().filter(|_| has_candidate);
        if let Some(hazard) = managed.and_then(|name| hazard::operator_managed(name, || self.composer())) {
            self.find(hazard);
        }
        if let Some(owner) = self.foreign_owner.filter(|_| has_candidate) {
            self.find(Hazard::ForeignOwner { api_version: &owner.api_version, kind: &owner.kind });
        }
        if let Some(secret) = target.and_then(|target| self.missing_secret(target)) {
            self.find(Hazard::PullSecretMissing { secret });
        }
        if let Some(secret) = target.and_then(|target| self.absent_secret(target)) {
            self.find(Hazard::PullSecretAbsent { secret });
        }
    }

    /// Returns the operator that composed the pod, found by the template's controller or by labels and annotations.
    fn composer(&self) -> Option<Composer> {
        *self.composer.get_or_init(|| {
            let Request { object, kind, .. } = self.request;
            let owner = object.metadata.as_ref().and_then(Metadata::controller);
            let group = owner.map_or("", |owner| group(&owner.api_version));
            let made = |object: &Object<'_>| object.metadata.as_ref().and_then(Metadata::composer);
            Composer::owning(group).or_else(|| object.pod(kind).and_then(made))
        })
    }

    /// Reports whether the findings that begin at `first` allow the image to become a target of the match.
    fn allows(&self, first: usize, matched: Match) -> bool {
        allow(self.findings.get(first..).unwrap_or_default(), matched)
    }

    fn find(&mut self, hazard: Hazard<'p>) {
        let action = self.policy.action_of(&hazard);
        if action != Action::Ignore {
            self.findings.push(Finding { hazard, action });
        }
    }
}

/// Reports whether an image with these findings may become a target of the match.
fn allow(findings: &[Finding<'_>], matched: Match) -> bool {
    !findings.iter().any(|finding| finding.action >= Action::Keep && counts(finding, matched))
}

/// Reports whether a finding applies to a target of the match. A mirror has the same bytes, so only findings about
/// the changed reference and the pull apply to it.
fn counts(finding: &Finding<'_>, matched: Match) -> bool {
    matched != Match::Mirror || finding.hazard.code().counts_for_mirrors()
}

/// Returns the treatment of the object: that of its kind in the policy, except for manifests and templates in Git.
fn treatment(request: &Request<'_>, policy: &Policy) -> Treatment {
    let treatment = policy.treatment(request.kind);
    let is_template = request.kind != Kind::Pod;
    match (request.purpose, treatment) {
        (Purpose::Manifest { .. }, Treatment::Warn) => Treatment::Rewrite,
        (Purpose::Review, Treatment::Rewrite) if is_template && policy.workloads.gitops == GitOps::Warn => {
            let tracked = request.object.metadata.as_ref().is_some_and(Metadata::is_tracked);
            if tracked { Treatment::Warn } else { treatment }
        }
        _ => treatment,
    }
}

/// Returns the request's mode, lowered by the annotations of object and template if the policy allows it. For
/// manifests `enforce` replaces `warn`.
fn effective_mode(request: &Request<'_>, pod: &Object<'_>, opt_out: OptOut) -> Mode {
    let asked = [request.object, pod].into_iter().filter(|_| opt_out >= OptOut::Object);
    let mode =
        asked.filter_map(|object| Mode::named(object.annotations()?.mode.as_deref()?)).fold(request.mode, Mode::min);
    match (request.purpose, mode) {
        (Purpose::Manifest { .. }, Mode::Warn) => Mode::Enforce,
        (_, mode) => mode,
    }
}

/// Returns the pod's controller if it may not accept changed images: it may compare the pod with its own template.
fn foreign_owner<'p>(request: &Request<'p>, policy: &Policy) -> Option<&'p OwnerReference<'p>> {
    let owner = request.object.metadata.as_ref()?.controller().filter(|_| request.kind == Kind::Pod)?;
    (!policy.owners.tolerate(&owner.api_version, &owner.kind)).then_some(owner)
}

/// Reports whether an object is never rewritten: the mirror pod of a static pod, an object that is being deleted, or
/// a Windows pod.
fn is_not_ours(object: &Object<'_>, pod: &Object<'_>) -> bool {
    let metadata = object.metadata.as_ref();
    metadata.is_some_and(|metadata| metadata.annotations.mirror_pod || !metadata.deletion_timestamp.is_empty())
        || pod.spec().is_windows()
}

#[cfg(test)]
mod absent_secret_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod together_tests;
