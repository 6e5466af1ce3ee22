//! Tests rare workloads: kept images, digests, volumes, pull secrets, rare fields, every kind of pod template.

use crate::cluster::Cluster;
use crate::difference::{assert_documented, effect, manifest};
use crate::namespace::Served;

fn as_documented(cluster: &Cluster, name: &str) {
    assert_documented(name, &effect(cluster, Served::ByDefault, &manifest(name)).to_string());
}

pub(crate) fn postgres_stays(cluster: &Cluster) {
    as_documented(cluster, "postgres");
}

pub(crate) fn redis_by_shell_stays(cluster: &Cluster) {
    as_documented(cluster, "redis-by-shell");
}

pub(crate) fn a_probe_by_shell_takes_the_compat_build(cluster: &Cluster) {
    as_documented(cluster, "nginx-probe-by-shell");
}

pub(crate) fn a_log_collector_is_warned_of_the_nodes_logs(cluster: &Cluster) {
    as_documented(cluster, "fluent-bit");
}

pub(crate) fn a_job_that_installs_packages_stays(cluster: &Cluster) {
    as_documented(cluster, "job-with-a-script");
}

pub(crate) fn security_contexts(cluster: &Cluster) {
    as_documented(cluster, "security-contexts");
}

pub(crate) fn node_exporter(cluster: &Cluster) {
    as_documented(cluster, "node-exporter");
}

pub(crate) fn references_with_digests(cluster: &Cluster) {
    as_documented(cluster, "digests");
}

pub(crate) fn private_registries_stay(cluster: &Cluster) {
    as_documented(cluster, "private-registries");
}

pub(crate) fn image_volumes(cluster: &Cluster) {
    as_documented(cluster, "image-volume");
}

pub(crate) fn memcached_of_a_replicaset(cluster: &Cluster) {
    as_documented(cluster, "memcached");
}

pub(crate) fn what_is_hardened_stays(cluster: &Cluster) {
    as_documented(cluster, "hardened");
}

pub(crate) fn mirror_pods_stay(cluster: &Cluster) {
    as_documented(cluster, "mirror-pod");
}

pub(crate) fn pull_secrets(cluster: &Cluster) {
    as_documented(cluster, "pull-secrets");
}

pub(crate) fn fields_that_types_do_not_know_stay(cluster: &Cluster) {
    as_documented(cluster, "rare-fields");
}

pub(crate) fn every_kind_of_template(cluster: &Cluster) {
    as_documented(cluster, "every-kind");
}
