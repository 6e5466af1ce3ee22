use super::*;
use crate::catalog::Facts;
use crate::hazard::table_tests::{assert_fits, codes, settled, warned};
use crate::hazard::tests::runs_as;
use crate::read::workload::Kind;

#[test]
fn users_that_the_kubelet_cannot_check() {
    let named = Facts { run_as_name: Some("nonroot"), ..runs_as(65532) };
    let numbered = Facts { run_as_name: Some("65532"), ..runs_as(65532) };
    for (container, pod, facts, speaks) in [
        (r#"{"runAsNonRoot":true}"#, "{}", named, true),
        ("{}", r#"{"runAsNonRoot":true}"#, named, true),
        ("{}", r#"{"runAsNonRoot":true,"fsGroup":65532,"runAsGroup":65532}"#, named, true),
        (r#"{"runAsNonRoot":true}"#, r#"{"runAsNonRoot":false}"#, named, true),
        (r#"{"runAsNonRoot":true}"#, "{}", runs_as(0), true),
        (r#"{"runAsNonRoot":false}"#, r#"{"runAsNonRoot":true}"#, named, false),
        (r#"{"runAsNonRoot":true,"runAsUser":65532}"#, "{}", named, false),
        (r#"{"runAsUser":1000}"#, r#"{"runAsNonRoot":true}"#, named, false),
        (r#"{"runAsNonRoot":true}"#, r#"{"runAsUser":999}"#, named, false),
        // The kubelet asks for nothing.
        ("{}", r#"{"runAsUser":1000}"#, named, false),
        ("{}", "{}", named, false),
        (r#"{"runAsNonRoot":true}"#, "{}", numbered, false),
        (r#"{"runAsNonRoot":true}"#, "{}", runs_as(65532), false),
    ] {
        let container = format!(r#","securityContext":{container}"#);
        let found = codes(&container, &format!(r#""securityContext":{pod}"#), facts, "name");
        assert_eq!(found.contains(&"named-user"), speaks, "{container} {pod} {:?}", facts.run_as_name);
    }
    for uid in [0, 65532] {
        assert_fits(&Hazard::NamedUser { uid });
    }
}

#[test]
fn named_users_of_real_images() {
    for (image, codes) in [
        ("memcached:1.6.45", &["named-user"][..]),
        ("quay.io/argoproj/argocli:v4.0.6", &["named-user"]),
        // Its definition gives a number.
        ("docker.io/calico/kube-controllers:v3.31.7", &[]),
        ("registry.example.com/team/app:1", &[]),
    ] {
        let spec =
            format!(r#"{{"securityContext":{{"runAsNonRoot":true}},"containers":[{{"name":"c","image":"{image}"}}]}}"#);
        assert_eq!(warned(&spec), codes, "{image}");
    }
}

#[test]
fn root_is_refused_on_what_is_or_becomes_hardened() {
    for (image, refused) in [
        ("dhi.io/nginx:1.31.4", true),
        ("nginx:1.31.4", true),
        // Nothing is rewritten.
        ("nginx:1.25.3", false),
        ("registry.example.com/team/app:1", false),
        // Root on purpose.
        ("dhi.io/falco:0.44.1", false),
    ] {
        let object = format!(
            r#"{{"spec":{{"securityContext":{{"runAsUser":0}},"containers":[{{"name":"c","image":"{image}"}}]}}}}"#
        );
        let (_, denial, _) = settled(Kind::Pod, &object, "runs-as-root: deny");
        assert_eq!(denial.is_some(), refused, "{image}");
    }
}
