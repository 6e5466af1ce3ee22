//! Tracks since when all entries of the webhook configuration have each authority, so that API servers trust it.

use std::time::{Duration, Instant, SystemTime};

use quench_certs::{Bundle, Trusted};

/// A webhook entry of the webhook configuration.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    /// The `caBundle` as text; `bundle` has the authorities in it.
    pub(super) text: Vec<u8>,
    pub(super) bundle: Bundle,
}

/// The authorities that every webhook entry has, with the time when this replica first saw that.
#[derive(Debug, Default)]
pub(super) struct Spread {
    since: Vec<(Trusted, Instant)>,
    /// Whether the configuration has no entry: then the API server does not call, and need not trust any authority.
    nobody_calls: bool,
    looked: bool,
}

impl Spread {
    /// Records the entries at a moment. Authorities of the first look count as seen for their age, but at most for
    /// `settled`, which is enough to be ready.
    pub(super) fn look(&mut self, entries: &[Entry], settled: Duration, now: SystemTime, at: Instant) {
        self.nobody_calls = entries.is_empty();
        let everywhere = |authority: &Trusted| entries.iter().all(|entry| entry.bundle.contains(authority));
        self.since.retain(|(authority, _)| everywhere(authority));
        for authority in entries.first().map(|entry| &entry.bundle).into_iter().flatten() {
            if everywhere(authority) && !self.since.iter().any(|(known, _)| known == authority) {
                let age = now.duration_since(authority.made()).unwrap_or_default().min(settled);
                let before = if self.looked { None } else { at.checked_sub(age) };
                self.since.push((authority.clone(), before.unwrap_or(at)));
            }
        }
        self.looked = true;
    }

    /// Reports whether every entry has had an authority for `long`.
    pub(super) fn has_lasted(&self, authority: &Trusted, long: Duration, at: Instant) -> bool {
        let since = self.since.iter().find(|(known, _)| known == authority);
        self.nobody_calls || since.is_some_and(|(_, since)| at.saturating_duration_since(*since) >= long)
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use quench_certs::Authority;

    use super::*;

    const SETTLED: Duration = Duration::from_secs(2);

    fn day() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_795_219_200)
    }

    fn entries(bundles: &[&[&Trusted]]) -> Vec<Entry> {
        let entry = |bundle: &&[&Trusted]| Entry {
            name: String::new(),
            text: Vec::new(),
            bundle: bundle.iter().copied().cloned().collect(),
        };
        bundles.iter().map(entry).collect()
    }

    #[test]
    fn it_lasts_while_every_entry_names_it() {
        let [a, b] = ["a", "b"].map(|name| Authority::new(name, day(), Duration::from_secs(600)).unwrap());
        let [a, b] = [a.trusted(), b.trusted()];
        let start = Instant::now() + Duration::from_secs(60);
        // The bundles that each look finds, one second apart, and for how many seconds `a` has lasted at the end.
        for (looks, lasted) in [
            (&[&[&[a][..], &[a]][..]][..], Some(0)),
            (&[&[&[a], &[a, b]], &[&[b, a], &[a]], &[&[a], &[a]]], Some(2)),
            (&[&[&[a], &[a]], &[&[a], &[b]], &[&[a], &[a]]], Some(0)),
            (&[&[&[a], &[a]], &[&[a], &[]], &[&[a], &[a]], &[&[a], &[a]]], Some(1)),
            (&[&[&[a], &[a]], &[&[], &[a]]], None),
            (&[&[&[], &[]]], None),
            (&[&[&[b], &[b]]], None),
        ] {
            let mut spread = Spread { looked: true, ..Spread::default() };
            for (second, look) in (0..).zip(looks) {
                spread.look(&entries(look), SETTLED, day(), start + Duration::from_secs(second));
            }
            let end = start + Duration::from_secs(looks.len() as u64 - 1);
            let longest = (0..10).rev().find(|long| spread.has_lasted(a, Duration::from_secs(*long), end));
            assert_eq!(longest, lasted, "{looks:?}");
        }
        let mut spread = Spread::default();
        assert!(!spread.has_lasted(a, Duration::ZERO, start), "nothing is known yet");
        spread.look(&[], SETTLED, day(), start);
        assert!(spread.has_lasted(a, SETTLED, start), "nobody calls");
    }

    #[test]
    fn what_was_there_before_us_has_lasted_for_its_age_and_no_longer_than_settled() {
        let start = Instant::now() + Duration::from_secs(60);
        for (age, lasted) in [(0, 0), (1, 1), (2, 2), (3_600, 2)] {
            let made = day() - Duration::from_secs(age);
            let authority = Authority::new("a", made, Duration::from_secs(7_200)).unwrap();
            let found = entries(&[&[authority.trusted()]]);
            let mut spread = Spread::default();
            spread.look(&found, SETTLED, day(), start);
            let longest =
                (0..10).rev().find(|long| spread.has_lasted(authority.trusted(), Duration::from_secs(*long), start));
            assert_eq!(longest, Some(lasted), "{age}");
        }
        // The authority was made by a clock that is ahead, so it has not settled yet.
        let authority = Authority::new("a", day() + Duration::from_secs(60), Duration::from_secs(600)).unwrap();
        let mut spread = Spread::default();
        spread.look(&entries(&[&[authority.trusted()]]), SETTLED, day(), start);
        assert!(!spread.has_lasted(authority.trusted(), Duration::from_secs(1), start));
    }
}
