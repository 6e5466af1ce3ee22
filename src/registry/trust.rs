//! Decides which hosts the client may contact: hosts that the policy names, and public addresses for redirects.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;
use hyper::http::uri::Scheme;
use quench_core::policy::Policy;

/// The name of Docker Hub, the host of its API, and the host of its token service.
const DOCKER_HUB: (&str, &str, &str) = ("docker.io", "registry-1.docker.io", "auth.docker.io");

/// The hosts that the policy allows, each as `host` or `host:port`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust {
    /// The registries of targets; no other registry is contacted.
    pub contacted: Vec<String>,
    /// Token services on another host than their registry.
    pub realms: Vec<String>,
    /// Registries that are contacted by plain HTTP.
    pub insecure: Vec<String>,
    /// Hosts with private addresses that redirects may lead to, with or without a port.
    pub private: Vec<String>,
}

impl Trust {
    /// Returns the hosts that a policy allows.
    pub fn of(policy: &Policy) -> Self {
        let owned = |hosts: &[Box<str>]| hosts.iter().map(ToString::to_string).collect();
        let (realms, insecure, private) = policy.verify.as_ref().map_or_else(Default::default, |verify| {
            (owned(&verify.realms), owned(&verify.insecure), owned(&verify.private))
        });
        Self { contacted: policy.contacted().map(str::to_owned).collect(), realms, insecure, private }
    }

    /// Returns the address of a registry's API, as `https://host[:port]`; `None` if the policy does not name the
    /// registry.
    pub(super) fn origin(&self, registry: &str) -> Option<String> {
        if registry.is_empty() || !self.contacted.iter().any(|host| host.eq_ignore_ascii_case(registry)) {
            return None;
        }
        let scheme = if lists(&self.insecure, registry) { "http" } else { "https" };
        let host = if registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { registry };
        Some(format!("{scheme}://{host}"))
    }

    /// Reports whether the token service at `realm` may get the credentials of the registry at `origin`.
    pub(super) fn is_realm_of(&self, registry: &str, origin: &Uri, realm: &Uri) -> bool {
        let Some(authority) = authority(realm).filter(|_| realm.scheme() == Some(&Scheme::HTTPS)) else { return false };
        let own = realm.scheme() == origin.scheme() && self::authority(origin).as_ref() == Some(&authority);
        own || lists(&self.realms, &authority) || (registry == DOCKER_HUB.0 && authority == DOCKER_HUB.2)
    }

    /// Returns the addresses that a redirect from `origin` to `target` may reach; `None` if it must not be followed.
    pub(super) fn route(&self, origin: &Uri, target: &Uri) -> Option<Route> {
        let authority = authority(target)?;
        match target.scheme_str() {
            Some("https") => {}
            Some("http") if lists(&self.insecure, &authority) => {}
            _ => return None,
        }
        let own = self::authority(origin).as_ref() == Some(&authority);
        let named = lists(&self.contacted, &authority)
            || lists(&self.private, &authority)
            || target.host().is_some_and(|host| lists(&self.private, &host.to_ascii_lowercase()));
        Some(if own || named { Route::Named } else { Route::Public })
    }
}

/// The kind of addresses that a request may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Any address, because the policy names the host.
    Named,
    /// Public addresses only.
    Public,
}

fn lists(hosts: &[String], authority: &str) -> bool {
    let bare = |host: &str| {
        let host = host.strip_prefix("https://").unwrap_or(host).trim_end_matches('/').to_ascii_lowercase();
        host.strip_suffix(":443").map(str::to_owned).unwrap_or(host)
    };
    hosts.iter().any(|host| bare(host) == bare(authority))
}

/// Returns host and port in lower case, without a default port; `None` for a URL with a user name.
fn authority(uri: &Uri) -> Option<String> {
    let written = uri.authority()?;
    if written.as_str().contains('@') {
        return None;
    }
    let host = written.host().to_ascii_lowercase();
    match (written.port_u16(), uri.scheme_str()) {
        (None | Some(443), Some("https")) | (None | Some(80), Some("http")) => Some(host),
        (None, _) => None,
        (Some(port), _) => Some(format!("{host}:{port}")),
    }
}

/// Reports whether an address is on the public internet.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let reserved = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // Multicast, reserved and broadcast addresses.
        || first >= 224
        // "This network", and addresses between a provider and its customers (RFC 6598).
        || first == 0
        || (first == 100 && (64..128).contains(&second))
        // Protocol assignments and benchmarks (RFC 6890).
        || (first, second, third) == (192, 0, 0)
        || (first == 198 && (18..20).contains(&second));
    !reserved
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(mapped) = address.to_ipv4_mapped() {
        return is_public_v4(mapped);
    }
    let [first, second, third, fourth, fifth, sixth, seventh, eighth] = address.segments();
    let embedded = |high: u16, low: u16| is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match first {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056) lead to the IPv4 address inside.
        0x64 if [second, third, fourth, fifth, sixth] == [0xff9b, 0, 0, 0, 0] => embedded(seventh, eighth),
        0x2002 => embedded(second, third),
        // Documentation (RFC 3849, RFC 9637), and special protocols such as Teredo (RFC 2928).
        0x2001 if second == 0x0db8 || second < 0x0200 => false,
        0x3fff if second < 0x1000 => false,
        // Global unicast addresses; all others are local, multicast or unassigned.
        _ => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust() -> Trust {
        let hosts = |hosts: &[&str]| hosts.iter().map(|host| (*host).to_owned()).collect();
        Trust {
            contacted: hosts(&["docker.io", "r.example", "plain.example:5000"]),
            realms: hosts(&["auth.example", "https://other.example:8443/"]),
            insecure: hosts(&["plain.example:5000"]),
            private: hosts(&["cdn.internal", "10.0.0.7:9000"]),
        }
    }

    #[test]
    fn only_registries_that_the_policy_names_have_an_origin() {
        for (registry, origin) in [
            ("docker.io", Some("https://registry-1.docker.io")),
            ("r.example", Some("https://r.example")),
            ("plain.example:5000", Some("http://plain.example:5000")),
            ("plain.example", None),
            ("r.example:444", None),
            ("x.r.example", None),
            ("", None),
        ] {
            assert_eq!(trust().origin(registry).as_deref(), origin, "{registry}");
        }
    }

    #[test]
    fn credentials_go_to_the_registry_and_to_listed_realms_by_https() {
        for (registry, realm, trusted) in [
            ("r.example", "https://r.example/token", true),
            ("r.example", "https://R.example:443/token", true),
            ("r.example", "https://r.example:8443/token", false),
            ("r.example", "http://r.example/token", false),
            ("r.example", "https://auth.example/token", true),
            ("r.example", "http://auth.example/token", false),
            ("r.example", "https://other.example:8443/token", true),
            ("r.example", "https://other.example/token", false),
            ("r.example", "https://evil.example/token", false),
            ("r.example", "https://r.example@evil.example/token", false),
            ("r.example", "https://auth.docker.io/token", false),
            ("docker.io", "https://auth.docker.io/token", true),
        ] {
            let origin = trust().origin(registry).unwrap().parse().unwrap();
            assert_eq!(trust().is_realm_of(registry, &origin, &realm.parse().unwrap()), trusted, "{registry} {realm}");
        }
    }

    #[test]
    fn redirects_lead_to_named_hosts_or_public_addresses() {
        for (target, route) in [
            ("https://r.example/v2/", Some(Route::Named)),
            ("https://cdn.internal:8443/x", Some(Route::Named)),
            ("https://10.0.0.7:9000/x", Some(Route::Named)),
            ("https://10.0.0.7/x", Some(Route::Public)),
            ("https://cdn.example/x", Some(Route::Public)),
            ("http://cdn.example/x", None),
            ("http://cdn.internal/x", None),
            ("http://plain.example:5000/x", Some(Route::Named)),
            ("ftp://cdn.example/x", None),
            ("https://user@cdn.example/x", None),
        ] {
            let origin = "https://r.example".parse().unwrap();
            assert_eq!(trust().route(&origin, &target.parse().unwrap()), route, "{target}");
        }
    }

    #[test]
    fn private_addresses_are_known_in_every_dress() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "2001:2::1",
            "2001:20::1",
            "3fff::1",
            "::ffff:0:10.0.0.1",
            "::7f00:1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
