//! The questions of the OCI distribution specification: is there a manifest of this name, and what is it; which tags are there.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::{Method, StatusCode};
use quench_core::existing::{Presence, Published};
use quench_core::reference::Reference;
use tokio::time::timeout;

use super::Trouble;
use super::client::Client;
use super::credentials::Credentials;
use super::exchange::Exchange;
use super::manifest;
use super::question::Question;
use super::tags::{self, MAX_PAGES, MAX_TAGS};
use super::trust::Trust;

/// Asks registries.
#[derive(Debug)]
pub(super) struct Distribution {
    exchange: Exchange,
}

impl Distribution {
    pub(super) fn new(client: Client, credentials: Arc<ArcSwap<Credentials>>) -> Self {
        Self { exchange: Exchange::new(client, credentials) }
    }

    /// Whether `reference` can be pulled. What is `known` of it is confirmed where possible, which registries do not count
    /// as a pull.
    pub(super) async fn look_up(
        &self,
        reference: &Reference,
        trust: &Trust,
        known: Option<&Published>,
    ) -> Result<Presence, Trouble> {
        let question = Question::manifest(reference, trust)?;
        if let Some(known) = known {
            let answer = self.exchange.ask(Method::HEAD, &question).await?;
            let is_known = || manifest::content_digest(&answer.headers) == Some(&*known.digest);
            if answer.status == StatusCode::OK && manifest::media_type(&answer.headers).is_some() && is_known() {
                return Ok(Presence::Present(known.clone()));
            }
        }
        let answer = self.exchange.ask(Method::GET, &question).await?;
        match answer.status {
            StatusCode::OK => manifest::published(&answer.headers, &answer.body, reference.digest())
                .map(Presence::Present)
                .map_err(|error| Trouble::Refused(error.to_string())),
            StatusCode::NOT_FOUND => Ok(Presence::Absent),
            status => Err(Trouble::of_status(status, &answer.headers)),
        }
    }

    /// The tags of a repository, in the registry's order; None where there is no such repository. Each page has `patience`.
    pub(super) async fn tags(
        &self,
        repository: &Reference,
        trust: &Trust,
        patience: Duration,
    ) -> Result<Option<Vec<String>>, Trouble> {
        let mut question = Question::tags(repository, trust)?;
        let mut found = Vec::new();
        for page in 0..MAX_PAGES {
            let answer = timeout(patience, self.exchange.ask(Method::GET, &question)).await;
            let answer = answer.map_err(|_| Trouble::Outage(format!("no answer within {patience:?}")))??;
            match answer.status {
                StatusCode::OK => {
                    let tags = tags::on_page(&answer.body)?;
                    // What is no tag could not be asked for.
                    found.extend(tags.into_iter().filter(|tag| repository.with_tag(tag).is_ok()));
                }
                StatusCode::NOT_FOUND if page == 0 => return Ok(None),
                status => return Err(Trouble::of_status(status, &answer.headers)),
            }
            if found.len() > MAX_TAGS {
                return Err(Trouble::Refused(format!("it lists more than {MAX_TAGS} tags")));
            }
            match tags::next_page(&answer.headers) {
                Some(next) => question = question.next(next)?,
                None => return Ok(Some(found)),
            }
        }
        Err(Trouble::Refused(format!("its list of tags has more than {MAX_PAGES} pages")))
    }
}
