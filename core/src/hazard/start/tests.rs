//! What containers of public charts start, against what the embedded catalog knows of the images, and against made-up facts.

use std::sync::LazyLock;

use super::super::tests::runs_as;
use super::super::{Code, Counterpart, Hazard, Inherited, of_container};
use crate::catalog::{Catalog, Contents, Facts};
use crate::decide::decision::Decision;
use crate::policy::Policy;
use crate::read::workload::PodSpec;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::embedded);

const CODES: [Code; 6] = [
    Code::NoShell,
    Code::ProgramMissing,
    Code::ProgramUnknown,
    Code::EntrypointDiffers,
    Code::NoEntrypoint,
    Code::NoPackageManager,
];

/// Two volumes and their mounts: files of a `ConfigMap`, and an empty folder.
const VOLUMES: &str = r#","volumes":[{"name":"files","configMap":{"name":"x"}},{"name":"shared","emptyDir":{}}]"#;
const MOUNTS: &str =
    r#","volumeMounts":[{"name":"files","mountPath":"/scripts"},{"name":"shared","mountPath":"/shared/"}]"#;

/// What the hazards of a container's starts say, each with its code.
fn lines(container: &str, counterpart: &Counterpart<'_>) -> Vec<(&'static str, String)> {
    let json = format!(r#"{{"containers":[{{"name":"c"{container}}}]{VOLUMES}}}"#);
    let spec: PodSpec<'_> = crate::read::wire::read(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let image = spec.images().next().unwrap();
    let inherited = Inherited::of(&spec, &[]);
    let found = of_container(image.container.unwrap(), &inherited, counterpart);
    let found = found.filter(|hazard| CODES.contains(&hazard.code()));
    found.map(|hazard| (hazard.code().name(), hazard.to_string())).collect()
}

/// The codes of a container with a real image, by the facts of the hardened one.
fn real(image: &str, container: &str) -> Vec<&'static str> {
    let policy = Policy::default();
    let decision = Decision::of(image, &policy, &CATALOG);
    assert!(matches!(decision.counterpart, Counterpart::Candidate(_)), "{image} has no candidate");
    codes(container, &decision.counterpart)
}

fn codes(container: &str, counterpart: &Counterpart<'_>) -> Vec<&'static str> {
    lines(container, counterpart).into_iter().map(|(code, _)| code).collect()
}

fn words(words: &[&str]) -> Vec<Box<str>> {
    words.iter().map(|word| Box::from(*word)).collect()
}

fn command(words: &[&str]) -> String {
    format!(r#","command":{}{MOUNTS}"#, serde_json::to_string(words).unwrap())
}

fn args(words: &[&str]) -> String {
    format!(r#","args":{}"#, serde_json::to_string(words).unwrap())
}

fn probe(words: &[&str]) -> String {
    format!(r#","readinessProbe":{{"exec":{{"command":{}}}}}"#, serde_json::to_string(words).unwrap())
}

fn pre_stop(words: &[&str]) -> String {
    format!(r#","lifecycle":{{"preStop":{{"exec":{{"command":{}}}}}}}"#, serde_json::to_string(words).unwrap())
}

const ARGOCD: &str = "quay.io/argoproj/argocd:v3.5.1";
const AWS: &str = "amazon/aws-cli:2.36.29";
const CALICO: &str = "quay.io/calico/kube-controllers:v3.31.7";
const FLUENT_BIT: &str = "cr.fluentbit.io/fluent/fluent-bit:5.1.1";
const GRAFANA: &str = "docker.io/grafana/grafana:13.2.0";
const KUBE_PROXY: &str = "registry.k8s.io/kube-proxy:v1.36.4";
const MONGO: &str = "docker.io/mongo:8.3.8";
const NGINX: &str = "nginx:1.31.4";
const PROMETHEUS: &str = "quay.io/prometheus/prometheus:v3.14.0";
const REDIS: &str = "docker.io/redis:8.10.1";

#[test]
fn shells_and_scripts() {
    for (image, container, expected) in [
        (NGINX, probe(&["sh", "-c", "nginx -t"]), &["no-shell"][..]),
        (MONGO, probe(&["bash", "-c", "mongosh --eval 'db.hello()'"]), &["no-shell"]),
        (MONGO, command(&["/scripts/init.sh"]), &["no-shell"]),
        (MONGO, command(&["/scripts/init"]), &["no-shell"]),
        (MONGO, command(&["/shared/init.sh"]), &["no-shell"]),
        (REDIS, command(&["/usr/bin/tini", "-g", "--", "sh", "-c", "redis-server"]), &["no-shell"]),
        (REDIS, args(&["sh", "-c", "redis-server"]), &["no-shell"]),
        (PROMETHEUS, pre_stop(&["/bin/sh", "-c", "sleep 10"]), &["no-shell"]),
        (PROMETHEUS, command(&["/usr/bin/env", "X=y", "prometheus"]), &["no-shell"]),
        ("python:3.14.7", command(&["/scripts/run.py"]), &[]),
        ("python:3.14.7", command(&["/scripts/run.sh"]), &["no-shell"]),
        (GRAFANA, command(&["/scripts/run.py"]), &["no-shell"]),
        (ARGOCD, command(&["sh", "-c", "argocd-server"]), &[]),
        (ARGOCD, command(&["/scripts/init.sh"]), &[]),
        (ARGOCD, command(&["env", "-u", "X", "-i", "Y=z", "dash"]), &[]),
        (ARGOCD, command(&["bash"]), &["no-shell"]),
        (FLUENT_BIT, probe(&["/bin/bash", "-c", "true"]), &[]),
        (GRAFANA, command(&["/shared/grafana"]), &[]),
        (GRAFANA, format!("{MOUNTS}{}", probe(&["/shared/sh"])), &[]),
        (GRAFANA, args(&["sh", "-c", "x"]), &["no-shell"]),
        (NGINX, args(&["/bin/sh", "/x.sh"]), &["no-shell"]),
        (GRAFANA, args(&["cli", "sh"]), &[]),
        ("docker.io/library/bash:5.2.37", command(&["/usr/local/bin/bash", "-c", "x"]), &["entrypoint-differs"]),
        ("docker.io/library/bash:5.2.37", command(&["/usr/bin/bash", "-c", "x"]), &[]),
    ] {
        assert_eq!(real(image, &container), expected, "{image} {container}");
    }
}

#[test]
fn programs_that_no_package_brings() {
    for (image, container, expected) in [
        (PROMETHEUS, probe(&["wget", "-qO-", "localhost:9090/-/ready"]), &["program-missing"][..]),
        (GRAFANA, command(&["chown", "-R", "472:472", "/var/lib/grafana"]), &["program-missing"]),
        (GRAFANA, pre_stop(&["/bin/sleep", "10"]), &["program-missing"]),
        (REDIS, command(&["cat", "/readonly-config/redis.conf"]), &["program-missing"]),
        (REDIS, command(&["nohup", "redis-server"]), &["program-missing"]),
        (REDIS, args(&["curl", "x"]), &["program-missing"]),
        (NGINX, probe(&["curl", "-f", "localhost"]), &["program-missing"]),
        ("nginx:1.31.4-alpine3.23", probe(&["wget", "-q", "localhost"]), &[]),
        ("nginx:1.31.4-alpine3.23", probe(&["curl", "-f", "localhost"]), &["program-missing"]),
        (NGINX, pre_stop(&["sleep", "10"]), &[]),
        (MONGO, command(&["timeout", "-k", "5", "30", "mongod"]), &[]),
        (ARGOCD, command(&["/bin/cp", "-n", "/usr/local/bin/argocd", "/shared/argocd-dex"]), &[]),
        (ARGOCD, command(&["/usr/bin/git", "version"]), &[]),
        ("busybox:1.37.0", command(&["sleep", "infinity"]), &[]),
        ("python:3.14.7", command(&["python3", "-u", "/scripts/x.py"]), &[]),
    ] {
        assert_eq!(real(image, &container), expected, "{image} {container}");
    }
    let mount =
        |path: &str| format!(r#","command":["curl"],"volumeMounts":[{{"name":"shared","mountPath":"{path}"}}]"#);
    for (path, expected) in [
        ("/usr/bin", &[][..]),
        ("/usr/local/", &[]),
        ("/usr/local/bin/curl", &[]),
        ("/usr/local/bin/wget", &["program-missing"]),
        ("/usr/lib", &["program-missing"]),
    ] {
        assert_eq!(real(GRAFANA, &mount(path)), expected, "{path}");
    }
    // Somebody who sets PATH looks elsewhere.
    let own_path = r#","command":["curl"],"env":[{"name":"PATH","value":"/tools"}]"#;
    assert_eq!(real(GRAFANA, own_path), ["program-unknown"]);
}

#[test]
fn programs_that_nobody_can_be_sure_of() {
    for (image, container, expected) in [
        (REDIS, command(&["redis-sentinel", "/data/conf/sentinel.conf"]), &["program-unknown"][..]),
        (REDIS, probe(&["redis-cli", "ping"]), &["program-unknown"]),
        (PROMETHEUS, probe(&["/usr/bin/wrapper"]), &["program-unknown"]),
        (CALICO, command(&["/usr/bin/wrapper", "/usr/bin/kube-controllers"]), &["program-unknown"]),
        (NGINX, command(&["./start"]), &["program-unknown"]),
        (KUBE_PROXY, command(&["/usr/bin/kube-proxy"]), &["program-unknown"]),
        (CALICO, probe(&["/usr/bin/check-status", "-r"]), &[]),
        (CALICO, probe(&["/bin/check-status", "-r"]), &[]),
        ("quay.io/cilium/operator-generic:v1.20.1", command(&["cilium-operator-generic"]), &[]),
        (NGINX, command(&["/usr/sbin/nginx", "-g", "daemon off;"]), &[]),
        (NGINX, command(&["nginx-debug"]), &["program-unknown"]),
        (REDIS, command(&["redis-server"]), &[]),
        (ARGOCD, command(&["argocd", "admin", "redis-initial-password"]), &[]),
        ("ghcr.io/kubereboot/kured:1.23.0", command(&["/usr/bin/kured"]), &[]),
        ("quay.io/prometheus/node-exporter:v1.12.1", command(&["node_exporter"]), &[]),
    ] {
        assert_eq!(real(image, &container), expected, "{image} {container}");
    }
}

#[test]
fn paths_that_only_upstream_has() {
    for (image, container, expected) in [
        ("openpolicyagent/gatekeeper:v3.23.0", command(&["/nothing"]), &["entrypoint-differs"][..]),
        (PROMETHEUS, command(&["/prometheus-2"]), &["entrypoint-differs"]),
        (GRAFANA, command(&["/run.sh"]), &["entrypoint-differs"]),
        (CALICO, command(&["/usr/local/bin/kube-controllers"]), &["entrypoint-differs"]),
        (REDIS, command(&["/usr/bin/tini", "--", "/opt/redis"]), &["entrypoint-differs"]),
        (ARGOCD, args(&["/usr/local/bin/argocd-nothing"]), &["entrypoint-differs"]),
        (FLUENT_BIT, command(&["/fluent-bit/bin/fluent-bit"]), &[]),
        (FLUENT_BIT, command(&["/usr/local/bin/fluent-bit"]), &[]),
        (KUBE_PROXY, command(&["/usr/local/bin/kube-proxy", "--config=/var/lib/kube-proxy/config.conf"]), &[]),
        ("public.ecr.aws/karpenter/controller:1.14.1", args(&["--disable-controller"]), &[]),
        ("ghcr.io/dexidp/dex:v2.45.1", command(&["/shared/argocd-dex", "rundex"]), &[]),
        ("docker.io/grafana/loki:3.7.6", args(&["-config.file=/etc/loki/config/config.yaml"]), &[]),
        ("docker.io/grafana/tempo:3.0.3", command(&["/opt/tempo/tempo"]), &[]),
        ("docker.io/grafana/tempo:3.0.3", command(&["/tempo"]), &["entrypoint-differs"]),
        (GRAFANA, command(&["/usr/local/bin/grafana"]), &["entrypoint-differs"]),
        ("quay.io/strimzi/operator:1.2.0", args(&["/opt/strimzi/bin/cluster_operator_run.sh"]), &["program-unknown"]),
    ] {
        assert_eq!(real(image, &container), expected, "{image} {container}");
    }
}

/// Upstream's entrypoint is a script that starts what it is given.
#[test]
fn arguments_of_an_entrypoint() {
    for (image, container, expected) in [
        (NGINX, args(&["nginx", "-g", "daemon off;"]), &["no-entrypoint"][..]),
        ("memcached:1.6.45-alpine", args(&["memcached", "-m", "64"]), &["no-entrypoint"]),
        ("postgres:18", args(&["wget", "x"]), &["program-missing"]),
        ("postgres:18", args(&["/manager"]), &["entrypoint-differs"]),
        ("postgres:18", args(&["bash", "-c", "apt-get update"]), &["no-package-manager"]),
        (NGINX, args(&["-g", "daemon off;"]), &[]),
        // Upstream's entrypoint is the same program, which passes over its own path.
        (
            "registry.k8s.io/prometheus-adapter/prometheus-adapter:v0.12.0",
            args(&["/adapter", "--secure-port=6443"]),
            &[],
        ),
        ("postgres:18", args(&["-c", "max_connections=200"]), &[]),
        ("postgres:18", args(&["postgres", "-c", "max_connections=200"]), &[]),
        (PROMETHEUS, args(&["--config.file=/etc/prometheus.yml"]), &[]),
        (FLUENT_BIT, args(&["--workdir=/x"]), &[]),
    ] {
        assert_eq!(real(image, &container), expected, "{image} {container}");
    }
}

#[test]
fn arguments_without_an_entrypoint() {
    for (image, container, expected) in [
        (AWS, args(&["s3", "cp", "s3://x/y", "."]), &["no-entrypoint"][..]),
        (AWS, args(&["--version"]), &["no-entrypoint"]),
        (REDIS, args(&["--save", "60"]), &["no-entrypoint"]),
        ("docker.io/envoyproxy/envoy:v1.39.0", args(&["-c", "/etc/envoy.yaml"]), &["no-entrypoint"]),
        ("python:3.14.7", args(&["app.py"]), &["no-entrypoint"]),
        (AWS, args(&["aws", "s3", "ls"]), &[]),
        (AWS, args(&["/opt/aws"]), &["entrypoint-differs"]),
        (AWS, format!(r#","command":["aws"]{}"#, args(&["s3"])), &[]),
        (REDIS, args(&["redis-server", "--save", "60"]), &[]),
        (REDIS, args(&["redis-sentinel"]), &[]),
        (ARGOCD, args(&["/usr/local/bin/argocd-server", "--port=8080"]), &[]),
        (ARGOCD, args(&["argocd-server"]), &[]),
        ("docker.io/envoyproxy/envoy:v1.39.0", args(&["/usr/local/bin/envoy", "-c", "x"]), &[]),
        ("python:3.14.7", args(&["python3", "app.py"]), &[]),
        ("python:3.14.7", args(&["bash"]), &["no-shell"]),
        (AWS, String::new(), &[]),
        ("docker.io/postgres:18.6", args(&["postgres", "-c", "x"]), &[]),
        ("quay.io/jetstack/cert-manager-controller:v1.21.1", args(&["--v=2"]), &[]),
    ] {
        assert_eq!(real(image, &container), expected, "{image} {container}");
    }
}

#[test]
fn package_managers() {
    for (image, container, expected) in [
        (NGINX, command(&["apt-get", "update"]), &["no-package-manager"][..]),
        ("busybox:1.37.0", command(&["/sbin/apk", "add", "curl"]), &["no-package-manager"]),
        ("busybox:1.37.0", command(&["sh", "-ec", "apk add --no-cache curl; curl x"]), &["no-package-manager"]),
        (ARGOCD, command(&["sh", "-euo", "pipefail", "-c", "pip3 install x"]), &["no-package-manager"]),
        (NGINX, command(&["nice", "bash", "-c", "apt-get update"]), &["no-shell", "no-package-manager"]),
        (ARGOCD, pre_stop(&["sh", "-c", "--", "yum install x"]), &["no-package-manager"]),
        ("python:3.14.7", command(&["pip", "install", "x"]), &[]),
        ("python:3.14.7", command(&["python3", "-m", "pip", "install", "x"]), &[]),
        (ARGOCD, command(&["sh", "-c", "ls /etc/apt; apt --version; echo apt install"]), &[]),
        (ARGOCD, command(&["sh", "/scripts/install.sh", "apt", "install"]), &[]),
        (ARGOCD, command(&["ls", "-c", "apk add x"]), &[]),
        ("busybox:1.37.0", command(&["/shared/apk", "add", "curl"]), &[]),
        (NGINX, command(&["nginx", "-c", "/etc/apt/apt install"]), &[]),
    ] {
        assert_eq!(real(image, &container), expected, "{image} {container}");
    }
}

#[test]
fn images_have_what_they_start_themselves() {
    let mut strange = Vec::new();
    for image in CATALOG.images() {
        let facts = image.facts();
        let words: Vec<&str> = facts.entrypoint.iter().chain(facts.cmd).map(|word| &**word).collect();
        let listed = facts.contents.map_or(&[][..], |contents| &contents.programs);
        for words in [words].into_iter().chain(listed.iter().map(|path| vec![&**path])) {
            for container in [command(&words), probe(&words)] {
                let found = codes(&container, &Counterpart::Candidate(facts));
                if !found.is_empty() {
                    strange.push(format!("{} {words:?} {found:?}", image.name()));
                }
            }
        }
    }
    assert!(strange.is_empty(), "{}", strange.join("\n"));
}

#[test]
fn unknown_contents_are_not_absent() {
    let contents = Contents { packages: words(&["base-files", "git=1:2.47"]), ..Contents::default() };
    let entrypoint = words(&["/app/run"]);
    for (contents, container, expected) in [
        (None, probe(&["curl", "x"]), &["program-unknown"][..]),
        (Some(&Contents::default()), probe(&["curl", "x"]), &["program-unknown"]),
        (Some(&contents), probe(&["curl", "x"]), &["program-missing"]),
        (None, probe(&["git", "status"]), &["program-unknown"]),
        (Some(&contents), probe(&["git", "status"]), &[]),
        (None, command(&["/app/run"]), &[]),
        (None, command(&["/app/walk"]), &["entrypoint-differs"]),
        (None, probe(&["run"]), &[]),
        (None, probe(&["sh"]), &["no-shell"]),
    ] {
        let facts = Facts { entrypoint: &entrypoint, contents, ..runs_as(65532) };
        assert_eq!(codes(&container, &Counterpart::Candidate(facts)), expected, "{contents:?} {container}");
    }
}

#[test]
fn the_first_of_each_code() {
    let container = r#","command":["wget"],"args":["x"],"livenessProbe":{"exec":{"command":["curl"]}},
        "startupProbe":{"exec":{"command":["sh"]}},"lifecycle":{"postStart":{"exec":{"command":["/post"]}},"preStop":{"exec":{"command":["/pre"]}}}"#;
    let contents = Contents { packages: words(&["base-files"]), ..Contents::default() };
    let facts = Facts { contents: Some(&contents), ..runs_as(65532) };
    let found = lines(container, &Counterpart::Candidate(facts));
    let texts: Vec<&str> = found.iter().map(|(_, text)| &**text).collect();
    assert_eq!(
        texts,
        [
            "hardened lacks `wget`; start a program that it has",
            "hardened has no `/post`; use its path there",
            "starts `sh`, which the hardened image lacks; start the program itself",
        ]
    );
}

#[test]
fn lines_fit_a_terminal() {
    let word = "/".repeat(64);
    let long = || std::borrow::Cow::Borrowed(&*word);
    for hazard in [
        Hazard::NoShell { program: "tcsh".into(), script: None },
        Hazard::NoShell { program: "python3".into(), script: Some(long()) },
        Hazard::ProgramMissing { program: "update-ca-certificates" },
        Hazard::ProgramUnknown { program: long() },
        Hazard::EntrypointDiffers { path: long() },
        Hazard::NoEntrypoint,
        Hazard::NoPackageManager { program: "microdnf" },
    ] {
        let line = format!("container `{}`: {hazard} [{}]", "n".repeat(20), hazard.code());
        assert!(line.len() <= 120, "{} {line}", line.len());
    }
}

#[test]
fn wrappers_have_an_end() {
    let started = |words: &[&str]| {
        let words = self::words(words);
        let started = super::started(words.iter().chain(&[]));
        started.map(|start| start.program.to_owned()).collect::<Vec<_>>().join(" ")
    };
    for (words, expected) in [
        (
            &["/sbin/tini", "-s", "-p", "SIGTERM", "--", "gosu", "redis:redis", "redis-server"][..],
            "/sbin/tini gosu redis-server",
        ),
        (&["dumb-init", "-r", "15:3", "--single-child", "app", "--"], "dumb-init app"),
        (&["env", "-i", "A=b", "--", "C=d"], "env C=d"),
        (&["timeout", "--signal=9", "5m", "nice", "-n", "5", "sh", "-c"], "timeout nice sh"),
        (&["tini"], "tini"),
        (&["tini", "--"], "tini"),
        (&["nginx", "tini"], "nginx"),
        (&[], ""),
        (&[""], ""),
    ] {
        assert_eq!(started(words), expected, "{words:?}");
    }
    assert_eq!(started(&["nohup"; 100]).split(' ').count(), 8);
}
