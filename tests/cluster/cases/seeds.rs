//! Tests the five workloads of the guides, with public and with mirrored images.

use crate::cluster::Cluster;
use crate::difference::{assert_documented, effect, manifest};
use crate::namespace::Served;

/// The public form is as documented, and the mirrored one follows from it.
fn in_both_forms(cluster: &Cluster, name: &str) {
    let [public, mirrored] =
        [Served::ByDefault, Served::By("mirrored")].map(|served| effect(cluster, served, &manifest(name)).to_string());
    let expected = public.replace("dhi.io/", "docker.io/acme/dhi-").replace("dhi-pull-secret", "acme-pull-secret");
    assert_documented(name, &public);
    assert!(mirrored == expected, "in mirrored form:\n{mirrored}\nexpected:\n{expected}");
}

pub(crate) fn k8s_sidecar(cluster: &Cluster) {
    in_both_forms(cluster, "k8s-sidecar");
}

pub(crate) fn karpenter(cluster: &Cluster) {
    in_both_forms(cluster, "karpenter");
}

pub(crate) fn cilium_startup_script(cluster: &Cluster) {
    in_both_forms(cluster, "cilium-startup-script");
}

pub(crate) fn calico_kube_controllers(cluster: &Cluster) {
    in_both_forms(cluster, "calico-kube-controllers");
}

pub(crate) fn cilium_operator(cluster: &Cluster) {
    in_both_forms(cluster, "cilium-operator");
}
