//! Lists the test cases by topic.

mod creates;
mod guides;
mod lifecycle;
mod registries;

use crate::node::Node;
use crate::suite::{Case, cases};

/// Each in namespaces of its own, while quench serves.
pub(crate) const TOGETHER: &[Case<Node>] = cases![
    guides::all_five_run_hardened,
    guides::an_image_that_nobody_adds_the_secret_for_is_not_pulled,
    guides::a_rewritten_pod_waits_for_its_secret,
    lifecycle::the_charts_own_tests_pass,
    lifecycle::its_pods_are_restricted_and_nonroot,
];

/// One after the other: they take quench away. The last leave it with another policy.
pub(crate) const ALONE: &[Case<Node>] = cases![
    creates::none_is_lost_at_rollouts_and_evictions,
    creates::a_killed_replica_is_missed_for_a_moment,
    lifecycle::without_a_replica_pods_start_as_they_are_or_are_refused,
    lifecycle::it_heals_when_all_its_pods_and_the_networks_are_deleted,
    lifecycle::uninstalled_it_blocks_nothing_and_it_comes_back,
    registries::what_exists_is_pulled_and_runs_and_what_does_not_stays,
    registries::an_outage_keeps_what_is_unknown_and_rewrites_what_was_confirmed,
    registries::an_outage_rewrites_what_is_declared_where_the_policy_says_so,
    registries::what_is_pinned_is_pulled_by_its_digest,
];
