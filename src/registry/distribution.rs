//! The questions of the OCI distribution specification: is there a manifest of this name, and what is it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use form_urlencoded::Serializer;
use hyper::header::{HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use hyper::{Method, StatusCode, Uri};
use quench_core::existing::{Presence, Published};
use quench_core::reference::Reference;
use serde::Deserialize;
use tokio::time::Instant;

use super::challenge::Challenge;
use super::client::{Answer, Client};
use super::credentials::Credentials;
use super::manifest::{self, ACCEPTED};
use super::trust::{Route, Trust};
use super::{Trouble, lock};

const MAX_REDIRECTS: usize = 3;
/// How long a token lasts that does not say so (the specification of Docker's token service).
const TOKEN_LIFETIME: Duration = Duration::from_secs(60);
/// How long before its end a token is not used any more.
const TOKEN_MARGIN: Duration = Duration::from_secs(10);
/// How long a password is sent without being asked for again, and a token at most.
const GRANT_LIFETIME: Duration = Duration::from_secs(300);
/// Repositories whose grant is kept; without one, there is one more question.
const MAX_GRANTS: usize = 1024;

/// Asks registries.
#[derive(Debug)]
pub(super) struct Distribution {
    client: Client,
    credentials: Arc<ArcSwap<Credentials>>,
    grants: Mutex<Grants>,
}

/// What opened a repository, by its name.
#[derive(Debug, Default)]
struct Grants {
    /// What they were given for; others open nothing.
    credentials: Arc<Credentials>,
    by_name: HashMap<Box<str>, Grant>,
}

#[derive(Debug, Clone)]
struct Grant {
    authorization: HeaderValue,
    until: Instant,
}

/// One reference, and where its registry is.
struct Question<'a> {
    reference: &'a Reference,
    trust: &'a Trust,
    origin: Uri,
    uri: Uri,
}

/// The answer of a token service.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<u64>,
}

impl Distribution {
    pub(super) fn new(client: Client, credentials: Arc<ArcSwap<Credentials>>) -> Self {
        Self { client, credentials, grants: Mutex::default() }
    }

    /// Whether `reference` can be pulled. What is `known` of it is confirmed where possible, which registries do not count
    /// as a pull.
    pub(super) async fn look_up(
        &self,
        reference: &Reference,
        trust: &Trust,
        known: Option<&Published>,
    ) -> Result<Presence, Trouble> {
        let question = Question::new(reference, trust)?;
        if let Some(known) = known {
            let answer = self.ask(Method::HEAD, &question).await?;
            let is_known = || manifest::content_digest(&answer.headers) == Some(&*known.digest);
            if answer.status == StatusCode::OK && manifest::media_type(&answer.headers).is_some() && is_known() {
                return Ok(Presence::Present(known.clone()));
            }
        }
        let answer = self.ask(Method::GET, &question).await?;
        match answer.status {
            StatusCode::OK => manifest::published(&answer.headers, &answer.body, reference.digest())
                .map(Presence::Present)
                .map_err(|error| Trouble::Refused(error.to_string())),
            StatusCode::NOT_FOUND => Ok(Presence::Absent),
            status => Err(Trouble::of_status(status, &answer.headers)),
        }
    }

    /// The answer of the registry itself or of where it sends us, with what it wants to know of us.
    async fn ask(&self, method: Method, question: &Question<'_>) -> Result<Answer, Trouble> {
        let grant = self.grant(question.reference.name());
        let had_grant = grant.is_some();
        let (answer, redirected) = self.follow(method.clone(), question, grant).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        if had_grant {
            lock(&self.grants).by_name.remove(question.reference.name());
        }
        if redirected {
            return Err(Trouble::Refused("it was redirected to a server that asks for credentials".to_owned()));
        }
        let credentials = self.credentials.load_full();
        let grant = self.authorize(question, &answer.headers, &credentials).await?;
        let (answer, _) = self.follow(method, question, Some(grant.authorization.clone())).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            self.keep(question.reference.name(), grant, credentials);
        }
        Ok(answer)
    }

    fn grant(&self, name: &str) -> Option<HeaderValue> {
        let grants = lock(&self.grants);
        let grant = grants.by_name.get(name).filter(|grant| grant.until > Instant::now())?;
        Arc::ptr_eq(&grants.credentials, &self.credentials.load()).then(|| grant.authorization.clone())
    }

    fn keep(&self, name: &str, grant: Grant, credentials: Arc<Credentials>) {
        let mut grants = lock(&self.grants);
        if !Arc::ptr_eq(&grants.credentials, &credentials) {
            *grants = Grants { credentials, by_name: HashMap::new() };
        }
        if grants.by_name.len() >= MAX_GRANTS {
            let now = Instant::now();
            grants.by_name.retain(|_, grant| grant.until > now);
            if grants.by_name.len() >= MAX_GRANTS {
                grants.by_name.clear();
            }
        }
        grants.by_name.insert(name.into(), grant);
    }

    /// Answers a challenge.
    async fn authorize(
        &self,
        question: &Question<'_>,
        headers: &HeaderMap,
        credentials: &Credentials,
    ) -> Result<Grant, Trouble> {
        let login = credentials.of(question.reference);
        match Challenge::of(headers) {
            None => Err(Trouble::Refused("it asks for credentials in a way that is not supported".to_owned())),
            Some(Challenge::Basic) => {
                let login =
                    login.ok_or_else(|| Trouble::Refused("it asks for credentials, and there are none".to_owned()))?;
                Ok(Grant { authorization: login.header(), until: Instant::now() + GRANT_LIFETIME })
            }
            Some(Challenge::Bearer { realm, service }) => {
                let realm = question.realm(&realm, service.as_deref())?;
                // Its own host, or one that the policy lists. Never redirected: it is given the credentials.
                let login = login.map(super::credentials::Login::header);
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
            let answer = self.client.send(method.clone(), &uri, route, ACCEPTED, authorization.take()).await?;
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

impl<'a> Question<'a> {
    fn new(reference: &'a Reference, trust: &'a Trust) -> Result<Self, Trouble> {
        let refused = || Trouble::Refused("the policy names no such registry".to_owned());
        let origin = trust.origin(reference.registry()).ok_or_else(refused)?;
        let tag = reference.digest().or(reference.tag()).unwrap_or("latest");
        // Nothing in a reference has to be escaped in a path.
        let uri = format!("{origin}/v2/{}/manifests/{tag}", reference.repository()).parse().map_err(|_| refused())?;
        Ok(Self { reference, trust, origin: origin.parse().map_err(|_| refused())?, uri })
    }

    /// The question to a token service, where it may be asked. The scope is ours, whatever the registry proposes.
    fn realm(&self, realm: &str, service: Option<&str>) -> Result<Uri, Trouble> {
        let written: Option<Uri> = realm.parse().ok();
        let trusted = written.filter(|realm| self.trust.is_realm_of(self.reference.registry(), &self.origin, realm));
        let Some(trusted) = trusted else {
            return Err(Trouble::Refused(
                "its token service is another host, or not https: list it in `verify.realms`".to_owned(),
            ));
        };
        let mut query = Serializer::new(String::new());
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        query.append_pair("scope", &format!("repository:{}:pull", self.reference.repository()));
        let separator = if trusted.query().is_some() { '&' } else { '?' };
        let uri = format!("{trusted}{separator}{}", query.finish());
        uri.parse().map_err(|_| Trouble::Refused("its token service has no valid address".to_owned()))
    }
}

impl Grant {
    /// What a token service answered.
    fn of(body: &[u8]) -> Option<Self> {
        let answer: Given = serde_json::from_slice(body).ok()?;
        let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty())?;
        let mut authorization = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
        authorization.set_sensitive(true);
        let lifetime = answer.expires_in.map_or(TOKEN_LIFETIME, Duration::from_secs).min(GRANT_LIFETIME);
        Some(Self { authorization, until: Instant::now() + lifetime.saturating_sub(TOKEN_MARGIN) })
    }
}

impl Trouble {
    fn of_status(status: StatusCode, headers: &HeaderMap) -> Self {
        let wait = headers.get(RETRY_AFTER).and_then(|after| retry_after(after.to_str().ok()?, SystemTime::now()));
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::Limited(wait),
            StatusCode::SERVICE_UNAVAILABLE if wait.is_some() => Self::Limited(wait),
            StatusCode::REQUEST_TIMEOUT => Self::Outage(status.to_string()),
            status if status.is_server_error() => Self::Outage(status.to_string()),
            status => Self::Refused(status.to_string()),
        }
    }
}

/// Seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let seconds = text.trim().parse().ok().map(Duration::from_secs);
    seconds.or_else(|| Some(httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()))
}

/// Where a `Location` leads: a URL, a host behind `//`, or a path on the same server.
fn resolved(from: &Uri, location: &str) -> Option<Uri> {
    let location = location.split_once('#').map_or(location, |(location, _)| location);
    let scheme = from.scheme_str()?;
    if location.starts_with("//") {
        format!("{scheme}:{location}").parse().ok()
    } else if location.starts_with('/') {
        format!("{scheme}://{}{location}", from.authority()?).parse().ok()
    } else {
        // Relative to the last `/` it would lead nowhere that serves manifests.
        location.parse().ok().filter(|uri: &Uri| uri.scheme().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_url_a_host_or_a_path() {
        let from = "https://r.example:5000/v2/a/manifests/1".parse().unwrap();
        for (location, uri) in [
            ("https://c.example/x?y#z", Some("https://c.example/x?y")),
            ("http://c.example/x", Some("http://c.example/x")),
            ("//c.example/x", Some("https://c.example/x")),
            ("/x?y", Some("https://r.example:5000/x?y")),
            ("x", None),
            ("", None),
            ("https://", None),
            ("/a b", None),
        ] {
            assert_eq!(resolved(&from, location).map(|uri| uri.to_string()).as_deref(), uri, "{location}");
        }
    }

    #[test]
    fn the_wait_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (text, wait) in [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:27 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ] {
            assert_eq!(retry_after(text, now), wait.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_token_service_is_asked_for_one_repository() {
        let reference = "r.example/team/a:1".parse().unwrap();
        let trust = Trust { contacted: vec!["r.example".to_owned()], ..Trust::default() };
        let question = Question::new(&reference, &trust).unwrap();
        assert_eq!(question.uri, "https://r.example/v2/team/a/manifests/1");
        let realm = |realm, service| question.realm(realm, service).map(|uri| uri.to_string());
        assert_eq!(
            realm("https://r.example/t", Some("a b&c")).as_deref(),
            Ok("https://r.example/t?service=a+b%26c&scope=repository%3Ateam%2Fa%3Apull")
        );
        let with_query = realm("https://r.example/t?x=y", None);
        assert_eq!(with_query.as_deref(), Ok("https://r.example/t?x=y&scope=repository%3Ateam%2Fa%3Apull"));
        for refused in ["https://evil.example/t", "http://r.example/t", "/t", "", "https://r.example@evil.example/"] {
            assert!(matches!(realm(refused, None), Err(Trouble::Refused(_))), "{refused}");
        }
    }

    #[test]
    fn tokens_end_before_they_expire() {
        let (now, seconds) = (Instant::now(), Duration::from_secs);
        for (body, lifetime) in [
            (r#"{"token":"a","expires_in":300}"#, Some(seconds(290))),
            (r#"{"access_token":"a"}"#, Some(seconds(50))),
            (r#"{"token":"a","expires_in":5}"#, Some(seconds(0))),
            (r#"{"token":"a","expires_in":999999999999}"#, Some(seconds(290))),
            (r#"{"token":""}"#, None),
            (r#"{"token":"a\nb"}"#, None),
            ("{}", None),
            ("<html>", None),
        ] {
            let until = Grant::of(body.as_bytes()).map(|grant| grant.until.duration_since(now).as_secs());
            assert_eq!(until, lifetime.map(|lifetime| lifetime.as_secs()), "{body}");
        }
        assert!(!format!("{:?}", Grant::of(br#"{"token":"hunter2"}"#)).contains("hunter2"));
    }
}
