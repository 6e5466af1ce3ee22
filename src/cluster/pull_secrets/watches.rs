//! Watches the namespaces, and the Secrets of given names in all namespaces.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;

use super::objects::{Found, Home};
use super::random;
use super::schedule::growing;
use crate::cluster::call::said;

/// The most pending events; beyond that, watches wait.
const WAITING: usize = 1024;
/// The duration of a watch in seconds, after which it is restarted. A dead connection is noticed a little after that.
const LONGEST: u32 = 60;
/// The first and the longest pause after errors. A watch that gets no answer within [`super::SILENCE`] stays in doubt.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// The HTTP status of a watch whose resource version is too old; the watch restarts by itself.
const GONE: u16 = 410;

/// The objects that a watch covers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Namespaces,
    /// The Secrets of this name in all namespaces.
    Secret(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Namespaces => f.write_str("namespaces"),
            Self::Secret(name) => write!(f, "Secrets `{name}`"),
        }
    }
}

/// An event of one of the watches.
#[derive(Debug)]
pub(super) enum Seen {
    Namespace(Event<(String, Home)>),
    Secret(String, Event<(String, Found)>),
    /// The watch failed, and will be retried.
    Trouble(Subject, String),
}

/// The running watches. Dropping this value ends them.
#[derive(Debug)]
pub(super) struct Watches {
    running: BTreeMap<Subject, AbortHandle>,
    tasks: JoinSet<()>,
    sender: mpsc::Sender<Seen>,
    receiver: mpsc::Receiver<Seen>,
}

impl Watches {
    pub(super) fn new() -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        Self { running: BTreeMap::new(), tasks: JoinSet::new(), sender, receiver }
    }

    /// Waits for the next event. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Seen> {
        self.receiver.recv().await
    }

    /// Returns the next event; `None` if none is pending.
    pub(super) fn next_now(&mut self) -> Option<Seen> {
        self.receiver.try_recv().ok()
    }

    pub(super) fn runs(&self, subject: &Subject) -> bool {
        self.running.contains_key(subject)
    }

    /// Starts a watch. `own`: quench's namespace.
    pub(super) fn start(&mut self, subject: Subject, client: Client, own: &str) {
        let sender = self.sender.clone();
        let task = match &subject {
            Subject::Namespaces => self.tasks.spawn(watch_namespaces(client, sender)),
            Subject::Secret(name) => self.tasks.spawn(watch_secrets(client, name.clone(), own.to_owned(), sender)),
        };
        self.running.insert(subject, task);
    }

    /// Ends the watches that are not wanted, and forgets those that have panicked, so that they can be started again.
    pub(super) fn keep(&mut self, is_wanted: impl Fn(&Subject) -> bool) {
        self.running.retain(|subject, task| {
            let is_wanted = is_wanted(subject);
            if !is_wanted {
                task.abort();
            }
            is_wanted && !task.is_finished()
        });
        // The results of watches that ended are discarded.
        while self.tasks.try_join_next().is_some() {}
    }
}

async fn watch_namespaces(client: Client, sender: mpsc::Sender<Seen>) {
    let config = watcher::Config::default().timeout(LONGEST);
    let watched = watcher(Api::<PartialObjectMeta<Namespace>>::all(client), config);
    let seen = |event| {
        Seen::Namespace(each(event, |namespace: PartialObjectMeta<Namespace>| {
            (namespace.name_any(), Home::of(namespace))
        }))
    };
    show(watched, &Subject::Namespaces, seen, sender, BACKOFF).await;
}

async fn watch_secrets(client: Client, name: String, own: String, sender: mpsc::Sender<Seen>) {
    // RBAC can restrict a watch to one name only if it has this field selector.
    let config = watcher::Config::default().fields(&format!("metadata.name={name}")).timeout(LONGEST);
    let watched = watcher(Api::<Secret>::all(client), config);
    let found = |secret: Secret| (secret.namespace().unwrap_or_default(), Found::of(secret, &own));
    let seen = |event| Seen::Secret(name.clone(), each(event, found));
    show(watched, &Subject::Secret(name.clone()), seen, sender, BACKOFF).await;
}

/// Sends the events of a watch to the channel. After errors the pause grows, until the watch shows an object.
async fn show<T>(
    watched: impl Stream<Item = watcher::Result<Event<T>>>,
    subject: &Subject,
    seen: impl Fn(Event<T>) -> Seen,
    sender: mpsc::Sender<Seen>,
    backoff: (Duration, Duration),
) {
    let (mut watched, mut failures) = (pin!(watched), 0);
    while let Some(event) = watched.next().await {
        let (shown, pause) = match event {
            Ok(event) => {
                failures = if is_progress(&event) { 0 } else { failures };
                (Some(seen(event)), None)
            }
            Err(error) => {
                let pause = growing(backoff, failures, random());
                failures = failures.saturating_add(1);
                let trouble = (!is_over(&error)).then(|| Seen::Trouble(subject.clone(), reason(error)));
                (trouble, Some(pause))
            }
        };
        if let Some(shown) = shown
            && sender.send(shown).await.is_err()
        {
            return;
        }
        if let Some(pause) = pause {
            sleep(pause).await;
        }
    }
}

/// Reports whether an event shows that a watch works. The start of a list is no answer yet, and a list in progress may
/// still fail.
pub(super) fn is_progress<T>(event: &Event<T>) -> bool {
    !matches!(event, Event::Init | Event::InitApply(_))
}

fn each<T, U>(event: Event<T>, map: impl FnOnce(T) -> U) -> Event<U> {
    match event {
        Event::Apply(object) => Event::Apply(map(object)),
        Event::Delete(object) => Event::Delete(map(object)),
        Event::Init => Event::Init,
        Event::InitApply(object) => Event::InitApply(map(object)),
        Event::InitDone => Event::InitDone,
    }
}

/// Reports whether the error only means that the watch must be restarted.
fn is_over(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchError(status) if status.code == GONE)
}

fn reason(error: watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(error)
        | watcher::Error::WatchStartFailed(error)
        | watcher::Error::WatchFailed(error) => said(&error),
        watcher::Error::WatchError(status) => status.message.clone(),
        error @ watcher::Error::NoResourceVersion => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use futures_util::stream;
    use kube::core::Status;

    use super::*;

    fn refused(code: u16) -> watcher::Error {
        watcher::Error::WatchError(Status::failure("is forbidden", "Forbidden").with_code(code).boxed())
    }

    /// Returns which of the sent events are errors, and how long sending took, with pauses of 20 to 80 ms.
    async fn shown(events: Vec<watcher::Result<Event<String>>>) -> (Vec<bool>, Duration) {
        let (sender, mut receiver) = mpsc::channel(100);
        let (start, subject) = (Instant::now(), Subject::Namespaces);
        let seen = |event| Seen::Namespace(each(event, |name| (name, Home::default())));
        let backoff = (Duration::from_millis(20), Duration::from_millis(80));
        show(stream::iter(events), &subject, seen, sender, backoff).await;
        let took = start.elapsed();
        let mut troubles = Vec::new();
        while let Some(seen) = receiver.recv().await {
            troubles.push(matches!(seen, Seen::Trouble(..)));
        }
        (troubles, took)
    }

    #[tokio::test]
    async fn a_list_that_fails_is_tried_more_and_more_rarely() {
        let again = || [Ok(Event::Init), Err(refused(403))];
        let (troubles, took) = shown((0..5).flat_map(|_| again()).collect()).await;
        assert_eq!(troubles, [false, true].repeat(5));
        // Pauses of 20, 40, and three times 80 ms, each shorter by at most a quarter.
        assert!(took >= Duration::from_millis(225), "{took:?}");
        let page = || [Ok(Event::Init), Ok(Event::InitApply("shop".to_owned())), Err(refused(500))];
        let (_, took) = shown((0..5).flat_map(|_| page()).collect()).await;
        assert!(took >= Duration::from_millis(225), "the first page is not the list: {took:?}");
    }

    #[test]
    fn only_what_a_watch_shows_of_the_cluster_is_progress() {
        let events = [Event::Init, Event::InitApply(()), Event::InitDone, Event::Apply(()), Event::Delete(())];
        assert_eq!(events.map(|event| is_progress(&event)), [false, false, true, true, true]);
    }

    #[tokio::test]
    async fn a_list_of_changes_that_is_too_old_is_no_trouble() {
        let (troubles, took) = shown(vec![Err(refused(GONE)), Ok(Event::Init), Ok(Event::InitDone)]).await;
        assert_eq!(troubles, [false, false]);
        assert!(took >= Duration::from_millis(15), "but is not asked for at once: {took:?}");
    }
}
