//! Tests the cache and the breaker: how often registries are asked, and how long reviews wait for them.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use quench::registry::Options;
use quench_core::presence::{Inquiry, Presence};
use tokio::time::sleep;

use super::server::{Reply, Server};
use super::{Asking, INDEX, INDEX_DIGEST, REVIEW, always, impatient, index, is_present};

#[tokio::test]
async fn many_reviews_ask_once_and_those_after_them_not_at_all() {
    let server = always(|| Reply::index(INDEX).after(Duration::from_millis(50))).await;
    let asking = Arc::new(Asking::of(&[&server]));
    let image = server.image("app:1");
    let mut reviews = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (asking, image) = (asking.clone(), image.clone());
        reviews.spawn(async move { asking.look_up(&image).await });
    }
    assert_eq!(reviews.join_all().await, vec![index(); 100]);
    assert_eq!(server.seen().len(), 1);
    assert!(asking.counts(r#"quench_registry_lookups_total{result="present",source="registry"} 100"#));
    // Ready at once: nothing was awaited.
    let inquiry: Inquiry = image.clone().into();
    let mut known = pin!(asking.registry.look_up([inquiry.clone()], REVIEW, || panic!("nothing is asked")));
    let Poll::Ready(found) = known.as_mut().poll(&mut Context::from_waker(Waker::noop())) else { panic!("it waits") };
    assert_eq!(found.presence(&inquiry), Some(&index()));
    assert_eq!(server.seen().len(), 1);
    assert!(asking.counts(r#"quench_registry_lookups_total{result="present",source="cache"} 1"#));
}

#[tokio::test]
async fn a_question_goes_on_after_the_deadline_and_no_other_review_waits_for_it() {
    let server = always(|| Reply::index(INDEX).after(REVIEW * 2)).await;
    let asking = Asking::of(&[&server]);
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, Presence::Unknown);
    let started = Instant::now();
    assert_eq!(asking.look_up(&image).await, Presence::Unknown);
    assert!(started.elapsed() < REVIEW / 4, "{:?}", started.elapsed());
    asking.until(&image, is_present).await;
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_absent_image_may_appear() {
    let status = Arc::new(AtomicU16::new(404));
    let answered = status.clone();
    let server = always(move || match answered.load(Ordering::Relaxed) {
        200 => Reply::index(INDEX),
        status => Reply::status(status),
    })
    .await;
    let asking = Asking::with(Options { absent: Duration::from_millis(100), ..Options::default() }, &[&server]);
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, Presence::Absent);
    status.store(200, Ordering::Relaxed);
    assert_eq!(asking.look_up(&image).await, Presence::Absent);
    asking.until(&image, is_present).await;
    assert_eq!(server.seen().len(), 2);
}

/// A server whose status changes, and how often it was asked.
async fn changing() -> (Server, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(200));
    let answered = status.clone();
    let server = always(move || match answered.load(Ordering::Relaxed) {
        200 => Reply::index(INDEX).with("docker-content-digest", INDEX_DIGEST),
        429 => Reply::status(429).with("retry-after", "1"),
        status => Reply::status(status),
    })
    .await;
    (server, status)
}

#[tokio::test]
async fn a_registry_that_is_down_is_left_alone_until_it_heals() {
    let (server, status) = changing().await;
    let asking = Asking::with(impatient(), &[&server]);
    status.store(500, Ordering::Relaxed);
    for number in 0..3 {
        assert_eq!(asking.look_up(&server.image(&format!("app:{number}"))).await, Presence::Unknown);
    }
    assert!(asking.counts("quench_registry_breakers_open 1"), "{}", asking.metrics.encode());
    for number in 3..50 {
        assert_eq!(asking.look_up(&server.image(&format!("app:{number}"))).await, Presence::Unknown);
    }
    assert_eq!(server.seen().len(), 3);
    sleep(Duration::from_millis(300)).await;
    for number in 50..60 {
        asking.look_up(&server.image(&format!("app:{number}"))).await;
    }
    assert_eq!(server.seen().len(), 4, "one probe");
    status.store(200, Ordering::Relaxed);
    asking.until(&server.image("app:1"), is_present).await;
    assert!(asking.counts("quench_registry_breakers_open 0"), "{}", asking.metrics.encode());
}

#[tokio::test]
async fn a_limit_is_obeyed_and_other_registries_are_asked_on() {
    let ((limiting, status), (other, _)) = (changing().await, changing().await);
    let asking = Asking::with(impatient(), &[&limiting, &other]);
    status.store(429, Ordering::Relaxed);
    let image = limiting.image("app:1");
    let started = Instant::now();
    assert_eq!(asking.look_up(&image).await, Presence::Unknown);
    status.store(200, Ordering::Relaxed);
    assert_eq!(asking.look_up(&other.image("app:1")).await, index());
    asking.until(&image, is_present).await;
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(limiting.seen().len(), 2);
}

#[tokio::test]
async fn what_existed_is_known_through_an_outage() {
    let (server, status) = changing().await;
    let asking = Asking::with(Options { keep: Duration::from_millis(1200), ..impatient() }, &[&server]);
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, index());
    status.store(503, Ordering::Relaxed);
    sleep(Duration::from_millis(150)).await;
    for _ in 0..20 {
        assert_eq!(asking.look_up(&image).await, index());
        sleep(Duration::from_millis(10)).await;
    }
    assert!(server.seen().len() > 1);
    asking.until(&image, |presence| *presence == Presence::Unknown).await;
}

#[tokio::test]
async fn what_reviews_ask_for_is_confirmed_before_it_ends() {
    let (server, status) = changing().await;
    let options = Options { present: Duration::from_millis(1200), keep: Duration::from_secs(3), ..Options::default() };
    let asking = Asking::with(options, &[&server]);
    let warm = asking.trust.clone();
    let warming = tokio::spawn(asking.registry.clone().keep_warm(move || Some(warm.clone())));
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, index());
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(3) {
        assert_eq!(asking.look_up(&image).await, index());
        sleep(Duration::from_millis(20)).await;
    }
    let confirmed = server.seen();
    assert!(confirmed.len() >= 3, "{confirmed:?}");
    assert!(confirmed[1..].iter().all(|seen| seen.method == "HEAD"), "{confirmed:?}");
    // Only the first review waited.
    assert!(
        asking.counts(r#"quench_registry_lookups_total{result="present",source="registry"} 1"#),
        "{}",
        asking.metrics.encode()
    );
    // It goes when nobody asks for it any more.
    sleep(Duration::from_secs(5)).await;
    let after = server.seen().len();
    sleep(Duration::from_millis(1500)).await;
    assert_eq!(server.seen().len(), after);
    status.store(404, Ordering::Relaxed);
    assert_eq!(asking.look_up(&image).await, Presence::Absent);
    warming.abort();
}

#[tokio::test]
async fn a_moved_tag_is_read_anew() {
    let moved = Arc::new(AtomicUsize::new(0));
    let body = moved.clone();
    let server = always(move || Reply::index(format!("{INDEX}{}", " ".repeat(body.load(Ordering::Relaxed))))).await;
    let asking = Asking::with(impatient(), &[&server]);
    let image = server.image("app:1");
    assert_eq!(asking.look_up(&image).await, index());
    moved.store(1, Ordering::Relaxed);
    asking.until(&image, |presence| is_present(presence) && *presence != index()).await;
}

#[tokio::test]
async fn a_registry_that_refuses_is_not_asked_again_and_again_to_keep_answers_warm() {
    let (server, status) = changing().await;
    let options = Options { present: Duration::from_secs(2), unknown: Duration::from_millis(60), ..Options::default() };
    let asking = Asking::with(options, &[&server]);
    for number in 0..12 {
        assert_eq!(asking.look_up(&server.image(&format!("app:{number}"))).await, index());
    }
    status.store(403, Ordering::Relaxed);
    let warm = asking.trust.clone();
    let warming = tokio::spawn(asking.registry.clone().keep_warm(move || Some(warm.clone())));
    let before = server.seen().len();
    sleep(Duration::from_millis(2800)).await;
    warming.abort();
    // Each at most every fifth of the time that an answer lasts, from a fifth before its end on: three times, by HEAD and GET.
    let asked = server.seen().len() - before;
    assert!((24..=12 * 2 * 4).contains(&asked), "{asked}");
}

#[tokio::test]
async fn one_review_with_made_up_images_does_not_take_all_questions() {
    let server = always(|| Reply::status(404)).await;
    let asking = Asking::of(&[&server]);
    let inquiry = |number| -> Inquiry { server.image(&format!("app:{number}")).into() };
    let inquiries: Vec<_> = (0..100).map(inquiry).collect();
    let found = asking.registry.look_up(inquiries.clone(), REVIEW, || asking.trust.clone()).await;
    let says = |presence| inquiries.iter().filter(|inquiry| found.presence(inquiry) == Some(&presence)).count();
    assert_eq!((says(Presence::Absent), says(Presence::Unknown)), (64, 36));
    assert_eq!(server.seen().len(), 64);
}
