//! The ports that a container listens on.

use super::user::is_capability;
use super::{Candidate, Certainty, Counterpart, Hazard, Inherited};
use crate::catalog::{Facts, Protocol};
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

/// Finds a declared port that a nonroot user may be refused: `privileged-port`, or `privileged-port-host` on the node's network if the
/// hardened image changes the user.
pub(super) fn privileged_port(
    container: &Container<'_>,
    pod: &Inherited<'_>,
    counterpart: &Counterpart<'_>,
) -> Option<Hazard<'static>> {
    let refused = 1..pod.first_unprivileged_port;
    let port = container.ports.iter().map(|port| port.container_port).filter(|port| refused.contains(port)).min()?;
    let user = pod.pod.user_of(container);
    let mut added = container.security_context.capabilities.add.iter();
    if added.any(|name| is_capability(name, "NET_BIND_SERVICE") || is_capability(name, "ALL")) {
        return None;
    }
    let changes_user = |facts: &Facts<'_>| facts.start.and_then(|start| start.upstream.runs_as()) != Some(facts.run_as);
    let is_changed = user.is_none() && matches!(counterpart, Counterpart::Candidate(facts) if changes_user(facts));
    let on_node = pod.pod.host_network && is_changed;
    match user.or(counterpart.uid().map(i64::from)) {
        Some(0) => None,
        uid if on_node => Some(Hazard::PrivilegedPortHost { port, uid }),
        uid => Some(Hazard::PrivilegedPort { port, uid }),
    }
}

/// Finds a port that the pod asks and the hardened image does not listen on, unless something configures it: `ports-differ`. A declared or
/// probed port is certain; if the pod names none, upstream's port is possible, since a Service may ask it. Silent for images that declare
/// no port.
pub(super) fn ports_differ<'c>(candidate: &Candidate<'c, '_>) -> Option<Hazard<'c>> {
    let Candidate { container, opened, facts, .. } = candidate;
    let tcp = || facts.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
    let listens = tcp().next()?.first;
    if !opened.command().is_empty() || !opened.args().is_empty() {
        return None;
    }
    let declared = container.ports.iter().filter(|port| port.is_tcp()).map(|port| port.container_port);
    let named: Vec<i64> = declared.chain(opened.handlers().iter().filter_map(Handler::port)).collect();
    let upstream = || facts.start.into_iter().flat_map(|start| start.upstream.tcp_ports()).map(i64::from);
    let (asked, certainty) =
        if named.is_empty() { (upstream().collect(), Certainty::Possible) } else { (named, Certainty::Certain) };
    let is_open = |asked: i64| tcp().any(|port| (i64::from(port.first)..=i64::from(port.last)).contains(&asked));
    let first = *asked.first()?;
    if asked.iter().any(|asked| is_open(*asked))
        || candidate.mounts_configuration()
        || has_port_variable(opened, &asked)
    {
        return None;
    }
    let certainty = if container.has_env_from() { Certainty::Possible } else { certainty };
    Some(Hazard::PortsDiffer { asked: first, listens, certainty })
}

/// Reports whether a variable holds one of the ports, or a port that comes from elsewhere.
fn has_port_variable(opened: &ParsedContainer<'_>, ports: &[i64]) -> bool {
    let mut ports = ports.to_vec();
    ports.sort_unstable();
    let is_asked = |number: &str| number.parse().is_ok_and(|number| ports.binary_search(&number).is_ok());
    opened.env().iter().any(|variable| {
        let numbers = variable.value.split(|c: char| !c.is_ascii_digit());
        numbers.into_iter().any(is_asked) || variable.value.is_empty() && variable.name.contains("PORT")
    })
}

impl Candidate<'_, '_> {
    /// Reports whether a volume may hold the configuration: a mount in or around the image's own configuration folders. For images
    /// without such facts, files of the cluster, or anything below `/etc`.
    fn mounts_configuration(&self) -> bool {
        let places = self.facts.start.map_or(&[][..], |start| &start.config);
        self.opened.mounts().iter().filter(|mount| !is_credential(&mount.path)).any(|mount| {
            let is_files = |volume: &Volume<'_>| matches!(volume.kind(), VolumeKind::Files { .. });
            let touches = |path: &str| mount.holds(path) || is_below(mount.path.trim_end_matches('/'), path);
            match places {
                [] => is_below(&mount.path, "/etc") || self.pod.pod.volume(&mount.name).is_some_and(is_files),
                places => places.iter().any(|place| touches(place.moved_to.as_deref().unwrap_or(&place.path))),
            }
        })
    }
}

fn is_credential(path: &str) -> bool {
    CREDENTIALS.into_iter().any(|folder| is_below(path, folder))
}

#[cfg(test)]
mod tests;
