//! Simulates replicas that share a cluster, and checks that they reach the right state with few calls.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::watcher::Event;
use quench_core::policy::Policy;
use serde_json::json;

use super::INTERVAL;
use super::decide::Verdict;
use super::ledger::Ledger;
use super::objects::{Found, Home, KEY, OWNER, PLACE, TYPE};
use super::schedule::{PATIENCE, Schedule};

const OWN: &str = "quench";

/// A Secret in a namespace; all have the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stored {
    version: u32,
    is_ours: bool,
    held: String,
}

#[derive(Debug, Clone)]
enum Change {
    Home(String, Option<bool>),
    Secret(String, Option<Stored>),
}

/// An API server: it stores objects, and each replica sees changes some milliseconds later.
struct Cluster {
    random: u64,
    homes: BTreeMap<String, bool>,
    secrets: BTreeMap<String, Stored>,
    version: u32,
    writes: usize,
    lost: usize,
}

struct Replica {
    ledger: Ledger,
    schedule: Schedule,
    late: Vec<(Instant, Change)>,
    not_before: Instant,
}

impl Cluster {
    fn random(&mut self, below: u64) -> u64 {
        // A linear congruential generator (Knuth's MMIX), so that all runs are the same.
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) % below
    }

    fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.random(1 << 20)).unwrap()) / f64::from(1 << 20)
    }

    /// Stores a change and sends it to the replicas, 5 to 40 ms later and in order.
    fn store(&mut self, change: &Change, replicas: &mut [Replica], now: Instant) {
        match change.clone() {
            Change::Home(name, Some(labelled)) => drop(self.homes.insert(name, labelled)),
            Change::Home(name, None) => drop(self.homes.remove(&name)),
            Change::Secret(name, Some(stored)) => drop(self.secrets.insert(name, stored)),
            Change::Secret(name, None) => drop(self.secrets.remove(&name)),
        }
        for replica in replicas {
            let soon = now + Duration::from_millis(5 + self.random(35));
            let last = replica.late.last().map_or(soon, |(at, _)| *at);
            replica.late.push((soon.max(last), change.clone()));
        }
    }

    fn next_version(&mut self) -> u32 {
        self.version += 1;
        self.version
    }

    /// Applies a write; returns false, and changes nothing, if the stored version is not the one that the writer saw.
    fn write(
        &mut self,
        key: &str,
        seen: Option<&Found>,
        to: Option<String>,
        replicas: &mut [Replica],
        now: Instant,
    ) -> bool {
        let stored = self.secrets.get(key).map(|stored| stored.version.to_string());
        if stored.as_deref() != seen.map(|found| found.version.as_str()) {
            self.lost += 1;
            return false;
        }
        self.writes += 1;
        let stored = to.map(|held| Stored { version: self.next_version(), is_ours: true, held });
        self.store(&Change::Secret(key.to_owned(), stored), replicas, now);
        true
    }
}

fn found(namespace: &str, stored: &Stored) -> (String, Found) {
    let labels = if stored.is_ours { json!({OWNER: OWN}) } else { json!(null) };
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"namespace": namespace, "uid": "u", "resourceVersion": stored.version.to_string(), "labels": labels, "annotations": {PLACE: namespace}},
        "type": TYPE,
        "data": {KEY: stored.held},
    }))
    .unwrap();
    (namespace.to_owned(), Found::of(secret, OWN))
}

fn home(name: &str, labelled: bool) -> (String, Home) {
    let labels = if labelled { [("pull".to_owned(), "hub".to_owned())].into() } else { BTreeMap::new() };
    (name.to_owned(), Home { labels, is_terminating: false })
}

impl Replica {
    fn new(policy: &Policy, cluster: &mut Cluster, now: Instant) -> Self {
        let mut replica = Self {
            ledger: Ledger::new(OWN.to_owned()),
            schedule: Schedule::default(),
            late: Vec::new(),
            not_before: now,
        };
        replica.ledger.follow(policy);
        let homes: Vec<_> = cluster.homes.iter().map(|(name, labelled)| home(name, *labelled)).collect();
        let secrets: Vec<_> = cluster.secrets.iter().map(|(name, stored)| found(name, stored)).collect();
        replica.ledger.take_home(Event::Init);
        for home in homes {
            replica.ledger.take_home(Event::InitApply(home));
        }
        let mut keys = replica.ledger.take_home(Event::InitDone);
        replica.ledger.take_secret("hub", Event::Init);
        for found in secrets {
            replica.ledger.take_secret("hub", Event::InitApply(found));
        }
        keys.extend(replica.ledger.take_secret("hub", Event::InitDone));
        replica.plan(keys, cluster, now);
        replica
    }

    /// Applies another policy.
    fn follow(&mut self, policy: &Policy, cluster: &mut Cluster, now: Instant) {
        let keys = self.ledger.follow(policy);
        self.plan(keys, cluster, now);
    }

    fn plan(&mut self, keys: Vec<super::Key>, cluster: &mut Cluster, now: Instant) {
        for key in keys {
            match self.ledger.verdict(&key) {
                Verdict::Stands(_) => self.schedule.rests(&key),
                Verdict::Remove => self.schedule.wants(key, now, PATIENCE, cluster.fraction()),
                _ => self.schedule.wants(key, now, Duration::ZERO, cluster.fraction()),
            }
        }
    }

    /// Applies the changes that have arrived by `now`.
    fn see(&mut self, cluster: &mut Cluster, now: Instant) {
        let count = self.late.iter().take_while(|(at, _)| *at <= now).count();
        for (_, change) in self.late.drain(..count).collect::<Vec<_>>() {
            let keys = match change {
                Change::Home(name, Some(labelled)) => self.ledger.take_home(Event::Apply(home(&name, labelled))),
                Change::Home(name, None) => self.ledger.take_home(Event::Delete(home(&name, false))),
                Change::Secret(name, Some(stored)) => {
                    self.ledger.take_secret("hub", Event::Apply(found(&name, &stored)))
                }
                Change::Secret(name, None) => {
                    let gone = Stored { version: 0, is_ours: true, held: String::new() };
                    self.ledger.take_secret("hub", Event::Delete(found(&name, &gone)))
                }
            };
            self.plan(keys, cluster, now);
        }
    }
}

/// Lets the replicas work until `until`.
fn settle(replicas: &mut [Replica], cluster: &mut Cluster, mut now: Instant, until: Instant) -> Instant {
    while now < until {
        let next = replicas.iter().flat_map(|replica| {
            let due = replica.schedule.next().map(|(due, _)| due.max(replica.not_before));
            [replica.late.first().map(|(at, _)| *at), due]
        });
        now = next.flatten().min().unwrap_or(until).max(now + Duration::from_millis(1)).min(until);
        for index in 0..replicas.len() {
            let replica = &mut replicas[index];
            replica.see(cluster, now);
            let due = replica.schedule.next().filter(|(due, _)| *due <= now && replica.not_before <= now);
            let Some(key) = due.map(|(_, key)| key.clone()) else { continue };
            let seen = replica.ledger.found(&key).cloned();
            // The source that this replica knows may be older than the stored one.
            let source = replica.ledger.source(&key.0).map(|source| BASE64_STANDARD.encode(&source.0.0));
            let to = match (replica.ledger.verdict(&key), source) {
                (Verdict::Create | Verdict::Update, Some(source)) => Some(source),
                (Verdict::Renew | Verdict::Remove, _) => None,
                _ => {
                    replica.schedule.rests(&key);
                    continue;
                }
            };
            replica.not_before = now + INTERVAL;
            let (fraction, done) = (cluster.fraction(), cluster.write(&key.1, seen.as_ref(), to, replicas, now));
            let schedule = &mut replicas[index].schedule;
            if done { schedule.written(&key, now, fraction) } else { schedule.lost(&key, now, fraction) }
        }
    }
    now
}

fn policy() -> Policy {
    policy_for("selector: {pull: hub}")
}

fn policy_for(namespaces: &str) -> Policy {
    let text = format!(
        "apiVersion: quench.dev/v1alpha1\nkind: Policy\npullSecrets: [{{name: hub, registries: [dhi.io], propagate: {{{namespaces}}}}}]\n"
    );
    Policy::parse(&text, "policy.yaml").unwrap()
}

fn cluster(seed: u64, namespaces: usize) -> Cluster {
    let homes = (0..namespaces).map(|nth| (format!("shop-{nth:03}"), true));
    let homes = homes.chain([(OWN.to_owned(), true)]).collect();
    let source = Stored { version: 1, is_ours: false, held: "b25l".to_owned() };
    Cluster { random: seed, homes, secrets: [(OWN.to_owned(), source)].into(), version: 1, writes: 0, lost: 0 }
}

#[test]
fn two_replicas_share_the_work() {
    for seed in 0..10 {
        let (mut cluster, start) = (cluster(seed, 200), Instant::now());
        let mut replicas = vec![Replica::new(&policy(), &mut cluster, start)];
        replicas.push(Replica::new(&policy(), &mut cluster, start));
        settle(&mut replicas, &mut cluster, start, start + Duration::from_secs(8));
        assert_eq!((cluster.secrets.len(), cluster.writes), (201, 200), "{seed}");
        assert!(cluster.lost <= 40, "{seed}: {} calls for nothing", cluster.lost);
    }
}

#[test]
fn whatever_happens_they_come_to_the_right_end() {
    for seed in 0..100 {
        let (mut cluster, mut now) = (cluster(seed, 6), Instant::now());
        let mut replicas = vec![Replica::new(&policy(), &mut cluster, now)];
        replicas.push(Replica::new(&policy(), &mut cluster, now));
        let mut foreign: BTreeMap<String, Stored> = BTreeMap::new();
        for _ in 0..25 {
            let name = format!("shop-{:03}", cluster.random(8));
            let exists = cluster.homes.contains_key(&name);
            let change = match cluster.random(6) {
                0 if exists => Change::Home(name, Some(true)),
                0 => Change::Home(name, Some(true)),
                1 if exists => Change::Home(name, Some(false)),
                2 if exists => Change::Secret(name, None),
                3 if exists => {
                    let stored =
                        Stored { version: cluster.next_version(), is_ours: false, held: "dGhlaXJz".to_owned() };
                    foreign.insert(name.clone(), stored.clone());
                    Change::Secret(name, Some(stored))
                }
                4 => {
                    let held = if cluster.random(2) == 0 { "b25l" } else { "dHdv" };
                    Change::Secret(
                        OWN.to_owned(),
                        Some(Stored { version: cluster.next_version(), is_ours: false, held: held.to_owned() }),
                    )
                }
                5 if exists => {
                    let stored = Stored { version: cluster.next_version(), is_ours: true, held: "c3BvaWx0".to_owned() };
                    Change::Secret(name, Some(stored))
                }
                _ => continue,
            };
            if let Change::Secret(name, stored) = &change
                && stored.as_ref().is_none_or(|stored| stored.is_ours)
            {
                foreign.remove(name);
            }
            cluster.store(&change, &mut replicas, now);
            let pause = cluster.random(900);
            let until = now + Duration::from_millis(pause);
            now = settle(&mut replicas, &mut cluster, now, until);
        }
        settle(&mut replicas, &mut cluster, now, now + PATIENCE + Duration::from_secs(400));
        let source = cluster.secrets[OWN].clone();
        let wanted =
            cluster.homes.iter().filter(|(name, labelled)| **labelled && *name != OWN).map(|(name, _)| name.clone());
        let wanted: BTreeSet<String> = wanted.filter(|name| !foreign.contains_key(name)).collect();
        let ours = cluster.secrets.iter().filter(|(_, stored)| stored.is_ours);
        assert_eq!(ours.clone().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(), wanted, "{seed}");
        assert!(
            ours.clone().all(|(_, stored)| stored.held == source.held),
            "{seed}: {ours:?}",
            ours = ours.collect::<Vec<_>>()
        );
        for (name, stored) in &foreign {
            assert_eq!(cluster.secrets.get(name), Some(stored), "{seed}: {name} is somebody else's");
        }
        assert!(cluster.writes + cluster.lost < 150, "{seed}: {} and {}", cluster.writes, cluster.lost);
    }
}

#[test]
fn replicas_do_not_undo_each_other_while_a_new_policy_comes_to_them() {
    let (all, none) = (policy(), policy_for("namespaces: []"));
    for (old, new, copies) in [(&none, &all, 20), (&all, &none, 0)] {
        for seed in 0..10 {
            let (mut cluster, start) = (cluster(seed, 20), Instant::now());
            let mut replicas = vec![Replica::new(old, &mut cluster, start), Replica::new(old, &mut cluster, start)];
            let now = settle(&mut replicas, &mut cluster, start, start + Duration::from_secs(30));
            let writes = cluster.writes;
            replicas[0].follow(new, &mut cluster, now);
            let now = settle(&mut replicas, &mut cluster, now, now + PATIENCE.mul_f64(0.9));
            replicas[1].follow(new, &mut cluster, now);
            settle(&mut replicas, &mut cluster, now, now + PATIENCE + Duration::from_secs(60));
            assert_eq!(cluster.secrets.len(), 1 + copies, "{seed}");
            assert_eq!(cluster.writes - writes, 20, "{seed}: each copy once");
        }
    }
}

#[test]
fn replicas_that_never_agree_undo_each_other_rarely() {
    for seed in 0..10 {
        let (mut cluster, start) = (cluster(seed, 1), Instant::now());
        let mut replicas = vec![Replica::new(&policy(), &mut cluster, start)];
        replicas.push(Replica::new(&policy_for("namespaces: []"), &mut cluster, start));
        settle(&mut replicas, &mut cluster, start, start + Duration::from_secs(3_600));
        assert!((4..=50).contains(&cluster.writes), "{seed}: {} writes in an hour", cluster.writes);
    }
}
