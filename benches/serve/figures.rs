//! What was measured.

use std::time::Duration;

use crate::decision::Cost;

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) typical: Beside,
    pub(crate) daemonset: Beside,
    pub(crate) unchanged: Beside,
    pub(crate) small: Beside,
    /// CPU of the naive handler for a typical request, and how many times ours it is.
    pub(crate) naive: (Duration, f64),
    /// One decision about the small and the typical review and that of the `DaemonSet`.
    pub(crate) decisions: [(&'static str, Cost); 3],
    /// Of a decision about the typical review, where valgrind is there.
    pub(crate) instructions: Option<u64>,
    /// One request in flight, typical.
    pub(crate) alone: Added,
    /// Of typical requests on ten connections, in the quietest round.
    pub(crate) p99: Duration,
    pub(crate) handshakes: Handshakes,
    pub(crate) memory: Memory,
    /// From exec to the first answer: median and longest.
    pub(crate) ready: (Duration, Duration),
    /// Checked replies.
    pub(crate) replies: usize,
    pub(crate) typical_sha256: String,
}

/// Our CPU for a request beside that of the constant answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    pub(crate) constant: Duration,
    pub(crate) ours: Duration,
    /// The median of the rounds' constant / ours.
    pub(crate) share: f64,
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

/// New connections for a core's second.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handshakes {
    pub(crate) per_second: f64,
    /// Ours beside those of the constant answer.
    pub(crate) ratio: f64,
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
