//! What would break or is unwise about a container, one function each, with a stable code.

use std::fmt;

use serde::Deserialize;

use crate::warning::printable;
use crate::workload::{Container, PodSpec};

/// The most of a name from the object that a message repeats.
const MAX_NAME: usize = 63;
/// The first port that any user may bind (Linux, `ip_unprivileged_port_start`).
const FIRST_UNPRIVILEGED_PORT: i64 = 1024;

/// The public name of a hazard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A container port below 1024 that a nonroot user may not be allowed to bind.
    PrivilegedPort,
    /// Nothing says that the container runs as a nonroot user.
    MissingNonroot,
    /// Told to run as root, on an image that is made for a nonroot user.
    RunsAsRoot,
    /// Does what only root can do, on an image whose default user is not root.
    NeedsRoot,
    /// The pod cannot be given the pull secret that the target needs.
    PullSecretMissing,
}

impl Code {
    /// Every hazard that is evaluated.
    pub const ALL: [Self; 5] =
        [Self::PrivilegedPort, Self::MissingNonroot, Self::RunsAsRoot, Self::NeedsRoot, Self::PullSecretMissing];

    /// Codes that are reserved for hazards which this version does not evaluate.
    pub const RESERVED: [&'static str; 18] = [
        "privileged-port-host",
        "named-user",
        "no-shell",
        "program-missing",
        "program-unknown",
        "entrypoint-differs",
        "no-entrypoint",
        "no-package-manager",
        "data-path-moved",
        "data-owner-differs",
        "volume-ownership",
        "ports-differ",
        "platform-missing",
        "fips-unavailable",
        "digest-dropped",
        "dev-variant",
        "foreign-owner",
        "operator-managed",
    ];

    /// The code as policies, warnings, audit annotations and metrics spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PrivilegedPort => "privileged-port",
            Self::MissingNonroot => "missing-nonroot",
            Self::RunsAsRoot => "runs-as-root",
            Self::NeedsRoot => "needs-root",
            Self::PullSecretMissing => "pull-secret-missing",
        }
    }

    /// The code of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }

    /// What happens where the policy does not say.
    pub fn default_action(self) -> Action {
        match self {
            Self::PrivilegedPort | Self::MissingNonroot | Self::RunsAsRoot => Action::Warn,
            Self::NeedsRoot | Self::PullSecretMissing => Action::Keep,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a hazard does to the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing, not even a warning.
    Ignore,
    /// The image is rewritten and the user warned.
    Warn,
    /// The image stays and the user is warned.
    Keep,
    /// The object is refused.
    Deny,
}

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
    /// See [`Code::PullSecretMissing`].
    PullSecretMissing {
        /// The secret that the target needs.
        secret: &'a str,
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
            Self::PullSecretMissing { .. } => Code::PullSecretMissing,
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
            Self::PullSecretMissing { secret } => write!(f, "the pod does not name the pull secret `{secret}`"),
        }
    }
}

/// What is known of the hardened image that a container has, or could have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counterpart {
    /// Nothing hardened has that name.
    None,
    /// There is a candidate, or at least an image of that name, which runs as `uid`.
    Candidate {
        /// Its default user.
        uid: u32,
    },
    /// The container's image is hardened already; its default user, where the catalog knows the image.
    Hardened {
        /// Its default user.
        uid: Option<u32>,
    },
}

impl Counterpart {
    fn uid(self) -> Option<u32> {
        match self {
            Self::None => None,
            Self::Candidate { uid } => Some(uid),
            Self::Hardened { uid } => uid,
        }
    }
}

/// What containers have from their pod.
#[derive(Debug, Clone, Copy)]
pub struct Inherited {
    run_as_non_root: Option<bool>,
    run_as_user: Option<i64>,
    host_pid: bool,
    first_unprivileged_port: i64,
}

impl Inherited {
    /// From a pod's specification.
    pub fn of(pod: &PodSpec<'_>) -> Self {
        let context = &pod.security_context;
        let sysctl = context.sysctls.iter().find(|sysctl| &*sysctl.name == "net.ipv4.ip_unprivileged_port_start");
        Self {
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
    pod: &Inherited,
    counterpart: Counterpart,
) -> impl Iterator<Item = Hazard<'c>> {
    [
        privileged_port(container, pod, counterpart),
        missing_nonroot(container, pod),
        runs_as_root(container, pod, counterpart),
        needs_root(container, pod, counterpart),
    ]
    .into_iter()
    .flatten()
}

/// The user that the pod specification asks for; a container's setting goes before its pod's, as in the kubelet.
fn effective_user(container: &Container<'_>, pod: &Inherited) -> Option<i64> {
    container.security_context.run_as_user.or(pod.run_as_user)
}

fn privileged_port(container: &Container<'_>, pod: &Inherited, counterpart: Counterpart) -> Option<Hazard<'static>> {
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

fn missing_nonroot(container: &Container<'_>, pod: &Inherited) -> Option<Hazard<'static>> {
    let own = &container.security_context;
    let asked_for = own.run_as_non_root == Some(true) || pod.run_as_non_root == Some(true);
    let numeric = [own.run_as_user, pod.run_as_user].into_iter().flatten().any(|uid| uid > 0);
    (!asked_for && !numeric).then_some(Hazard::MissingNonroot)
}

fn runs_as_root(container: &Container<'_>, pod: &Inherited, counterpart: Counterpart) -> Option<Hazard<'static>> {
    let uid = counterpart.uid().filter(|uid| *uid != 0)?;
    let non_root = container.security_context.run_as_non_root.or(pod.run_as_non_root);
    let root = match effective_user(container, pod) {
        Some(user) => user == 0,
        None => non_root == Some(false),
    };
    root.then_some(Hazard::RunsAsRoot { uid })
}

fn needs_root<'c>(container: &'c Container<'_>, pod: &Inherited, counterpart: Counterpart) -> Option<Hazard<'c>> {
    let Counterpart::Candidate { uid } = counterpart else { return None };
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
