//! The heart: from a review's pod, the policy and the catalog to what happens to each image.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::catalog::Catalog;
use crate::decision::Decision;
use crate::hazard::{self, Action, Hazard, Inherited};
use crate::policy::{Mode, Policy, Treatment};
use crate::reference::Reference;
use crate::review::{self, Operation};
use crate::workload::{Image, ImageList, Kind, Object, PodSpec};

/// What a decision is about: a pod, or the template of a workload.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// The reviewed object.
    pub object: &'r Object<'r>,
    /// What it was; None where it is new.
    pub old: Option<&'r Object<'r>>,
    /// Its kind.
    pub kind: Kind,
    /// What is being done with it.
    pub operation: Operation,
    /// Whether only ephemeral containers can change (`pods/ephemeralcontainers`).
    pub ephemeral: bool,
    /// How far the decision may go, before the object's own annotations.
    pub mode: Mode,
}

impl<'r> Request<'r> {
    /// The request of a review; None where there is nothing to decide.
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
        Some(Self { object: review.object.as_ref()?, old, kind, operation: review.operation, ephemeral, mode })
    }
}

/// What is to happen to each image of a pod, in the pod's order.
#[derive(Debug)]
pub struct Plan<'p> {
    pub(crate) request: Request<'p>,
    pub(crate) policy: &'p Policy,
    pub(crate) mode: Mode,
    pub(crate) treatment: Treatment,
    /// Those of the policy's pull secrets that the pod names.
    pub(crate) named_secrets: Vec<&'p str>,
    pub(crate) items: Vec<Item<'p>>,
    pub(crate) findings: Vec<Finding<'p>>,
}

/// One image that is looked at.
#[derive(Debug)]
pub(crate) struct Item<'p> {
    pub(crate) image: Image<'p, 'p>,
    pub(crate) decision: Decision<'p>,
    /// Its part of the plan's findings.
    pub(crate) findings: Range<usize>,
}

/// A hazard that the policy does not ignore.
#[derive(Debug)]
pub(crate) struct Finding<'p> {
    pub(crate) hazard: Hazard<'p>,
    pub(crate) action: Action,
}

/// Decides for every image that the request may change.
pub fn plan<'p>(request: &Request<'p>, policy: &'p Policy, catalog: &'p Catalog) -> Plan<'p> {
    let treatment = policy.treatment(request.kind);
    let mut plan = Plan {
        request: *request,
        policy,
        mode: Mode::Off,
        treatment,
        named_secrets: Vec::new(),
        items: Vec::new(),
        findings: Vec::new(),
    };
    let Some(pod) = request.object.pod(request.kind) else { return plan };
    plan.mode = effective_mode(request, pod);
    if plan.mode == Mode::Off || treatment == Treatment::Off || is_not_ours(request.object, pod) {
        return plan;
    }
    plan.named_secrets = named_secrets(pod.spec(), policy);
    let inherited = Inherited::of(pod.spec());
    let skipped = Skipped::of([request.object, pod]);
    let mut before = Before::of(request.old.and_then(|old| old.pod(request.kind)).map(Object::spec));
    plan.items.reserve_exact(pod.spec().container_count());
    for image in pod.spec().images() {
        let changeable = !request.ephemeral || image.place.list == ImageList::EphemeralContainers;
        if changeable && !before.has(&image) && !skipped.has(&image) {
            plan.add(image, &inherited, catalog);
        }
    }
    plan
}

impl<'p> Plan<'p> {
    fn add(&mut self, image: Image<'p, 'p>, inherited: &Inherited, catalog: &'p Catalog) {
        let decision = Decision::of(image.reference, self.policy, catalog);
        let first = self.findings.len();
        if let Some(container) = image.container {
            for hazard in hazard::of_container(container, inherited, decision.counterpart) {
                self.find(hazard);
            }
        }
        let target = decision.target.as_ref().filter(|_| decision.rewrites && self.secrets_are_fixed());
        if let Some(secret) = target.and_then(|target| self.missing_secret(target)) {
            self.find(Hazard::PullSecretMissing { secret });
        }
        self.items.push(Item { image, decision, findings: first..self.findings.len() });
    }

    fn find(&mut self, hazard: Hazard<'p>) {
        let action = self.policy.action(hazard.code());
        if action != Action::Ignore {
            self.findings.push(Finding { hazard, action });
        }
    }

    /// The pull secrets of an existing pod cannot change.
    fn secrets_are_fixed(&self) -> bool {
        self.request.kind == Kind::Pod && self.request.operation == Operation::Update
    }

    /// The secret that the target needs, where the pod names none of those that would do.
    fn missing_secret(&self, target: &Reference) -> Option<&'p str> {
        let named = |secret: &str| self.named_secrets.contains(&secret);
        let mut needed = self.policy.pull_secrets_for(target);
        let first = needed.next()?;
        (!named(first) && !needed.any(named)).then_some(first)
    }
}

/// The request's mode, lowered by the annotations of object and template.
fn effective_mode(request: &Request<'_>, pod: &Object<'_>) -> Mode {
    [request.object, pod]
        .into_iter()
        .filter_map(|object| Mode::named(object.annotations()?.mode.as_deref()?))
        .fold(request.mode, Mode::min)
}

/// Static pods' mirrors, objects that are going away, Windows.
fn is_not_ours(object: &Object<'_>, pod: &Object<'_>) -> bool {
    let metadata = object.metadata.as_ref();
    metadata.is_some_and(|metadata| metadata.annotations.mirror_pod || !metadata.deletion_timestamp.is_empty())
        || pod.spec().is_windows()
}

/// Those of the policy's pull secrets that the pod names.
fn named_secrets<'p>(pod: &PodSpec<'_>, policy: &'p Policy) -> Vec<&'p str> {
    let mut named = Vec::new();
    for secret in pod.image_pull_secrets.iter().flatten() {
        let known = policy.pull_secrets.iter().map(|known| known.name.as_str()).find(|known| **known == *secret.name);
        if let Some(name) = known.filter(|name| !named.contains(name)) {
            named.push(name);
        }
    }
    named
}

/// The images of the object as it was.
struct Before<'p> {
    spec: Option<&'p PodSpec<'p>>,
    by_name: Option<HashMap<(ImageList, &'p str), &'p str>>,
}

impl<'p> Before<'p> {
    fn of(spec: Option<&'p PodSpec<'p>>) -> Self {
        Self { spec, by_name: None }
    }

    /// Whether the same list had the same image under the same name. Most lists keep their order: the names are put in a map
    /// only where one did not.
    fn has(&mut self, image: &Image<'p, 'p>) -> bool {
        let Some(spec) = self.spec else { return false };
        if let Some(same) = spec.image_at(image.place).filter(|same| same.name == image.name) {
            return same.reference == image.reference;
        }
        let by_name = self.by_name.get_or_insert_with(|| {
            let mut by_name = HashMap::new();
            for image in spec.images() {
                by_name.entry((image.place.list, image.name)).or_insert(image.reference);
            }
            by_name
        });
        by_name.get(&(image.place.list, image.name)) == Some(&image.reference)
    }
}

/// What `quench.dev/skip` of object and template names: containers, or `volume:NAME`.
struct Skipped<'p>(HashSet<&'p str>);

impl<'p> Skipped<'p> {
    fn of(objects: [&'p Object<'p>; 2]) -> Self {
        let annotations = objects.into_iter().filter_map(|object| object.annotations()?.skip.as_deref());
        let names = annotations.flat_map(|names| names.split(',')).map(str::trim);
        Self(names.filter(|name| !name.is_empty()).collect())
    }

    fn has(&self, image: &Image<'_, '_>) -> bool {
        !self.0.is_empty() && self.0.contains(&*image.key())
    }
}
