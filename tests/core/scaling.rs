//! Tests that work grows linearly with the object: a review cannot be interrupted, so a slow one would stall others.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use quench_core::answer::reply::reply;
use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, plan};
use quench_core::policy::{Mode, Policy};
use quench_core::presence::Existing;
use quench_core::read::review;

/// Time for a whole review; the least of three, so that a busy machine counts less.
fn time(body: &str, policy: &Policy, catalog: &Catalog) -> Duration {
    let review = || {
        let started = Instant::now();
        let request = review::Request::parse(body.as_bytes()).unwrap();
        let outcome =
            plan(&plan::Request::of(&request, Mode::Enforce).unwrap(), policy, catalog).settle(&Existing::declared());
        assert!(!reply("u", &outcome).is_empty());
        started.elapsed()
    };
    (0..3).map(|_| review()).min().unwrap()
}

fn pod(count: usize, container: &str, metadata: &str, spec: &str, old: bool) -> String {
    let containers: Vec<String> = (0..count).map(|n| container.replace("NAME", &format!("c{n}"))).collect();
    let reversed: Vec<&str> = containers.iter().rev().map(String::as_str).collect();
    let object =
        |list: &str| format!(r#"{{"metadata":{{"name":"p"{metadata}}},"spec":{{"containers":[{list}]{spec}}}}}"#);
    let (operation, old) = if old { ("UPDATE", object(&reversed.join(","))) } else { ("CREATE", "null".to_owned()) };
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","kind":{{"group":"","version":"v1",
        "kind":"Pod"}},"operation":"{operation}","object":{},"oldObject":{old}}}}}"#,
        object(&containers.join(","))
    )
}

#[test]
fn four_times_the_object_takes_about_four_times_as_long() {
    let (policy, catalog) = (Policy::default(), Catalog::embedded());
    let nginx = r#"{"name":"NAME","image":"nginx:1.31.4"}"#;
    let hazards = r#"{"name":"NAME","image":"nginx:1.31.4","ports":[{"containerPort":80}],"securityContext":{"capabilities":{"add":["X"]}}}"#;
    for (what, container, old) in [
        ("containers that are rewritten", nginx, false),
        ("containers with hazards", hazards, false),
        ("empty containers", "{}", false),
        ("unchanged containers in another order", nginx, true),
        ("skipped containers", nginx, false),
        ("pull secrets", nginx, false),
        ("sysctls", hazards, false),
        ("labels", r#"{"name":"NAME","image":"calico/node:v3.31.7"}"#, false),
    ] {
        let body = |count: usize| {
            let (mut metadata, mut spec) = (String::new(), String::new());
            match what {
                "skipped containers" => {
                    metadata = format!(r#","annotations":{{"quench.dev/skip":"{}"}}"#, "x,".repeat(count * 10));
                }
                "pull secrets" => spec = format!(r#","imagePullSecrets":[{}{{}}]"#, "{},".repeat(count * 2)),
                "sysctls" => spec = format!(r#","securityContext":{{"sysctls":[{}{{}}]}}"#, "{},".repeat(count * 2)),
                "labels" => metadata = format!(r#","labels":{{{}"a":"b"}}"#, r#""a":"b","#.repeat(count * 10)),
                _ => {}
            }
            pod(count, container, &metadata, &spec, old)
        };
        let (small, large) = (time(&body(2_000), &policy, &catalog), time(&body(8_000), &policy, &catalog));
        // Quadratic work would take sixteen times as long.
        assert!(large < small * 10 + Duration::from_millis(20), "{what}: {small:?}, four times as many: {large:?}");
    }
}

#[test]
fn what_containers_start_is_read_once() {
    let (policy, catalog) = (Policy::default(), Catalog::embedded());
    let container =
        |fields: String| pod(1, &format!(r#"{{"name":"c","image":"redis:8.10.1",{fields}}}"#), "", "", false);
    let words = |word: &str, count: usize| format!(r#"{}"x""#, format!(r#""{word}","#).repeat(count));
    let script = |text: &str, count: usize| container(format!(r#""command":["sh","-c","{}"]"#, text.repeat(count)));
    let probe = r#"{"exec":{"command":["/m/x"]}}"#;
    for (what, body) in [
        (
            "wrappers",
            &(|count| container(format!(r#""command":[{}]"#, words("nohup", count)))) as &dyn Fn(usize) -> String,
        ),
        ("words of an environment", &|count| container(format!(r#""command":["env",{}]"#, words("A=b", count)))),
        ("options of an init", &|count| container(format!(r#""args":["tini",{}]"#, words("-g", count)))),
        ("options of a shell", &|count| container(format!(r#""command":["sh",{}]"#, words("-e", count)))),
        ("commands of a script", &|count| script("apt-get -y x; ", count)),
        ("open quotes", &|count| script("' \\\" ", count)),
        ("here-documents", &|count| script("cat <<E <<F; apt\\n", count)),
        ("substitutions", &|count| script("$(", count)),
        ("mounts", &|count| {
            let mounts = r#"{"name":"v","mountPath":"/m/y"},"#.repeat(count);
            container(format!(
                r#""command":["tini","curl"],"volumeMounts":[{mounts}{{}}],"livenessProbe":{probe},"startupProbe":{probe}"#
            ))
        }),
    ] {
        let (small, large) = (time(&body(15_000), &policy, &catalog), time(&body(60_000), &policy, &catalog));
        // A comparison of each word with each other one would take seconds.
        assert!(large < small * 10 + Duration::from_millis(300), "{what}: {small:?}, four times as many: {large:?}");
    }
}

#[test]
fn one_container_of_four_times_the_size_does_too() {
    let (policy, catalog) = (Policy::default(), Catalog::embedded());
    let list = |count: usize, entry: &str| {
        let entries: Vec<String> = (0..count).map(|n| entry.replace("NAME", &format!("v{n}"))).collect();
        entries.join(",")
    };
    let readable = r#"{"name":"NAME","configMap":{"name":"x"}}"#;
    let of_volume = r#"{"mountPath":"/m","name":"NAME"}"#;
    for (what, image, volume, mount) in [
        ("mounts of as many volumes", "fluent/fluent-bit:5.1.1", readable, of_volume),
        ("mounts of claims", "redis:8.10.1", r#"{"name":"NAME","persistentVolumeClaim":{}}"#, of_volume),
        ("mounts of nothing", "postgres:17-alpine", readable, r#"{"mountPath":"/NAME","name":"NAME/"}"#),
        ("mounts of a large volume", "nginx:1.31.4", "", r#"{"mountPath":"/m","name":"large"}"#),
    ] {
        let body = |count: usize| {
            let items = list(count, r#"{"key":"NAME","mode":420}"#);
            let large = format!(r#"{{"name":"large","secret":{{"items":[{items}]}}}}"#);
            let volumes = if volume.is_empty() { large } else { list(count, volume) };
            let (mounts, env) = (list(count, mount), list(count, r#"{"name":"NAME","value":"1 2 3"}"#));
            let ports = list(count, r#"{"containerPort":80}"#);
            let container = format!(
                r#"{{"name":"c","image":"{image}","volumeMounts":[{mounts}],"env":[{env}],"ports":[{ports}]}}"#
            );
            pod(1, &container, "", &format!(r#","volumes":[{volumes}]"#), false)
        };
        let (small, large) = (time(&body(2_000), &policy, &catalog), time(&body(8_000), &policy, &catalog));
        assert!(large < small * 10 + Duration::from_millis(20), "{what}: {small:?}, four times as many: {large:?}");
    }
}

/// Facts about a start are asked of each variable, word and mount once, however many rows an image has.
#[test]
fn facts_about_starts_are_asked_once() {
    let (policy, catalog) = (Policy::default(), Catalog::embedded());
    let list = |count: usize, entry: &str| vec![entry; count].join(",");
    for (what, image, before, entry, after) in [
        (
            "variables of upstream's start",
            "mariadb:12.3.2",
            r#""env":["#,
            r#"{"name":"MARIADB_RANDOM_ROOT_PASSWORD","value":"x"}"#,
            "]",
        ),
        (
            "variables of a pattern",
            "grafana/grafana:13.2.0",
            r#""env":["#,
            r#"{"name":"GF_AWS_A_REGION","value":"x"}"#,
            "]",
        ),
        ("variables that are empty", "mariadb:12.3.2", r#""env":["#, r#"{"name":"MARIADB_DATABASE","value":""}"#, "]"),
        ("words", "hashicorp/vault:2.0.4", r#""args":["#, r#""server""#, "]"),
        ("words that are not known yet", "redis:8.10.1", r#""args":["#, r#""$(A)""#, "]"),
        (
            "words of a shell",
            "redis:8.10.1",
            r#""command":["sh","-c","exec redis-server"],"args":["#,
            r#""x x x x x""#,
            "]",
        ),
        ("mounts", "nginx:1.31.4", r#""volumeMounts":["#, r#"{"name":"v","mountPath":"/etc/nginx/templates/x"}"#, "]"),
    ] {
        let body = |count: usize| {
            let container = format!(r#"{{"name":"c","image":"{image}",{before}{}{after}}}"#, list(count, entry));
            pod(1, &container, "", "", false)
        };
        let (small, large) = (time(&body(10_000), &policy, &catalog), time(&body(40_000), &policy, &catalog));
        assert!(large < small * 10 + Duration::from_millis(300), "{what}: {small:?}, four times as many: {large:?}");
    }
}

#[test]
fn lists_have_an_end() {
    let body = pod(70_000, "{}", "", "", false);
    let refused = review::Request::parse(body.as_bytes()).unwrap_err();
    let cause = std::error::Error::source(&refused).unwrap().to_string();
    assert!(cause.contains("expected an array of at most 65536 elements"), "{cause}");
}
