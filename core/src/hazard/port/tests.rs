use super::*;
use crate::catalog::{Facts, Port};
use crate::hazard::Certainty;
use crate::hazard::table_tests::{assert_fits, codes, warned};
use crate::hazard::tests::runs_as;

#[test]
fn ports_that_the_node_refuses() {
    let port = r#","ports":[{"containerPort":8443},{"containerPort":443,"hostPort":443}]"#;
    let host = r#""hostNetwork":true"#;
    for (container, pod, uid, expected) in [
        ("", host, 65532, &["privileged-port-host"][..]),
        // An explicit user is the same before and after.
        (r#","securityContext":{"runAsUser":101}"#, host, 0, &["privileged-port"]),
        (r#","securityContext":{"capabilities":{"drop":["ALL"]}}"#, host, 65532, &["privileged-port-host"]),
        ("", r#""hostNetwork":true,"securityContext":{"runAsUser":65532}"#, 0, &["privileged-port"]),
        ("", "", 65532, &["privileged-port"]),
        ("", r#""hostNetwork":false"#, 65532, &["privileged-port"]),
        ("", host, 0, &[]),
        (r#","securityContext":{"capabilities":{"add":["NET_BIND_SERVICE"]}}"#, host, 65532, &[]),
        (r#","securityContext":{"runAsUser":0}"#, host, 0, &[]),
        (r#","ports":[{"containerPort":9100,"hostPort":9100}]"#, host, 65532, &[]),
        (r#","ports":[]"#, host, 65532, &[]),
    ] {
        let found = codes(&format!("{port}{container}"), pod, runs_as(uid), "name");
        assert_eq!(found, expected, "{container} {pod} {uid}");
    }
    assert_fits(&Hazard::PrivilegedPortHost { port: 443, uid: Some(65532) });
    assert_fits(&Hazard::PrivilegedPortHost { port: 443, uid: None });
}

#[test]
fn ports_where_nobody_listens() {
    let ports: Vec<Port> = ["53/udp", "8080/tcp", "9000-9010"].iter().map(|port| port.parse().unwrap()).collect();
    let eight = r#","ports":[{"containerPort":8000}]"#;
    let facts = Facts { ports: &ports, ..runs_as(65532) };
    let volumes = r#""volumes":[{"name":"config","configMap":{"name":"x"}},{"name":"tls","secret":{"secretName":"x"}},
        {"name":"token","projected":{"sources":[]}},{"name":"tmp","emptyDir":{}},{"name":"web","persistentVolumeClaim":{"claimName":"x"}}]"#;
    let mount =
        |name: &str, path: &str| format!(r#"{eight},"volumeMounts":[{{"name":"{name}","mountPath":"{path}"}}]"#);
    let env = |entry: &str| format!(r#"{eight},"env":[{{"name":"LEVEL","value":"3"}},{entry}]"#);
    for (container, speaks) in [
        (eight.to_owned(), true),
        (r#","ports":[{"containerPort":53,"protocol":"TCP"}]"#.to_owned(), true),
        (r#","livenessProbe":{"httpGet":{"port":8000}}"#.to_owned(), true),
        (r#","readinessProbe":{"tcpSocket":{"port":"8000"}},"startupProbe":{"grpc":{"port":8001}}"#.to_owned(), true),
        (mount("tmp", "/var/cache/nginx"), true),
        (mount("web", "/usr/share/nginx/html"), true),
        (mount("token", "/var/run/secrets/kubernetes.io/serviceaccount"), true),
        (env(r#"{"name":"DB","value":"db:5432"}"#), true),
        (env(r#"{"name":"POD_IP","valueFrom":{}}"#), true),
        (mount("config", "/usr/local/conf"), false),
        (mount("tls", "/tls"), false),
        (mount("tmp", "/etc/nginx/conf.d"), false),
        (mount("missing", "/etc/nginx"), false),
        (env(r#"{"name":"LISTEN","value":"0.0.0.0:8000"}"#), false),
        (env(r#"{"name":"HTTP_PORT","valueFrom":{}}"#), false),
        (format!(r#"{eight},"envFrom":[{{"configMapRef":{{"name":"x"}}}}]"#), true),
        (format!(r#"{eight},"args":["--port=8000"]"#), false),
        (format!(r#"{eight},"command":["app"]"#), false),
        (r#","ports":[{"containerPort":8080},{"containerPort":8000}]"#.to_owned(), false),
        (r#","ports":[{"containerPort":9005}]"#.to_owned(), false),
        (r#","ports":[{"containerPort":8000,"protocol":"UDP"}]"#.to_owned(), false),
        (format!(r#"{eight},"livenessProbe":{{"httpGet":{{"port":8080}}}}"#), false),
        (r#","livenessProbe":{"httpGet":{"port":"http"}}"#.to_owned(), false),
        (String::new(), false),
    ] {
        let found = codes(&container, volumes, facts, "name");
        assert_eq!(found.contains(&"ports-differ"), speaks, "{container}");
    }
    // Nothing is known.
    let unknown = Facts { ports: &ports[..1], ..runs_as(65532) };
    assert!(codes(eight, volumes, unknown, "name").is_empty() && codes(eight, "", runs_as(1), "name").is_empty());
    assert_fits(&Hazard::PortsDiffer { asked: 65535, listens: 65535, certainty: Certainty::Certain });
}

#[test]
fn ports_of_real_images() {
    for (container, codes) in [
        (r#""image":"nginx:1.31.4","ports":[{"containerPort":8081}]"#, &["ports-differ"][..]),
        (r#""image":"nginx:1.31.4","ports":[{"containerPort":80}]"#, &["privileged-port", "ports-differ"]),
        (r#""image":"nginx:1.31.4","ports":[{"containerPort":8080}]"#, &[]),
        // Nobody names a port, and a Service may ask upstream's.
        (r#""image":"nginx:1.31.4""#, &["ports-differ"]),
        (r#""image":"httpd:2.4.68""#, &["ports-differ"]),
        (
            r#""image":"nginx:1.31.4","volumeMounts":[{"name":"v","mountPath":"/usr/share/nginx/html"}]"#,
            &["ports-differ"],
        ),
        (r#""image":"nginx:1.31.4","volumeMounts":[{"name":"v","mountPath":"/etc/nginx/conf.d"}]"#, &[]),
        (
            r#""image":"nginx:1.31.4","volumeMounts":[{"name":"v","mountPath":"/etc/nginx/nginx.conf","subPath":"f"}]"#,
            &[],
        ),
        (r#""image":"memcached:1.6.45","args":["-m","64"],"ports":[{"containerPort":8081}]"#, &[]),
        (
            r#""image":"public.ecr.aws/karpenter/controller:1.14.1","ports":[{"containerPort":8080},{"containerPort":8081}]"#,
            &[],
        ),
    ] {
        let spec = format!(
            r#"{{"containers":[{{"name":"c",{container}}}],"volumes":[{{"name":"v","configMap":{{"name":"x"}}}}]}}"#
        );
        assert_eq!(warned(&spec), codes, "{container}");
    }
}
