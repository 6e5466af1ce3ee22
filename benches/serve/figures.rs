//! What was measured.

use std::time::Duration;

use crate::decision::Cost;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Figures {
    /// The constant answer, as in the next three.
    pub(crate) typical: Beside,
    pub(crate) daemonset: Beside,
    pub(crate) unchanged: Beside,
    pub(crate) small: Beside,
    /// The naive handler instead of the constant answer, typical.
    pub(crate) naive: Beside,
    /// One decision about the small and the typical review and that of the `DaemonSet`.
    pub(crate) decisions: [(&'static str, Cost); 3],
    /// Of a decision about the typical review, where valgrind is there.
    pub(crate) instructions: Option<u64>,
    /// One request in flight, typical.
    pub(crate) alone: Added,
    /// Of typical requests on ten connections, in the quietest round.
    pub(crate) p99: Duration,
    /// The constant answer on new connections.
    pub(crate) handshakes: Beside,
    pub(crate) memory: Memory,
    pub(crate) verified: Verified,
    /// From exec to the first answer: median and longest.
    pub(crate) ready: (Duration, Duration),
    /// The part of the time in which server or client waited for a core that others had.
    pub(crate) waited: f64,
    /// Checked replies.
    pub(crate) replies: usize,
    pub(crate) typical_sha256: String,
}

/// CPU of another server for a request, or a new connection, beside ours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    pub(crate) other: Duration,
    pub(crate) ours: Duration,
    /// The median of the rounds' other / ours.
    pub(crate) ratio: f64,
}

/// Latency beyond the constant answer's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Added {
    /// Of the constant answer itself.
    pub(crate) constant_p50: Duration,
    /// Seconds, as the next: a disturbed run may show less than nothing.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// Resident bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) warm: u64,
    pub(crate) half: u64,
    pub(crate) end: u64,
    /// How many reviews had been answered at the end.
    pub(crate) reviews: usize,
}

/// Typical reviews by a policy with `verify` whose answers are known, beside the same without.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verified {
    /// CPU on ten connections: without, and with.
    pub(crate) cpu: Beside,
    /// Latency with / without, one request in flight, each of the quietest window.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// The part of the time that other processes took meanwhile.
    pub(crate) waited: f64,
    /// Allocations of a decision beyond those without.
    pub(crate) allocations: usize,
}
