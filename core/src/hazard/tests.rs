use super::*;
use crate::workload::ImageList;

const NONROOT: Counterpart = Counterpart::Candidate { uid: 65532 };

/// The codes that a pod's first container has, from the rest of its fields and those of its pod.
fn codes(container: &str, pod: &str, counterpart: Counterpart) -> Vec<&'static str> {
    let comma = if pod.is_empty() { "" } else { "," };
    let json = format!(r#"{{"containers":[{{"name":"c","image":"i"{container}}}]{comma}{pod}}}"#);
    let spec: PodSpec<'_> = crate::wire::read(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let image = spec.images().find(|image| image.place.list == ImageList::Containers).unwrap();
    let inherited = Inherited::of(&spec);
    let codes = of_container(image.container.unwrap(), &inherited, counterpart).map(|hazard| hazard.code().name());
    codes.filter(|code| *code != "missing-nonroot").collect()
}

#[test]
fn privileged_ports() {
    let port = r#","ports":[{"containerPort":8080},{"containerPort":443},{"containerPort":80,"protocol":"UDP"}]"#;
    for (container, pod, speaks) in [
        ("", "", true),
        (r#","securityContext":{"runAsUser":101}"#, "", true),
        ("", r#""hostNetwork":true"#, true),
        ("", r#""securityContext":{"sysctls":[{"name":"net.ipv4.ip_unprivileged_port_start","value":"81"}]}"#, true),
        (r#","securityContext":{"runAsUser":0}"#, r#""securityContext":{"runAsUser":101}"#, false),
        ("", r#""securityContext":{"runAsUser":0}"#, false),
        (r#","securityContext":{"capabilities":{"add":["NET_BIND_SERVICE"],"drop":["ALL"]}}"#, "", false),
        (r#","securityContext":{"capabilities":{"add":["CAP_NET_BIND_SERVICE"]}}"#, "", false),
        ("", r#""securityContext":{"sysctls":[{"name":"net.ipv4.ip_unprivileged_port_start","value":"0"}]}"#, false),
    ] {
        let found = codes(&format!("{port}{container}"), pod, Counterpart::None);
        assert_eq!(found.contains(&"privileged-port"), speaks, "{container} {pod}");
    }
    assert!(codes(port, "", Counterpart::Candidate { uid: 0 }).is_empty());
    assert!(codes(r#","ports":[{"containerPort":1024},{"containerPort":0}]"#, "", NONROOT).is_empty());
    let message = Hazard::PrivilegedPort { port: 80, uid: Some(65532) }.to_string();
    assert_eq!(message, "port 80 may be refused as uid 65532; use a port above 1023");
}

#[test]
fn missing_nonroot_settings() {
    for (container, pod, missing) in [
        ("{}", "{}", true),
        (r#"{"runAsUser":0}"#, "{}", true),
        (r#"{"runAsNonRoot":false}"#, "{}", true),
        (r#"{"runAsNonRoot":true}"#, "{}", false),
        ("{}", r#"{"runAsNonRoot":true}"#, false),
        (r#"{"runAsUser":1000}"#, "{}", false),
        ("{}", r#"{"runAsUser":65534}"#, false),
        (r#"{"runAsNonRoot":false,"runAsUser":0}"#, r#"{"runAsNonRoot":true}"#, false),
    ] {
        let json = format!(r#"{{"containers":[{{"securityContext":{container}}}],"securityContext":{pod}}}"#);
        let spec: PodSpec<'_> = crate::wire::read(&json).unwrap();
        let image = spec.images().next().unwrap();
        assert_eq!(
            missing_nonroot(image.container.unwrap(), &Inherited::of(&spec)).is_some(),
            missing,
            "{container} {pod}"
        );
    }
}

#[test]
fn root_on_purpose() {
    for (container, pod, counterpart, speaks) in [
        (r#"{"runAsUser":0}"#, "{}", NONROOT, true),
        (r#"{"runAsNonRoot":false}"#, "{}", NONROOT, true),
        ("{}", r#"{"runAsUser":0}"#, NONROOT, true),
        (r#"{"runAsUser":0,"runAsNonRoot":false}"#, r#"{"runAsNonRoot":true}"#, NONROOT, true),
        (r#"{"runAsUser":0}"#, "{}", Counterpart::Hardened { uid: Some(65532) }, true),
        (r#"{"runAsUser":0}"#, "{}", Counterpart::Candidate { uid: 0 }, false),
        (r#"{"runAsUser":0}"#, "{}", Counterpart::None, false),
        (r#"{"runAsUser":1000,"runAsNonRoot":false}"#, "{}", NONROOT, false),
        (r#"{"runAsUser":1000}"#, r#"{"runAsUser":0}"#, NONROOT, false),
        ("{}", "{}", NONROOT, false),
    ] {
        let found =
            codes(&format!(r#","securityContext":{container}"#), &format!(r#""securityContext":{pod}"#), counterpart);
        assert_eq!(found.contains(&"runs-as-root"), speaks, "{container} {pod} {counterpart:?}");
    }
}

#[test]
fn work_that_only_root_can_do() {
    for (container, pod, counterpart, speaks) in [
        (r#","securityContext":{"privileged":true}"#, "", NONROOT, true),
        ("", r#""hostPID":true"#, NONROOT, true),
        (r#","command":["nsenter","-t","1","-m"]"#, "", NONROOT, true),
        (r#","lifecycle":{"preStop":{"exec":{"command":["nsenter","--target=1"]}}}"#, "", NONROOT, true),
        (r#","securityContext":{"capabilities":{"add":["NET_ADMIN"]}}"#, "", NONROOT, true),
        (r#","securityContext":{"capabilities":{"add":["NET_BIND_SERVICE"]}}"#, "", NONROOT, false),
        (r#","securityContext":{"capabilities":{"add":["cap_net_bind_service",null,""]}}"#, "", NONROOT, false),
        (r#","securityContext":{"privileged":true,"runAsUser":0}"#, "", NONROOT, false),
        ("", r#""hostPID":true,"securityContext":{"runAsUser":65534}"#, NONROOT, false),
        (r#","securityContext":{"privileged":true}"#, "", Counterpart::Candidate { uid: 0 }, false),
        (r#","securityContext":{"privileged":true}"#, "", Counterpart::None, false),
        (r#","securityContext":{"privileged":true}"#, "", Counterpart::Hardened { uid: Some(65532) }, false),
        (r#","securityContext":{"privileged":false}"#, r#""hostNetwork":true"#, NONROOT, false),
    ] {
        let found = codes(container, pod, counterpart);
        assert_eq!(found.contains(&"needs-root"), speaks, "{container} {pod} {counterpart:?}");
    }
}

#[test]
fn codes_are_unique() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).chain(Code::RESERVED).collect();
    assert!(Code::ALL.iter().all(|code| Code::named(code.name()) == Some(*code)));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len() + Code::RESERVED.len());
}
