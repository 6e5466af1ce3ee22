//! The questions of the OCI distribution specification: is there a manifest of this name, and what is it; which tags are there.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::{Method, StatusCode};
use quench_core::existing::{Detail, Inquiry, Presence, Published};
use quench_core::reference::Reference;
use tokio::time::{Instant, timeout, timeout_at};

use super::Trouble;
use super::client::Client;
use super::config::{self, Config};
use super::credentials::Credentials;
use super::exchange::Exchange;
use super::manifest::{self, Content, Read};
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

    /// Whether what is asked for can be pulled, and what it is. What is `known` of it is confirmed where possible, which
    /// registries do not count as a pull. Details that are not there `by` then are left out.
    pub(super) async fn look_up(
        &self,
        inquiry: &Inquiry,
        trust: &Trust,
        known: Option<&Published>,
        by: Instant,
    ) -> Result<Presence, Trouble> {
        let Inquiry { reference, detail } = inquiry;
        let question = Question::manifest(reference, trust)?;
        if let Some(known) = known.filter(|known| is_whole(known, *detail)) {
            let answer = self.exchange.ask(Method::HEAD, &question).await?;
            let is_known = || manifest::content_digest(&answer.headers) == Some(&*known.digest);
            if answer.status == StatusCode::OK && manifest::media_type(&answer.headers).is_some() && is_known() {
                return Ok(Presence::Present(known.clone()));
            }
        }
        let Some(Read { mut published, content }) = self.read(&question).await? else { return Ok(Presence::Absent) };
        let config = timeout_at(by, self.config(reference, trust, content, *detail)).await;
        if let Ok(Some(config)) = config {
            published.user = config.user;
            if published.platforms.is_empty() {
                published.platforms.extend(config.platform);
            }
        }
        Ok(Presence::Present(published))
    }

    /// The manifest or index that is asked for; None where there is none.
    async fn read(&self, question: &Question<'_>) -> Result<Option<Read>, Trouble> {
        let answer = self.exchange.ask(Method::GET, question).await?;
        match answer.status {
            StatusCode::OK => manifest::read(&answer.headers, &answer.body, question.repository.digest())
                .map(Some)
                .map_err(|error| Trouble::Refused(error.to_string())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(Trouble::of_status(status, &answer.headers)),
        }
    }

    /// The image's configuration, where it is wanted. Whatever comes between leaves it unknown: the image is there all the same.
    async fn config(&self, image: &Reference, trust: &Trust, content: Content, detail: Detail) -> Option<Config> {
        let of = |digest: Box<str>| format!("{}@{digest}", image.name()).parse::<Reference>().ok();
        let config = match content {
            Content::Manifest(config) if detail >= Detail::Platforms => config?,
            Content::Index(Some(linux)) if detail >= Detail::User => {
                let manifest = of(linux)?;
                match self.read(&Question::manifest(&manifest, trust).ok()?).await.ok()??.content {
                    Content::Manifest(config) => config?,
                    Content::Index(_) => return None,
                }
            }
            Content::Manifest(_) | Content::Index(_) => return None,
        };
        let blob = of(config)?;
        let answer = self.exchange.ask(Method::GET, &Question::blob(&blob, trust).ok()?).await.ok()?;
        let is_whole = answer.status == StatusCode::OK && manifest::is_digest_of(blob.digest()?, &answer.body);
        config::config(&answer.body).filter(|_| is_whole)
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

/// Whether all that is wanted is known.
fn is_whole(known: &Published, detail: Detail) -> bool {
    (detail < Detail::Platforms || !known.platforms.is_empty()) && (detail < Detail::User || known.user.is_some())
}
