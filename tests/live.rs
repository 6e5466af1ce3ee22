//! Tests the reload of changed files, one check at a time.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod volume;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use quench::live::{Certificates, Rules, Standing};
use quench::telemetry::Metrics;
use quench::tls::{ClientAuthorities, Pair};
use quench_certs::{Authority, Leaf};
use quench_core::policy::Mode;
use volume::Volume;

const DAY: Duration = Duration::from_secs(86_400);

fn policy(rest: &str) -> String {
    format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{rest}\n")
}

/// A catalog of one image.
fn catalog(name: &str) -> String {
    let upstream = r#""upstream":[{"ref":"docker.io/library/nginx"}]"#;
    format!(r#"{{"schema":"dhi-images/1","images":[{{"name":"{name}",{upstream}}}]}}"#)
}

/// What is told of the files.
struct Told {
    standing: Arc<Standing>,
    metrics: Arc<Metrics>,
}

impl Told {
    fn new() -> Self {
        let metrics = Arc::new(Metrics::new());
        Self { standing: Arc::new(Standing::new(metrics.clone())), metrics }
    }

    /// Reloads that were taken, those that were refused, and whether what is on disk is in force.
    fn counts(&self, file: &str) -> (u32, u32, u32) {
        let text = self.metrics.encode();
        let value = |start: String| {
            let line = text.lines().find_map(|line| line.strip_prefix(&start));
            line.unwrap_or_else(|| panic!("{start} is not in\n{text}")).trim().parse().unwrap()
        };
        let reloads = |result: &str| value(format!(r#"quench_reloads_total{{file="{file}",result="{result}"}}"#));
        (reloads("ok"), reloads("failed"), value(format!(r#"quench_reload_ok{{file="{file}"}}"#)))
    }

    fn says(&self, words: &[&str]) {
        let text = self.standing.text();
        assert!(words.iter().all(|word| text.contains(word)), "{words:?} not in: {text}");
    }
}

fn now() -> SystemTime {
    SystemTime::now()
}

#[test]
fn a_policy_is_swapped_and_a_bad_one_keeps_the_one_before() {
    let (told, good) = (Told::new(), policy("mode: enforce"));
    let mut volume = Volume::new(&[("policy.yaml", &good)]);
    let mut rules = Rules::load(Some(&volume.path("policy.yaml")), None, &told.standing, now()).unwrap();
    let live = rules.live();
    let mut look = || {
        rules.check(now());
        (live.load().policy.mode, told.counts("policy"))
    };
    assert_eq!(look(), (Mode::Enforce, (0, 0, 1)));

    volume.swap(&[("policy.yaml", &policy("mode: warn"))]);
    assert_eq!(look(), (Mode::Warn, (1, 0, 1)));
    volume.swap(&[("policy.yaml", &policy("mode: warn"))]);
    assert_eq!(look(), (Mode::Warn, (1, 0, 1)), "another file of the same content is no reload");

    volume.swap(&[("policy.yaml", &policy("mode: loud"))]);
    assert_eq!(look(), (Mode::Warn, (1, 1, 0)));
    assert_eq!(look(), (Mode::Warn, (1, 1, 0)), "said once");
    let text = told.standing.text();
    assert!(text.contains("/policy.yaml:3:7: ") && text.contains("refused since") && text.contains("in force since"));
    assert_eq!(text.lines().count(), 1, "{text}");

    volume.swap(&[("policy.yaml", &policy("mode: 'off'"))]);
    assert_eq!(look(), (Mode::Off, (2, 1, 1)));
    assert!(!told.standing.text().contains("refused"));
}

#[test]
fn a_policy_that_is_gone_stays_in_force() {
    let told = Told::new();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.yaml");
    let write = |rest: &str| fs::write(&file, policy(rest)).unwrap();
    write("mode: warn");
    let mut rules = Rules::load(Some(&file), None, &told.standing, now()).unwrap();
    let live = rules.live();
    let mut look = || {
        rules.check(now());
        (live.load().policy.mode, told.counts("policy"))
    };
    fs::remove_file(&file).unwrap();
    assert_eq!(look(), (Mode::Warn, (0, 1, 0)));
    assert_eq!(look(), (Mode::Warn, (0, 1, 0)));
    told.says(&["cannot read the policy", "No such file"]);
    write("mode: warn");
    assert_eq!(look(), (Mode::Warn, (0, 1, 1)), "it is there again, and is no other");
    fs::write(&file, b"\xff").unwrap();
    assert_eq!(look(), (Mode::Warn, (0, 2, 0)));
    write("mode: enforce");
    assert_eq!(look(), (Mode::Enforce, (1, 2, 1)));
}

#[test]
fn a_catalog_is_swapped_together_with_the_policy() {
    let told = Told::new();
    let (one, other) = (policy("mode: warn"), policy("mode: enforce"));
    let mut volume = Volume::new(&[("policy.yaml", &one), ("catalog.json", &catalog("one"))]);
    let files = ["policy.yaml", "catalog.json"].map(|name| volume.path(name));
    let mut rules = Rules::load(Some(&files[0]), Some(&files[1]), &told.standing, now()).unwrap();
    let live = rules.live();
    let mut look = || {
        let before = live.load();
        rules.check(now());
        let after = live.load();
        let name = after.catalog.images().next().unwrap().name().to_owned();
        (Arc::ptr_eq(&before, &after), after.policy.mode, name)
    };
    assert_eq!(look(), (true, Mode::Warn, "one".to_owned()));
    volume.swap(&[("policy.yaml", &other), ("catalog.json", &catalog("other"))]);
    assert_eq!(look(), (false, Mode::Enforce, "other".to_owned()));
    assert_eq!(told.counts("catalog"), (1, 0, 1));

    volume.swap(&[("policy.yaml", &one), ("catalog.json", "{\"schema\": 1}")]);
    assert_eq!(look(), (false, Mode::Warn, "other".to_owned()), "each file for itself");
    assert_eq!((told.counts("policy"), told.counts("catalog")), ((2, 0, 1), (1, 1, 0)));
    told.says(&["catalog.json is not a catalog: ", "line 1 column"]);

    volume.swap(&[("policy.yaml", &one), ("catalog.json", &catalog("one"))]);
    assert_eq!(look(), (false, Mode::Warn, "one".to_owned()));
    assert_eq!((told.counts("policy"), told.counts("catalog")), ((2, 0, 1), (2, 1, 1)));
}

/// Those who write and those who look know nothing of each other.
#[test]
fn files_that_are_swapped_while_they_are_read_stay_together() {
    let told = Told::new();
    let secret = |round: usize| policy(&format!("pullSecrets: [{{name: secret-{round}, registries: [dhi.io]}}]"));
    let name = |round: usize| format!("nginx-{round}");
    let mut volume = Volume::new(&[("policy.yaml", &secret(0)), ("catalog.json", &catalog(&name(0)))]);
    let [policy, catalog_file] = ["policy.yaml", "catalog.json"].map(|name| volume.path(name));
    let mut rules = Rules::load(Some(&policy), Some(&catalog_file), &told.standing, now()).unwrap();
    let live = rules.live();
    let writer = thread::spawn(move || {
        for round in 1..=1000 {
            volume.swap(&[("policy.yaml", &secret(round)), ("catalog.json", &catalog(&name(round)))]);
        }
        volume
    });
    let target = "dhi.io/nginx".parse().unwrap();
    while !writer.is_finished() {
        rules.check(now());
        let in_force = live.load();
        let secret = in_force.policy.pull_secrets_for(&target).next().unwrap().to_owned();
        let image = in_force.catalog.images().next().unwrap().name().to_owned();
        assert_eq!(secret.strip_prefix("secret-"), image.strip_prefix("nginx-"));
    }
    writer.join().unwrap();
    let (reloads, ..) = told.counts("policy");
    assert!(reloads > 10, "{reloads}");
}

/// Certificates of one authority, and the volume that has one of them.
struct Issuer {
    told: Told,
    authority: Authority,
    volume: Volume,
}

impl Issuer {
    /// Starts with a certificate that lasts so long.
    fn with(from: SystemTime, lifetime: Duration) -> (Self, Certificates) {
        let authority = Authority::new("an authority", now() - 20 * DAY, 100 * DAY).unwrap();
        let mut issuer = Self { told: Told::new(), authority, volume: Volume::new(&[]) };
        let leaf = issuer.issue(from, lifetime);
        issuer.swap(&leaf, &leaf);
        let pair = Pair::read(&issuer.file("tls.crt"), &issuer.file("tls.key")).unwrap();
        let certificate = pair.certificate().unwrap();
        let certificates = Certificates::new(certificate, Some(pair), None, &issuer.told.standing, now()).unwrap();
        (issuer, certificates)
    }

    fn issue(&self, from: SystemTime, lifetime: Duration) -> Leaf {
        self.authority.issue(["localhost"], from, lifetime).unwrap()
    }

    fn file(&self, name: &str) -> std::path::PathBuf {
        self.volume.path(name)
    }

    fn swap(&mut self, certificate: &Leaf, key: &Leaf) {
        let (chain, key) = (certificate.certificate_pem(), key.key_pem());
        let authority = self.authority.certificate_pem();
        self.volume.swap(&[("tls.crt", &chain), ("tls.key", &key), ("ca.crt", &authority)]);
    }

    /// Whether another one is in force after a look, and what is counted.
    fn look(&self, certificates: &mut Certificates) -> (bool, (u32, u32, u32)) {
        let before = certificates.certificate().unwrap().not_after();
        certificates.check(now());
        let after = certificates.certificate().unwrap().not_after();
        let seconds = after.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let metric = format!("quench_certificate_not_after_timestamp_seconds {seconds}.0\n");
        assert!(self.told.metrics.encode().contains(&metric));
        (before != after, self.told.counts("certificate"))
    }
}

#[test]
fn a_certificate_is_replaced_by_another_pair() {
    let (mut issuer, mut certificates) = Issuer::with(now(), 2 * DAY);
    assert_eq!(issuer.look(&mut certificates), (false, (0, 0, 1)));
    let mut authorities = certificates.authorities();
    let next = issuer.issue(now(), 3 * DAY);
    issuer.swap(&next, &next);
    assert_eq!(issuer.look(&mut certificates), (true, (1, 0, 1)));
    assert!(!authorities.has_changed().unwrap(), "the authority is the same");
    issuer.told.says(&["certificate: ", "/tls.crt in force since", ", expires "]);

    issuer.authority = Authority::new("another authority", now(), 100 * DAY).unwrap();
    let next = issuer.issue(now(), 4 * DAY);
    issuer.swap(&next, &next);
    assert_eq!(issuer.look(&mut certificates), (true, (2, 0, 1)));
    assert!(authorities.has_changed().unwrap());
    assert_eq!(*authorities.borrow_and_update(), issuer.authority.certificate_pem());
}

#[test]
fn files_of_two_pairs_are_told_only_where_they_stay() {
    let (mut issuer, mut certificates) = Issuer::with(now(), 2 * DAY);
    let [next, other] = [3, 4].map(|days| issuer.issue(now(), days * DAY));
    issuer.swap(&next, &other);
    assert_eq!(issuer.look(&mut certificates), (false, (0, 0, 1)), "perhaps caught between two writes");
    issuer.swap(&next, &next);
    assert_eq!(issuer.look(&mut certificates), (true, (1, 0, 1)), "so it was");

    issuer.swap(&other, &next);
    for counts in [(1, 0, 1), (1, 1, 0), (1, 1, 0)] {
        assert_eq!(issuer.look(&mut certificates), (false, counts));
    }
    issuer.told.says(&["refused since", "tls.key", "does not belong"]);
    assert!(!issuer.told.standing.text().contains("PRIVATE"));
    issuer.swap(&other, &other);
    assert_eq!(issuer.look(&mut certificates), (true, (2, 1, 1)));
}

#[test]
fn a_pair_that_is_no_use_does_not_replace_one_that_is() {
    let (mut issuer, mut certificates) = Issuer::with(now(), 2 * DAY);
    let expired = issuer.issue(now() - 10 * DAY, DAY);
    issuer.swap(&expired, &expired);
    assert!(!issuer.look(&mut certificates).0);
    assert_eq!(issuer.look(&mut certificates), (false, (0, 1, 0)));
    issuer.told.says(&["tls.crt: it expired at ", "and the one in force has not"]);
    let early = issuer.issue(now() + DAY, 3 * DAY);
    issuer.swap(&early, &early);
    assert!(!issuer.look(&mut certificates).0);
    assert_eq!(issuer.look(&mut certificates), (false, (0, 2, 0)));
    issuer.told.says(&["it is valid only from "]);
    // Its time comes, though no byte changes.
    certificates.check(now() + DAY);
    assert_eq!(issuer.told.counts("certificate"), (1, 2, 1));

    issuer
        .volume
        .swap(&[("tls.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), ("tls.key", "")]);
    assert_eq!(issuer.look(&mut certificates), (false, (1, 3, 0)));
    issuer.volume.swap(&[]);
    assert_eq!(issuer.look(&mut certificates), (false, (1, 4, 0)));
    issuer.told.says(&["tls.crt cannot be read: No such file"]);
    let next = issuer.issue(now(), 5 * DAY);
    issuer.swap(&next, &next);
    assert_eq!(issuer.look(&mut certificates), (true, (2, 4, 1)));
}

#[test]
fn of_two_that_expired_the_younger_is_shown() {
    let (mut issuer, mut certificates) = Issuer::with(now() - 10 * DAY, 2 * DAY);
    let [older, younger] = [1, 3].map(|days| issuer.issue(now() - 10 * DAY, days * DAY));
    issuer.swap(&older, &older);
    assert!(!issuer.look(&mut certificates).0);
    assert_eq!(issuer.look(&mut certificates), (false, (0, 1, 0)));
    issuer.swap(&younger, &younger);
    assert_eq!(issuer.look(&mut certificates), (true, (1, 1, 1)));
}

#[test]
fn authorities_of_clients_are_swapped_and_bad_ones_are_not() {
    let told = Told::new();
    let authority = |name: &str| Authority::new(name, now(), DAY).unwrap().certificate_pem();
    let mut volume = Volume::new(&[("clients.crt", &authority("one"))]);
    let clients = ClientAuthorities::read(&volume.path("clients.crt")).unwrap();
    let certificate = quench::tls::Certificate::development(["localhost"], now()).unwrap();
    let mut certificates = Certificates::new(certificate, None, Some(clients), &told.standing, now()).unwrap();
    for (content, counts) in
        [(authority("other"), (1, 0, 1)), ("none".to_owned(), (1, 1, 0)), (authority("a"), (2, 1, 1))]
    {
        volume.swap(&[("clients.crt", &content)]);
        certificates.check(now());
        assert_eq!(told.counts("client-ca"), counts, "{content}");
    }
}

#[test]
fn a_bad_file_at_the_start_is_an_error() {
    let told = Told::new();
    let volume = Volume::new(&[("policy.yaml", "mode: loud"), ("catalog.json", "[]")]);
    let [policy, catalog] = ["policy.yaml", "catalog.json"].map(|name| volume.path(name));
    for (policy, catalog, words) in [
        (Some(&*policy), None, "policy.yaml:1:7: "),
        (None, Some(&*catalog), "catalog.json is not a catalog: "),
        (Some(Path::new("/none")), None, "cannot read the policy /none: "),
    ] {
        let error = Rules::load(policy, catalog, &told.standing, now()).unwrap_err();
        assert!(format!("{error:#}").contains(words), "{error:#}");
    }
    assert_eq!(told.standing.text(), "");
}
