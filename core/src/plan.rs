//! The heart: from a review's pod, the policy and the catalog to what happens to each image.

use crate::catalog::Catalog;
use crate::decision::Decision;
use crate::hazard::{self, Action, Hazard};
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
    pub(crate) items: Vec<Item<'p>>,
    pub(crate) findings: Vec<Finding<'p>>,
}

/// One image that is looked at.
#[derive(Debug)]
pub(crate) struct Item<'p> {
    pub(crate) image: Image<'p, 'p>,
    pub(crate) decision: Decision<'p>,
}

/// A hazard of one item.
#[derive(Debug)]
pub(crate) struct Finding<'p> {
    /// Position of the item.
    pub(crate) item: usize,
    pub(crate) hazard: Hazard<'p>,
    pub(crate) action: Action,
}

/// Decides for every image that the request may change.
pub fn plan<'p>(request: &Request<'p>, policy: &'p Policy, catalog: &'p Catalog) -> Plan<'p> {
    let treatment = policy.treatment(request.kind);
    let mut plan =
        Plan { request: *request, policy, mode: Mode::Off, treatment, items: Vec::new(), findings: Vec::new() };
    let Some(pod) = request.object.pod(request.kind) else { return plan };
    plan.mode = effective_mode(request, pod);
    if plan.mode == Mode::Off || treatment == Treatment::Off || is_not_ours(request.object, pod) {
        return plan;
    }
    let old = request.old.and_then(|old| old.pod(request.kind)).map(Object::spec);
    plan.items.reserve_exact(pod.spec().container_count());
    for image in pod.spec().images() {
        let changeable = !request.ephemeral || image.place.list == ImageList::EphemeralContainers;
        if changeable && !is_unchanged(&image, old) && !is_skipped(image.name, request.object, pod) {
            plan.add(image, pod.spec(), catalog);
        }
    }
    plan
}

impl<'p> Plan<'p> {
    fn add(&mut self, image: Image<'p, 'p>, pod: &'p PodSpec<'p>, catalog: &'p Catalog) {
        let decision = Decision::of(image.reference, self.policy, catalog);
        let item = self.items.len();
        if let Some(container) = image.container {
            for hazard in hazard::of_container(container, pod, decision.counterpart) {
                self.find(item, hazard);
            }
        }
        let target = decision.target.as_ref().filter(|_| decision.rewrites && self.secrets_are_fixed());
        if let Some(secret) = target.and_then(|target| missing_secret(target, pod, self.policy)) {
            self.find(item, Hazard::PullSecretMissing { secret });
        }
        self.items.push(Item { image, decision });
    }

    fn find(&mut self, item: usize, hazard: Hazard<'p>) {
        let action = self.policy.action(hazard.code());
        if action != Action::Ignore {
            self.findings.push(Finding { item, hazard, action });
        }
    }

    /// The pull secrets of an existing pod cannot change.
    fn secrets_are_fixed(&self) -> bool {
        self.request.kind == Kind::Pod && self.request.operation == Operation::Update
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

fn is_unchanged(image: &Image<'_, '_>, old: Option<&PodSpec<'_>>) -> bool {
    old.and_then(|old| old.image(image.place.list, image.name)) == Some(image.reference)
}

fn is_skipped(name: &str, object: &Object<'_>, pod: &Object<'_>) -> bool {
    [object, pod].into_iter().filter_map(Object::annotations).any(|annotations| annotations.skips(name))
}

/// The secret that the target needs, where the pod names none of those that would do.
fn missing_secret<'p>(target: &Reference, pod: &PodSpec<'_>, policy: &'p Policy) -> Option<&'p str> {
    let named = |secret: &str| pod.image_pull_secrets.iter().flatten().any(|named| &*named.name == secret);
    let mut needed = policy.pull_secrets_for(target);
    let first = needed.next()?;
    (!named(first) && !needed.any(named)).then_some(first)
}
