use super::*;
use crate::catalog::Facts;
use crate::read::workload::{ImageList, PodSpec};

/// The facts of an image that runs as `uid` and of which nothing else is known.
pub(super) fn runs_as(run_as: u32) -> Facts<'static> {
    Facts {
        run_as,
        run_as_name: None,
        ports: &[],
        entrypoint: &[],
        cmd: &[],
        shell: &[],
        platforms: &[],
        workdir: None,
        contents: None,
        start: None,
        build: crate::catalog::BuildId::default(),
    }
}

fn candidate(uid: u32) -> Counterpart<'static> {
    Counterpart::Candidate(runs_as(uid))
}

/// The codes that a pod's first container has, from the rest of its fields and those of its pod.
fn codes(container: &str, pod: &str, counterpart: Counterpart<'_>) -> Vec<&'static str> {
    let comma = if pod.is_empty() { "" } else { "," };
    let json = format!(r#"{{"containers":[{{"name":"c","image":"i"{container}}}]{comma}{pod}}}"#);
    let spec: PodSpec<'_> = crate::read::wire::read(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let image = spec.images().find(|image| image.place.list == ImageList::Containers).unwrap();
    let inherited = Inherited::of(&spec, &[]);
    let codes = of_container(image.container.unwrap(), &inherited, &counterpart).map(|hazard| hazard.code().name());
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
    assert!(codes(port, "", candidate(0)).is_empty());
    assert!(codes(r#","ports":[{"containerPort":1024},{"containerPort":0}]"#, "", candidate(65532)).is_empty());
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
        let spec: PodSpec<'_> = crate::read::wire::read(&json).unwrap();
        let image = spec.images().next().unwrap();
        assert_eq!(
            user::missing_nonroot(image.container.unwrap(), &Inherited::of(&spec, &[])).is_some(),
            missing,
            "{container} {pod}"
        );
    }
}

#[test]
fn root_on_purpose() {
    for (container, pod, counterpart, speaks) in [
        (r#"{"runAsUser":0}"#, "{}", candidate(65532), true),
        (r#"{"runAsNonRoot":false}"#, "{}", candidate(65532), true),
        ("{}", r#"{"runAsUser":0}"#, candidate(65532), true),
        (r#"{"runAsUser":0,"runAsNonRoot":false}"#, r#"{"runAsNonRoot":true}"#, candidate(65532), true),
        (r#"{"runAsUser":0}"#, "{}", Counterpart::Hardened(Some(runs_as(65532))), true),
        (r#"{"runAsUser":0}"#, "{}", candidate(0), false),
        (r#"{"runAsUser":0}"#, "{}", Counterpart::None, false),
        (r#"{"runAsUser":1000,"runAsNonRoot":false}"#, "{}", candidate(65532), false),
        (r#"{"runAsUser":1000}"#, r#"{"runAsUser":0}"#, candidate(65532), false),
        ("{}", "{}", candidate(65532), false),
    ] {
        let found =
            codes(&format!(r#","securityContext":{container}"#), &format!(r#""securityContext":{pod}"#), counterpart);
        assert_eq!(found.contains(&"runs-as-root"), speaks, "{container} {pod} {counterpart:?}");
    }
}

#[test]
fn work_that_only_root_can_do() {
    for (container, pod, counterpart, speaks) in [
        (r#","securityContext":{"privileged":true}"#, "", candidate(65532), true),
        ("", r#""hostPID":true"#, candidate(65532), false),
        (r#","command":["nsenter","-t","1","-m"]"#, "", candidate(65532), true),
        (r#","lifecycle":{"preStop":{"exec":{"command":["nsenter","--target=1"]}}}"#, "", candidate(65532), true),
        (r#","securityContext":{"capabilities":{"add":["NET_ADMIN"]}}"#, "", candidate(65532), true),
        (r#","command":["chown","-R","999","/data"]"#, "", candidate(65532), true),
        (r#","command":["/bin/sh","-c","chown -R 999:999 /data"]"#, "", candidate(65532), true),
        (r#","command":["/bin/sh","-c","cp /a/chown-me /b"]"#, "", candidate(65532), false),
        (r#","command":["chown","999","/data"],"securityContext":{"runAsUser":0}"#, "", candidate(65532), false),
        (r#","securityContext":{"capabilities":{"add":["NET_BIND_SERVICE"]}}"#, "", candidate(65532), false),
        (
            r#","securityContext":{"capabilities":{"add":["cap_net_bind_service",null,""]}}"#,
            "",
            candidate(65532),
            false,
        ),
        (r#","securityContext":{"privileged":true,"runAsUser":0}"#, "", candidate(65532), false),
        ("", r#""hostPID":true,"securityContext":{"runAsUser":65534}"#, candidate(65532), false),
        (r#","securityContext":{"privileged":true}"#, "", candidate(0), false),
        (r#","securityContext":{"privileged":true}"#, "", Counterpart::None, false),
        (r#","securityContext":{"privileged":true}"#, "", Counterpart::Hardened(Some(runs_as(65532))), true),
        (r#","securityContext":{"privileged":true}"#, "", Counterpart::Hardened(None), false),
        (r#","securityContext":{"privileged":false}"#, r#""hostNetwork":true"#, candidate(65532), false),
    ] {
        let found = codes(container, pod, counterpart);
        assert_eq!(found.contains(&"needs-root"), speaks, "{container} {pod} {counterpart:?}");
    }
}

#[test]
fn codes_are_unique() {
    let mut names: Vec<_> = Code::ALL.iter().map(|code| code.name()).collect();
    assert!(Code::ALL.iter().all(|code| Code::named(code.name()) == Some(*code)));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Code::ALL.len());
}

#[test]
fn shells_that_the_image_lacks() {
    let words = |words: &[&str]| words.iter().map(|word| Box::from(*word)).collect::<Vec<Box<str>>>();
    let entrypoint = words(&["/app"]);
    let exec = |field: &str, program: &str| format!(r#","{field}":{{"exec":{{"command":["{program}","-c","x"]}}}}"#);
    for (container, shell, speaks) in [
        (r#","command":["/bin/sh","-c","x"]"#.to_owned(), &[][..], true),
        (r#","command":["bash"]"#.to_owned(), &["dash"], true),
        (r#","command":["/usr/bin/env","x"]"#.to_owned(), &[], true),
        (exec("livenessProbe", "sh"), &[], true),
        (exec("readinessProbe", "/bin/bash"), &["busybox"], true),
        (exec("startupProbe", "ash"), &["bash"], true),
        (r#","lifecycle":{"preStop":{"exec":{"command":["sh"]}}}"#.to_owned(), &[], true),
        (r#","command":["/bin/sh","-c","x"]"#.to_owned(), &["dash"], false),
        (r#","command":["bash"]"#.to_owned(), &["bash"], false),
        (r#","command":["ash"]"#.to_owned(), &["busybox"], false),
        (r#","command":["/usr/bin/env","x"]"#.to_owned(), &["busybox"], false),
        (r#","command":["/app/shell","sh"]"#.to_owned(), &[], false),
        (r#","args":["sh","-c"]"#.to_owned(), &[], true),
        (r#","args":["serve","sh"]"#.to_owned(), &[], false),
        (r#","command":[],"livenessProbe":{"httpGet":{"path":"/sh"}},"lifecycle":null"#.to_owned(), &[], false),
    ] {
        let shell = words(shell);
        let facts = Facts { shell: &shell, entrypoint: &entrypoint, ..runs_as(65532) };
        let found = codes(&container, "", Counterpart::Candidate(facts));
        assert_eq!(found.contains(&"no-shell"), speaks, "{container} {shell:?}");
    }
    // An init alone runs what it is given.
    let (init, args) = (words(&["/usr/bin/tini", "--"]), r#","args":["sh","-c","x"]"#);
    let facts = Facts { entrypoint: &init, ..runs_as(65532) };
    assert_eq!(codes(args, "", Counterpart::Candidate(facts)), ["no-shell"]);
    let command = r#","command":["sh"]"#;
    assert!(codes(command, "", Counterpart::None).is_empty());
    assert!(codes(command, "", Counterpart::Hardened(Some(runs_as(65532)))).is_empty());
}
