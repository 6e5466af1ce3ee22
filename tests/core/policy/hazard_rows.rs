//! Tests the rows of `hazards` in a policy: each action gives a different result.

use serde_json::{Value, json};

use super::toggles::{Row, anonymous, pod, row, with, workload};

/// The four actions on one hazard, where it does not keep the image by something else.
macro_rules! actions {
    ($code:literal, $to:literal) => {
        &[
            ("ignore", concat!("=", $to, " +dhi-pull-secret")),
            ("warn", concat!("=", $to, " +dhi-pull-secret !", $code)),
            ("keep", concat!("!", $code)),
            ("deny", concat!("x", $code)),
        ]
    };
}

/// Every hazard, each action.
pub(super) fn hazard_rows(shell: &Value, owned: &Value) -> Vec<Row> {
    [rows_of_settings(shell, owned), rows_of_starts(), rows_of_data()].into_iter().flatten().collect()
}

fn rows_of_settings(shell: &Value, owned: &Value) -> Vec<Row> {
    let root = json!({"securityContext": {"runAsUser": 0}});
    let mut updated = row(
        "hazards.pull-secret-missing",
        "{}",
        &pod("nginx:1.31.4", &json!({})),
        &[
            ("ignore", "=dhi.io/nginx:1.31.4"),
            ("warn", "=dhi.io/nginx:1.31.4 !pull-secret-missing"),
            ("keep", "!pull-secret-missing"),
            ("deny", "xpull-secret-missing"),
        ],
    );
    updated.old = Some(pod("nginx:1.31.3", &json!({})));
    let mut absent = row(
        "hazards.pull-secret-absent",
        "{}",
        &pod("nginx:1.31.4", &json!({})),
        actions!("pull-secret-absent", "dhi.io/nginx:1.31.4"),
    );
    absent.absent_secrets = &["dhi-pull-secret"];
    vec![
        updated,
        absent,
        row(
            "hazards.privileged-port",
            "hazards: {ports-differ: ignore}",
            &pod("memcached:1.6.45", &json!({"ports": [{"containerPort": 80}]})),
            actions!("privileged-port", "dhi.io/memcached:1.6.45"),
        ),
        row(
            "hazards.missing-nonroot",
            "{}",
            &workload("v1", "Pod"),
            actions!("missing-nonroot", "dhi.io/nginx:1.31.4"),
        ),
        row("hazards.runs-as-root", "{}", &pod("nginx:1.31.4", &root), actions!("runs-as-root", "dhi.io/nginx:1.31.4")),
        row(
            "hazards.needs-root",
            "hazards: {missing-nonroot: ignore}",
            &anonymous("nginx:1.31.4", &json!({"securityContext": {"privileged": true}}), &json!({"name": "v"})),
            actions!("needs-root", "dhi.io/nginx:1.31.4"),
        ),
        row("hazards.no-shell", "hardened: {compat: never}", shell, actions!("no-shell", "dhi.io/nginx:1.31.4")),
        row(
            "hazards.platform-missing",
            "hardened: {platforms: [linux/s390x]}",
            &pod("nginx:1.31.4", &json!({})),
            actions!("platform-missing", "dhi.io/nginx:1.31.4"),
        ),
        // Nobody reads what a pod's controller is warned of, so that keeping and warning differ in the image alone.
        row(
            "hazards.foreign-owner",
            "{}",
            owned,
            &[("ignore", "=dhi.io/nginx:1.31.4 +dhi-pull-secret"), ("keep", ""), ("deny", "xforeign-owner")],
        ),
    ]
}

/// What a container starts, and as whom.
fn rows_of_starts() -> Vec<Row> {
    let nginx_with = |container: &Value| pod("nginx:1.31.4", container);
    vec![
        row(
            "hazards.privileged-port-host",
            "hazards: {ports-differ: ignore, missing-nonroot: ignore}",
            &with(
                anonymous("nginx:1.31.4", &json!({"ports": [{"containerPort": 80}]}), &json!({"name": "v"})),
                &json!({"spec": {"hostNetwork": true}}),
            ),
            actions!("privileged-port-host", "dhi.io/nginx:1.31.4"),
        ),
        row(
            "hazards.named-user",
            "{}",
            &with(
                anonymous("nginx:1.31.4", &json!({}), &json!({"name": "v"})),
                &json!({"spec": {"securityContext": {"runAsNonRoot": true}}}),
            ),
            actions!("named-user", "dhi.io/nginx:1.31.4"),
        ),
        row(
            "hazards.program-missing",
            "hardened: {compat: never}",
            &nginx_with(&json!({"command": ["wget", "x"]})),
            actions!("program-missing", "dhi.io/nginx:1.31.4"),
        ),
        row(
            "hazards.program-unknown",
            "{}",
            &nginx_with(&json!({"command": ["of-our-own"]})),
            actions!("program-unknown", "dhi.io/nginx:1.31.4"),
        ),
        row(
            "hazards.entrypoint-differs",
            "hardened: {compat: never}",
            &nginx_with(&json!({"command": ["/manager"]})),
            actions!("entrypoint-differs", "dhi.io/nginx:1.31.4"),
        ),
        row(
            "hazards.no-entrypoint",
            "hazards: {defaults-differ: ignore}",
            &pod("registry.k8s.io/etcd:3.6.14-0", &json!({"args": ["--name=x"]})),
            actions!("no-entrypoint", "dhi.io/etcd:3.6.14"),
        ),
        row(
            "hazards.variable-ignored",
            "{}",
            &pod("wiremock/wiremock:3.13", &json!({"env": [{"name": "WIREMOCK_OPTIONS", "value": "--verbose"}]})),
            actions!("variable-ignored", "dhi.io/wiremock:3.13"),
        ),
        row(
            "hazards.arguments-differ",
            "{}",
            &pod("registry:3.1.1", &json!({"args": ["/etc/distribution/config.yml"]})),
            actions!("arguments-differ", "dhi.io/distribution-registry:3.1.1"),
        ),
        row(
            "hazards.defaults-differ",
            "{}",
            &pod("redis:8.10.1", &json!({})),
            actions!("defaults-differ", "dhi.io/redis:8.10.1"),
        ),
        row(
            "hazards.user-differs",
            "{}",
            &pod("grafana/grafana:13.2.0", &json!({"securityContext": {"runAsUser": 472}})),
            actions!("user-differs", "dhi.io/grafana:13.2.0"),
        ),
        row(
            "hazards.time-zone-missing",
            "{}",
            &nginx_with(&json!({"env": [{"name": "TZ", "value": "Europe/Berlin"}]})),
            actions!("time-zone-missing", "dhi.io/nginx:1.31.4"),
        ),
        row(
            "hazards.no-package-manager",
            "{hardened: {compat: never}, hazards: {program-missing: ignore, program-unknown: ignore}}",
            &nginx_with(&json!({"command": ["apt-get", "install", "x"]})),
            actions!("no-package-manager", "dhi.io/nginx:1.31.4"),
        ),
    ]
}

/// Volumes, ports and references.
#[expect(clippy::too_many_lines, reason = "one row a hazard")]
fn rows_of_data() -> Vec<Row> {
    let nginx_with = |container: &Value| pod("nginx:1.31.4", container);
    let claim = json!({"name": "v", "persistentVolumeClaim": {"claimName": "x"}});
    vec![
        row(
            "hazards.data-path-moved",
            "{}",
            &with(
                pod(
                    "quay.io/prometheus/prometheus:v3.14.0",
                    &json!({"volumeMounts": [{"name": "v", "mountPath": "/prometheus"}]}),
                ),
                &json!({"spec": {"volumes": [claim]}}),
            ),
            actions!("data-path-moved", "dhi.io/prometheus:3.14.0"),
        ),
        row(
            "hazards.data-owner-differs",
            "hazards: {missing-nonroot: ignore}",
            &anonymous(
                "grafana/grafana:13.2.0",
                &json!({"volumeMounts": [{"name": "v", "mountPath": "/var/lib/grafana"}]}),
                &claim,
            ),
            actions!("data-owner-differs", "dhi.io/grafana:13.2.0"),
        ),
        row(
            "hazards.volume-ownership",
            "hazards: {missing-nonroot: ignore}",
            &anonymous(
                "nginx:1.31.4",
                &json!({"volumeMounts": [{"name": "v", "mountPath": "/srv"}]}),
                &json!({"name": "v", "hostPath": {"path": "/srv"}}),
            ),
            actions!("volume-ownership", "dhi.io/nginx:1.31.4"),
        ),
        row(
            "hazards.folder-ignored",
            "{}",
            &with(
                nginx_with(&json!({"volumeMounts": [{"name": "v", "mountPath": "/etc/nginx/templates"}]})),
                &json!({"spec": {"volumes": [{"name": "v", "configMap": {"name": "x"}}]}}),
            ),
            actions!("folder-ignored", "dhi.io/nginx:1.31.4"),
        ),
        row(
            "hazards.ports-differ",
            "{}",
            &nginx_with(&json!({"ports": [{"containerPort": 9090}]})),
            actions!("ports-differ", "dhi.io/nginx:1.31.4"),
        ),
        // Nothing hardened corresponds to such a tag, so that nothing is rewritten either way.
        row(
            "hazards.fips-unavailable",
            "{}",
            &pod("nginx:1.31.4-fips", &json!({})),
            &[("ignore", ""), ("warn", "!fips-unavailable")],
        ),
        row(
            "hazards.digest-dropped",
            "{}",
            &pod(&format!("nginx:1.31.4@sha256:{}", "a".repeat(64)), &json!({})),
            actions!("digest-dropped", "dhi.io/nginx:1.31.4"),
        ),
        row(
            "hazards.dev-variant",
            "{}",
            &pod("dhi.io/nginx:1.31.4-dev", &json!({})),
            &[("ignore", "+dhi-pull-secret"), ("warn", "+dhi-pull-secret !dev-variant"), ("deny", "xdev-variant")],
        ),
        row(
            "hazards.hardened-unknown",
            "{}",
            &pod("dhi.io/nosuch:1", &json!({})),
            &[
                ("ignore", "+dhi-pull-secret"),
                ("warn", "+dhi-pull-secret !hardened-unknown"),
                ("deny", "xhardened-unknown"),
            ],
        ),
        row(
            "hazards.stays-together",
            "hazards: {no-package-manager: keep}",
            &with(
                pod("memcached:1.6.45", &json!({"volumeMounts": [{"name": "d", "mountPath": "/d"}]})),
                &json!({"spec": {"volumes": [{"name": "d", "emptyDir": {}}], "initContainers": [
                    {"name": "i", "image": "memcached:1.6.45", "command": ["apt-get", "update"],
                     "volumeMounts": [{"name": "d", "mountPath": "/d"}]}
                ]}}),
            ),
            &[
                ("ignore", "=dhi.io/memcached:1.6.45 +dhi-pull-secret !no-package-manager"),
                ("warn", "=dhi.io/memcached:1.6.45 +dhi-pull-secret !no-package-manager !stays-together"),
                ("keep", "!no-package-manager !stays-together"),
                ("deny", "!no-package-manager xstays-together"),
            ],
        ),
        row(
            "hazards.operator-managed",
            "{}",
            &with(
                pod("quay.io/prometheus/prometheus:v3.14.0", &json!({})),
                &json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "prometheus-operator"}}}),
            ),
            actions!("operator-managed", "dhi.io/prometheus:3.14.0"),
        ),
    ]
}
