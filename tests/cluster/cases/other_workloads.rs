//! Workloads that test the edges: stays, digests, volumes, secrets.

use crate::cluster::Cluster;
use crate::difference::{assert_lines, effect, manifest};
use crate::namespace::Served;

fn by_default(cluster: &Cluster, name: &str, changes: &[&str], warnings: &[&str]) {
    let effect = effect(cluster, Served::ByDefault, &manifest(name));
    assert_lines("changes", &effect.changes, changes);
    assert_lines("warnings", &effect.warnings, warnings);
}

pub(crate) fn postgres_stays(cluster: &Cluster) {
    by_default(cluster, "postgres", &[], &[]);
}

pub(crate) fn redis_by_shell_stays(cluster: &Cluster) {
    by_default(cluster, "redis-by-shell", &[], &[]);
}

pub(crate) fn node_exporter(cluster: &Cluster) {
    by_default(cluster, "node-exporter", &[], &[]);
}

pub(crate) fn references_with_digests(cluster: &Cluster) {
    by_default(cluster, "digests", &[], &[]);
}

pub(crate) fn private_registries_stay(cluster: &Cluster) {
    by_default(cluster, "private-registries", &[], &[]);
}

pub(crate) fn image_volumes(cluster: &Cluster) {
    by_default(cluster, "image-volume", &[], &[]);
}

pub(crate) fn memcached_of_a_replicaset(cluster: &Cluster) {
    by_default(cluster, "memcached", &[], &[]);
}

pub(crate) fn what_is_hardened_stays(cluster: &Cluster) {
    by_default(cluster, "hardened", &[], &[]);
}

pub(crate) fn mirror_pods_stay(cluster: &Cluster) {
    by_default(cluster, "mirror-pod", &[], &[]);
}

pub(crate) fn pull_secrets(cluster: &Cluster) {
    by_default(cluster, "pull-secrets", &[], &[]);
}
