use crate::answer::audit::Annotation;
use crate::hazard::Hazard;
use crate::hazard::table_tests::{assert_fits, settled};
use crate::presence::Existing;
use crate::read::workload::Kind;

const PIN: &str = "@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Whether a pod with that image gets a warning with that code, and whether the image is rewritten.
fn of_image(image: &str, code: &str, policy: &str) -> (bool, bool) {
    let object = format!(r#"{{"spec":{{"containers":[{{"name":"c","image":"{image}"}}]}}}}"#);
    let (warnings, _, images) = settled(Kind::Pod, &object, policy);
    (warnings.iter().any(|line| line.ends_with(&format!("[{code}]"))), images == 1)
}

#[test]
fn fips_builds() {
    let mirrored = "}\nhardened: {repository: 'docker.io/acme/dhi-{name}'}\nowners: {";
    let ruled = |to: &str| format!("}}\nrules: [{{match: 'docker.io/library/nginx', replace: '{to}'}}]\nowners: {{");
    for (image, policy, expected) in [
        ("docker.io/calico/node:v3.32.1-fips", "", (true, false)),
        ("quay.io/calico/node:v3.31.7-fips", "", (true, false)),
        ("nginx:1.31.4-fips", "", (true, false)),
        ("nginx:1.31.4-FIPS-140", &*ruled("dhi.io/nginx:1.31.4"), (true, false)),
        ("nginx:1.31.4-fips", &*ruled("docker.io/acme/dhi-nginx:1.31.4"), (false, true)),
        ("nginx:1.31.4-fips", mirrored, (false, false)),
        ("nginx:1.31.4", "", (false, true)),
        ("nginx:1.31.4-fipster", "", (false, false)),
        ("registry.example.com/fips/app:1-fips", "", (false, false)),
        ("dhi.io/nginx:1.31.4-fips", "", (false, false)),
    ] {
        assert_eq!(of_image(image, "fips-unavailable", policy), expected, "{image} {policy}");
    }
    assert_fits(&Hazard::FipsUnavailable);
}

#[test]
fn pins_that_are_lost() {
    let warn = "digest-dropped: warn";
    let mirrored = "digest-dropped: warn}\nmirrors: [{from: docker.io, to: mirror.example.com/hub}]\nowners: {";
    for (image, policy, expected) in [
        (format!("nginx:1.31.4{PIN}"), warn, (true, true)),
        (format!("public.ecr.aws/karpenter/controller:1.14.1{PIN}"), warn, (true, true)),
        (format!("redis:7{PIN}"), "digest-dropped: keep", (true, false)),
        (format!("nginx:1.31.4{PIN}"), mirrored, (true, true)),
        (format!("nginx:1.31.4{PIN}"), "", (false, true)),
        (format!("nginx:1.25.3{PIN}"), warn, (false, false)),
        // A mirror has the same image, and the digest stays.
        (format!("nginx:1.25.3{PIN}"), mirrored, (false, true)),
        (format!("dhi.io/nginx:1.31.4{PIN}"), warn, (false, false)),
        ("nginx:1.31.4".to_owned(), warn, (false, true)),
    ] {
        assert_eq!(of_image(&image, "digest-dropped", policy), expected, "{image} {policy}");
    }
    assert_fits(&Hazard::DigestDropped);
}

#[test]
fn development_builds() {
    for (image, speaks) in [
        ("dhi.io/python:3.14-dev", true),
        ("dhi.io/node:26-alpine3.24-sfw-dev", true),
        ("docker.io/acme/dhi-golang:1.26-dev", true),
        ("dhi.io/nobody-knows:1-dev", true),
        ("dhi.io/python:3.14-dev@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true),
        ("dhi.io/python:3.14", false),
        ("dhi.io/python", false),
        ("dhi.io/x-dev:3.14", false),
        ("registry.example.com:5000/app:1-dev", false),
        ("nginx:1.31.4", false),
        ("nginx:1.31.4-dev", false),
    ] {
        assert_eq!(of_image(image, "dev-variant", "").0, speaks, "{image}");
    }
    assert_fits(&Hazard::DevVariant);
}

#[test]
fn images_of_operators() {
    let owner = |group: &str, kind: &str| {
        format!(r#""ownerReferences":[{{"apiVersion":"{group}/v1","kind":"{kind}","name":"x","controller":true}}]"#)
    };
    let label = |name: &str, value: &str| format!(r#""labels":{{"app":"x","{name}":"{value}"}}"#);
    let node = "docker.io/calico/kube-controllers:v3.31.7";
    let managed_by = "app.kubernetes.io/managed-by";
    let hash = r#""annotations":{"hash.operator.tigera.io/system":"5"}"#.to_owned();
    for (image, workload, pod, speaks) in [
        (node, owner("operator.tigera.io", "Installation"), String::new(), true),
        (node, String::new(), hash.clone(), true),
        (node, String::new(), r#""annotations":{"tigera-operator.hash.operator.tigera.io/x":"5"}"#.to_owned(), true),
        (
            "docker.io/istio/proxyv2:1.30.3",
            String::new(),
            r#""annotations":{"sidecar.istio.io/status":"{}"}"#.to_owned(),
            true,
        ),
        ("quay.io/prometheus/prometheus:v3.14.0", String::new(), label(managed_by, "prometheus-operator"), true),
        ("quay.io/prometheus/prometheus:v3.14.0", owner("monitoring.coreos.com", "Prometheus"), String::new(), true),
        ("otel/opentelemetry-collector:0.158.0", String::new(), label(managed_by, "opentelemetry-operator"), true),
        (
            "docker.elastic.co/elasticsearch/elasticsearch:9.4.5",
            String::new(),
            label("common.k8s.elastic.co/type", "elasticsearch"),
            true,
        ),
        // The plain manifests of the same images.
        (node, String::new(), label("k8s-app", "calico-kube-controllers"), false),
        (node, String::new(), label(managed_by, "Helm"), false),
        (node, owner("apps", "ReplicaSet"), String::new(), false),
        ("docker.io/istio/proxyv2:1.30.3", String::new(), label("istio.io/rev", "default"), false),
        ("quay.io/prometheus/prometheus:v3.14.0", String::new(), label(managed_by, "Helm"), false),
        // Other images in the same pods.
        ("nginx:1.31.4", String::new(), hash, false),
        ("nginx:1.31.4", String::new(), r#""annotations":{"sidecar.istio.io/status":"{}"}"#.to_owned(), false),
        ("registry.example.com/calico/node:v1", owner("operator.tigera.io", "Installation"), String::new(), false),
    ] {
        let object = format!(
            r#"{{"metadata":{{{workload}}},"spec":{{"template":{{"metadata":{{{pod}}},"spec":{{"containers":[{{"name":"c","image":"{image}"}}]}}}}}}}}"#
        );
        let object: crate::read::workload::Object<'_> = crate::read::wire::read(&object).unwrap();
        let (policy, catalog) = (crate::policy::Policy::default(), crate::catalog::Catalog::embedded());
        let request = crate::decide::plan::Request {
            absent_secrets: &[],
            object: &object,
            old: None,
            kind: Kind::DaemonSet,
            operation: crate::read::review::Operation::Create,
            ephemeral: false,
            mode: crate::policy::Mode::Enforce,
            purpose: crate::decide::plan::Purpose::Review,
        };
        // Nobody hears what a controller is warned of; the audit log has it.
        let outcome = crate::decide::plan::plan(&request, &policy, &catalog).settle(&Existing::declared());
        let hazards = outcome.audit_annotations().hazards.as_ref().map(Annotation::json).unwrap_or_default();
        assert_eq!(hazards.contains("operator-managed"), speaks, "{image} {workload} {pod}");
    }
    for row in &super::MANAGED {
        assert_fits(&Hazard::OperatorManaged { setting: row.setting });
    }
}

#[test]
fn hardened_images_that_the_catalog_does_not_have() {
    for (image, speaks) in [
        ("dhi.io/nginx", true),
        ("dhi.io/nosuch:1", true),
        ("dhi.io/dhi/calico-node:v3.31.7", true),
        ("dhi.io/nginx:1.31.4-nosuch", true),
        ("dhi.io/nginx:0.1.2", true),
        ("dhi.io/nginx:1.31.4", false),
        ("dhi.io/nginx:1", false),
        ("dhi.io/nginx:1.31.4-dev", false),
        ("dhi.io/nginx:1.31.99", false),
        ("dhi.io/nginx:2.1.0", false),
        ("dhi.io/nginx@sha256:0000000000000000000000000000000000000000000000000000000000000000", false),
        ("registry.example.com/nosuch:1", false),
        ("nginx:1.31.4", false),
    ] {
        let object = format!(r#"{{"spec":{{"containers":[{{"name":"c","image":"{image}"}}]}}}}"#);
        let (warnings, _, _) = settled(Kind::Pod, &object, "ports-differ: ignore");
        let found = warnings.iter().any(|line| line.ends_with("[hardened-unknown]"));
        assert_eq!(found, speaks, "{image} {warnings:?}");
    }
    assert_fits(&Hazard::HardenedUnknown);
}
