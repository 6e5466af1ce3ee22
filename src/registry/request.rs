//! Builds a request to a registry, and checks the addresses that its answer leads to.

use form_urlencoded::Serializer;
use hyper::Uri;
use quench_core::reference::Reference;

use super::Trouble;
use super::manifest::ACCEPTED;
use super::trust::Trust;

/// The number of tags per page to ask for; registries may send fewer.
const PAGE: usize = 1000;

/// A request about one repository.
#[derive(Clone)]
pub(super) struct Question<'a> {
    /// The repository; its tag and digest are ignored.
    pub(super) repository: &'a Reference,
    pub(super) trust: &'a Trust,
    /// The address of the registry, as `scheme://host[:port]`.
    pub(super) origin: Uri,
    pub(super) uri: Uri,
    /// The `Accept` header.
    pub(super) accept: &'static str,
}

impl<'a> Question<'a> {
    /// Creates the request for the manifest or index of `reference`.
    pub(super) fn manifest(reference: &'a Reference, trust: &'a Trust) -> Result<Self, Trouble> {
        let tag = reference.digest().or(reference.tag()).unwrap_or("latest");
        Self::about(reference, trust, &format!("manifests/{tag}"), ACCEPTED)
    }

    /// Creates the request for a blob, such as the configuration of an image.
    pub(super) fn blob(image: &'a Reference, trust: &'a Trust) -> Result<Self, Trouble> {
        let digest = image.digest().unwrap_or_default();
        Self::about(image, trust, &format!("blobs/{digest}"), "*/*")
    }

    /// Creates the request for the tags of a repository.
    pub(super) fn tags(repository: &'a Reference, trust: &'a Trust) -> Result<Self, Trouble> {
        Self::about(repository, trust, &format!("tags/list?n={PAGE}"), "application/json")
    }

    /// Creates a request about a repository. A reference needs no escaping in a path.
    fn about(repository: &'a Reference, trust: &'a Trust, what: &str, accept: &'static str) -> Result<Self, Trouble> {
        let refused = || Trouble::Refused("the policy names no such registry".to_owned());
        let origin = trust.origin(repository.registry()).ok_or_else(refused)?;
        let uri = format!("{origin}/v2/{}/{what}", repository.repository()).parse().map_err(|_| refused())?;
        Ok(Self { repository, trust, origin: origin.parse().map_err(|_| refused())?, uri, accept })
    }

    /// Creates the request for the next page of tags; an error if the address is not that of the same list.
    pub(super) fn next(&self, location: &str) -> Result<Self, Trouble> {
        let uri = resolved(&self.uri, location);
        let uri = uri.filter(|uri| uri.scheme() == self.uri.scheme() && uri.path() == self.uri.path());
        let uri = uri.filter(|uri| uri.authority() == self.uri.authority());
        let uri = uri.ok_or_else(|| Trouble::Refused("the next page of its tags is at another address".to_owned()))?;
        Ok(Self { uri, ..self.clone() })
    }

    /// Returns the address of the token service; an error if it may not get credentials.
    pub(super) fn realm(&self, realm: &str) -> Result<Uri, Trouble> {
        let written: Option<Uri> = realm.parse().ok();
        let trusted = written.filter(|realm| self.trust.is_realm_of(self.repository.registry(), &self.origin, realm));
        let refused = "its token service is another host, or not https: list it in `verify.realms`";
        trusted.ok_or_else(|| Trouble::Refused(refused.to_owned()))
    }

    /// Returns the parameters of a token request, and `more`. The scope is always to pull, whatever the registry
    /// proposes.
    pub(super) fn scope(&self, service: Option<&str>, more: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(String::new());
        query.extend_pairs(service.map(|service| ("service", service)));
        query.append_pair("scope", &format!("repository:{}:pull", self.repository.repository()));
        query.extend_pairs(more).finish()
    }
}

/// Returns the address of a token service with the query appended.
pub(super) fn asked(realm: &Uri, query: &str) -> Result<Uri, Trouble> {
    let separator = if realm.query().is_some() { '&' } else { '?' };
    let uri = format!("{realm}{separator}{query}");
    uri.parse().map_err(|_| Trouble::Refused("its token service has no valid address".to_owned()))
}

/// Resolves the value of `Location` or `Link`: a URL, `//host/path`, or a path on the same server.
pub(super) fn resolved(from: &Uri, location: &str) -> Option<Uri> {
    let location = location.split_once('#').map_or(location, |(location, _)| location);
    let scheme = from.scheme_str()?;
    if location.starts_with("//") {
        format!("{scheme}:{location}").parse().ok()
    } else if location.starts_with('/') {
        format!("{scheme}://{}{location}", from.authority()?).parse().ok()
    } else {
        // A relative path leads to no endpoint of the API.
        location.parse().ok().filter(|uri: &Uri| uri.scheme().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust() -> Trust {
        Trust { contacted: vec!["r.example".to_owned()], ..Trust::default() }
    }

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
    fn a_page_follows_on_the_same_list_only() {
        let (reference, trust) = ("r.example/team/a:1".parse().unwrap(), trust());
        let question = Question::tags(&reference, &trust).unwrap();
        assert_eq!(question.uri, "https://r.example/v2/team/a/tags/list?n=1000");
        for location in ["/v2/team/a/tags/list?n=9&last=b", "https://r.example/v2/team/a/tags/list?n=9&last=b"] {
            let next = question.next(location).map(|next| next.uri.to_string());
            assert_eq!(next.as_deref(), Ok("https://r.example/v2/team/a/tags/list?n=9&last=b"), "{location}");
        }
        for location in [
            "https://evil.example/v2/team/a/tags/list?last=b",
            "//evil.example/v2/team/a/tags/list?last=b",
            "http://r.example/v2/team/a/tags/list?last=b",
            "https://r.example:5000/v2/team/a/tags/list?last=b",
            "https://me@r.example/v2/team/a/tags/list?last=b",
            "/v2/team/b/tags/list?last=b",
            "/v2/team/a/../b/tags/list",
            "tags/list?last=b",
            "",
        ] {
            assert!(matches!(question.next(location), Err(Trouble::Refused(_))), "{location}");
        }
    }

    #[test]
    fn a_token_service_is_asked_for_one_repository() {
        let (reference, trust) = ("r.example/team/a:1".parse().unwrap(), trust());
        let question = Question::manifest(&reference, &trust).unwrap();
        assert_eq!(question.uri, "https://r.example/v2/team/a/manifests/1");
        let realm =
            |realm, service| asked(&question.realm(realm)?, &question.scope(service, &[])).map(|uri| uri.to_string());
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
}
