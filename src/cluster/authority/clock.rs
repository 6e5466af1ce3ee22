//! Keeps the time by which certificates are made and judged: the API server's.
//!
//! The API server verifies our certificates, so its clock counts. Replicas on nodes with different clocks agree by it,
//! and a node whose clock jumps replaces nobody's authority.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The tolerance between two dates: dates have no fractions of seconds, and answers take time. A larger difference
/// means that the clock was set.
const TOLERANCE: Duration = Duration::from_secs(2);

/// The API server's clock, as known from its answers.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Option<Reading>>);

/// A date and the moment when it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    time: SystemTime,
    at: Instant,
}

impl Clock {
    /// Returns the API server's time; this machine's before the first answer.
    pub(super) fn now(&self) -> SystemTime {
        let reading = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.map_or_else(SystemTime::now, |reading| reading.after(Instant::now()))
    }

    /// Notes the date of an answer.
    pub(super) fn note(&self, date: SystemTime) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = Some(Reading::next(*reading, date, Instant::now()));
    }
}

impl Reading {
    fn after(self, at: Instant) -> SystemTime {
        self.time + at.saturating_duration_since(self.at)
    }

    /// Combines two dates. Dates are cut to the second, so of two that agree the later time is closer to the truth.
    fn next(known: Option<Self>, date: SystemTime, at: Instant) -> Self {
        match known {
            Some(known) if (date..=date + TOLERANCE).contains(&known.after(at)) => known,
            _ => Self { time: date, at },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn the_answers_tell_the_time() {
        let (day, start) = (UNIX_EPOCH + Duration::from_secs(1_795_219_200), Instant::now());
        let milliseconds = Duration::from_millis;
        // When an answer came, by this machine's monotonic clock, its date, and the time that it is then.
        for (answers, time) in [
            (&[(0, 0)][..], 0),
            (&[(0, 0), (700, 0)], 700),
            (&[(0, 0), (700, 1_000)], 1_000),
            (&[(0, 0), (700, 1_000), (1_900, 1_000)], 2_200),
            (&[(0, 0), (5_000, 5_000), (9_999, 9_000)], 9_999),
            // Set forwards by an hour, and back again.
            (&[(0, 0), (1_000, 3_601_000)], 3_601_000),
            (&[(0, 3_601_000), (1_000, 1_000)], 1_000),
            // Nothing was heard for a while.
            (&[(0, 0), (60_000, 60_000)], 60_000),
        ] {
            let reading = answers.iter().fold(None, |known, (at, date)| {
                Some(Reading::next(known, day + milliseconds(*date), start + milliseconds(*at)))
            });
            let last = start + milliseconds(answers.last().unwrap().0);
            assert_eq!(reading.unwrap().after(last), day + milliseconds(time), "{answers:?}");
        }
    }

    #[test]
    fn without_an_answer_it_is_this_machines_time() {
        let clock = Clock::default();
        assert!(clock.now().duration_since(SystemTime::now()).unwrap_or_default() < TOLERANCE);
        clock.note(UNIX_EPOCH);
        assert!(clock.now() < UNIX_EPOCH + Duration::from_secs(600));
    }
}
