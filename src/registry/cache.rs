//! Caches the answers of registries, and the lookups in progress.
//!
//! It does not use the crate moka: an answer, its lookup in progress and the last review that used it belong together
//! under one lock. moka can neither refresh an answer before it expires nor keep an old one during an outage, so a
//! second table would be needed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use quench_core::presence::{Inquiry, Presence, Published};
use tokio::sync::watch;
use tokio::time::Instant;

/// The answers by image and detail, up to a capacity.
#[derive(Debug)]
pub(super) struct Cache {
    entries: HashMap<Inquiry, Entry>,
    capacity: usize,
}

#[derive(Debug)]
struct Entry {
    answer: Option<Answer>,
    flight: Option<Flight>,
    /// The time when a review last asked for the image.
    asked: Instant,
    /// The time when the last lookup started.
    departed: Instant,
}

#[derive(Debug)]
struct Answer {
    /// The answer, shared with reviews.
    presence: Arc<Presence>,
    /// The time when the registry gave the answer.
    learned: Instant,
    /// The time until which the answer is used without a new lookup.
    fresh_until: Instant,
}

impl Answer {
    fn is_present(&self) -> bool {
        matches!(*self.presence, Presence::Present(_))
    }
}

/// A lookup in progress, whose answer any number of reviews can wait for.
#[derive(Debug, Clone)]
pub(super) struct Flight {
    pub(super) answer: watch::Receiver<Option<Presence>>,
    pub(super) began: Instant,
}

impl Flight {
    /// Reports whether the lookup is still in progress.
    fn is_alive(&self) -> bool {
        self.answer.has_changed().is_ok()
    }
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity }
    }

    /// Returns the answer if it is fresh; it may have more detail than the inquiry asks for.
    pub(super) fn recall(&mut self, inquiry: &Inquiry, now: Instant) -> Option<Arc<Presence>> {
        self.fresh(inquiry, now).or_else(|| self.recall(&inquiry.deeper()?, now))
    }

    fn fresh(&mut self, inquiry: &Inquiry, now: Instant) -> Option<Arc<Presence>> {
        let entry = self.entries.get_mut(inquiry)?;
        entry.asked = now;
        entry.answer.as_ref().filter(|answer| now < answer.fresh_until).map(|answer| answer.presence.clone())
    }

    /// Returns the facts of the image from the last answer that it exists, if that is younger than `keep`.
    pub(super) fn last_published(&self, inquiry: &Inquiry, keep: Duration, now: Instant) -> Option<&Published> {
        match &*self.last_present(inquiry, keep, now)?.presence {
            Presence::Present(published) => Some(published),
            _ => None,
        }
    }

    /// Returns the last answer that the image exists; it may have more detail than the inquiry asks for.
    fn last_present(&self, inquiry: &Inquiry, keep: Duration, now: Instant) -> Option<&Answer> {
        let own = self.entries.get(inquiry).and_then(|entry| entry.answer.as_ref());
        let lasts = |answer: &&Answer| answer.is_present() && now < answer.learned + keep;
        own.filter(lasts).or_else(|| self.last_present(&inquiry.deeper()?, keep, now))
    }

    /// Returns the lookup in progress; it may ask for more detail than the inquiry.
    pub(super) fn flight(&self, inquiry: &Inquiry) -> Option<&Flight> {
        let own = self.entries.get(inquiry).and_then(|entry| entry.flight.as_ref()).filter(|flight| flight.is_alive());
        own.or_else(|| self.flight(&inquiry.deeper()?))
    }

    /// Records the start of a lookup. Returns false if the cache is full of lookups in progress.
    pub(super) fn depart(&mut self, inquiry: &Inquiry, flight: Flight) -> bool {
        if let Some(entry) = self.entries.get_mut(inquiry) {
            entry.departed = flight.began;
            entry.flight = Some(flight);
            return true;
        }
        if self.entries.len() >= self.capacity {
            self.make_room(flight.began);
        }
        if self.entries.len() >= self.capacity {
            return false;
        }
        let began = flight.began;
        let entry = Entry { answer: None, flight: Some(flight), asked: began, departed: began };
        self.entries.insert(inquiry.clone(), entry);
        true
    }

    /// Records an answer, and until when it is fresh.
    pub(super) fn arrive(&mut self, inquiry: &Inquiry, presence: Presence, now: Instant, fresh_until: Instant) {
        if let Some(entry) = self.entries.get_mut(inquiry) {
            entry.flight = None;
            entry.answer = Some(Answer { presence: presence.into(), learned: now, fresh_until });
        }
    }

    /// Records that the registry could not tell. An image that existed is taken to exist until `keep` after that
    /// answer.
    pub(super) fn arrive_without(
        &mut self,
        inquiry: &Inquiry,
        keep: Duration,
        now: Instant,
        fresh_until: Instant,
    ) -> Presence {
        let kept = self.last_present(inquiry, keep, now).map(|answer| (answer.presence.clone(), answer.learned));
        let (presence, learned) = kept.unwrap_or_else(|| (Presence::Unknown.into(), now));
        let said = Presence::clone(&presence);
        if let Some(entry) = self.entries.get_mut(inquiry) {
            entry.flight = None;
            let fresh_until = if said == Presence::Unknown { fresh_until } else { fresh_until.min(learned + keep) };
            entry.answer = Some(Answer { presence, learned, fresh_until });
        }
        said
    }

    /// Returns the existing images to refresh, the first to expire first: their answer expires before `soon`, a review
    /// asked for them since `asked_since`, and no lookup started since `rested_since`.
    pub(super) fn due(&self, soon: Instant, asked_since: Instant, rested_since: Instant) -> Vec<Inquiry> {
        let mut due: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| {
                entry.asked >= asked_since
                    && entry.departed <= rested_since
                    && entry.flight.as_ref().is_none_or(|flight| !flight.is_alive())
            })
            .filter_map(|(inquiry, entry)| {
                let answer = entry.answer.as_ref().filter(|answer| answer.is_present())?;
                (answer.fresh_until < soon).then_some((answer.fresh_until, inquiry))
            })
            .collect();
        due.sort_unstable_by_key(|(fresh_until, _)| *fresh_until);
        due.into_iter().map(|(_, inquiry)| inquiry.clone()).collect()
    }

    /// Removes expired answers; if the cache is still full, a tenth of all answers: absent images first, since anybody
    /// can invent names, then the images that reviews have not asked for for the longest time.
    fn make_room(&mut self, now: Instant) {
        let is_flying = |entry: &Entry| entry.flight.as_ref().is_some_and(Flight::is_alive);
        let is_fresh = |entry: &Entry| entry.answer.as_ref().is_some_and(|answer| now < answer.fresh_until);
        // Answers about existing images are kept after they expire, since an outage needs them.
        let is_there = |entry: &Entry| entry.answer.as_ref().is_some_and(Answer::is_present);
        self.entries.retain(|_, entry| is_flying(entry) || is_fresh(entry) || is_there(entry));
        if self.entries.len() < self.capacity {
            return;
        }
        let worth = |entry: &Entry| (is_there(entry), entry.asked);
        let mut worths: Vec<_> = self.entries.values().filter(|entry| !is_flying(entry)).map(worth).collect();
        worths.sort_unstable();
        let Some(least) = worths.get((self.capacity / 10).min(worths.len().saturating_sub(1))).copied() else { return };
        self.entries.retain(|_, entry| is_flying(entry) || worth(entry) > least);
    }
}

#[cfg(test)]
mod tests {
    use quench_core::presence::Detail;
    use quench_core::reference::Reference;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn image(number: usize) -> Inquiry {
        Inquiry::from(format!("r.example/a:{number}").parse::<Reference>().unwrap())
    }

    fn present(digest: &str) -> Presence {
        Presence::Present(Published { tag: None, digest: digest.into(), platforms: Vec::new(), user: None })
    }

    fn flight(began: Instant) -> (watch::Sender<Option<Presence>>, Flight) {
        let (sender, answer) = watch::channel(None);
        (sender, Flight { answer, began })
    }

    fn answered(cache: &mut Cache, number: usize, presence: Presence, now: Instant, fresh: Duration) {
        let (_sender, flight) = flight(now);
        assert!(cache.depart(&image(number), flight));
        cache.arrive(&image(number), presence, now, now + fresh);
    }

    #[test]
    fn an_answer_is_fresh_until_its_end() {
        let (mut cache, now) = (Cache::new(9), Instant::now());
        assert_eq!(cache.recall(&image(1), now), None);
        answered(&mut cache, 1, Presence::Absent, now, SECOND);
        assert_eq!(cache.recall(&image(1), now + SECOND / 2).as_deref(), Some(&Presence::Absent));
        assert_eq!(cache.recall(&image(1), now + SECOND), None);
        assert_eq!(cache.recall(&image(2), now), None);
    }

    #[test]
    fn what_was_published_outlives_an_outage_for_a_while() {
        let (mut cache, now) = (Cache::new(9), Instant::now());
        answered(&mut cache, 1, present("d"), now, SECOND);
        answered(&mut cache, 2, Presence::Absent, now, SECOND);
        let (keep, at) = (10 * SECOND, now + 2 * SECOND);
        assert_eq!(cache.arrive_without(&image(1), keep, at, at + SECOND), present("d"));
        assert_eq!(cache.recall(&image(1), at).as_deref(), Some(&present("d")));
        assert_eq!(cache.arrive_without(&image(2), keep, at, at + SECOND), Presence::Unknown);
        assert_eq!(cache.recall(&image(2), at).as_deref(), Some(&Presence::Unknown));
        // The age counts from the registry's answer, not from later failures.
        let late = now + keep;
        assert_eq!(cache.arrive_without(&image(1), keep, late - SECOND / 4, late + SECOND), present("d"));
        assert_eq!(cache.recall(&image(1), late), None);
        assert_eq!(cache.arrive_without(&image(1), keep, late, late + SECOND), Presence::Unknown);
    }

    #[test]
    fn a_question_is_on_its_way_until_it_is_answered_or_lost() {
        let (mut cache, now) = (Cache::new(9), Instant::now());
        let (sender, departing) = flight(now);
        assert!(cache.depart(&image(1), departing));
        assert!(cache.flight(&image(1)).is_some() && cache.flight(&image(2)).is_none());
        drop(sender);
        assert!(cache.flight(&image(1)).is_none());
        let (_sender, departing) = flight(now);
        assert!(cache.depart(&image(1), departing));
        cache.arrive(&image(1), Presence::Absent, now, now + SECOND);
        assert!(cache.flight(&image(1)).is_none());
    }

    #[test]
    fn what_says_more_than_was_asked_will_do() {
        let (mut cache, now) = (Cache::new(9), Instant::now());
        let [mut platforms, mut user] = [image(1), image(1)];
        (platforms.detail, user.detail) = (Detail::Platforms, Detail::User);
        let (_sender, departing) = flight(now);
        assert!(cache.depart(&platforms, departing));
        assert!(cache.flight(&image(1)).is_some() && cache.flight(&user).is_none());
        cache.arrive(&platforms, present("d"), now, now + SECOND);
        assert_eq!(cache.recall(&image(1), now).as_deref(), Some(&present("d")));
        assert_eq!((cache.recall(&user, now), cache.recall(&image(1), now + SECOND)), (None, None));
    }

    #[test]
    fn it_is_bounded_and_forgets_what_is_over_first() {
        let (mut cache, now) = (Cache::new(10), Instant::now());
        for number in 0..10 {
            answered(&mut cache, number, Presence::Absent, now, if number == 3 { SECOND } else { 9 * SECOND });
        }
        let later = now + 2 * SECOND;
        answered(&mut cache, 10, Presence::Absent, later, SECOND);
        assert_eq!(cache.entries.len(), 10);
        assert!(!cache.entries.contains_key(&image(3)));
        for number in [0, 1, 2, 4, 5, 6, 7, 8] {
            cache.recall(&image(number), later + SECOND / 2);
        }
        // No answer is expired: no review has asked for image 9 since.
        answered(&mut cache, 11, Presence::Absent, later + SECOND / 2, SECOND);
        assert!(
            cache.entries.len() <= 10
                && !cache.entries.contains_key(&image(9))
                && cache.entries.contains_key(&image(0))
        );
    }

    #[test]
    fn made_up_names_push_out_nothing_that_exists() {
        let (mut cache, now) = (Cache::new(20), Instant::now());
        for number in 0..10 {
            answered(&mut cache, number, present("d"), now, 9 * SECOND);
        }
        for number in 10..200 {
            answered(&mut cache, number, Presence::Absent, now + SECOND, 9 * SECOND);
        }
        assert!((0..10).all(|number| cache.entries.contains_key(&image(number))) && cache.entries.len() <= 20);
    }

    #[test]
    fn where_everything_is_being_asked_there_is_no_room() {
        let (mut cache, now) = (Cache::new(2), Instant::now());
        let flights: Vec<_> = (0..3).map(|_| flight(now)).collect();
        let departed: Vec<_> =
            flights.iter().enumerate().map(|(n, (_, flight))| cache.depart(&image(n), flight.clone())).collect();
        assert_eq!(departed, [true, true, false]);
    }

    #[test]
    fn what_reviews_ask_for_is_due_before_its_end() {
        let (mut cache, now) = (Cache::new(9), Instant::now());
        for (number, presence, fresh) in [
            (1, present("a"), 5),
            (2, present("b"), 3),
            (3, present("c"), 60),
            (4, Presence::Absent, 3),
            (5, present("e"), 4),
        ] {
            answered(&mut cache, number, presence, now, fresh * SECOND);
        }
        let (_sender, departing) = flight(now);
        assert!(cache.depart(&image(5), departing));
        let soon = now + 10 * SECOND;
        assert_eq!(cache.due(soon, now, now), [image(2), image(1)]);
        assert_eq!(cache.due(soon, now + SECOND, now), [] as [Inquiry; 0]);
        cache.recall(&image(1), now + SECOND);
        assert_eq!(cache.due(soon, now + SECOND, now), [image(1)]);
        // Image 2 was looked up just now, without an answer.
        let (_sender, departing) = flight(now + SECOND);
        assert!(cache.depart(&image(2), departing));
        cache.arrive_without(&image(2), 60 * SECOND, now + SECOND, now + SECOND);
        assert_eq!(cache.due(soon, now, now), [image(1)]);
        assert_eq!(cache.due(soon, now, now + SECOND), [image(2), image(1)]);
    }

    #[test]
    fn a_deeper_answer_outlives_an_outage_for_shallower_questions_too() {
        let (mut cache, now) = (Cache::new(9), Instant::now());
        let of = |detail| Inquiry { detail, ..image(1) };
        let (_deep, departing) = flight(now);
        assert!(cache.depart(&of(Detail::User), departing));
        cache.arrive(&of(Detail::User), present("d"), now, now + SECOND);
        let (keep, at) = (10 * SECOND, now + 2 * SECOND);
        let (_shallow, departing) = flight(at);
        assert!(cache.depart(&of(Detail::Existence), departing));
        assert_eq!(cache.arrive_without(&of(Detail::Existence), keep, at, at + 60 * SECOND), present("d"));
        // The copied answer is as old as the deeper answer.
        assert_eq!(cache.recall(&of(Detail::Existence), now + keep - SECOND).as_deref(), Some(&present("d")));
        assert_eq!(cache.recall(&of(Detail::Existence), now + keep), None);
    }

    #[test]
    fn what_was_published_is_not_forgotten_in_an_outage_for_made_up_names() {
        let (mut cache, now) = (Cache::new(10), Instant::now());
        answered(&mut cache, 0, present("d"), now, SECOND);
        let later = now + 5 * SECOND;
        for number in 1..40 {
            answered(&mut cache, number, Presence::Absent, later, SECOND);
        }
        assert!(cache.last_published(&image(0), 60 * SECOND, later).is_some());
    }
}
