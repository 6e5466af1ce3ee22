//! What would break or is unwise about a container, one function each, with a stable code.

mod code;
mod platform;
mod shell;

use std::fmt;

pub(crate) use self::code::About;
pub use self::code::{Action, Code};
use crate::catalog::Facts;
use crate::policy::Platform;
use crate::warning::printable;
use crate::workload::{Container, PodSpec};

/// The most of a name from the object that a message repeats.
const MAX_NAME: usize = 63;
/// The first port that any user may bind (Linux, `ip_unprivileged_port_start`).
const FIRST_UNPRIVILEGED_PORT: i64 = 1024;

/// A hazard that a container has; displayed as what a user reads after the container's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hazard<'a> {
    /// See [`Code::PrivilegedPort`].
    PrivilegedPort {
        /// The lowest such port.
        port: i64,
        /// The user that the container runs as, where it is known.
        uid: Option<i64>,
    },
    /// See [`Code::MissingNonroot`].
    MissingNonroot,
    /// See [`Code::RunsAsRoot`].
    RunsAsRoot {
        /// The user that the hardened image is made for.
        uid: u32,
    },
    /// See [`Code::NeedsRoot`].
    NeedsRoot {
        /// What only root can do.
        reason: &'a str,
        /// The user that the hardened image runs as.
        uid: u32,
    },
    /// See [`Code::NoShell`].
    NoShell {
        /// The shell.
        program: &'a str,
    },
    /// See [`Code::PlatformMissing`].
    PlatformMissing {
        /// The architecture that has no build.
        architecture: &'a str,
    },
    /// See [`Code::PullSecretMissing`].
    PullSecretMissing {
        /// The secret that the target needs.
        secret: &'a str,
    },
    /// See [`Code::ForeignOwner`].
    ForeignOwner {
        /// The API version of the controller.
        api_version: &'a str,
        /// Its kind.
        kind: &'a str,
    },
}

impl Hazard<'_> {
    /// The public name.
    pub fn code(&self) -> Code {
        match self {
            Self::PrivilegedPort { .. } => Code::PrivilegedPort,
            Self::MissingNonroot => Code::MissingNonroot,
            Self::RunsAsRoot { .. } => Code::RunsAsRoot,
            Self::NeedsRoot { .. } => Code::NeedsRoot,
            Self::NoShell { .. } => Code::NoShell,
            Self::PlatformMissing { .. } => Code::PlatformMissing,
            Self::PullSecretMissing { .. } => Code::PullSecretMissing,
            Self::ForeignOwner { .. } => Code::ForeignOwner,
        }
    }
}

impl fmt::Display for Hazard<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrivilegedPort { port, uid: Some(uid) } => {
                write!(f, "port {port} may be refused as uid {uid}; use a port above 1023")
            }
            Self::PrivilegedPort { port, uid: None } => {
                write!(f, "port {port} may be refused to a nonroot user; use a port above 1023")
            }
            Self::MissingNonroot => f.write_str("set `runAsNonRoot: true` or a numeric `runAsUser`"),
            Self::RunsAsRoot { uid } => write!(f, "set to run as root; the hardened image is made for uid {uid}"),
            Self::NeedsRoot { reason, uid } => {
                let reason = printable(reason, MAX_NAME);
                write!(f, "{reason} needs root, hardened runs as uid {uid}; set `runAsUser: 0`")
            }
            Self::NoShell { program } => {
                write!(f, "starts `{program}`, which the hardened image lacks; start the program itself")
            }
            Self::PlatformMissing { architecture } => {
                write!(f, "hardened has no build for {architecture} nodes; set `nodeSelector` kubernetes.io/arch")
            }
            Self::PullSecretMissing { secret } => write!(f, "the pod does not name the pull secret `{secret}`"),
            Self::ForeignOwner { api_version, kind } => {
                let group = api_version.split_once('/').map_or("", |(group, _)| group);
                let (group, kind) = (printable(group, MAX_NAME), printable(kind, MAX_NAME));
                write!(f, "its controller may undo it; set the image in {group}/{kind}, or tolerate it")
            }
        }
    }
}

/// What is known of the hardened image that a container has, or could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counterpart<'c> {
    /// Nothing hardened has that name.
    None,
    /// There is a candidate, or at least an image of that name, with these facts.
    Candidate(Facts<'c>),
    /// The container's image is hardened already; its facts, where the catalog knows the image.
    Hardened(Option<Facts<'c>>),
}

impl Counterpart<'_> {
    fn uid(&self) -> Option<u32> {
        match self {
            Self::None | Self::Hardened(None) => None,
            Self::Candidate(facts) | Self::Hardened(Some(facts)) => Some(facts.run_as),
        }
    }
}

/// What containers have from their pod.
#[derive(Debug, Clone, Copy)]
pub struct Inherited<'p> {
    pod: &'p PodSpec<'p>,
    nodes: &'p [Platform],
    run_as_non_root: Option<bool>,
    run_as_user: Option<i64>,
    host_pid: bool,
    first_unprivileged_port: i64,
}

impl<'p> Inherited<'p> {
    /// From a pod's specification, and what its nodes may be.
    pub fn of(pod: &'p PodSpec<'p>, nodes: &'p [Platform]) -> Self {
        let context = &pod.security_context;
        let sysctl = context.sysctls.iter().find(|sysctl| &*sysctl.name == "net.ipv4.ip_unprivileged_port_start");
        Self {
            pod,
            nodes,
            run_as_non_root: context.run_as_non_root,
            run_as_user: context.run_as_user,
            host_pid: pod.host_pid,
            first_unprivileged_port: sysctl
                .and_then(|sysctl| sysctl.value.parse().ok())
                .map_or(FIRST_UNPRIVILEGED_PORT, |first: i64| first.min(FIRST_UNPRIVILEGED_PORT)),
        }
    }
}

/// The hazards that a container has by what its pod says.
pub fn of_container<'c>(
    container: &'c Container<'_>,
    pod: &Inherited<'c>,
    counterpart: &Counterpart<'_>,
) -> impl Iterator<Item = Hazard<'c>> {
    let candidate = match counterpart {
        Counterpart::Candidate(facts) => Some(facts),
        Counterpart::None | Counterpart::Hardened(_) => None,
    };
    [
        privileged_port(container, pod, counterpart),
        missing_nonroot(container, pod),
        runs_as_root(container, pod, counterpart),
        candidate.and_then(|facts| needs_root(container, pod, facts)),
        candidate.and_then(|facts| shell::no_shell(container, facts)),
        candidate.and_then(|facts| platform::platform_missing(pod.pod, pod.nodes, facts)),
    ]
    .into_iter()
    .flatten()
}

/// The user that the pod specification asks for; a container's setting goes before its pod's, as in the kubelet.
fn effective_user(container: &Container<'_>, pod: &Inherited<'_>) -> Option<i64> {
    container.security_context.run_as_user.or(pod.run_as_user)
}

fn privileged_port(
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

fn missing_nonroot(container: &Container<'_>, pod: &Inherited<'_>) -> Option<Hazard<'static>> {
    let own = &container.security_context;
    let asked_for = own.run_as_non_root == Some(true) || pod.run_as_non_root == Some(true);
    let numeric = [own.run_as_user, pod.run_as_user].into_iter().flatten().any(|uid| uid > 0);
    (!asked_for && !numeric).then_some(Hazard::MissingNonroot)
}

fn runs_as_root(
    container: &Container<'_>,
    pod: &Inherited<'_>,
    counterpart: &Counterpart<'_>,
) -> Option<Hazard<'static>> {
    let uid = counterpart.uid().filter(|uid| *uid != 0)?;
    let non_root = container.security_context.run_as_non_root.or(pod.run_as_non_root);
    let root = match effective_user(container, pod) {
        Some(user) => user == 0,
        None => non_root == Some(false),
    };
    root.then_some(Hazard::RunsAsRoot { uid })
}

fn needs_root<'c>(container: &'c Container<'_>, pod: &Inherited<'_>, facts: &Facts<'_>) -> Option<Hazard<'c>> {
    let uid = facts.run_as;
    if uid == 0 || effective_user(container, pod).is_some() {
        return None;
    }
    let context = &container.security_context;
    let beyond_ports = |name: &&str| !name.is_empty() && !is_capability(name, "NET_BIND_SERVICE");
    let reason = if context.privileged {
        Some("`privileged`")
    } else if container.mentions("nsenter") {
        Some("nsenter")
    } else if pod.host_pid {
        Some("`hostPID`")
    } else {
        context.capabilities.add.iter().map(|name| &**name).find(beyond_ports)
    };
    reason.map(|reason| Hazard::NeedsRoot { reason, uid })
}

/// Container runtimes take a capability's name in any case, with and without `CAP_`.
fn is_capability(written: &str, name: &str) -> bool {
    let prefixed = written.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("CAP_"));
    written.get(if prefixed { 4 } else { 0 }..).is_some_and(|written| written.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests;
