//! Tests copies of pull secrets with only the RBAC rights that docs/pull-secrets.md lists.

mod home;

use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use self::home::{Home, pull_secret, standing, writes};
use crate::cluster::Cluster;
use crate::kubectl::eventually;
use crate::quench::Quench;

/// How many calls a change of ten copies may cost, with two replicas.
const CALLS_FOR_TEN_COPIES: usize = 12;

/// The writes that replicas make while something comes true; how many of them are allowed for each of `copies`.
struct Writes<'q> {
    replicas: &'q [Quench],
    before: usize,
    start: Instant,
}

impl<'q> Writes<'q> {
    fn of(replicas: &'q [Quench]) -> Self {
        Self { replicas, before: Self::so_far(replicas), start: Instant::now() }
    }

    /// Those since they started.
    fn of_new(replicas: &'q [Quench], start: Instant) -> Self {
        Self { replicas, before: 0, start }
    }

    fn so_far(replicas: &[Quench]) -> usize {
        writes(replicas, "ok") + writes(replicas, "lost_race") + writes(replicas, "failed")
    }

    fn until(self, what: &str, copies: usize, mut is_right: impl FnMut() -> bool) {
        eventually(what, || is_right().then_some(()));
        let seconds = self.start.elapsed().as_secs_f64();
        // What was not seen yet by one of them would be written again soon.
        thread::sleep(Duration::from_secs(2));
        let calls = Self::so_far(self.replicas) - self.before;
        println!("{what} after {seconds:.1} s, by {calls} calls");
        let (least, most) = (copies, (copies * CALLS_FOR_TEN_COPIES / 10).max(copies + 2));
        assert!((least..=most).contains(&calls), "{what}: {calls} calls for {copies} copies");
    }
}

pub(crate) fn two_replicas_keep_two_hundred_namespaces(cluster: &Cluster) {
    let home = Home::with_rights(cluster);
    home.put_source("first-password");
    let shops = home.open_shops(0, 200);
    let (foreign, plain) = (&shops[7], &shops[8]);
    cluster.kubectl.within(foreign).apply(&pull_secret(&home.secret(), "their-password").to_string());
    home.ask(plain, false);
    let start = Instant::now();
    let replicas = home.replicas(["one", "two"], &home.by_label());
    let has = |password: &str| {
        let copies = home.copies();
        let right = copies.iter().filter(|(shop, found)| *shop != foreign && *found == password).count();
        (right, copies.len() - right)
    };

    Writes::of_new(&replicas, start).until("198 namespaces have a copy", 198, || has("first-password") == (198, 1));
    let copies = home.copies();
    assert_eq!((copies.get(foreign).map(String::as_str), copies.get(plain)), (Some("their-password"), None));
    let copy = cluster.kubectl.within(&shops[0]).get(&["secret", &home.secret()]);
    let labels = json!({"app.kubernetes.io/managed-by": "quench", "quench.dev/propagated-from": home.name()});
    assert_eq!(copy["metadata"]["annotations"], json!({"quench.dev/propagated-to": shops[0]}));
    assert_eq!((&copy["metadata"]["labels"], copy["type"].as_str()), (&labels, Some("kubernetes.io/dockerconfigjson")));
    for replica in &replicas {
        let log = replica.log();
        let told: Vec<_> = log.lines().filter(|line| line.contains("left alone a Secret")).collect();
        assert!(matches!(told[..], [line] if line.contains(foreign.as_str())), "{told:?}");
        eventually("counts", || {
            (standing(replica, "current") == 198 && standing(replica, "foreign") == 1).then_some(())
        });
    }

    let rotation = Writes::of(&replicas);
    home.put_source("second-password");
    rotation.until("198 copies are as the changed source", 198, || has("second-password") == (198, 1));

    let deletion = Writes::of(&replicas);
    for shop in &shops[20..30] {
        cluster.kubectl.within(shop).run(&["delete", "secret", &home.secret()]);
    }
    deletion.until("10 deleted copies are back", 10, || has("second-password") == (198, 1));

    let spoiling = Writes::of(&replicas);
    cluster.kubectl.within(&shops[0]).apply(&{
        let mut spoilt = pull_secret(&home.secret(), "somebodys-password");
        spoilt["metadata"]["labels"] = json!({"quench.dev/propagated-from": home.name()});
        spoilt.to_string()
    });
    spoiling.until("a copy that was changed is as the source", 1, || has("second-password") == (198, 1));

    let opening = Writes::of(&replicas);
    home.open_shops(200, 1);
    opening.until("a new namespace has a copy", 1, || has("second-password") == (199, 1));

    // A copy that somebody copied to where none is wanted is theirs, with all that it carries.
    let mut taken = cluster.kubectl.within(&shops[0]).get(&["secret", &home.secret()]);
    for own in ["namespace", "uid", "resourceVersion", "creationTimestamp", "managedFields"] {
        taken["metadata"].as_object_mut().unwrap().remove(own);
    }
    cluster.kubectl.within(plain).with(&taken.to_string(), &["create", "-f", "-"]);

    let leaving = Writes::of(&replicas);
    home.ask(&shops[1], false);
    home.ask(foreign, false);
    leaving.until("a namespace without the label has none", 1, || has("second-password") == (199, 1));
    let copies = home.copies();
    assert!(copies.contains_key(foreign) && copies.contains_key(plain), "what is not ours stays");
    cluster.kubectl.within(plain).run(&["delete", "secret", &home.secret()]);

    home.kubectl().run(&["delete", "secret", &home.secret()]);
    for replica in &replicas {
        eventually("word of the source", || replica.log().contains("the source is gone").then_some(()));
        eventually("counts", || (standing(replica, "waiting") == 198).then_some(()));
    }
    assert_eq!(has("second-password"), (198, 1), "copies stay");
    let return_ = Writes::of(&replicas);
    home.put_source("third-password");
    return_.until("198 copies are as the source that came back", 198, || has("third-password") == (198, 1));

    let end = Writes::of(&replicas);
    home.policy("propagate: {namespaces: []}");
    end.until("198 copies are taken away by the policy", 198, || has("third-password") == (0, 1));
    home.policy("check: false");
    for replica in &replicas {
        eventually("word of the end", || replica.log().contains("took all copies away").then_some(()));
        let states = ["current", "pending", "failed", "foreign", "waiting"];
        eventually("counts", || (states.iter().all(|state| standing(replica, state) == 0)).then_some(()));
    }
    assert_eq!(writes(&replicas, "failed"), 0);

    for password in ["first-password", "second-password", "third-password", "their-password", "somebodys-password"] {
        let held = pull_secret("name", password)["data"][".dockerconfigjson"].as_str().unwrap().to_owned();
        let bytes = format!("{:?}", BASE64_STANDARD.decode(&held).unwrap());
        for replica in &replicas {
            let log = replica.log();
            assert!(log.contains("\"TRACE\"") || log.contains("TRACE"), "the log has everything");
            let written = [password, &held, &bytes].into_iter().find(|secret| log.contains(*secret));
            assert_eq!(written, None, "what Secrets hold is not logged");
        }
    }
}

pub(crate) fn one_bad_namespace_leaves_the_others(cluster: &Cluster) {
    let home = Home::with_rights(cluster);
    home.put_source("password");
    let shops = home.open_shops(0, 12);
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"secrets": "0"}},
    });
    cluster.kubectl.within(&shops[0]).apply(&quota.to_string());
    eventually("quota", || {
        let quota = cluster.kubectl.within(&shops[0]).get(&["resourcequota", "none"]);
        (quota["status"]["hard"]["secrets"] == "0").then_some(())
    });
    let replicas = home.replicas(["one"], &home.by_label());
    home.serve(&replicas[0], &[&shops[0], &shops[1]]);
    eventually("copies", || (home.copies().len() == 11).then_some(()));
    eventually("counts", || (standing(&replicas[0], "failed") == 1).then_some(()));
    let log = replicas[0].log();
    let told: Vec<_> = log.lines().filter(|line| line.contains("could not write a pull secret")).collect();
    assert!(told[0].contains("exceeded quota") && told[0].contains(&shops[0]), "{told:?}");
    // Its pods are told, those of the others are not.
    let absent =
        format!("container `web`: the namespace has no Secret `{}`; create it [pull-secret-absent]", home.secret());
    eventually("warning", || (home.pod_in(&shops[0]).warnings() == [absent.clone()]).then_some(()));
    assert_eq!(home.pod_in(&shops[1]).warnings(), [""; 0]);
    cluster.kubectl.within(&shops[0]).run(&["delete", "resourcequota", "none"]);
    eventually("the last copy", || (home.copies().len() == 12).then_some(()));
    eventually("end of warnings", || home.pod_in(&shops[0]).warnings().is_empty().then_some(()));
    println!("{} calls, of which {} failed", writes(&replicas, "ok"), writes(&replicas, "failed"));
    assert_eq!(writes(&replicas, "ok"), 12);
}

pub(crate) fn missing_rights_are_named(cluster: &Cluster) {
    let home = Home::without_rights(cluster);
    home.put_source("password");
    home.open_shops(0, 1);
    let replicas = home.replicas(["poor"], &home.by_label());
    let says = |words: &[&str]| {
        let line = |line: &&str| line.contains("cannot watch") && words.iter().all(|word| line.contains(word));
        eventually("reason", || {
            replicas[0].log().lines().find(line).map(|line| assert!(line.contains("policy.pullSecrets")))
        });
    };
    says(&["namespaces"]);
    says(&["Secrets `", &home.secret()]);
    assert!(replicas[0].not_ready().is_none(), "it serves all the same");
    assert!(home.copies().is_empty());
    home.grant(&str::to_owned);
    eventually("copy", || (home.copies().len() == 1).then_some(()));
    // The API server grants it for that name and for nothing else.
    let account = format!("--as=system:serviceaccount:{}:quench", home.name());
    let may = |verb: &str, what: &str| {
        let asked = ["auth", "can-i", verb, what, "--all-namespaces", &account];
        cluster.kubectl.try_with("", &asked).stdout.trim() == "yes"
    };
    let named = format!("secrets/{}", home.secret());
    for verb in ["list", "watch", "create", "patch", "delete"] {
        assert!(may(verb, &named), "{verb}");
        assert!(!may(verb, "secrets") && !may(verb, "secrets/other"), "{verb}");
    }
    assert!(may("list", "namespaces") && may("watch", "namespaces"));
    for (verb, what) in
        [("get", named.as_str()), ("update", &named), ("deletecollection", &named), ("patch", "namespaces")]
    {
        assert!(!may(verb, what), "{verb} {what}");
    }
}

pub(crate) fn what_is_only_checked_is_warned_of(cluster: &Cluster) {
    let home = Home::without_rights(cluster);
    home.grant(&|rights| {
        let (secrets, rest) = rights.split_once("  - apiGroups: [\"\"]\n    resources: [namespaces]").unwrap();
        let (_, binding) = rest.split_once("---\n").unwrap();
        secrets.replace("[list, watch, create, patch, delete]", "[list, watch]") + "---\n" + binding
    });
    let shops = home.open_shops(0, 2);
    cluster.kubectl.within(&shops[1]).apply(&pull_secret(&home.secret(), "password").to_string());
    let replicas = home.replicas(["looks"], "check: true");
    home.serve(&replicas[0], &[&shops[0], &shops[1]]);
    let absent =
        format!("container `web`: the namespace has no Secret `{}`; create it [pull-secret-absent]", home.secret());
    eventually("warning", || (home.pod_in(&shops[0]).warnings() == [absent.clone()]).then_some(()));
    assert_eq!(home.pod_in(&shops[1]).warnings(), [""; 0]);
    cluster.kubectl.within(&shops[0]).apply(&pull_secret(&home.secret(), "password").to_string());
    eventually("end of warnings", || home.pod_in(&shops[0]).warnings().is_empty().then_some(()));
    cluster.kubectl.within(&shops[1]).run(&["delete", "secret", &home.secret()]);
    eventually("warning", || (home.pod_in(&shops[1]).warnings() == [absent.clone()]).then_some(()));
    home.policy("check: false");
    eventually("end of warnings", || home.pod_in(&shops[1]).warnings().is_empty().then_some(()));
    assert_eq!(writes(&replicas, "ok") + writes(&replicas, "failed"), 0);
    assert!(!replicas[0].log().contains("cannot watch"));
}

/// What the rights do not give away, to somebody with the token of quench.
pub(crate) fn the_rights_are_for_pull_secrets_of_our_own(cluster: &Cluster) {
    let home = Home::with_rights(cluster);
    let shops = home.open_shops(0, 1);
    let shop = cluster.kubectl.within(&shops[0]);
    let account = format!("--as=system:serviceaccount:{}:quench", home.name());
    let apply = |change: &dyn Fn(&mut Value)| {
        let mut secret = pull_secret(&home.secret(), "password");
        secret["metadata"]["labels"] = json!({"quench.dev/propagated-from": home.name()});
        change(&mut secret);
        let said =
            shop.try_with(&secret.to_string(), &["apply", "--server-side", "--force-conflicts", &account, "-f", "-"]);
        if said.succeeded { "made".to_owned() } else { said.stderr }
    };
    eventually("admission policy", || {
        apply(&|secret| secret["metadata"]["labels"] = json!({}))
            .contains("quench writes its own copies only")
            .then_some(())
    });
    // Made before the policy was in force; of its type, it would hide what the policy says of another.
    shop.run(&["delete", "secret", &home.secret(), "--ignore-not-found"]);
    let token = apply(&|secret| {
        secret["type"] = json!("kubernetes.io/service-account-token");
        secret["metadata"]["annotations"] = json!({"kubernetes.io/service-account.name": "default"});
        secret["data"] = json!({});
    });
    assert!(token.contains("quench makes pull secrets only"), "{token}");
    let named = apply(&|secret| secret["metadata"]["name"] = json!("other"));
    assert!(named.contains("cannot patch resource"), "{named}");
    assert_eq!(apply(&|_| {}), "made");
    assert_eq!(apply(&|secret| secret["stringData"] = json!({"more": "more"})), "made");
    shop.run(&["label", "secret", &home.secret(), "quench.dev/propagated-from-"]);
    let theirs = apply(&|_| {});
    assert!(theirs.contains("quench writes its own copies only"), "{theirs}");
    let deleted = shop.try_with("", &["delete", "secret", &home.secret(), &account]);
    assert!(deleted.stderr.contains("quench writes its own copies only"), "{}", deleted.stderr);
}

/// What keeps a copy from being merged into a Secret that somebody makes between our look and our write.
pub(crate) fn a_secret_of_somebody_else_is_never_merged_into(cluster: &Cluster) {
    let home = Home::without_rights(cluster);
    let apply = |password: &str| {
        let mut copy = pull_secret(&home.secret(), password);
        copy["metadata"]["resourceVersion"] = json!("1");
        let applied = ["apply", "--server-side", "--field-manager=quench-pull-secrets", "-f", "-"];
        home.kubectl().try_with(&copy.to_string(), &applied)
    };
    assert!(apply("ours").succeeded, "where there is none, it is made");
    home.kubectl().run(&["delete", "secret", &home.secret()]);
    // Of the same type, with nothing that would be in conflict.
    let mut theirs = pull_secret(&home.secret(), "ours");
    theirs["metadata"]["labels"] = json!({"theirs": "yes"});
    home.kubectl().with(&theirs.to_string(), &["create", "-f", "-"]);
    let before = home.kubectl().get(&["secret", &home.secret()]);
    let said = apply("ours");
    assert!(!said.succeeded && said.stderr.contains("the object has been modified"), "{}", said.stderr);
    assert_eq!(home.kubectl().get(&["secret", &home.secret()]), before);
}
