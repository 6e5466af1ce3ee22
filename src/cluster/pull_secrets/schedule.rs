//! Schedules the writes of copies. There is no leader: each replica waits for a random time, so that the second one
//! sees what the first one wrote.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The shortest and the longest delay of a write, which is random for each copy and replica.
const FIRST: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// The first and the longest pause after writes that failed or were undone.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How long a watch may take to show a write before the copy is checked again.
const SHOWN: Duration = Duration::from_secs(5);
/// How long an unwanted copy is kept before it is deleted. Replicas get a new policy at different times: a changed
/// `ConfigMap` can reach another node a minute later, and a rollout takes time. Without the delay, one replica would
/// delete copies that another one creates.
pub const PATIENCE: Duration = Duration::from_secs(120);
/// The time after which earlier tries no longer count. It is longer than [`PATIENCE`], so that replicas with different
/// policies undo each other's writes less and less often.
const CALM: Duration = Duration::from_secs(300);

/// A copy: the name of its pull secret, and its namespace.
pub(super) type Key = (String, String);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Task {
    /// The time of the next write; `None` if no write is pending.
    due: Option<Instant>,
    /// The additional delay that the caller asked for.
    patience: Duration,
    /// The number of writes in a row after which the copy needed another write.
    tries: u32,
    /// The time of the last try.
    at: Instant,
    has_failed: bool,
}

/// The pending and the recent writes of copies.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    tasks: BTreeMap<Key, Task>,
}

impl Schedule {
    /// Schedules a write, after `patience` at the earliest. `random`: a number from 0 to 1.
    pub(super) fn wants(&mut self, key: Key, now: Instant, patience: Duration, random: f64) {
        let new = Task { due: None, patience, tries: 0, at: now, has_failed: false };
        let task = self.tasks.entry(key).or_insert(new);
        // A pending write with another delay has another reason, so it is scheduled anew.
        if task.due.is_none() || task.patience != patience {
            if now.saturating_duration_since(task.at) > CALM {
                task.tries = 0;
            }
            task.patience = patience;
            task.due = Some(now + patience + pause(task.tries, random));
        }
    }

    /// Postpones a write that is not allowed at the moment.
    pub(super) fn holds(&mut self, key: &Key, now: Instant, random: f64) {
        if let Some(task) = self.tasks.get_mut(key) {
            task.due = Some(now + SHOWN.mul_f64(0.75 + 0.5 * random));
        }
    }

    /// Removes the pending write of a copy.
    pub(super) fn rests(&mut self, key: &Key) {
        if let Some(task) = self.tasks.get_mut(key) {
            task.due = None;
            task.has_failed = false;
        }
    }

    /// Records a successful write; the copy is checked again after the watch has had time to show it.
    pub(super) fn written(&mut self, key: &Key, now: Instant, random: f64) {
        self.tried(key, now, |task| {
            task.tries += 1;
            task.has_failed = false;
            SHOWN.max(pause(task.tries, random))
        });
    }

    /// Records that another writer was faster; the watch will show the result.
    pub(super) fn lost(&mut self, key: &Key, now: Instant, random: f64) {
        self.tried(key, now, |task| pause(task.tries.max(1), random));
    }

    /// Records a failed write.
    pub(super) fn failed(&mut self, key: &Key, now: Instant, random: f64) {
        self.tried(key, now, |task| {
            task.tries = task.tries.saturating_add(1);
            task.has_failed = true;
            pause(task.tries, random)
        });
    }

    fn tried(&mut self, key: &Key, now: Instant, pause: impl FnOnce(&mut Task) -> Duration) {
        if let Some(task) = self.tasks.get_mut(key) {
            task.at = now;
            task.due = Some(now + pause(task));
        }
    }

    /// Returns the copy that is due first, and the time when it is due; `None` if no write is pending.
    pub(super) fn next(&self) -> Option<(Instant, &Key)> {
        self.tasks.iter().filter_map(|(key, task)| Some((task.due?, key))).min()
    }

    /// Reports whether the last write of a copy failed.
    pub(super) fn has_failed(&self, key: &Key) -> bool {
        self.tasks.get(key).is_some_and(|task| task.has_failed)
    }

    /// Forgets copies without a pending write after [`CALM`].
    pub(super) fn tidy(&mut self, now: Instant) {
        self.tasks.retain(|_, task| task.due.is_some() || now.saturating_duration_since(task.at) <= CALM);
    }

    /// Forgets all copies of a pull secret.
    pub(super) fn forget(&mut self, secret: &str) {
        self.tasks.retain(|(known, _), _| known != secret);
    }
}

/// Returns the pause before the next write, given the number of tries.
fn pause(tries: u32, random: f64) -> Duration {
    let Some(again) = tries.checked_sub(1) else {
        return FIRST.0 + FIRST.1.saturating_sub(FIRST.0).mul_f64(random);
    };
    growing(BACKOFF, again, random)
}

/// Returns a pause that doubles each time, from `first` to `most`, varied by up to a quarter.
pub(super) fn growing((first, most): (Duration, Duration), times: u32, random: f64) -> Duration {
    first.saturating_mul(1 << times.min(10)).min(most).mul_f64(0.75 + 0.5 * random)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str) -> Key {
        ("hub".to_owned(), namespace.to_owned())
    }

    #[test]
    fn replicas_take_turns_of_their_own() {
        let start = Instant::now();
        let mut schedule = Schedule::default();
        assert_eq!(schedule.next(), None);
        for (namespace, random) in [("a", 0.9), ("b", 0.1), ("c", 0.5)] {
            schedule.wants(key(namespace), start, Duration::ZERO, random);
            schedule.wants(key(namespace), start, Duration::ZERO, 0.0); // known already
        }
        let mut order = Vec::new();
        while let Some((due, next)) = schedule.next() {
            assert!((FIRST.0..=FIRST.1).contains(&(due - start)), "{due:?}");
            let next = next.clone();
            schedule.rests(&next);
            order.push(next.1);
        }
        assert_eq!(order, ["b", "c", "a"]);
        schedule.tidy(start + CALM + SHOWN);
        assert!(schedule.tasks.is_empty());
    }

    #[test]
    fn what_does_not_last_is_done_more_rarely_until_it_was_calm_for_a_while() {
        let (mut now, mut schedule, key) = (Instant::now(), Schedule::default(), key("a"));
        let mut pauses = Vec::new();
        for _ in 0..11 {
            schedule.wants(key.clone(), now, Duration::ZERO, 0.5);
            let (due, _) = schedule.next().unwrap();
            pauses.push((due - now).as_millis());
            schedule.written(&key, due, 0.5);
            schedule.rests(&key);
            schedule.tidy(due);
            now = due; // undone at once
        }
        assert_eq!(pauses, [525, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000]);
        schedule.tidy(now + CALM + SHOWN);
        schedule.wants(key.clone(), now + CALM + SHOWN, Duration::ZERO, 0.5);
        assert_eq!(schedule.next().unwrap().0, now + CALM + SHOWN + Duration::from_millis(525));
    }

    #[test]
    fn failures_are_tried_again_and_remembered_until_it_rests() {
        let (mut now, mut schedule, key) = (Instant::now(), Schedule::default(), key("a"));
        schedule.wants(key.clone(), now, Duration::ZERO, 0.5);
        let mut pauses = Vec::new();
        for _ in 0..11 {
            schedule.failed(&key, now, 0.5);
            assert!(schedule.has_failed(&key));
            let (due, _) = schedule.next().unwrap();
            pauses.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        schedule.rests(&key);
        assert!(!schedule.has_failed(&key) && schedule.next().is_none());
    }

    #[test]
    fn what_is_to_wait_waits_from_when_it_was_first_so() {
        let (now, mut schedule, key) = (Instant::now(), Schedule::default(), key("a"));
        let (second, first) = (Duration::from_secs(1), Duration::from_millis(50));
        let due = |schedule: &Schedule| schedule.next().map(|(due, _)| due - now);
        schedule.wants(key.clone(), now, PATIENCE, 0.0);
        schedule.wants(key.clone(), now + second, PATIENCE, 0.0);
        assert_eq!(due(&schedule), Some(PATIENCE + first));
        // The copy is wanted again, and outdated; then it is unwanted again.
        schedule.wants(key.clone(), now + second, Duration::ZERO, 0.0);
        assert_eq!(due(&schedule), Some(second + first));
        schedule.wants(key.clone(), now + 2 * second, PATIENCE, 0.0);
        assert_eq!(due(&schedule), Some(2 * second + PATIENCE + first));
        // Once it was due, it is retried like all other copies.
        schedule.lost(&key, now + PATIENCE, 0.5);
        schedule.wants(key.clone(), now + PATIENCE, PATIENCE, 0.0);
        assert_eq!(due(&schedule), Some(PATIENCE + BACKOFF.0));
        schedule.holds(&key, now + PATIENCE, 0.5);
        assert_eq!(due(&schedule), Some(PATIENCE + SHOWN));
        assert!(CALM > 2 * PATIENCE);
    }

    #[test]
    fn what_was_written_waits_for_the_watch_and_a_lost_race_is_no_try() {
        let (now, mut schedule, key) = (Instant::now(), Schedule::default(), key("a"));
        schedule.wants(key.clone(), now, Duration::ZERO, 0.0);
        schedule.written(&key, now, 0.5);
        assert_eq!(schedule.next().unwrap().0, now + SHOWN);
        for _ in 0..5 {
            schedule.lost(&key, now, 0.5);
            assert_eq!(schedule.next().unwrap().0, now + BACKOFF.0);
        }
        schedule.forget("hub");
        assert_eq!(schedule.next(), None);
    }
}
