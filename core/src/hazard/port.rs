//! The ports that a container listens on.

use super::user::{effective_user, is_capability};
use super::{Candidate, Counterpart, Hazard, Inherited};
use crate::workload::{Container, PodSpec};

/// The first port that any user may bind (Linux, `ip_unprivileged_port_start`).
const FIRST_UNPRIVILEGED: i64 = 1024;

/// The first port of the pod's network that any user may bind.
pub(super) fn first_unprivileged(pod: &PodSpec<'_>) -> i64 {
    let mut sysctls = pod.security_context.sysctls.iter();
    let sysctl = sysctls.find(|sysctl| &*sysctl.name == "net.ipv4.ip_unprivileged_port_start");
    let first = sysctl.and_then(|sysctl| sysctl.value.parse().ok());
    first.map_or(FIRST_UNPRIVILEGED, |first: i64| first.min(FIRST_UNPRIVILEGED))
}

/// Declares a port that only root may be sure to get.
pub(super) fn privileged_port(
    container: &Container<'_>,
    pod: &Inherited<'_>,
    counterpart: &Counterpart<'_>,
) -> Option<Hazard<'static>> {
    let refused = 1..pod.first_unprivileged_port;
    let port = container.ports.iter().map(|port| port.container_port).filter(|port| refused.contains(port)).min()?;
    let user = effective_user(container, pod);
    let mut added = container.security_context.capabilities.add.iter();
    if added.any(|name| is_capability(name, "NET_BIND_SERVICE") || is_capability(name, "ALL")) {
        return None;
    }
    match user.or(counterpart.uid().map(i64::from)) {
        Some(0) => None,
        uid => Some(Hazard::PrivilegedPort { port, uid }),
    }
}

/// Is asked on ports that the hardened image does not listen on.
pub(super) fn ports_differ<'c>(_candidate: &Candidate<'c, '_>) -> Option<Hazard<'c>> {
    None
}
