//! Keeps images of containers that depend on each other: they are rewritten alike, or stay (hazard `stays-together`).

use std::collections::{HashMap, HashSet};

use super::{Choice, Finding, Item, Plan};
use crate::hazard::{Action, Code, Counterpart, Hazard};
use crate::read::workload::{Object, ParsedContainer, PodSpec, VolumeKind};
use crate::reference::Reference;

/// The pseudo-volume of containers that share the pod's process namespace; no volume has an empty name.
const PROCESSES: &str = "";

impl<'p> Plan<'p> {
    /// Keeps images that depend on an image that stays: first, of containers whose user would change and that use a
    /// socket or process of a container that stays; then, of containers with the same image that share files or
    /// processes and would get different builds.
    pub(crate) fn keep_together(&mut self) {
        let Some(pod) = self.request.object.pod(self.request.kind).map(Object::spec) else { return };
        if self.policy.action(Code::StaysTogether) == Action::Ignore {
            return;
        }
        let by_user = self.beside_one_that_stays(pod);
        self.keep(by_user);
        let by_image = self.of_one_image(pod);
        self.keep(by_image);
    }

    /// Returns the items whose user would change and that share a socket or processes with a container that stays: each
    /// item's index, and the name of that container.
    fn beside_one_that_stays(&self, pod: &'p PodSpec<'p>) -> Vec<(usize, &'p str)> {
        let is_moving = |item: &&Item<'p>| item.to().is_some();
        if !self.items.iter().any(|item| is_moving(&item)) || self.items.iter().all(|item| is_moving(&item)) {
            return Vec::new();
        }
        let mut staying: HashMap<String, &'p str> = HashMap::new();
        for item in self.items.iter().filter(|item| item.to().is_none() && !is_target(item)) {
            for shared in item.parsed().into_iter().flat_map(|parsed| shared_by(&parsed, pod)) {
                staying.entry(shared).or_insert(item.image.name);
            }
        }
        let moving = self.items.iter().enumerate().filter(|(_, item)| item.to().is_some() && item.changes_user(pod));
        let beside = moving.filter_map(|(at, item)| {
            let parsed = item.parsed()?;
            let other = shared_by(&parsed, pod).into_iter().find_map(|shared| {
                let other = staying.get(&shared)?;
                (shared == PROCESSES || item.has_socket_in(&parsed, &shared)).then_some(*other)
            });
            Some((at, other?))
        });
        beside.collect()
    }

    /// Returns the items that share files or processes with another container of the same image, but would get a
    /// different reference: each item's index, and the name of that container.
    fn of_one_image(&self, pod: &'p PodSpec<'p>) -> Vec<(usize, &'p str)> {
        let mut first: HashMap<&str, Option<&Reference>> = HashMap::new();
        let mut differing: HashSet<&str> = HashSet::new();
        for item in self.items.iter().filter(|item| item.image.container.is_some()) {
            let to = item.to().map(|(to, _)| to);
            if *first.entry(item.image.reference).or_insert(to) != to {
                differing.insert(item.image.reference);
            }
        }
        if differing.is_empty() {
            return Vec::new();
        }
        let mut groups: HashMap<(&str, String), Vec<usize>> = HashMap::new();
        for (at, item) in self.items.iter().enumerate().filter(|(_, item)| differing.contains(item.image.reference)) {
            for shared in item.parsed().into_iter().flat_map(|parsed| shared_by(&parsed, pod)) {
                groups.entry((item.image.reference, shared)).or_default().push(at);
            }
        }
        let mut kept: HashMap<usize, &'p str> = HashMap::new();
        for group in groups.into_values() {
            let items = || group.iter().filter_map(|at| Some((*at, self.items.get(*at)?)));
            let Some((_, one)) = items().next() else { continue };
            let is_like_one = |item: &Item<'p>| item.to().map(|(to, _)| to) == one.to().map(|(to, _)| to);
            let Some((_, other)) = items().find(|(_, item)| !is_like_one(item)) else { continue };
            for (at, item) in items().filter(|(_, item)| item.to().is_some()) {
                let neighbour = if is_like_one(item) { other } else { one };
                kept.entry(at).or_insert(neighbour.image.name);
            }
        }
        kept.into_iter().collect()
    }

    /// Adds the finding `stays-together` to items, given by index with the name of the other container, and keeps their
    /// images if the policy's action is to keep or deny.
    fn keep(&mut self, kept: Vec<(usize, &'p str)>) {
        if kept.is_empty() {
            return;
        }
        let kept: HashMap<usize, &'p str> = kept.into_iter().collect();
        let action = self.policy.action(Code::StaysTogether);
        self.change_items(|plan, at, item| {
            let mut findings = plan.found(&item.findings).to_vec();
            if let Some(other) = kept.get(&at) {
                findings.push(Finding { hazard: Hazard::StaysTogether { other }, action });
                if action >= Action::Keep {
                    item.choice = Choice::Kept;
                }
            }
            findings
        });
    }
}

impl<'p> Item<'p> {
    /// Returns the parsed container; `None` for a volume.
    fn parsed(&self) -> Option<ParsedContainer<'p>> {
        self.image.container.map(ParsedContainer::of)
    }

    /// Reports whether the rewrite is known to change the container's user: the images' users differ, and the pod sets
    /// none.
    fn changes_user(&self, pod: &PodSpec<'_>) -> bool {
        let Some(container) = self.image.container else { return false };
        let Some(facts) = self.decision.facts().filter(|_| pod.user_of(container).is_none()) else { return false };
        facts.start.and_then(|start| start.upstream.runs_as()).is_some_and(|user| user != facts.run_as)
    }

    /// Reports whether a command, argument or variable of the container names a socket in a volume, or the container's
    /// image creates one there.
    fn has_socket_in(&self, parsed: &ParsedContainer<'_>, volume: &str) -> bool {
        let mounts = || parsed.mounts().iter().filter(|mount| *mount.name == *volume);
        let words = parsed.command().iter().chain(parsed.args()).map(|word| &**word);
        let mut written = words.chain(parsed.env().iter().map(|variable| &*variable.value));
        let start = self.decision.facts().and_then(|facts| facts.start);
        let mut sockets = start.into_iter().flat_map(|start| &start.sockets);
        written.any(|word| word.contains(".sock") && mounts().any(|mount| word.contains(&*mount.path)))
            || sockets.any(|place| mounts().any(|mount| mount.holds(&place.path)))
    }
}

/// Returns the names of a container's writable volumes (no ConfigMaps or Secrets), and [`PROCESSES`] if the pod's
/// containers share a process namespace.
fn shared_by(container: &ParsedContainer<'_>, pod: &PodSpec<'_>) -> HashSet<String> {
    let volumes = container.mounts().iter().map(|mount| mount.name.to_string());
    let is_data =
        |name: &String| pod.volume(name).is_none_or(|volume| !matches!(volume.kind(), VolumeKind::Files { .. }));
    let mut shared: HashSet<String> = volumes.filter(is_data).collect();
    if pod.share_process_namespace {
        shared.insert(PROCESSES.to_owned());
    }
    shared
}

/// Reports whether the image is a target already, so that it does not differ from rewritten images.
fn is_target(item: &Item<'_>) -> bool {
    matches!(item.decision.counterpart, Counterpart::Hardened(_)) || item.decision.arrived().is_some()
}
