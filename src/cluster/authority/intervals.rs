//! Derives polling intervals and waiting times from the lifetimes of certificates.

use std::time::Duration;

/// The shortest and the longest polling interval. Damage to the objects is repaired within one interval.
const POLL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// The first and the longest pause after failures.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// The longest polling interval while quench is not ready.
const SOON: Duration = Duration::from_millis(250);
/// How long to wait after writing `caBundle` until API servers use it (usually < 1 s).
const SETTLED: Duration = Duration::from_secs(2);
/// How long to wait before a new authority signs, if the old one is still valid; enough for a slow API server.
const PROPAGATION: Duration = Duration::from_secs(30);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    poll: Duration,
    /// How long all webhook entries must have had the authority before quench is ready.
    pub(super) settled: Duration,
    /// How long all webhook entries must have had a new authority before it signs.
    pub(super) propagation: Duration,
}

impl Pace {
    /// Derives the intervals, so that the last third of an authority's lifetime suffices to make its successor, to
    /// publish it, and to wait until API servers trust it.
    pub(super) fn new(authority: Duration, leaf: Duration) -> Self {
        Self {
            poll: (authority / 20).min(leaf / 6).clamp(POLL.0, POLL.1),
            settled: SETTLED.min(authority / 10),
            propagation: PROPAGATION.min(authority / 10),
        }
    }

    /// Returns the pause until the next round.
    pub(super) fn pause(&self, failures: u32, is_ready: bool) -> Duration {
        match failures {
            0 if is_ready => self.poll,
            0 => self.poll.min(SOON),
            _ => {
                let backoff = BACKOFF.0.saturating_mul(1 << (failures - 1).min(10));
                backoff.min(BACKOFF.1).min(self.poll * 3)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_an_authoritys_life_is_enough_for_its_successor() {
        let day = Duration::from_secs(86_400);
        for (authority, leaf) in
            [(365 * day, 30 * day), (day, day / 2), (day / 24, day / 1440), (day / 1440, day / 8640)]
        {
            let pace = Pace::new(authority, leaf);
            // The successor is due, written, awaited, promoted, and read by other replicas; each step may be one poll
            // late.
            assert!(pace.propagation + 3 * pace.poll < authority / 3, "{pace:?}");
            assert!(pace.settled <= pace.propagation && 2 * pace.poll <= leaf / 3, "{pace:?}");
        }
        let shortest = Pace::new(super::super::MIN_AUTHORITY_LIFETIME, super::super::MIN_LEAF_LIFETIME);
        assert!(shortest.propagation + 3 * shortest.poll < super::super::MIN_AUTHORITY_LIFETIME, "{shortest:?}");
    }

    #[test]
    fn failures_are_tried_again_sooner_at_first_and_then_more_rarely() {
        let pace = Pace::new(Duration::from_secs(86_400), Duration::from_secs(3_600));
        let pauses = [0, 1, 2, 3, 4, 5, 6, 7, 8, 100].map(|failures| pace.pause(failures, true).as_millis());
        assert_eq!(pauses, [5_000, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000]);
        assert_eq!(pace.pause(0, false), SOON);
        let short = Pace::new(Duration::from_secs(10), Duration::from_secs(5));
        let pauses = [0, 1, 2, 3, 4, 100].map(|failures| short.pause(failures, true).as_millis());
        assert_eq!(pauses, [500, 200, 400, 800, 1_500, 1_500]);
    }
}
