//! Stops requests to a registry for a while after outages, or for as long as the registry asks.

use std::time::Duration;

use tokio::time::Instant;

/// The number of outages in a row after which requests to a registry are paused.
const TOLERATED: u32 = 3;
/// The longest `Retry-After` that is obeyed; longer ones are cut to it.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(15 * 60);

/// A circuit breaker: it opens after outages, lets one lookup through after a pause, and closes when that is answered.
#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// The number of outages in a row.
    outages: u32,
    first: Duration,
    longest: Duration,
    /// The length of the next pause.
    pause: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open {
        until: Instant,
    },
    /// One lookup is in progress as a probe; if it has no result at `until`, another one is let through.
    Probing {
        until: Instant,
    },
}

/// The change of the breaker that a result caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// The breaker did not change.
    None,
    /// Requests are paused for `pause`. `anew`: they were not paused before.
    Opened { pause: Duration, anew: bool },
    /// The registry answers again.
    Closed,
}

impl Breaker {
    pub(super) fn new(first: Duration, longest: Duration) -> Self {
        Self { state: State::Closed, outages: 0, first, longest, pause: first }
    }

    /// Reports whether a lookup may start now. The caller reports its result within `patience`.
    pub(super) fn admits(&mut self, now: Instant, patience: Duration) -> bool {
        match self.state {
            State::Closed => true,
            State::Open { until } | State::Probing { until } if now < until => false,
            State::Open { .. } | State::Probing { .. } => {
                self.state = State::Probing { until: now + patience };
                true
            }
        }
    }

    /// Reports whether requests are paused now, so that not even a probe may start.
    pub(super) fn is_left_alone(&self, now: Instant) -> bool {
        matches!(self.state, State::Open { until } if now < until)
    }

    #[cfg(test)]
    fn is_open(&self) -> bool {
        self.state != State::Closed
    }

    /// Records that the registry answered, whether or not the image exists.
    pub(super) fn answered(&mut self) -> Change {
        match self.state {
            // This is a late answer to a request from before the pause.
            State::Open { .. } => Change::None,
            State::Closed => {
                self.outages = 0;
                Change::None
            }
            State::Probing { .. } => {
                (self.state, self.outages, self.pause) = (State::Closed, 0, self.first);
                Change::Closed
            }
        }
    }

    /// Records an outage. `jitter` (about 1) varies the pause, so that replicas do not ask at the same time.
    pub(super) fn failed(&mut self, now: Instant, jitter: f64) -> Change {
        self.outages += 1;
        match self.state {
            State::Open { .. } => Change::None,
            State::Closed if self.outages < TOLERATED => Change::None,
            State::Closed | State::Probing { .. } => {
                let pause = self.pause.mul_f64(jitter);
                self.pause = (self.pause * 2).min(self.longest);
                self.open(now, pause)
            }
        }
    }

    /// Records that the registry asked for a pause, of the length `wait` if it stated one.
    pub(super) fn limited(&mut self, now: Instant, wait: Option<Duration>, jitter: f64) -> Change {
        let Some(wait) = wait else {
            self.outages = self.outages.max(TOLERATED - 1);
            return self.failed(now, jitter);
        };
        // Better late than early: the registry would limit an early request again.
        let wait = wait.max(self.first) + self.first.mul_f64(jitter);
        self.open(now, wait.min(MAX_RETRY_AFTER))
    }

    fn open(&mut self, now: Instant, pause: Duration) -> Change {
        let anew = self.state == State::Closed;
        let until = match self.state {
            State::Open { until } => until.max(now + pause),
            _ => now + pause,
        };
        self.state = State::Open { until };
        Change::Opened { pause, anew }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> (Breaker, Instant) {
        (Breaker::new(SECOND, 5 * SECOND), Instant::now())
    }

    fn opened(seconds: u32, anew: bool) -> Change {
        Change::Opened { pause: seconds * SECOND, anew }
    }

    #[test]
    fn outages_in_a_row_open_it() {
        let (mut breaker, now) = breaker();
        assert_eq!([breaker.failed(now, 1.0), breaker.failed(now, 1.0), breaker.answered()], [Change::None; 3]);
        assert_eq!([breaker.failed(now, 1.0), breaker.failed(now, 1.0)], [Change::None; 2]);
        assert!(breaker.admits(now, SECOND) && !breaker.is_open());
        assert_eq!(breaker.failed(now, 1.0), opened(1, true));
        assert!(!breaker.admits(now, SECOND) && breaker.is_open());
        // Results of lookups that were in progress when the breaker opened.
        assert_eq!([breaker.failed(now, 1.0), breaker.answered()], [Change::None; 2]);
        assert!(!breaker.admits(now, SECOND));
    }

    #[test]
    fn one_question_probes_it_with_growing_pauses() {
        let (mut breaker, mut now) = breaker();
        for _ in 0..TOLERATED {
            breaker.failed(now, 1.0);
        }
        for (pause, next) in [(1, 2), (2, 4), (4, 5), (5, 5)] {
            now += pause * SECOND;
            assert!(breaker.admits(now, SECOND) && !breaker.admits(now, SECOND));
            assert_eq!(breaker.failed(now, 1.0), opened(next, false));
        }
        now += 5 * SECOND;
        assert!(breaker.admits(now, SECOND));
        assert_eq!(breaker.answered(), Change::Closed);
        assert!(breaker.admits(now, SECOND) && breaker.admits(now, SECOND) && !breaker.is_open());
        assert_eq!([breaker.failed(now, 1.0), breaker.failed(now, 1.0)], [Change::None; 2]);
        assert_eq!(breaker.failed(now, 0.5), Change::Opened { pause: SECOND / 2, anew: true });
    }

    #[test]
    fn a_probe_that_is_lost_is_repeated() {
        let (mut breaker, now) = breaker();
        breaker.limited(now, Some(SECOND), 0.0);
        assert!(breaker.admits(now + SECOND, SECOND) && !breaker.admits(now + SECOND, SECOND));
        assert!(breaker.admits(now + 2 * SECOND, SECOND));
    }

    #[test]
    fn a_limit_opens_it_at_once_for_as_long_as_it_says() {
        for (wait, pause) in [
            (None, SECOND),
            (Some(Duration::ZERO), 2 * SECOND),
            (Some(30 * SECOND), 31 * SECOND),
            (Some(Duration::MAX / 2), MAX_RETRY_AFTER),
        ] {
            let (mut breaker, now) = breaker();
            assert_eq!(breaker.limited(now, wait, 1.0), Change::Opened { pause, anew: true }, "{wait:?}");
            assert!(
                !breaker.admits(now + pause - SECOND / 2, SECOND) && breaker.admits(now + pause, SECOND),
                "{wait:?}"
            );
        }
    }

    #[test]
    fn a_late_limit_makes_the_pause_longer_and_never_shorter() {
        let (mut breaker, now) = breaker();
        breaker.limited(now, Some(30 * SECOND), 0.0);
        assert_eq!(breaker.limited(now, Some(10 * SECOND), 0.0), opened(10, false));
        assert!(!breaker.admits(now + 29 * SECOND, SECOND) && breaker.admits(now + 30 * SECOND, SECOND));
    }
}
