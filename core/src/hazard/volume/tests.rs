use crate::hazard::table_tests::{assert_fits, codes, settled, warned};
use crate::hazard::tests::runs_as;
use crate::hazard::{Certainty, Hazard};
use crate::read::workload::Kind;

const VOLUMES: &str = r#""volumes":[{"name":"data","persistentVolumeClaim":{"claimName":"data"}},{"name":"tmp","emptyDir":{}},
    {"name":"log","hostPath":{"path":"/var/log"}},{"name":"clock","hostPath":{"path":"/etc/localtime"}},{"name":"sys","hostPath":{"path":"/sys"}},
    {"name":"config","configMap":{"name":"x"}},{"name":"key","secret":{"secretName":"x","defaultMode":256}},
    {"name":"token","projected":{"defaultMode":420,"sources":[{"serviceAccountToken":{"path":"token"}}]}},
    {"name":"cert","projected":{"sources":[{"secret":{"items":[{"key":"k","path":"p","mode":288}]}}]}},{"name":"share","nfs":{"path":"/"}},{"name":"disk","awsElasticBlockStore":{"volumeID":"v"}}]"#;

fn mount(name: &str, path: &str) -> String {
    format!(r#","volumeMounts":[{{"name":"{name}","mountPath":"{path}"}}]"#)
}

fn read_only(name: &str) -> String {
    format!(r#","volumeMounts":[{{"name":"{name}","mountPath":"/m","readOnly":true}}]"#)
}

fn pod(security_context: &str) -> String {
    format!(r#"{VOLUMES},"securityContext":{security_context}"#)
}

#[test]
fn data_that_is_looked_for_elsewhere() {
    let old = "/var/lib/postgresql/data";
    let with = |rest: &str| format!("{}{rest}", mount("data", old));
    for (name, container, speaks) in [
        ("postgres", mount("data", old), true),
        ("pgvector", mount("data", "/var/lib/postgresql"), true),
        ("postgres", mount("data", "/var/lib/postgresql/18/docker/"), true),
        ("postgres", mount("log", "/var/lib/postgresql/data/base"), true),
        ("postgres", mount("of-a-template", old), true),
        ("postgres", mount("share", old), true),
        ("prometheus", mount("data", "/prometheus"), true),
        ("prometheus", format!(r#"{},"args":["--config.file=/c.yml"]"#, mount("data", "/prometheus")), true),
        ("zookeeper", mount("data", "/data"), true),
        ("postgres", with(r#","env":[{"name":"PGDATA","value":"/var/lib/postgresql/data/pgdata"}]"#), false),
        ("postgres", with(r#","env":[{"name":"PGDATA","valueFrom":{}}]"#), false),
        ("postgres", mount("data", "/var/lib/postgresql/17/data"), false),
        ("postgres", mount("data", "/var/lib/postgresql/database"), false),
        ("postgres", mount("tmp", old), false),
        ("postgres", mount("config", "/var/lib/postgresql/data"), false),
        (
            "prometheus",
            format!(r#"{},"args":["--storage.tsdb.path=/prometheus"]"#, mount("data", "/prometheus")),
            false,
        ),
        (
            "prometheus",
            format!(r#"{},"command":["prometheus","--storage.tsdb.path","/prometheus"]"#, mount("data", "/prometheus")),
            false,
        ),
        ("gitea", mount("data", "/var/lib/gitea"), false),
        ("mysql", mount("data", "/var/lib/mysql"), false),
        ("name", mount("data", old), false),
        ("postgres", String::new(), false),
    ] {
        for context in ["{}", r#"{"runAsUser":999,"fsGroup":999}"#] {
            let found = codes(&container, &pod(context), runs_as(70), name);
            assert_eq!(found.contains(&"data-path-moved"), speaks, "{name} {container}");
        }
    }
    for setting in ["PGDATA", "GITEA_WORK_DIR", "--storage.tsdb.path"] {
        assert_fits(&Hazard::DataPathMoved { setting: Some(setting), moved_to: "/data" });
    }
}

#[test]
fn data_of_another_user() {
    let data = mount("data", "/d");
    for (name, uid, container, context, speaks) in [
        ("redis", 65532, &data, "{}", true),
        ("rabbitmq", 65532, &data, r#"{"runAsNonRoot":true}"#, true),
        ("mysql", 65532, &mount("of-a-template", "/d"), "{}", true),
        ("grafana", 65532, &mount("log", "/d"), "{}", true),
        ("redis", 65532, &data, r#"{"runAsGroup":1000}"#, true),
        ("mongodb", 65532, &data, "{}", true),
        ("postgres", 70, &data, r#"{"fsGroup":999}"#, true),
        ("postgres", 70, &data, r#"{"runAsUser":70,"fsGroup":70}"#, false),
        ("redis", 65532, &data, r#"{"fsGroup":1000}"#, false),
        // It insists on owning its files, and a group does not help.
        ("postgres", 70, &data, r#"{"fsGroup":70}"#, true),
        ("redis", 65532, &mount("share", "/d"), "{}", true),
        ("redis", 65532, &mount("disk", "/d"), "{}", true),
        ("redis", 65532, &data, r#"{"runAsUser":999}"#, false),
        ("mysql", 65532, &format!(r#"{data},"securityContext":{{"runAsUser":0}}"#), "{}", false),
        ("redis", 65532, &mount("tmp", "/d"), "{}", false),
        ("redis", 65532, &mount("config", "/d"), "{}", false),
        ("redis", 65532, &mount("clock", "/d"), "{}", false),
        ("redis", 65532, &read_only("log"), "{}", false),
        ("redis", 0, &data, "{}", false),
        ("mongodb", 999, &data, "{}", false),
        ("elasticsearch", 1000, &mount("log", "/d"), "{}", false),
        ("name", 65532, &data, "{}", false),
        ("redis", 65532, &String::new(), "{}", false),
    ] {
        let found = codes(container, &pod(context), runs_as(uid), name);
        assert_eq!(found.contains(&"data-owner-differs"), speaks, "{name} {uid} {container} {context}");
        assert!(!(speaks && found.contains(&"volume-ownership")), "{name} {found:?}");
    }
    for (owner, chown) in [(Some(10001), true), (Some(10001), false), (None, true), (None, false)] {
        assert_fits(&Hazard::DataOwnerDiffers { owner, uid: 65532, chown });
    }
}

#[test]
fn volumes_that_are_closed_to_the_user() {
    for (container, context, speaks) in [
        (mount("log", "/var/log"), "{}", true),
        (read_only("log"), "{}", true),
        (mount("log", "/var/log"), r#"{"fsGroup":2000}"#, true),
        (mount("sys", "/sys"), "{}", true),
        (mount("key", "/key"), "{}", true),
        (mount("cert", "/cert"), "{}", true),
        (mount("data", "/data"), "{}", true),
        (mount("of-a-template", "/data"), r#"{"runAsNonRoot":true}"#, true),
        (mount("log", "/var/log"), r#"{"runAsUser":65534}"#, false),
        (mount("log", "/var/log"), r#"{"runAsGroup":0}"#, false),
        (mount("log", "/var/log"), r#"{"supplementalGroups":[4]}"#, false),
        (mount("log", "/var/log"), r#"{"fsGroup":0}"#, false),
        (format!(r#"{},"securityContext":{{"runAsUser":0}}"#, mount("log", "/var/log")), "{}", false),
        (mount("key", "/key"), r#"{"fsGroup":65532}"#, false),
        (mount("data", "/data"), r#"{"fsGroup":65532}"#, false),
        (read_only("data"), "{}", false),
        (read_only("sys"), "{}", false),
        (mount("clock", "/etc/localtime"), "{}", false),
        (mount("config", "/config"), "{}", false),
        (mount("token", "/var/run/secrets/kubernetes.io/serviceaccount"), "{}", false),
        (mount("tmp", "/tmp"), "{}", false),
        (mount("share", "/share"), "{}", false),
        (r#","volumeMounts":[null,{"name":"log"}]"#.to_owned(), "{}", false),
        // `needs-root` gives the same advice.
        (format!(r#"{},"securityContext":{{"privileged":true}}"#, mount("log", "/var/log")), "{}", false),
    ] {
        let found = codes(&container, &pod(context), runs_as(65532), "name");
        assert_eq!(found.contains(&"volume-ownership"), speaks, "{container} {context}");
        let root = codes(&container, &pod(context), runs_as(0), "name");
        assert!(!root.contains(&"volume-ownership"), "{container} {context}");
    }
    // Data and other volumes of one container.
    let both = r#","volumeMounts":[{"name":"key","mountPath":"/key"},{"name":"data","mountPath":"/data"}]"#;
    assert_eq!(codes(both, VOLUMES, runs_as(65532), "loki"), ["data-owner-differs", "volume-ownership"]);
    for (on_node, refuses_root) in [(false, false), (true, false), (true, true)] {
        let (volume, certainty) = ("a-name-that-is-longer".into(), Certainty::Certain);
        assert_fits(&Hazard::VolumeOwnership { volume, uid: 65532, on_node, refuses_root, certainty });
    }
}

#[test]
fn volumes_of_real_images() {
    for (spec, codes) in [
        // The chart of fluent-bit.
        (
            r#"{"containers":[{"name":"c","image":"cr.fluentbit.io/fluent/fluent-bit:5.1.1","command":["/fluent-bit/bin/fluent-bit"],
                "volumeMounts":[{"name":"config","mountPath":"/fluent-bit/etc/conf"},{"mountPath":"/var/log","name":"varlog"},
                {"mountPath":"/etc/machine-id","name":"id","readOnly":true}]}],
                "volumes":[{"name":"config","configMap":{"name":"c"}},{"hostPath":{"path":"/var/log"},"name":"varlog"},
                {"hostPath":{"path":"/etc/machine-id","type":"File"},"name":"id"}]}"#,
            &["volume-ownership"][..],
        ),
        // That of the operator of Cilium.
        (
            r#"{"hostNetwork":true,"containers":[{"name":"c","image":"quay.io/cilium/operator-generic:v1.19.7","command":["cilium-operator-generic"],
                "volumeMounts":[{"name":"config","mountPath":"/tmp/cilium/config-map","readOnly":true},
                {"name":"etcd","mountPath":"/var/lib/etcd-secrets","readOnly":true}]}],
                "volumes":[{"name":"config","configMap":{"name":"c"}},{"name":"etcd","secret":{"defaultMode":256,"optional":true,"secretName":"s"}}]}"#,
            &["volume-ownership"],
        ),
        // That of node-exporter.
        (
            r#"{"hostPID":true,"securityContext":{"fsGroup":65534,"runAsGroup":65534,"runAsNonRoot":true,"runAsUser":65534},
                "containers":[{"name":"c","image":"quay.io/prometheus/node-exporter:v1.12.1","args":["--path.rootfs=/host/root"],
                "volumeMounts":[{"name":"root","mountPath":"/host/root","readOnly":true}]}],"volumes":[{"name":"root","hostPath":{"path":"/"}}]}"#,
            &[],
        ),
        (
            r#"{"containers":[{"name":"c","image":"postgres:17","volumeMounts":[{"name":"d","mountPath":"/var/lib/postgresql/data"}]}],
                "volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"d"}}]}"#,
            &["data-path-moved", "data-owner-differs"],
        ),
        // The same user before and after.
        (
            r#"{"containers":[{"name":"c","image":"postgres:17-alpine","env":[{"name":"PGDATA","value":"/d"}],
                "volumeMounts":[{"name":"d","mountPath":"/d"}]}],"volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"d"}}]}"#,
            &[],
        ),
        (
            r#"{"containers":[{"name":"c","image":"memcached:1.6.45","volumeMounts":[{"name":"d","mountPath":"/data"}]}],
                "volumes":[{"name":"d","emptyDir":{}}]}"#,
            &[],
        ),
    ] {
        assert_eq!(warned(spec), codes, "{spec}");
    }
}

#[test]
fn a_database_keeps_its_image() {
    let set = |rest: &str| {
        format!(
            r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"db","image":"postgres:17-alpine"{rest}}}]}}}},
                "volumeClaimTemplates":[{{"metadata":{{"name":"data"}}}}]}}}}"#
        )
    };
    let claim = mount("data", "/var/lib/postgresql/data");
    let told = format!(r#"{claim},"env":[{{"name":"PGDATA","value":"/var/lib/postgresql/data"}}]"#);
    for (rest, rewritten) in [(&*claim, 0), (&*told, 1), ("", 1)] {
        let (warnings, _, images) = settled(Kind::StatefulSet, &set(rest), "");
        assert_eq!((images, warnings.len()), (rewritten, 1 - rewritten), "{warnings:?}");
    }
}
