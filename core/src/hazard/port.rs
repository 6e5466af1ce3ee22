//! The ports that a container listens on.

use super::user::{effective_user, is_capability};
use super::{Candidate, Counterpart, Hazard, Inherited};
use crate::catalog::Protocol;
use crate::read::workload::{Container, Handler, ParsedContainer, PodSpec, Volume, VolumeKind, is_below};

/// The first port that any user may bind (Linux, `ip_unprivileged_port_start`).
const FIRST_UNPRIVILEGED: i64 = 1024;
/// Where tokens are mounted, which configure nothing.
const CREDENTIALS: [&str; 2] = ["/var/run/secrets", "/run/secrets"];

/// The first port of the pod's network that any user may bind.
pub(super) fn first_unprivileged(pod: &PodSpec<'_>) -> i64 {
    let mut sysctls = pod.security_context.sysctls.iter();
    let sysctl = sysctls.find(|sysctl| &*sysctl.name == "net.ipv4.ip_unprivileged_port_start");
    let first = sysctl.and_then(|sysctl| sysctl.value.parse().ok());
    first.map_or(FIRST_UNPRIVILEGED, |first: i64| first.min(FIRST_UNPRIVILEGED))
}

/// Declares a port that only root may be sure to get; on the node's network, where it is refused.
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
    let on_node = pod.pod.host_network && matches!(counterpart, Counterpart::Candidate(_));
    match user.or(counterpart.uid().map(i64::from)) {
        Some(0) => None,
        uid if on_node => Some(Hazard::PrivilegedPortHost { port, uid }),
        uid => Some(Hazard::PrivilegedPort { port, uid }),
    }
}

/// Is asked on ports that the hardened image does not listen on, and nothing tells it to. What no port is declared of is unknown.
pub(super) fn ports_differ<'c>(candidate: &Candidate<'c, '_>) -> Option<Hazard<'c>> {
    let Candidate { container, opened, facts, .. } = candidate;
    let tcp = || facts.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
    let listens = tcp().next()?.first;
    if !opened.command().is_empty() || !opened.args().is_empty() {
        return None;
    }
    let declared = container.ports.iter().filter(|port| port.is_tcp()).map(|port| port.container_port);
    let asked = || declared.clone().chain(opened.handlers().iter().filter_map(Handler::port));
    let first = asked().next()?;
    if asked().any(|asked| tcp().any(|port| (i64::from(port.first)..=i64::from(port.last)).contains(&asked))) {
        return None;
    }
    let is_configured =
        container.has_env_from() || candidate.mounts_configuration() || has_port_variable(opened, asked());
    (!is_configured).then_some(Hazard::PortsDiffer { asked: first, listens })
}

/// Whether a variable holds one of the ports, or a port that comes from elsewhere.
fn has_port_variable(opened: &ParsedContainer<'_>, ports: impl Iterator<Item = i64>) -> bool {
    let mut ports: Vec<i64> = ports.collect();
    ports.sort_unstable();
    let is_asked = |number: &str| number.parse().is_ok_and(|number| ports.binary_search(&number).is_ok());
    opened.env().iter().any(|variable| {
        let numbers = variable.value.split(|c: char| !c.is_ascii_digit());
        numbers.into_iter().any(is_asked) || variable.value.is_empty() && variable.name.contains("PORT")
    })
}

impl Candidate<'_, '_> {
    /// Whether a volume may hold a configuration: files of the cluster, or whatever lies where configurations do.
    fn mounts_configuration(&self) -> bool {
        self.opened.mounts().iter().filter(|mount| !is_credential(&mount.path)).any(|mount| {
            let is_files = |volume: &Volume<'_>| matches!(volume.kind(), VolumeKind::Files { .. });
            is_below(&mount.path, "/etc") || self.pod.pod.volume(&mount.name).is_some_and(is_files)
        })
    }
}

fn is_credential(path: &str) -> bool {
    CREDENTIALS.into_iter().any(|folder| is_below(path, folder))
}

#[cfg(test)]
mod tests;
