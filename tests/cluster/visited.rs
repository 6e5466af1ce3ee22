//! Uses a running cluster in which the chart has installed quench; `tests/e2e/kind.sh` makes one and runs the cases.

use std::env;
use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

/// What the environment says of it.
#[derive(Debug)]
pub(crate) struct Visited {
    /// An administrator's, as a file.
    kubeconfig: String,
    /// Where its API server reaches this machine.
    host: IpAddr,
    /// Its API server's audit log, as a file.
    audit: String,
    /// Where the only replica of the installed quench shows its metrics.
    pub(crate) metrics: SocketAddr,
}

impl Visited {
    pub(crate) fn from_environment() -> Option<Self> {
        let kubeconfig = env::var("QUENCH_VISIT_KUBECONFIG").ok()?;
        Some(Self {
            kubeconfig,
            host: variable("QUENCH_VISIT_HOST"),
            audit: variable("QUENCH_VISIT_AUDIT"),
            metrics: variable("QUENCH_VISIT_METRICS"),
        })
    }
}

fn variable<T: FromStr<Err: Debug>>(name: &str) -> T {
    let text = env::var(name).unwrap_or_else(|error| panic!("{name}, beside QUENCH_VISIT_KUBECONFIG: {error}"));
    text.parse().unwrap_or_else(|error| panic!("{name}={text}: {error:?}"))
}

/// Where webhooks of this machine listen.
pub(crate) fn host() -> IpAddr {
    Visited::from_environment().map_or(Ipv4Addr::LOCALHOST.into(), |visited| visited.host)
}

/// The program of `tests/cluster/bin/k8s` that makes a cluster ready for the cases, and its flags.
pub(crate) fn supervisor() -> Vec<String> {
    let Some(Visited { kubeconfig, host, audit, .. }) = Visited::from_environment() else {
        return vec!["control-plane".to_owned()];
    };
    ["visit", "--kubeconfig", &kubeconfig, "--host", &host.to_string(), "--audit", &audit].map(str::to_owned).into()
}
