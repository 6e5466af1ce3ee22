//! Compares the policy with the objects that the watches have shown, and decides about each namespace. It does no IO.

use std::collections::{BTreeMap, BTreeSet};

use kube::runtime::watcher::Event;
use quench_core::policy::{Policy, Propagate};

use super::decide::{Original, State, Verdict, verdict};
use super::objects::{Found, Home, Owner, Source};
use super::schedule::{Key, Schedule};
use super::watch_cache::Listed;
use crate::live::{Absences, Where};
use crate::telemetry::CopyCounts;

/// The known namespaces and pull secrets, and the use that the policy makes of them.
#[derive(Debug)]
pub(super) struct Ledger {
    /// The namespace of quench, which has the sources and gets no copies.
    own: String,
    homes: Listed<Home>,
    secrets: BTreeMap<String, Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    use_: Use,
    found: Listed<Found>,
}

/// The use of a pull secret by the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Use {
    /// The pull secret is only looked for.
    #[default]
    Checked,
    /// The pull secret is copied to the namespaces that one of these selectors selects.
    Copied(Vec<Propagate>),
    /// The pull secret was copied under an earlier policy; its copies are deleted.
    Retired,
}

impl Ledger {
    pub(super) fn new(own: String) -> Self {
        Self { own, homes: Listed::default(), secrets: BTreeMap::new() }
    }

    /// Applies a policy; pull secrets that it no longer copies are retired. Returns the copies to decide about again.
    pub(super) fn follow(&mut self, policy: &Policy) -> Vec<Key> {
        let mut uses: BTreeMap<&str, Use> = BTreeMap::new();
        for secret in policy.pull_secrets.iter().filter(|secret| secret.check || secret.propagate.is_some()) {
            let known = uses.entry(&secret.name).or_default();
            match (&mut *known, &secret.propagate) {
                (Use::Copied(all), Some(propagate)) => all.push(propagate.clone()),
                (_, Some(propagate)) => *known = Use::Copied(vec![propagate.clone()]),
                (_, None) => {}
            }
        }
        for (name, entry) in &mut self.secrets {
            let retired = if entry.use_ == Use::Checked { Use::Checked } else { Use::Retired };
            entry.use_ = match uses.remove(name.as_str()) {
                Some(Use::Copied(all)) => Use::Copied(all),
                _ => retired,
            };
        }
        for (name, use_) in uses {
            self.secrets.insert(name.to_owned(), Entry { use_, ..Entry::default() });
        }
        let still = |name: &str| policy.pull_secrets.iter().any(|secret| secret.name == name && secret.check);
        self.secrets.retain(|name, entry| entry.use_ != Use::Checked || still(name));
        self.secrets.keys().flat_map(|secret| self.places(secret)).collect()
    }

    /// Removes retired pull secrets whose copies are all deleted; returns their names. Those that are checked stay.
    pub(super) fn retire(&mut self, policy: &Policy) -> Vec<String> {
        let is_over = |entry: &Entry| {
            let ours = |(_, found): (&str, &Found)| found.owner == Owner::Us;
            entry.use_ == Use::Retired && entry.found.is_complete() && !entry.found.iter().any(ours)
        };
        let over: Vec<String> =
            self.secrets.iter().filter(|(_, entry)| is_over(entry)).map(|(name, _)| name.clone()).collect();
        for name in &over {
            let is_checked = policy.pull_secrets.iter().any(|secret| secret.name == *name && secret.check);
            match self.secrets.get_mut(name) {
                Some(entry) if is_checked => entry.use_ = Use::Checked,
                _ => drop(self.secrets.remove(name)),
            }
        }
        // Without a watch, the state of the namespaces becomes outdated.
        if !self.watched().1 {
            self.homes = Listed::default();
        }
        over
    }

    /// Returns the names of the Secrets to watch, and whether to watch namespaces.
    pub(super) fn watched(&self) -> (BTreeSet<&str>, bool) {
        let copies = self.secrets.values().any(|entry| entry.use_ != Use::Checked);
        (self.secrets.keys().map(String::as_str).collect(), copies)
    }

    pub(super) fn take_home(&mut self, event: Event<(String, Home)>) -> Vec<Key> {
        let changed = self.homes.take(event);
        let key = |(secret, namespace): (&String, &String)| (secret.clone(), namespace.clone());
        self.secrets.keys().flat_map(|secret| changed.iter().map(move |namespace| key((secret, namespace)))).collect()
    }

    pub(super) fn take_secret(&mut self, secret: &str, event: Event<(String, Found)>) -> Vec<Key> {
        let Some(entry) = self.secrets.get_mut(secret) else { return Vec::new() };
        let was_complete = entry.found.is_complete();
        let changed = entry.found.take(event);
        // If the source changed, every copy is compared with it.
        if changed.contains(&self.own) || was_complete != entry.found.is_complete() {
            return self.places(secret);
        }
        changed.into_iter().map(|namespace| (secret.to_owned(), namespace)).collect()
    }

    /// Returns the copies to decide about: one for each existing namespace, and for each namespace with the Secret.
    fn places(&self, secret: &str) -> Vec<Key> {
        let found = self.secrets.get(secret).into_iter().flat_map(|entry| entry.found.iter());
        let names: BTreeSet<&str> =
            self.homes.iter().map(|(name, _)| name).chain(found.map(|(name, _)| name)).collect();
        names.into_iter().map(|namespace| (secret.to_owned(), namespace.to_owned())).collect()
    }

    /// Returns the state of the source; `None` while it is unknown.
    pub(super) fn original(&self, secret: &str) -> Option<Original> {
        let entry = self.secrets.get(secret).filter(|entry| entry.found.is_complete())?;
        Some(match entry.found.get(&self.own) {
            Some(found) => found.digest.map_or(Original::Unusable, Original::Usable),
            None => Original::Missing,
        })
    }

    /// Reports whether the policy copies a pull secret, and does not only look for it.
    pub(super) fn copies(&self, secret: &str) -> bool {
        self.secrets.get(secret).is_some_and(|entry| matches!(entry.use_, Use::Copied(_)))
    }

    pub(super) fn source(&self, secret: &str) -> Option<&Source> {
        self.secrets.get(secret)?.found.get(&self.own)?.source.as_ref()
    }

    pub(super) fn found(&self, (secret, namespace): &Key) -> Option<&Found> {
        self.secrets.get(secret)?.found.get(namespace)
    }

    /// Decides about one copy. Nothing is to be done until the namespaces and the Secrets were listed completely.
    pub(super) fn verdict(&self, (secret, namespace): &Key) -> Verdict {
        let apart = Verdict::Stands(State::Apart);
        let Some(entry) = self.secrets.get(secret).filter(|_| self.homes.is_complete()) else { return apart };
        let Some(original) = self.original(secret).filter(|_| *namespace != self.own) else { return apart };
        let home = self.homes.get(namespace);
        let labels = |home: &Home, propagate: &Propagate| propagate.wants(namespace, &home.labels);
        let is_wanted = match &entry.use_ {
            Use::Checked => return apart,
            Use::Copied(all) => home.is_some_and(|home| all.iter().any(|propagate| labels(home, propagate))),
            Use::Retired => false,
        };
        verdict(is_wanted, original, home, entry.found.get(namespace))
    }

    /// Returns the missing pull secrets for reviews, except those whose watch is incomplete or `doubted`.
    pub(super) fn absences(&self, schedule: &Schedule, doubted: impl Fn(Option<&str>) -> bool) -> Absences {
        let mut known = Vec::new();
        for (secret, entry) in &self.secrets {
            if !entry.found.is_complete() || doubted(Some(secret)) {
                continue;
            }
            match entry.use_ {
                Use::Checked => {
                    let having = entry.found.iter().map(|(namespace, _)| namespace.to_owned());
                    known.push((secret.clone(), Where::Having(having.collect())));
                }
                Use::Copied(_) if self.homes.is_complete() && !doubted(None) => {
                    let lacks = |namespace: &str| {
                        let key = (secret.clone(), namespace.to_owned());
                        // A copy that is about to be created will exist before a node pulls the image.
                        let comes = self.verdict(&key) == Verdict::Create && !schedule.has_failed(&key);
                        entry.found.get(namespace).is_none() && !comes
                    };
                    let homes = self.homes.iter().filter(|(_, home)| !home.is_terminating);
                    let lacking = homes.map(|(namespace, _)| namespace).filter(|namespace| lacks(namespace));
                    known.push((secret.clone(), Where::Lacking(lacking.map(str::to_owned).collect())));
                }
                Use::Copied(_) | Use::Retired => {}
            }
        }
        known.into_iter().collect()
    }

    pub(super) fn counts(&self, schedule: &Schedule) -> CopyCounts {
        let mut counts = CopyCounts::default();
        for (secret, _) in self.secrets.iter().filter(|(_, entry)| entry.use_ != Use::Checked) {
            match self.original(secret) {
                Some(Original::Usable(_)) => counts.usable_sources += 1,
                Some(Original::Unusable) => counts.unusable_sources += 1,
                Some(Original::Missing) => counts.missing_sources += 1,
                None => {}
            }
            for key in self.places(secret) {
                match self.verdict(&key) {
                    Verdict::Stands(State::Apart) => {}
                    Verdict::Stands(State::Current) => counts.current += 1,
                    Verdict::Stands(State::Foreign) => counts.foreign += 1,
                    Verdict::Stands(State::Waiting) => counts.waiting += 1,
                    Verdict::Create | Verdict::Update | Verdict::Renew | Verdict::Remove
                        if schedule.has_failed(&key) =>
                    {
                        counts.failed += 1;
                    }
                    Verdict::Create | Verdict::Update | Verdict::Renew | Verdict::Remove => counts.pending += 1,
                }
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests;
