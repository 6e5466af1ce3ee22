//! A question and its answer, with what the registry wants to know of us and by where it sends us.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use hyper::header::{HeaderMap, HeaderValue, LOCATION};
use hyper::{Method, StatusCode};

use super::challenge::Challenge;
use super::client::{Answer, Client};
use super::credentials::{Credentials, Login};
use super::grant::{Grant, Grants};
use super::question::{Question, resolved};
use super::trust::Route;
use super::{Trouble, lock};

const MAX_REDIRECTS: usize = 3;

/// Asks one question at a time.
#[derive(Debug)]
pub(super) struct Exchange {
    client: Client,
    credentials: Arc<ArcSwap<Credentials>>,
    grants: Mutex<Grants>,
}

impl Exchange {
    pub(super) fn new(client: Client, credentials: Arc<ArcSwap<Credentials>>) -> Self {
        Self { client, credentials, grants: Mutex::default() }
    }

    /// The answer of the registry itself or of where it sends us.
    pub(super) async fn ask(&self, method: Method, question: &Question<'_>) -> Result<Answer, Trouble> {
        let (name, credentials) = (question.repository.name(), self.credentials.load_full());
        let grant = lock(&self.grants).of(name, &credentials);
        let had_grant = grant.is_some();
        let (answer, redirected) = self.follow(method.clone(), question, grant).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        if had_grant {
            lock(&self.grants).remove(name);
        }
        if redirected {
            return Err(Trouble::Refused("it was redirected to a server that asks for credentials".to_owned()));
        }
        let grant = self.authorize(question, &answer.headers, &credentials).await?;
        let (answer, _) = self.follow(method, question, Some(grant.authorization.clone())).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            lock(&self.grants).keep(name, grant, credentials);
        }
        Ok(answer)
    }

    /// Answers a challenge.
    async fn authorize(
        &self,
        question: &Question<'_>,
        headers: &HeaderMap,
        credentials: &Credentials,
    ) -> Result<Grant, Trouble> {
        let login = credentials.of(question.repository);
        match Challenge::of(headers) {
            None => Err(Trouble::Refused("it asks for credentials in a way that is not supported".to_owned())),
            Some(Challenge::Basic) => {
                let login =
                    login.ok_or_else(|| Trouble::Refused("it asks for credentials, and there are none".to_owned()))?;
                Ok(Grant::of_login(login.header()))
            }
            Some(Challenge::Bearer { realm, service }) => {
                let realm = question.realm(&realm, service.as_deref())?;
                // Its own host, or one that the policy lists. Never redirected: it is given the credentials.
                let login = login.map(Login::header);
                let answer = self.client.send(Method::GET, &realm, Route::Named, "application/json", login).await?;
                match answer.status {
                    StatusCode::OK => Grant::of(&answer.body)
                        .ok_or_else(|| Trouble::Refused("its token service gave no token that can be used".to_owned())),
                    status => Err(match Trouble::of_status(status, &answer.headers) {
                        Trouble::Refused(reason) => Trouble::Refused(format!("its token service says: {reason}")),
                        Trouble::Outage(reason) => Trouble::Outage(format!("its token service says: {reason}")),
                        limited @ Trouble::Limited(_) => limited,
                    }),
                }
            }
        }
    }

    /// The answer at the end of redirects, and whether there was one.
    async fn follow(
        &self,
        method: Method,
        question: &Question<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<(Answer, bool), Trouble> {
        let (mut uri, mut route, mut authorization) = (question.uri.clone(), Route::Named, authorization);
        for redirects in 0..=MAX_REDIRECTS {
            // Only the registry itself is told who asks.
            let answer = self.client.send(method.clone(), &uri, route, question.accept, authorization.take()).await?;
            let is_redirect = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
            let Some(location) = answer.headers.get(LOCATION).filter(|_| is_redirect) else {
                return Ok((answer, redirects > 0));
            };
            let refused = || Trouble::Refused("it redirects to where the policy does not allow to follow".to_owned());
            uri = location.to_str().ok().and_then(|location| resolved(&uri, location)).ok_or_else(refused)?;
            route = question.trust.route(&question.origin, &uri).ok_or_else(refused)?;
        }
        Err(Trouble::Refused(format!("it redirects more than {MAX_REDIRECTS} times")))
    }
}
