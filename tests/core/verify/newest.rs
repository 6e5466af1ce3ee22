//! Tests that images without a version of their own become the newest one in their registry.

use quench_core::catalog::Catalog;
use serde_json::json;

use super::answer::{ask, digest, known, pod, policy, table};

const KAFKA: &str = "dhi.io/kafka:4.1";

#[test]
fn an_image_becomes_the_tag_that_its_reference_stands_for() {
    let plain = json!({});
    let with = |matches: &str, more: &str| {
        format!("hazards: {{missing-nonroot: ignore}}\nhardened: {{matches: [{matches}]{more}}}\nverify: {{}}")
    };
    let (floating, line, always) = (with("floating", ""), with("line", ""), with("floating", ", digest: always"));
    let guess = floating.replace("verify: {}", "verify: {unknown: rewrite}");
    let pinned = format!("dhi.io/nginx:2@{}|floating|", digest(b'7'));
    let one = "dhi.io/nginx:1";
    table(&[
        (&floating, "nginx", plain.clone(), &[(one, "1 tag=2")], &[one], "dhi.io/nginx:2|floating|"),
        (&floating, "nginx:latest", plain.clone(), &[(one, "1")], &[one], "dhi.io/nginx:1|floating|"),
        (&always, "nginx", plain.clone(), &[(one, "7 tag=2")], &[one], &pinned),
        (
            &floating,
            "nginx",
            plain.clone(),
            &[(one, "-")],
            &[one],
            "stays||the reference names no version; shortest tag of the newest line: `1` (1.31.4); dhi.io does not have dhi.io/nginx:1",
        ),
        // Nobody said what is newest: what the catalog declares.
        (&guess, "nginx", plain.clone(), &[(one, "?")], &[one], "dhi.io/nginx:1|floating|"),
        // What cannot be a tag says nothing.
        (
            &floating,
            "nginx",
            plain.clone(),
            &[(one, "1 tag=:")],
            &[one],
            "stays||the reference names no version; shortest tag of the newest line: `1` (1.31.4); \
             dhi.io could not say whether it has dhi.io/nginx:1",
        ),
        (&line, "apache/kafka:4.1.0", plain.clone(), &[(KAFKA, "1 tag=4.1.9")], &[KAFKA], "dhi.io/kafka:4.1.9|line|"),
        // A build with a shell is one of the newest as well.
        (
            &floating,
            "nginx",
            json!({"command": ["sh", "-c", "nginx"]}),
            &[("dhi.io/nginx:1-compat", "1 tag=2-compat")],
            &["dhi.io/nginx:1-compat"],
            "dhi.io/nginx:2-compat|floating|",
        ),
    ]);
}

#[test]
fn only_references_that_leave_the_version_open_ask_for_the_newest() {
    let catalog = Catalog::embedded();
    let policy = policy(
        "hardened: {matches: [exact, alias, past, line, floating, unlisted]}\nverify: {}\n\
         mirrors: [{from: docker.io, to: m.example.com/hub}]\nrules: [{match: quay.io/acme/app, replace: 'dhi.io/nginx:1'}]",
    );
    for (image, opens) in [
        ("nginx", &[true, false][..]),
        ("nginx:latest", &[true, false]),
        ("apache/kafka:4.1.0", &[true, false]),
        ("nginx:1.31.4", &[false, false]),
        ("nginx:1", &[false, false]),
        ("nginx:1.31.99", &[false, false]),
        ("istio/pilot:1.29.1", &[false, false]),
        ("quay.io/acme/app:1", &[false]),
        // It counts in another way than its upstream.
        ("influxdb", &[false, false]),
    ] {
        let asked = ask(&policy, &catalog, &pod(image, &json!({})), known(&[])).asked;
        assert_eq!(asked.iter().map(|asked| asked.newest.is_some()).collect::<Vec<_>>(), opens, "{image} {asked:?}");
    }
}
