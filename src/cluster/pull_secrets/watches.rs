//! The watches: of namespaces, and of the Secrets of one name in all of them.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::pin;

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::core::PartialObjectMeta;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::seen::{Found, Home};
use crate::cluster::call::said;

/// What may wait for us: a list of this many namespaces, or as many changes at once, makes watches wait instead.
const WAITING: usize = 1024;
/// What a status says whose list of changes is too old: the watch begins anew by itself.
const GONE: u16 = 410;

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    Namespaces,
    /// The Secrets of this name.
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

/// What a watch shows.
#[derive(Debug)]
pub(super) enum Seen {
    Namespace(Event<(String, Home)>),
    Secret(String, Event<(String, Found)>),
    /// The watch will be tried again.
    Trouble(Subject, String),
}

/// The watches that run. They end when this is dropped.
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

    /// The next that is shown. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Seen> {
        self.receiver.recv().await
    }

    /// What is shown already.
    pub(super) fn next_now(&mut self) -> Option<Seen> {
        self.receiver.try_recv().ok()
    }

    pub(super) fn runs(&self, subject: &Subject) -> bool {
        self.running.contains_key(subject)
    }

    /// Watches it, in a cluster where our namespace is `own`.
    pub(super) fn start(&mut self, subject: Subject, client: Client, own: &str) {
        let sender = self.sender.clone();
        let task = match &subject {
            Subject::Namespaces => self.tasks.spawn(watch_namespaces(client, sender)),
            Subject::Secret(name) => self.tasks.spawn(watch_secrets(client, name.clone(), own.to_owned(), sender)),
        };
        self.running.insert(subject, task);
    }

    /// Ends the watches of all but these, and forgets those that panicked.
    pub(super) fn keep(&mut self, is_wanted: impl Fn(&Subject) -> bool) {
        self.running.retain(|subject, task| {
            let is_wanted = is_wanted(subject);
            if !is_wanted {
                task.abort();
            }
            is_wanted && !task.is_finished()
        });
        // Those that ended are not kept.
        while self.tasks.try_join_next().is_some() {}
    }
}

async fn watch_namespaces(client: Client, sender: mpsc::Sender<Seen>) {
    let watched = watcher(Api::<PartialObjectMeta<Namespace>>::all(client), watcher::Config::default());
    let mut watched = pin!(watched.default_backoff());
    while let Some(event) = watched.next().await {
        let seen = match event {
            Ok(event) => Seen::Namespace(each(event, |namespace| (namespace.name_any(), Home::of(namespace)))),
            Err(error) if is_over(&error) => continue,
            Err(error) => Seen::Trouble(Subject::Namespaces, reason(error)),
        };
        if sender.send(seen).await.is_err() {
            return;
        }
    }
}

async fn watch_secrets(client: Client, name: String, own: String, sender: mpsc::Sender<Seen>) {
    // By this field a role can grant it for the one name.
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut watched = pin!(watcher(Api::<Secret>::all(client), config).default_backoff());
    while let Some(event) = watched.next().await {
        let found = |secret: Secret| (secret.namespace().unwrap_or_default(), Found::of(secret, &own));
        let seen = match event {
            Ok(event) => Seen::Secret(name.clone(), each(event, found)),
            Err(error) if is_over(&error) => continue,
            Err(error) => Seen::Trouble(Subject::Secret(name.clone()), reason(error)),
        };
        if sender.send(seen).await.is_err() {
            return;
        }
    }
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

/// Whether a watch only has to begin anew.
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
