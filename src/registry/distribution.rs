//! Sends the requests of the OCI distribution specification: for manifests, configurations and lists of tags.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use hyper::{Method, StatusCode};
use quench_core::presence::{Detail, Inquiry, Newest, Presence, Published};
use quench_core::reference::Reference;
use tokio::time::{Instant, timeout, timeout_at};

use super::Trouble;
use super::client::Client;
use super::config::{self, Config};
use super::credentials::Credentials;
use super::exchange::Exchange;
use super::manifest::{self, Content, Read};
use super::request::Question;
use super::tags::{self, MAX_PAGES, MAX_TAGS};
use super::trust::Trust;

/// Looks up images and tags in registries.
#[derive(Debug)]
pub(super) struct Distribution {
    exchange: Exchange,
}

impl Distribution {
    pub(super) fn new(client: Arc<ArcSwap<Client>>, credentials: Arc<ArcSwap<Credentials>>) -> Self {
        Self { exchange: Exchange::new(client, credentials) }
    }

    /// Returns whether an image exists, with its facts. If facts are `known`, they are confirmed by a HEAD request
    /// where possible, which does not count as a pull. The newest tag may take half of `patience`, and details three
    /// quarters; facts that take longer are left out, since the image exists nevertheless.
    pub(super) async fn look_up(
        &self,
        inquiry: &Inquiry,
        trust: &Trust,
        known: Option<&Published>,
        patience: Duration,
    ) -> Result<Presence, Trouble> {
        let Inquiry { reference, newest, detail } = inquiry;
        let (half, by) = (patience / 2, Instant::now() + patience * 3 / 4);
        if let Some(newest) = newest
            && let Some(to) = self.newest(reference, newest, trust, half).await?
        {
            let known = known.filter(|known| known.tag.as_deref() == to.tag());
            // A tag in the list may have been deleted.
            if let Presence::Present(published) = self.find(&to, *detail, trust, known, by).await? {
                return Ok(Presence::Present(Published { tag: to.tag().map(Box::from), ..published }));
            }
        }
        let known = known.filter(|known| known.tag.is_none());
        self.find(reference, *detail, trust, known, by).await
    }

    /// Returns the reference with the newest tag that the inquiry allows; `None` if it has that tag already. Registries
    /// need not list tags, so errors are ignored, unless the registry asks for a pause.
    async fn newest(
        &self,
        reference: &Reference,
        newest: &Newest,
        trust: &Trust,
        patience: Duration,
    ) -> Result<Option<Reference>, Trouble> {
        let tags = match timeout(patience, self.tags(reference, trust, patience)).await {
            Ok(Ok(Some(tags))) => tags,
            Ok(Err(limited @ Trouble::Limited(_))) => return Err(limited),
            Ok(Ok(None) | Err(_)) | Err(_) => return Ok(None),
        };
        let tag = newest.among(&tags).filter(|tag| Some(*tag) != reference.tag());
        Ok(tag.and_then(|tag| reference.with_tag(tag).ok()))
    }

    /// Looks up one reference, without a search for a newer tag.
    async fn find(
        &self,
        reference: &Reference,
        detail: Detail,
        trust: &Trust,
        known: Option<&Published>,
        by: Instant,
    ) -> Result<Presence, Trouble> {
        let question = Question::manifest(reference, trust)?;
        if let Some(known) = known.filter(|known| is_whole(known, detail)) {
            let answer = self.exchange.ask(Method::HEAD, &question).await?;
            if matches!(answer.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
                return Err(Trouble::of_status(answer.status, &answer.headers));
            }
            let is_known = || manifest::content_digest(&answer.headers) == Some(&*known.digest);
            if answer.status == StatusCode::OK && manifest::media_type(&answer.headers).is_some() && is_known() {
                return Ok(Presence::Present(known.clone()));
            }
        }
        let Some(Read { mut published, content }) = self.read(&question).await? else { return Ok(Presence::Absent) };
        let config = timeout_at(by, self.config(reference, trust, content, detail)).await;
        if let Ok(Some(config)) = config {
            published.user = config.user;
            if published.platforms.is_empty() {
                published.platforms.extend(config.platform);
            }
        }
        Ok(Presence::Present(published))
    }

    /// Reads a manifest or an index; `None` if the registry does not have it.
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

    /// Reads the image's configuration if `detail` needs it; `None` otherwise, and after an error, since the image
    /// exists nevertheless.
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

    /// Returns the tags of a repository in the registry's order; `None` if it does not exist. Each page may take
    /// `patience`.
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
                    // A text that is not a valid tag cannot be asked for.
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

/// Reports whether the known facts have all the wanted detail.
fn is_whole(known: &Published, detail: Detail) -> bool {
    (detail < Detail::Platforms || !known.platforms.is_empty()) && (detail < Detail::User || known.user.is_some())
}
