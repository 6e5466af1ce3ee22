//! Tests self-managed certificates with only the RBAC rights that docs/certificates.md lists.

mod home;
mod wire;

use std::thread;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use quench_certs::{Authority, Bundle};
use serde_json::json;

use self::home::{Home, Shop, await_ready};
use self::wire::Wire;
use crate::cluster::Cluster;
use crate::kubectl::eventually;
use crate::quench::Quench;

const HOUR: Duration = Duration::from_secs(3_600);
/// Lifetimes that are over while one looks.
const SHORT: [&str; 4] = ["--authority-lifetime", "15s", "--leaf-lifetime", "6s"];

/// Prints how long something took to come true.
fn healed(what: &str, is_right: impl FnMut() -> Option<()>) {
    let start = Instant::now();
    eventually(what, is_right);
    println!("{what} after {:.1} s", start.elapsed().as_secs_f64());
}

pub(crate) fn replicas_that_start_at_once_agree(cluster: &Cluster) {
    for secret in ["missing", "empty"] {
        let home = Home::with_rights(cluster);
        if secret == "empty" {
            home.kubectl().run(&["create", "secret", "generic", "quench-ca"]);
        }
        let start = Instant::now();
        // All of them have connected before the first is let through.
        let wire = Wire::held_to(home.api_server());
        let replicas = home.replicas_by(["one", "two", "three"], &wire.address(), &[]);
        thread::sleep(Duration::from_millis(300));
        wire.join();
        eventually("reason", || replicas[0].not_ready()?.contains("MutatingWebhookConfiguration").then_some(()));
        let shop = Shop::calling(&home, &replicas);
        await_ready(&replicas);
        let lost = |replica: &Quench| {
            let metrics = replica.metrics();
            metrics.iter().filter(|(name, _)| name.contains("lost_race")).map(|(_, count)| count).sum::<f64>()
        };
        println!("{} races were lost", replicas.iter().map(lost).sum::<f64>());
        println!("three replicas, Secret {secret}: ready after {:.1} s", start.elapsed().as_secs_f64());
        shop.sells(1);
        let made = replicas.iter().filter(|replica| replica.log().contains("made a certificate authority"));
        assert_eq!(made.count(), 1, "exactly one authority wins");
        assert_eq!(home.trusted().iter().count(), 1);
        assert_eq!(home.bundles(), vec![home.data("ca.crt"); 3]);
        let secret = home.secret().unwrap();
        let keys: Vec<_> = secret["data"].as_object().unwrap().keys().cloned().collect();
        assert_eq!(keys, ["ca.crt", "tls.crt", "tls.key"], "nobody's own certificate is written anywhere");
        // One more is ready as soon as it has looked.
        let start = Instant::now();
        let late = home.replicas(["late"], &[]);
        await_ready(&late);
        println!("a replica that starts later: ready after {:.1} s", start.elapsed().as_secs_f64());
    }
}

pub(crate) fn authorities_change_under_load(cluster: &Cluster) {
    let home = Home::with_rights(cluster);
    let replicas = home.replicas(["one", "two"], &SHORT);
    let shop = Shop::calling(&home, &replicas);
    await_ready(&replicas);
    let start = Instant::now();
    let is_open = || start.elapsed() < Duration::from_secs(22);
    let sell = || std::iter::repeat_with(|| shop.sells(25)).take_while(|_| is_open()).sum::<usize>();
    let (mut authorities, mut certificates) = (vec![home.data("tls.crt")], 0);
    let sold: usize = thread::scope(|scope| {
        let sellers = [(); 3].map(|()| scope.spawn(sell));
        while is_open() {
            let authority = home.data("tls.crt");
            if !authorities.contains(&authority) {
                authorities.push(authority);
            }
            thread::sleep(Duration::from_millis(500));
        }
        sellers.into_iter().map(|seller| seller.join().unwrap()).sum()
    });
    for replica in &replicas {
        let log = replica.log();
        certificates += log.matches("issued a certificate").count();
        assert!(replica.not_ready().is_none());
        let (_, since_ready) = log.split_once("trusts the certificate: ready").unwrap();
        assert!(!["could not maintain", "restored", "replaced"].iter().any(|word| since_ready.contains(word)), "{log}");
    }
    println!(
        "{sold} pods while {} authorities and {certificates} certificates took turns: none refused",
        authorities.len()
    );
    assert!(authorities.len() >= 3 && certificates >= 8, "{} {certificates}", authorities.len());
    assert!(home.trusted().iter().count() <= 3, "what has expired leaves the bundle");
}

pub(crate) fn what_is_spoilt_heals(cluster: &Cluster) {
    let home = Home::with_rights(cluster);
    let replicas = home.replicas(["one", "two"], &[]);
    let shop = Shop::calling(&home, &replicas);
    await_ready(&replicas);
    let (authority, key) = (home.data("tls.crt"), home.data("tls.key"));
    let is_as_before = || {
        let same = home
            .secret()
            .is_some_and(|secret| secret["data"]["tls.crt"] == *authority && secret["data"]["tls.key"] == *key);
        let told = home.bundles().iter().all(|bundle| *bundle == home.data("ca.crt") && *bundle == authority);
        (same && told).then_some(())
    };
    is_as_before().expect("it begins as it should");
    let foreign = Authority::new("foreign", SystemTime::now(), HOUR).unwrap();
    let foreign = json!(BASE64_STANDARD.encode(foreign.certificate_pem()));

    home.set_bundles(&foreign);
    healed("a caBundle that was overwritten: restored", is_as_before);
    shop.recovers();
    home.set_bundles(&json!(null));
    healed("a caBundle that was emptied: restored", is_as_before);
    shop.recovers();
    home.kubectl().run(&["delete", "secret", "quench-ca"]);
    shop.sells(1);
    healed("a Secret that was deleted: restored", is_as_before);
    shop.sells(1);
    let garbage = json!({"data": {"tls.crt": "Z2FyYmFnZQ==", "ca.crt": null}}).to_string();
    home.kubectl().run(&["patch", "secret", "quench-ca", "--type=merge", "--patch", &garbage]);
    shop.sells(1);
    healed("garbage in the Secret: restored", is_as_before);
    shop.sells(1);

    let logs = replicas.each_ref().map(Quench::log).concat();
    assert!(logs.contains("no certificate of an authority"), "{logs}");
    let repairs = |object: &str| -> f64 {
        let name = format!("quench_authority_repairs_total{{object=\"{object}\"}}");
        replicas.iter().map(|replica| replica.metrics()[&name]).sum()
    };
    assert_eq!((repairs("webhooks"), repairs("secret")), (2.0, 2.0), "each by one replica");
    assert_eq!(logs.matches("made a certificate authority").count(), 1, "the first one serves on");
    assert!(!logs.contains("replaced the authority"), "{logs}");
}

pub(crate) fn what_cannot_be_used_at_the_start_is_replaced(cluster: &Cluster) {
    let past = SystemTime::now() - 2 * HOUR;
    let (expired, valid) = (Authority::new("a", past, HOUR).unwrap(), Authority::new("a", past, 4 * HOUR).unwrap());
    let encoded = |text: &str| BASE64_STANDARD.encode(text);
    for (what, certificate, key, bundle, reason, trusted) in [
        (
            "an expired authority",
            expired.certificate_pem(),
            expired.key_pem(),
            expired.certificate_pem(),
            "not valid",
            1,
        ),
        ("garbage", "garbage".to_owned(), "garbage".to_owned(), valid.certificate_pem(), "no certificate", 2),
        ("a foreign key", valid.certificate_pem(), expired.key_pem(), String::new(), "does not belong", 2),
    ] {
        let home = Home::with_rights(cluster);
        let data = json!({"tls.crt": encoded(&certificate), "tls.key": encoded(&key), "ca.crt": encoded(&bundle)});
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "quench-ca"}, "data": data});
        home.kubectl().apply(&secret.to_string());
        let start = Instant::now();
        let replicas = home.replicas(["start"], &[]);
        let shop = Shop::calling(&home, &replicas);
        await_ready(&replicas);
        println!("{what} in the Secret at the start: ready after {:.1} s", start.elapsed().as_secs_f64());
        shop.sells(1);
        let log = replicas[0].log();
        assert!(log.contains("replaced the authority") && log.contains(reason), "{what}: {log}");
        assert_eq!(home.trusted().iter().count(), trusted, "{what}: a valid authority is not lost");
        assert!(!Bundle::read(home.decoded("tls.crt").as_bytes()).iter().any(|one| one == expired.trusted()));
    }
}

pub(crate) fn the_api_server_away(cluster: &Cluster) {
    let home = Home::with_rights(cluster);
    let wire = Wire::cut_to(home.api_server());
    let flags = ["--authority-lifetime", "60s", "--leaf-lifetime", "6s"];
    let replicas = home.replicas_by(["away"], &wire.address(), &flags);
    let shop = Shop::calling(&home, &replicas);
    let reason = eventually("reason", || replicas[0].not_ready().filter(|reason| reason.contains("cannot get")));
    assert!(reason.contains("quench-"), "{reason}");
    wire.join();
    healed("an API server that was away at the start: ready", || replicas[0].not_ready().is_none().then_some(()));
    shop.sells(1);
    let expiry = || replicas[0].metrics()["quench_certificate_not_after_timestamp_seconds"];
    let before = expiry();
    wire.cut();
    // Longer than a certificate lasts.
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(8) {
        shop.sells(5);
    }
    assert!(replicas[0].not_ready().is_none(), "it serves on");
    assert!(expiry() > before + 5.0, "certificates are renewed from memory");
    let failed = |call: &str| {
        replicas[0].metrics()[&format!("quench_authority_calls_total{{call=\"{call}\",result=\"failed\"}}")]
    };
    let failures = failed("read_webhooks");
    assert!(failures >= 2.0, "{failures}");
    home.kubectl().run(&["delete", "secret", "quench-ca"]);
    wire.join();
    healed("a Secret that was deleted while the API server was away: restored", || home.secret().map(drop));
    shop.sells(1);
    eventually("good news", || replicas[0].log().contains("all right again").then_some(()));
}

pub(crate) fn missing_rights_are_named(cluster: &Cluster) {
    let home = Home::without_rights(cluster);
    let replicas = home.replicas(["poor"], &[]);
    let shop = Shop::calling(&home, &replicas);
    let says = |words: &[&str]| {
        let reason = eventually("reason", || {
            replicas[0].not_ready().filter(|reason| words.iter().all(|word| reason.contains(word)))
        });
        assert!(reason.contains("docs/certificates.md"), "{reason}");
    };
    says(&["to `get` is missing", "MutatingWebhookConfiguration", &home.configuration()]);
    home.grant(&|rights| {
        rights.replace("verbs: [get, patch]", "verbs: [get]").replace("[get, create, patch]", "[patch]")
    });
    says(&["to `get` is missing", "Secret `quench-ca`", &home.name()]);
    home.grant(&|rights| {
        rights.replace("verbs: [get, patch]", "verbs: [get]").replace("[get, create, patch]", "[get, patch]")
    });
    says(&["to `create` is missing", "Secret `quench-ca`"]);
    home.grant(&|rights| rights.replace("verbs: [get, patch]", "verbs: [get]"));
    says(&["to `patch` is missing", "MutatingWebhookConfiguration"]);
    home.grant(&str::to_owned);
    healed("a right that was missing: ready", || replicas[0].not_ready().is_none().then_some(()));
    shop.sells(1);
}
