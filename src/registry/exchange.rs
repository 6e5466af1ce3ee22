//! Sends one request, with authentication and redirects.

use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use hyper::header::{HeaderMap, HeaderValue, LOCATION};
use hyper::{Method, StatusCode, Uri};

use super::challenge::Challenge;
use super::client::{Answer, Client};
use super::credentials::{Credentials, Login};
use super::request::{Question, asked, resolved};
use super::token::{Grant, Grants};
use super::trust::Route;
use super::{Trouble, lock};

const MAX_REDIRECTS: usize = 3;

/// Sends requests, and keeps the tokens and logins that registries accepted.
#[derive(Debug)]
pub(super) struct Exchange {
    client: Arc<ArcSwap<Client>>,
    credentials: Arc<ArcSwap<Credentials>>,
    grants: Mutex<Grants>,
}

impl Exchange {
    pub(super) fn new(client: Arc<ArcSwap<Client>>, credentials: Arc<ArcSwap<Credentials>>) -> Self {
        Self { client, credentials, grants: Mutex::default() }
    }

    /// Sends a request; returns the answer of the registry, or of the host that it redirects to.
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

    /// Answers the challenge of a 401: gets a token, or takes the password.
    async fn authorize(
        &self,
        question: &Question<'_>,
        headers: &HeaderMap,
        credentials: &Credentials,
    ) -> Result<Grant, Trouble> {
        let refused = |reason: &str| Err(Trouble::Refused(reason.to_owned()));
        let login = credentials.of(question.repository);
        match (Challenge::of(headers), login) {
            (None, _) => refused("it asks for an authentication scheme that is not supported"),
            (Some(Challenge::Basic), Some(Login::Password(password))) => Ok(Grant::of_login(password.clone())),
            (Some(Challenge::Basic), Some(Login::Identity(_))) => {
                refused("it asks for a password, but the credentials have an identity token")
            }
            (Some(Challenge::Basic), None) => refused("it asks for credentials, but none are given"),
            (Some(Challenge::Bearer { realm, service }), login) => {
                self.token(question, &question.realm(&realm)?, service.as_deref(), login).await
            }
        }
    }

    /// Gets a token from a token service on the registry's own host, or on one that the policy lists. Redirects are not
    /// followed, since the request has credentials. An identity token is exchanged by `OAuth2` (token specification of
    /// the distribution project).
    async fn token(
        &self,
        question: &Question<'_>,
        realm: &Uri,
        service: Option<&str>,
        login: Option<&Login>,
    ) -> Result<Grant, Trouble> {
        let (client, accept) = (self.client.load_full(), "application/json");
        let answer = match login {
            Some(Login::Identity(token)) => {
                let more = [("grant_type", "refresh_token"), ("client_id", "quench"), ("refresh_token", token)];
                client.post(realm, accept, question.scope(service, &more)).await?
            }
            login => {
                let authorization = login.and_then(Login::password);
                client
                    .send(
                        Method::GET,
                        &asked(realm, &question.scope(service, &[]))?,
                        Route::Named,
                        accept,
                        authorization,
                    )
                    .await?
            }
        };
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

    /// Follows redirects; returns the final answer, and whether there was a redirect.
    async fn follow(
        &self,
        method: Method,
        question: &Question<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<(Answer, bool), Trouble> {
        let client = self.client.load_full();
        let (mut uri, mut route, mut authorization) = (question.uri.clone(), Route::Named, authorization);
        for redirects in 0..=MAX_REDIRECTS {
            // The first request goes to the registry; redirects get no credentials.
            let answer = client.send(method.clone(), &uri, route, question.accept, authorization.take()).await?;
            let is_redirect = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
            let Some(location) = answer.headers.get(LOCATION).filter(|_| is_redirect) else {
                return Ok((answer, redirects > 0));
            };
            let refused = || Trouble::Refused("it redirects to a host that the policy does not allow".to_owned());
            uri = location.to_str().ok().and_then(|location| resolved(&uri, location)).ok_or_else(refused)?;
            route = question.trust.route(&question.origin, &uri).ok_or_else(refused)?;
        }
        Err(Trouble::Refused(format!("it redirects more than {MAX_REDIRECTS} times")))
    }
}
