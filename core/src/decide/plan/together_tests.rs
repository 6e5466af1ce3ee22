//! Tests `stays-together`: pods whose containers depend on each other's image.

use crate::hazard::Hazard;
use crate::hazard::table_tests::{assert_fits, settled};
use crate::read::workload::Kind;

/// Returns the number of rewritten images of a pod, and whether an image stays because of another.
fn outcome(spec: &str) -> (usize, bool) {
    let (warnings, _, images) = settled(Kind::Pod, &format!(r#"{{"metadata":{{"name":"p"}},"spec":{spec}}}"#), "");
    (images, warnings.iter().any(|line| line.ends_with("[stays-together]")))
}

#[test]
fn containers_of_one_image_get_one_build() {
    let pod = |first: &str, second: &str, rest: &str| {
        format!(
            r#"{{"initContainers":[{{"name":"i","image":"memcached:1.6.45"{first}}}],"containers":[{{"name":"c","image":"memcached:1.6.45"{second}}}],
                "volumes":[{{"name":"d","emptyDir":{{}}}},{{"name":"f","configMap":{{"name":"f"}}}}]{rest}}}"#
        )
    };
    let mount = |name: &str| format!(r#""volumeMounts":[{{"name":"{name}","mountPath":"/d"}}]"#);
    let stuck = |rest: &str| format!(r#","command":["apt-get","update"],{rest}"#);
    let (data, files) = (mount("d"), mount("f"));
    for (first, second, rest, expected) in [
        (stuck(&data), format!(",{data}"), "", (0, true)),
        (stuck(&data), format!(",{data}"), r#","shareProcessNamespace":true"#, (0, true)),
        (stuck(r#""tty":true"#), String::new(), r#","shareProcessNamespace":true"#, (0, true)),
        // The containers share nothing, or only files that no container writes.
        (stuck(r#""tty":true"#), String::new(), "", (1, false)),
        (stuck(&data), String::new(), "", (1, false)),
        (stuck(&files), format!(",{files}"), "", (1, false)),
        // Both images are rewritten.
        (format!(",{data}"), format!(",{data}"), r#","shareProcessNamespace":true"#, (2, false)),
    ] {
        assert_eq!(outcome(&pod(&first, &second, rest)), expected, "{first} {second} {rest}");
    }
    assert_fits(&Hazard::StaysTogether { other: &"x".repeat(63) });
}

#[test]
fn a_user_that_changes_stays_beside_its_neighbour() {
    let pod = |sidecar: &str, driver: &str, rest: &str| {
        format!(
            r#"{{"containers":[{{"name":"s","image":"redis:8.10.1"{sidecar}}},{{"name":"d","image":"{driver}","volumeMounts":[{{"name":"v","mountPath":"/csi"}}]}}],
                "volumes":[{{"name":"v","emptyDir":{{}}}}]{rest}}}"#
        )
    };
    let secured = r#","args":["--requirepass","x","--unixsocket","/csi/x.sock"],"volumeMounts":[{"name":"v","mountPath":"/csi"}]"#;
    let no_socket = r#","args":["--requirepass","x"],"volumeMounts":[{"name":"v","mountPath":"/csi"}]"#;
    let explicit = format!(r#"{secured},"securityContext":{{"runAsUser":999}}"#);
    let other = "registry.example.com/driver:1";
    for (sidecar, driver, rest, expected) in [
        (secured, other, "", (0, true)),
        (no_socket, other, r#","shareProcessNamespace":true"#, (0, true)),
        (no_socket, other, "", (1, false)),
        // The user does not change, or the other container's image is hardened already.
        (&*explicit, other, "", (1, false)),
        (secured, "dhi.io/memcached:1.6.45", "", (1, false)),
    ] {
        assert_eq!(outcome(&pod(sidecar, driver, rest)), expected, "{sidecar} {driver} {rest}");
    }
}
