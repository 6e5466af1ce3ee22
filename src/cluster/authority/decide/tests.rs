use std::time::{Duration, UNIX_EPOCH};

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
/// The lifetime of an authority in these tests.
const LIFE: Duration = Duration::from_secs(30 * 60);
const HALF_A_DAY: Duration = Duration::from_secs(12 * 60 * 60);

fn day() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_219_200)
}

/// Returns the time `minute` minutes after the start of the day.
fn at(minute: i32) -> SystemTime {
    let distance = MINUTE * minute.unsigned_abs();
    if minute < 0 { day() - distance } else { day() + distance }
}

/// Returns an authority that was made at that minute.
fn authority(minute: i32) -> Arc<Authority> {
    Arc::new(Authority::new(NAME, at(minute), LIFE).unwrap())
}

fn bundle(authorities: &[&Arc<Authority>]) -> Bundle {
    authorities.iter().map(|authority| authority.trusted().clone()).collect()
}

fn kept(current: &Arc<Authority>, next: Option<&Arc<Authority>>) -> Kept {
    let all: Vec<_> = [Some(current), next].into_iter().flatten().collect();
    Kept { current: current.clone(), next: next.cloned(), bundle: bundle(&all) }
}

fn garbage(trusted: &[&Arc<Authority>]) -> Found {
    Found::Garbage { reason: "on purpose".to_owned(), bundle: bundle(trusted) }
}

#[test]
fn an_authority_is_followed_by_its_successor_in_time() {
    use Verdict::{Keep, Prepare, Promote, Replace};
    let (first, second, long_ago) = (authority(0), authority(20), authority(-60));
    // For an authority made at minute 0 that lasts for 30 minutes, backdated by 5; its successor is made at minute 20.
    for (minute, next, is_spread, expected) in [
        (0, None, false, Keep),
        (19, None, false, Keep),
        (20, None, false, Prepare),
        (29, None, false, Prepare),
        (20, Some(&second), false, Keep),
        (29, Some(&second), false, Keep),
        (20, Some(&second), true, Promote),
        (31, None, false, Replace),
        // The successor could not be published in time: an authority that is not trusted yet is better than an expired
        // one.
        (31, Some(&second), false, Promote),
        (10, Some(&long_ago), true, Keep),
        (20, Some(&long_ago), true, Prepare),
        (51, Some(&second), true, Replace),
        // The clock goes back: to before the successor was made, and to before both were made.
        (10, Some(&second), true, Keep),
        (-4, None, false, Keep),
        (-6, None, false, Replace),
        (-6, Some(&second), true, Replace),
        // The clock goes forwards.
        (60 * 24 * 365, Some(&second), true, Replace),
    ] {
        let found = Found::Kept(kept(&first, next));
        assert_eq!(verdict(&found, None, |_| is_spread, at(minute)), expected, "{minute} {next:?} {is_spread}");
    }
}

#[test]
fn what_is_lost_is_restored_from_memory_and_otherwise_made_anew() {
    use Verdict::{Keep, Replace, Restore};
    let (valid, other, expired, early) = (authority(0), authority(0), authority(-60), authority(60));
    let [of_valid, of_expired] = [&valid, &expired].map(|authority| kept(authority, None));
    for (found, remembered, expected) in [
        (Found::Nothing, None, Replace),
        (Found::Nothing, Some(&of_expired), Replace),
        (Found::Nothing, Some(&of_valid), Restore),
        (garbage(&[]), None, Replace),
        (garbage(&[&other]), Some(&of_valid), Restore),
        (Found::Kept(of_expired.clone()), Some(&of_valid), Restore),
        (Found::Kept(kept(&early, None)), Some(&of_valid), Restore),
        (Found::Kept(kept(&early, None)), Some(&of_expired), Replace),
        // Another valid authority won a race, and is used by all replicas.
        (Found::Kept(kept(&other, None)), Some(&of_valid), Keep),
    ] {
        assert_eq!(verdict(&found, remembered, |_| true, at(10)), expected, "{found:?} {remembered:?}");
    }
}

/// Returns the contents that the Secret should have at minute 10. A new authority is called `new`.
fn at_ten(verdict: Verdict, found: &Found, remembered: Option<&Kept>, trusted: &[&Arc<Authority>]) -> Kept {
    let make = || Authority::new("new", at(10), LIFE);
    wanted(verdict, found, remembered, bundle(trusted), at(10), make).unwrap()
}

fn is_new(authority: &Arc<Authority>) -> bool {
    authority.trusted().name() == "new" && authority.trusted().made() == at(10)
}

#[test]
fn no_authority_is_lost_while_it_is_valid() {
    let [one, two, three] = [(); 3].map(|()| authority(0));
    let (expired, early) = (authority(-60), authority(60));
    let found = Found::Kept(Kept { bundle: bundle(&[&expired, &three, &early]), ..kept(&one, Some(&two)) });
    // The expected current authority, its successor, and the other trusted authorities; `None` for a new one.
    for (verdict, found, remembered, trusted, expected) in [
        (Verdict::Keep, &found, None, &[][..], (Some(&one), Some(&two), vec![&three])),
        (Verdict::Keep, &found, None, &[&expired, &one], (Some(&one), Some(&two), vec![&three])),
        (Verdict::Promote, &found, None, &[], (Some(&two), None, vec![&one, &three])),
        (Verdict::Prepare, &found, None, &[], (Some(&one), None, vec![&two, &three])),
        (Verdict::Replace, &found, Some(kept(&expired, None)), &[], (None, None, vec![&one, &two, &three])),
        (
            Verdict::Restore,
            &Found::Nothing,
            Some(kept(&one, Some(&two))),
            &[&three],
            (Some(&one), Some(&two), vec![&three]),
        ),
        (
            Verdict::Restore,
            &garbage(&[&three]),
            Some(kept(&one, Some(&expired))),
            &[],
            (Some(&one), None, vec![&three]),
        ),
        (Verdict::Restore, &Found::Kept(kept(&early, None)), Some(kept(&one, None)), &[], (Some(&one), None, vec![])),
        (Verdict::Replace, &Found::Nothing, None, &[&one], (None, None, vec![&one])),
        (Verdict::Replace, &garbage(&[&one, &expired]), None, &[&two], (None, None, vec![&one, &two])),
    ] {
        let kept = at_ten(verdict, found, remembered.as_ref(), trusted);
        let (current, next, others) = expected;
        match current {
            Some(current) => assert_eq!(kept.current.trusted(), current.trusted(), "{verdict:?}"),
            None => assert!(is_new(&kept.current), "{verdict:?}"),
        }
        match &kept.next {
            Some(made) if verdict == Verdict::Prepare => assert!(is_new(made)),
            kept_next => {
                assert_eq!(kept_next.as_ref().map(|it| it.trusted()), next.map(|it| it.trusted()), "{verdict:?}");
            }
        }
        let keyed: Vec<_> = [Some(&kept.current), kept.next.as_ref()].into_iter().flatten().chain(others).collect();
        assert!(kept.bundle.is_same(&bundle(&keyed)), "{verdict:?} {found:?}: {:?}", kept.bundle);
    }
}

#[test]
fn a_change_of_authorities_leaves_the_bundles_order() {
    let [one, two, three] = [(); 3].map(|()| authority(0));
    let found = Found::Kept(Kept { bundle: bundle(&[&three, &one, &two]), ..kept(&one, Some(&two)) });
    let Found::Kept(before) = &found else { unreachable!() };
    for verdict in [Verdict::Keep, Verdict::Promote, Verdict::Prepare] {
        let after = at_ten(verdict, &found, None, &[&two]).bundle.pem();
        assert!(after.starts_with(&before.bundle.pem()), "{verdict:?}");
    }
}

/// Simulates a day of two replicas that share a Secret; one looks at even minutes, the other at odd minutes.
#[test]
fn replicas_hand_over_from_authority_to_authority() {
    let mut found = Found::Nothing;
    let mut replicas: [(Option<Kept>, Option<Shown>); 2] = [(None, None), (None, None)];
    let (mut told, mut count): (Vec<(SystemTime, Bundle)>, usize) = (Vec::new(), 0);
    for minute in 0..(24 * 60) {
        let now = at(minute);
        let (remembered, shown) = &mut replicas[usize::try_from(minute).unwrap() % 2];
        // The API server uses a bundle two minutes after it was written.
        let known = told.iter().rev().find(|(when, _)| *when + 2 * MINUTE <= now).map(|(_, bundle)| bundle.clone());
        let is_spread = |authority: &Trusted| known.as_ref().is_some_and(|bundle| bundle.contains(authority));
        let verdict = verdict(&found, remembered.as_ref(), is_spread, now);
        let issuer = shown.iter().map(|shown| shown.issuer.clone()).collect();
        let make = || {
            count += 1;
            Authority::new(NAME, now, LIFE)
        };
        let kept = wanted(verdict, &found, remembered.as_ref(), issuer, now, make).unwrap();
        if told.last().is_none_or(|(_, bundle)| !bundle.is_same(&kept.bundle)) {
            told.push((now, kept.bundle.clone()));
        }
        let authority = kept.current.trusted();
        if is_to_be_replaced(shown.as_ref(), authority, is_spread(authority), now) {
            let leaf = kept.current.issue(["a"], now, LIFE / 2).unwrap();
            let (not_before, not_after) = (leaf.not_before(), leaf.not_after());
            *shown = Some(Shown { issuer: authority.clone(), made: now, not_before, not_after });
        }
        *remembered = Some(kept.clone());
        assert!(kept.bundle.iter().count() <= 3, "{minute}");
        found = Found::Kept(kept);
        if minute < 3 {
            continue;
        }
        let (_, trusted) = told.iter().rev().find(|(when, _)| *when + 2 * MINUTE <= now).unwrap();
        for (_, shown) in &replicas {
            let shown = shown.as_ref().unwrap();
            assert!(shown.is_valid(now), "{minute}: {shown:?}");
            assert!(trusted.contains(&shown.issuer) && shown.issuer.is_valid(now), "{minute}: {shown:?}");
        }
    }
    // A new authority every 20 to 22 minutes.
    assert!((24 * 60 / 22..=24 * 60 / 20).contains(&count), "{count}");
}

#[test]
fn a_replica_shows_what_is_valid_and_trusted() {
    let (first, second, expired) = (authority(0), authority(20), authority(-60));
    let by = |issuer: &Arc<Authority>, made: i32, life: u32| {
        let leaf = issuer.issue(["a"], at(made), MINUTE * life).unwrap();
        let (not_before, not_after) = (leaf.not_before(), leaf.not_after());
        Shown { issuer: issuer.trusted().clone(), made: at(made), not_before, not_after }
    };
    for (shown, authority, is_spread, minute, expected) in [
        (None, &first, false, 0, true),
        (None, &expired, true, 0, false),
        (Some(by(&first, 0, 9)), &first, true, 0, false),
        (Some(by(&first, 0, 9)), &first, true, 5, false),
        (Some(by(&first, 0, 9)), &first, true, 6, true),
        (Some(by(&first, 0, 9)), &first, false, 6, true),
        // Another authority is current: it is used once it is trusted, or if the certificate has expired anyway.
        (Some(by(&first, 19, 9)), &second, false, 26, false),
        (Some(by(&first, 19, 9)), &second, true, 22, true),
        (Some(by(&first, 11, 9)), &second, false, 21, true),
        // The certificate expires with its authority, so a new one would not last longer.
        (Some(by(&first, 21, 20)), &first, true, 29, false),
        (Some(by(&first, 21, 9)), &first, true, 27, false),
        (Some(by(&first, 20, 9)), &first, true, 27, true),
        // The clock goes back to before the certificate was made, and forward.
        (Some(by(&first, 10, 9)), &first, true, 6, false),
        (Some(by(&first, 10, 9)), &first, true, 4, true),
        (Some(by(&first, 0, 9)), &second, false, 40, true),
        (Some(by(&first, 0, 9)), &second, true, 60, false),
    ] {
        let replaced = is_to_be_replaced(shown.as_ref(), authority.trusted(), is_spread, at(minute));
        assert_eq!(replaced, expected, "{minute}: {shown:?}");
    }
}

#[test]
fn two_thirds_of_a_life() {
    for (made, not_after, now, due) in [
        (0, 30, 0, false),
        (0, 30, 19, false),
        (0, 30, 20, true),
        (0, 30, 90, true),
        (0, 30, -90, false),
        (30, 0, 29, false),
        (30, 0, 30, true),
    ] {
        assert_eq!(is_due(at(made), at(not_after), at(now)), due, "{made} {not_after} {now}");
    }
    let life = Duration::from_secs(365 * 86_400);
    assert!(!is_due(day(), day() + life, day() + life / 2) && is_due(day(), day() + life, day() + life - HALF_A_DAY));
}
