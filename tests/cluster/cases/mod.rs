//! Lists the test cases by topic.

mod audit;
mod authority;
mod controllers;
mod files;
mod modes;
mod other_workloads;
mod pull_secrets;
mod registration;
mod requests;
mod seeds;
mod thousand_pods;
mod updates;

use crate::cluster::Cluster;
use crate::suite::{Case, cases};

/// Each in namespaces of its own; the longest first.
pub(crate) const TOGETHER: &[Case<Cluster>] = cases![
    controllers::a_cronjobs_pods_arrive_hardened,
    pull_secrets::two_replicas_keep_two_hundred_namespaces,
    authority::authorities_change_under_load,
    authority::what_is_spoilt_heals,
    authority::the_api_server_away,
    authority::replicas_that_start_at_once_agree,
    authority::what_cannot_be_used_at_the_start_is_replaced,
    authority::missing_rights_are_named,
    pull_secrets::one_bad_namespace_leaves_the_others,
    pull_secrets::missing_rights_are_named,
    pull_secrets::what_is_only_checked_is_warned_of,
    pull_secrets::the_rights_are_for_pull_secrets_of_our_own,
    pull_secrets::a_secret_of_somebody_else_is_never_merged_into,
    other_workloads::every_kind_of_template,
    seeds::k8s_sidecar,
    seeds::karpenter,
    seeds::cilium_startup_script,
    seeds::calico_kube_controllers,
    seeds::cilium_operator,
    other_workloads::postgres_stays,
    other_workloads::redis_by_shell_stays,
    other_workloads::a_probe_by_shell_takes_the_compat_build,
    other_workloads::a_log_collector_is_warned_of_the_nodes_logs,
    other_workloads::a_job_that_installs_packages_stays,
    other_workloads::security_contexts,
    other_workloads::node_exporter,
    other_workloads::references_with_digests,
    other_workloads::private_registries_stay,
    other_workloads::image_volumes,
    other_workloads::memcached_of_a_replicaset,
    other_workloads::what_is_hardened_stays,
    other_workloads::mirror_pods_stay,
    other_workloads::pull_secrets,
    controllers::an_operator_that_compares_images_is_left_in_peace,
    controllers::pods_of_controllers_warn_nobody,
    requests::a_dry_run_shows_and_stores_nothing,
    requests::a_sidecar_of_a_later_webhook_is_rewritten_too,
    requests::kubectl_debug_of_a_pod_with_the_secret,
    requests::kubectl_debug_of_a_pod_without_the_secret,
    requests::kubectl_debug_by_its_default_profile,
    other_workloads::fields_that_types_do_not_know_stay,
    files::what_is_rewritten_is_accepted_and_the_same,
    modes::objects_and_containers_opt_out,
    modes::add_ons_of_the_control_plane_stay,
    modes::namespaces_of_the_policy,
    modes::annotations_count_as_far_as_the_policy_says,
    requests::mode_warn_says_and_does_nothing,
    requests::mode_enforce,
    requests::what_is_denied_says_why,
    requests::hostile_pods_meet_the_api_servers_own_validation,
    updates::a_label_changes_no_image,
    updates::pods_older_than_quench_can_be_updated,
    updates::templates_older_than_quench_do_not_roll,
    updates::applying_the_original_again_rolls_nothing,
    updates::what_is_applied_while_quench_is_away,
    updates::one_changed_image_is_the_only_one_rewritten,
    audit::the_audit_log_has_rewrites_and_kept,
    audit::the_audit_log_names_the_live_line,
    registration::by_service,
    registration::the_printed_configuration_is_a_manifest,
    registration::a_quench_that_is_gone_delays_nobody,
];

/// One after the other, with nothing beside them: the first counts all there is, the others take the default instance.
pub(crate) const ALONE: &[Case<Cluster>] = cases![
    thousand_pods::all_arrive_hardened,
    registration::register_survives_a_kill_and_ends_with_sigterm,
    registration::a_new_authority_is_registered,
];
