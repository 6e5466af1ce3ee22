//! Which core does what: servers on one, the client on the other.

use std::thread;

use anyhow::{Context, Result};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The cores that the measuring takes place on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cores {
    /// Of the servers, all of which but one are idle at any time.
    pub(crate) servers: usize,
    /// Of the client.
    pub(crate) client: usize,
}

impl Cores {
    /// The first and the last of the cores that we may use.
    pub(crate) fn choose() -> Result<Self> {
        let allowed = sched_getaffinity(None).context("cannot tell which cores there are")?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let servers = cores.next().context("there is no core")?;
        let client = cores.next_back().unwrap_or(servers);
        if client == servers {
            eprintln!("there is one core only: client and servers share it, and latencies say little");
        }
        Ok(Self { servers, client })
    }
}

/// Keeps this thread, and what it starts from now on, on `core`.
pub(crate) fn pin(core: usize) -> Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).with_context(|| format!("cannot stay on core {core}"))
}

/// Does `work` on `core`: a process that it starts stays there.
pub(crate) fn on<T: Send>(core: usize, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let pinned = thread::scope(|scope| scope.spawn(|| pin(core).and_then(|()| work())).join());
    pinned.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
