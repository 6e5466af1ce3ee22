//! Reads the URL of the webhook.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::Uri;

/// The URL that the API server calls: `https`, a host and a path prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WebhookUrl {
    pub(super) text: String,
    /// The host, without the brackets of an IPv6 address.
    pub(super) host: String,
}

impl WebhookUrl {
    pub(super) fn local(address: SocketAddr) -> Self {
        let ip = if address.ip().is_unspecified() { IpAddr::from([127, 0, 0, 1]) } else { address.ip() };
        Self { text: format!("https://{}", SocketAddr::new(ip, address.port())), host: ip.to_string() }
    }
}

impl FromStr for WebhookUrl {
    type Err = &'static str;

    /// Parses the URL. The API server rejects webhook URLs with a user, query or fragment.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uri: Uri = text.parse().map_err(|_| "not a url")?;
        if uri.scheme_str() != Some("https") {
            return Err("it must begin with https://");
        }
        if text.contains(['?', '#', '@']) {
            return Err("it may have no query, fragment or user");
        }
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        if host.is_empty() {
            return Err("it has no host");
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), host: host.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_url_is_https_with_a_host_and_perhaps_a_path() {
        for (text, written, host) in [
            ("https://a", "https://a", "a"),
            ("https://a.b:8443/", "https://a.b:8443", "a.b"),
            ("https://127.0.0.1:1/base/", "https://127.0.0.1:1/base", "127.0.0.1"),
            ("https://[::1]:8443", "https://[::1]:8443", "::1"),
        ] {
            let url = WebhookUrl { text: written.to_owned(), host: host.to_owned() };
            assert_eq!(text.parse(), Ok(url), "{text}");
        }
        for text in
            ["", "a", "a:1", "/a", "http://a", "https://", "https://:1", "https://a?b", "https://a#b", "https://u@a"]
        {
            assert!(text.parse::<WebhookUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_default_url_leads_to_the_bound_address() {
        for (bound, text) in [
            ("0.0.0.0:8443", "https://127.0.0.1:8443"),
            ("[::]:8443", "https://127.0.0.1:8443"),
            ("127.0.0.1:1", "https://127.0.0.1:1"),
            ("[::1]:1", "https://[::1]:1"),
            ("192.0.2.1:1", "https://192.0.2.1:1"),
        ] {
            assert_eq!(WebhookUrl::local(bound.parse().unwrap()).text, text);
        }
    }
}
