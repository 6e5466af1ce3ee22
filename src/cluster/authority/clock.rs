//! Tracks the clock of the API server, by which certificates are made and judged.
//!
//! The API server verifies the certificates, so its clock counts. Replicas on nodes with different clocks agree by it,
//! and a node whose clock jumps does not replace a valid authority.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// The largest difference between two readings of the same clock: dates have no fractions of seconds, and answers
/// take time. A larger difference means that the clock was set.
const TOLERANCE: Duration = Duration::from_secs(2);

/// The clock of the API server, as its answers show it.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Option<Reading>>);

/// The date in an answer, and the moment when the answer arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reading {
    time: SystemTime,
    at: Instant,
}

impl Clock {
    /// Returns the time of the API server; before its first answer, the time of this machine.
    pub(super) fn now(&self) -> SystemTime {
        let reading = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        reading.map_or_else(SystemTime::now, |reading| reading.after(Instant::now()))
    }

    /// Records the date of an answer.
    pub(super) fn note(&self, date: SystemTime) {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *reading = Some(Reading::next(*reading, date, Instant::now()));
    }
}

impl Reading {
    fn after(self, at: Instant) -> SystemTime {
        self.time + at.saturating_duration_since(self.at)
    }

    /// Combines two readings. Dates are cut to seconds, so if two readings agree, the later time is closer to the
    /// truth.
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
        // For each answer: its arrival on this machine's monotonic clock, and its date; then the time after the last
        // one.
        for (answers, time) in [
            (&[(0, 0)][..], 0),
            (&[(0, 0), (700, 0)], 700),
            (&[(0, 0), (700, 1_000)], 1_000),
            (&[(0, 0), (700, 1_000), (1_900, 1_000)], 2_200),
            (&[(0, 0), (5_000, 5_000), (9_999, 9_000)], 9_999),
            // The clock is set forward by an hour, and back.
            (&[(0, 0), (1_000, 3_601_000)], 3_601_000),
            (&[(0, 3_601_000), (1_000, 1_000)], 1_000),
            // No answer arrives for a while.
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
