//! The five workloads that the product is made for, in public and in mirrored form.

use crate::cluster::Cluster;
use crate::difference::{assert_lines, effect, manifest};
use crate::namespace::Served;

/// Compares both forms; the mirrored one follows from the public one.
fn in_both_forms(cluster: &Cluster, name: &str, changes: &[&str], warnings: &[&str]) {
    let manifest = manifest(name);
    let public = effect(cluster, Served::ByDefault, &manifest);
    assert_lines("changes in public form", &public.changes, changes);
    assert_lines("warnings in public form", &public.warnings, warnings);
    let mirrored = effect(cluster, Served::By("mirrored"), &manifest);
    let expected = |lines: &[&str]| -> Vec<String> {
        let mirror =
            |line: &&str| line.replace("dhi.io/", "docker.io/acme/dhi-").replace("dhi-pull-secret", "acme-pull-secret");
        lines.iter().map(mirror).collect()
    };
    assert_eq!(mirrored.changes, expected(changes), "changes in mirrored form");
    assert_eq!(mirrored.warnings, expected(warnings), "warnings in mirrored form");
}

pub(crate) fn k8s_sidecar(cluster: &Cluster) {
    in_both_forms(cluster, "k8s-sidecar", &[], &[]);
}

pub(crate) fn karpenter(cluster: &Cluster) {
    in_both_forms(cluster, "karpenter", &[], &[]);
}

pub(crate) fn cilium_startup_script(cluster: &Cluster) {
    in_both_forms(cluster, "cilium-startup-script", &[], &[]);
}

pub(crate) fn calico_kube_controllers(cluster: &Cluster) {
    in_both_forms(cluster, "calico-kube-controllers", &[], &[]);
}

pub(crate) fn cilium_operator(cluster: &Cluster) {
    in_both_forms(cluster, "cilium-operator", &[], &[]);
}
