use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::super::objects::{KEY, OWNER, PLACE, TYPE};
use super::*;

fn policy(secrets: &str) -> Policy {
    let text = format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\npullSecrets: [{secrets}]\n");
    Policy::parse(&text, "policy.yaml").unwrap()
}

const HUB: &str = "{name: hub, registries: [dhi.io], propagate: {namespaces: ['team-*'], selector: {pull: hub}}}";

fn secret(namespace: &str, owner: &str, held: &str) -> (String, Found) {
    let secret: Secret = serde_json::from_value(json!({
        "metadata": {"name": "hub", "namespace": namespace, "uid": "u", "resourceVersion": "7", "labels": {OWNER: owner}, "annotations": {PLACE: namespace}},
        "type": TYPE,
        "data": {KEY: held},
    }))
    .unwrap();
    (namespace.to_owned(), Found::of(secret, "quench"))
}

fn home(name: &str, labels: &[(&str, &str)]) -> (String, Home) {
    let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    (name.to_owned(), Home { labels, is_terminating: false })
}

fn list<T>(items: Vec<T>) -> Vec<Event<T>> {
    let items = items.into_iter().map(Event::InitApply);
    [Event::Init].into_iter().chain(items).chain([Event::InitDone]).collect()
}

/// Returns the verdicts about `keys` that need a write or attention.
fn to_do(ledger: &Ledger, keys: impl IntoIterator<Item = Key>) -> String {
    let verdict = |key: Key| match ledger.verdict(&key) {
        Verdict::Stands(State::Apart | State::Current) => None,
        verdict => Some(format!("{} {verdict:?}", key.1)),
    };
    keys.into_iter().filter_map(verdict).collect::<Vec<_>>().join(", ")
}

/// Returns a ledger with the namespaces `bank`, `quench`, `shop` (labelled), `team-a` and `team-b`, and Secrets in
/// `quench` (the source), `bank` and `team-a` (copies), and `team-b` (not a copy).
fn ledger() -> Ledger {
    let mut ledger = Ledger::new("quench".to_owned());
    ledger.follow(&policy(HUB));
    let homes = [home("bank", &[]), home("quench", &[("pull", "hub")]), home("shop", &[("pull", "hub")])];
    for event in list(homes.into_iter().chain(["team-a", "team-b"].map(|name| home(name, &[]))).collect()) {
        ledger.take_home(event);
    }
    let copies = [secret("quench", "", "b25l"), secret("bank", "quench", "b25l"), secret("team-a", "quench", "b25l")];
    for event in list(copies.into_iter().chain([secret("team-b", "x", "b25l")]).collect()) {
        ledger.take_secret("hub", event);
    }
    ledger
}

fn everywhere(ledger: &Ledger) -> String {
    to_do(ledger, ledger.places("hub"))
}

#[test]
fn nothing_is_done_until_everything_was_seen() {
    let mut ledger = Ledger::new("quench".to_owned());
    ledger.follow(&policy(HUB));
    let key = ("hub".to_owned(), "team-a".to_owned());
    let stands = Verdict::Stands(State::Apart);
    for event in list(vec![secret("quench", "", "b25l")]) {
        assert_eq!(ledger.verdict(&key), stands);
        ledger.take_secret("hub", event);
    }
    for event in list(vec![home("team-a", &[])]) {
        assert_eq!(ledger.verdict(&key), stands);
        let keys = ledger.take_home(event);
        assert!(keys.is_empty() || to_do(&ledger, keys) == "team-a Create");
    }
    assert_eq!(ledger.verdict(&key), Verdict::Create);
}

#[test]
fn what_changes_is_looked_at_and_nothing_else() {
    let mut ledger = ledger();
    assert_eq!(everywhere(&ledger), "bank Remove, shop Create, team-b Stands(Foreign)");
    let keys = ledger.take_home(Event::Apply(home("bank", &[("pull", "hub")])));
    assert_eq!((keys.len(), to_do(&ledger, keys)), (1, String::new()));
    let keys = ledger.take_secret("hub", Event::Apply(secret("shop", "quench", "b25l")));
    assert_eq!((keys.len(), to_do(&ledger, keys)), (1, String::new()));
    // The source changed, so all copies are compared with it.
    let keys = ledger.take_secret("hub", Event::Apply(secret("quench", "", "dHdv")));
    assert_eq!(to_do(&ledger, keys), "bank Update, shop Update, team-a Update, team-b Stands(Foreign)");
    let keys = ledger.take_secret("hub", Event::Delete(secret("quench", "", "dHdv")));
    let waiting = "bank Stands(Waiting), shop Stands(Waiting), team-a Stands(Waiting), team-b Stands(Foreign)";
    assert_eq!(to_do(&ledger, keys), waiting);
    assert!(ledger.take_secret("other", Event::Delete(secret("shop", "", "b25l"))).is_empty());
}

#[test]
fn what_a_policy_copies_no_more_is_taken_away_before_it_is_forgotten() {
    let mut ledger = ledger();
    let keys = ledger.follow(&policy(HUB.replace("team-*", "shop").as_str()));
    assert_eq!(to_do(&ledger, keys), "bank Remove, shop Create, team-a Remove");
    let checked = policy("{name: hub, registries: [dhi.io], check: true}");
    let none = policy("{name: hub, registries: [dhi.io]}");
    for (policy, is_checked) in [(none, false), (checked, true)] {
        let keys = ledger.follow(&policy);
        assert_eq!(to_do(&ledger, keys), "bank Remove, team-a Remove");
        assert_eq!(ledger.watched(), (["hub"].into(), true));
        assert!(ledger.retire(&policy).is_empty());
        for namespace in ["bank", "team-a"] {
            ledger.take_secret("hub", Event::Delete(secret(namespace, "quench", "b25l")));
        }
        assert_eq!(ledger.retire(&policy), ["hub"]);
        let watched: BTreeSet<&str> = if is_checked { ["hub"].into() } else { BTreeSet::new() };
        assert_eq!(ledger.watched(), (watched, false));
        assert_eq!(to_do(&ledger, ledger.places("hub")), "");
        // The secret is copied again, but only after the namespaces were listed again.
        ledger.follow(&self::policy(HUB));
        assert_eq!(to_do(&ledger, [("hub".to_owned(), "team-a".to_owned())]), "");
        ledger = self::ledger();
    }
}

#[test]
fn two_entries_of_one_name_are_wanted_where_either_is() {
    let mut ledger = ledger();
    let second = "{name: hub, registries: [docker.io], propagate: {namespaces: [bank]}}, {name: hub, registries: [quay.io], check: true}";
    let keys = ledger.follow(&policy(&format!("{HUB}, {second}")));
    assert_eq!(to_do(&ledger, keys), "shop Create, team-b Stands(Foreign)");
}

#[test]
fn reviews_know_who_lacks_it_and_nothing_while_that_is_in_doubt() {
    let (mut ledger, mut schedule) = (ledger(), Schedule::default());
    let lacking = |ledger: &Ledger, schedule: &Schedule, doubted: &[Option<&str>]| {
        let absences = ledger.absences(schedule, |subject| doubted.contains(&subject));
        let all = ["bank", "new", "quench", "shop", "team-a", "team-b"];
        all.into_iter().filter(|namespace| !absences.of(namespace).is_empty()).collect::<Vec<_>>().join(" ")
    };
    ledger.take_secret("hub", Event::Delete(secret("bank", "quench", "b25l")));
    // `shop` is about to get the copy; `new` is not known to exist.
    assert_eq!(lacking(&ledger, &schedule, &[]), "bank");
    assert_eq!(lacking(&ledger, &schedule, &[None]), "");
    assert_eq!(lacking(&ledger, &schedule, &[Some("hub")]), "");
    assert_eq!(lacking(&ledger, &schedule, &[Some("other")]), "bank");
    let (key, now) = (("hub".to_owned(), "shop".to_owned()), std::time::Instant::now());
    schedule.wants(key.clone(), now, std::time::Duration::ZERO, 0.0);
    assert_eq!(lacking(&ledger, &schedule, &[]), "bank");
    schedule.failed(&key, now, 0.0);
    assert_eq!(lacking(&ledger, &schedule, &[]), "bank shop");
    ledger.take_secret("hub", Event::Delete(secret("quench", "", "b25l")));
    assert_eq!(lacking(&ledger, &Schedule::default(), &[]), "bank quench shop", "there is nothing to copy");

    let mut ledger = Ledger::new("quench".to_owned());
    ledger.follow(&policy("{name: hub, registries: [dhi.io], check: true}"));
    assert_eq!(lacking(&ledger, &schedule, &[]), "");
    for event in list(vec![secret("team-a", "", "b25l"), secret("shop", "quench", "b25l")]) {
        assert_eq!(lacking(&ledger, &schedule, &[]), "");
        ledger.take_secret("hub", event);
    }
    assert_eq!(lacking(&ledger, &schedule, &[None]), "bank new quench team-b");
    assert_eq!(everywhere(&ledger), "", "what is only checked is never touched");
}

#[test]
fn copies_are_counted_by_how_they_stand() {
    let (mut ledger, mut schedule) = (ledger(), Schedule::default());
    let counts = CopyCounts { current: 1, pending: 2, foreign: 1, usable_sources: 1, ..CopyCounts::default() };
    assert_eq!(ledger.counts(&schedule), counts);
    let (key, now) = (("hub".to_owned(), "shop".to_owned()), std::time::Instant::now());
    schedule.wants(key.clone(), now, std::time::Duration::ZERO, 0.0);
    schedule.failed(&key, now, 0.0);
    assert_eq!(ledger.counts(&schedule), CopyCounts { pending: 1, failed: 1, ..counts });
    ledger.take_secret("hub", Event::Delete(secret("quench", "", "b25l")));
    let counts = CopyCounts { pending: 1, foreign: 1, waiting: 2, missing_sources: 1, ..CopyCounts::default() };
    assert_eq!(ledger.counts(&Schedule::default()), counts);
}
