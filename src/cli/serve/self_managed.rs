//! Defines the flags of self-managed certificates.

use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::super::dns_label;
use super::webhook_url::WebhookUrl;
use crate::cluster::authority::{MIN_AUTHORITY_LIFETIME, MIN_LEAF_LIFETIME, Settings};

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Self-managed certificates")]
pub(super) struct SelfManaged {
    /// Create and renew the certificates, and keep `caBundle` of the webhook configuration current
    ///
    /// All replicas share one certificate authority in a Secret. docs/certificates.md lists the RBAC rules for this.
    #[arg(id = "self_managed", long = "self-managed", conflicts_with_all = ["tls_cert", "register", "print_webhook_config"])]
    is_on: bool,
    /// Name of the Secret of the certificate authority, in quench's own namespace
    #[arg(long, value_name = "NAME", default_value = "quench-ca", value_parser = dns_subdomain, requires = "self_managed")]
    authority_secret: String,
    /// Name of the Service that the API server calls, in quench's own namespace
    #[arg(long, value_name = "NAME", default_value = "quench", value_parser = dns_label, requires = "self_managed")]
    service: String,
    /// Name of the MutatingWebhookConfiguration whose webhooks call this server
    #[arg(long, value_name = "NAME", default_value = "quench", value_parser = dns_subdomain, requires = "self_managed")]
    webhook_configuration: String,
    /// Lifetime of a certificate authority; its successor is made after two thirds of it
    #[arg(long, value_name = "DURATION", default_value = "365d", value_parser = lifetime, requires = "self_managed")]
    authority_lifetime: Duration,
    /// Lifetime of a serving certificate; it is renewed after two thirds of it
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = lifetime, requires = "self_managed")]
    leaf_lifetime: Duration,
}

impl SelfManaged {
    pub(super) fn is_on(&self) -> bool {
        self.is_on
    }

    /// Returns the settings of self-managed certificates; `None` if they are off.
    pub(super) fn settings(&self, url: Option<&WebhookUrl>, namespace: Option<&str>) -> Result<Option<Settings>> {
        if !self.is_on {
            return Ok(None);
        }
        let Some(namespace) = namespace else {
            bail!("--self-managed stores a Secret: set its namespace with --own-namespace NAMESPACE");
        };
        let (authority_lifetime, leaf_lifetime) = (self.authority_lifetime, self.leaf_lifetime);
        let shortest = |flag: &str, lifetime: Duration, least: Duration| {
            ensure!(lifetime >= least, "--{flag}-lifetime must be at least {}", humantime::format_duration(least));
            Ok(())
        };
        shortest("authority", authority_lifetime, MIN_AUTHORITY_LIFETIME)?;
        shortest("leaf", leaf_lifetime, MIN_LEAF_LIFETIME)?;
        ensure!(leaf_lifetime < authority_lifetime, "--leaf-lifetime must be shorter than --authority-lifetime");
        let service = &self.service;
        let of_service = [
            format!("{service}.{namespace}.svc"),
            format!("{service}.{namespace}.svc.cluster.local"),
            format!("{service}.{namespace}"),
        ];
        Ok(Some(Settings {
            namespace: namespace.to_owned(),
            secret: self.authority_secret.clone(),
            webhook_configuration: self.webhook_configuration.clone(),
            hosts: of_service.into_iter().chain(url.map(|url| url.host.clone())).collect(),
            authority_lifetime,
            leaf_lifetime,
        }))
    }
}

/// The longest lifetime: 100 years, so that no date format overflows.
const MAX_LIFETIME: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

fn lifetime(text: &str) -> Result<Duration, String> {
    let lifetime = humantime::parse_duration(text).map_err(|error| format!("{error} (for example: 365d, 12h)"))?;
    if lifetime > MAX_LIFETIME { Err("it must be at most 36500d".to_owned()) } else { Ok(lifetime) }
}

/// Checks that a name is a DNS subdomain (RFC 1123), as the names of most Kubernetes objects must be.
fn dns_subdomain(name: &str) -> Result<String, String> {
    if name.len() > 253 {
        return Err("it must be at most 253 letters long".to_owned());
    }
    name.split('.').try_for_each(|label| dns_label(label).map(drop))?;
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Flags {
        #[command(flatten)]
        self_managed: SelfManaged,
        #[arg(long)]
        tls_cert: bool,
        #[arg(long)]
        register: bool,
        #[arg(long)]
        print_webhook_config: bool,
    }

    fn settings(flags: &[&str], url: Option<&str>, namespace: Option<&str>) -> Result<Option<Settings>> {
        let flags = Flags::try_parse_from(["quench"].iter().chain(flags))?;
        flags.self_managed.settings(url.map(|url| url.parse().unwrap()).as_ref(), namespace)
    }

    #[test]
    fn the_certificate_is_made_out_to_the_service_and_the_url() {
        assert!(settings(&[], None, None).unwrap().is_none());
        let kept = settings(&["--self-managed"], None, Some("ns")).unwrap().unwrap();
        assert_eq!(kept.hosts, ["quench.ns.svc", "quench.ns.svc.cluster.local", "quench.ns"]);
        assert_eq!((&*kept.namespace, &*kept.secret, &*kept.webhook_configuration), ("ns", "quench-ca", "quench"));
        let days = |days: u64| Duration::from_secs(days * 86_400);
        assert_eq!((kept.authority_lifetime, kept.leaf_lifetime), (days(365), days(30)));
        let flags = ["--self-managed", "--service", "hook", "--authority-secret", "a.b", "--leaf-lifetime", "5s"];
        let kept = settings(&flags, Some("https://[::1]:1/a"), Some("ns")).unwrap().unwrap();
        assert_eq!(kept.hosts, ["hook.ns.svc", "hook.ns.svc.cluster.local", "hook.ns", "::1"]);
        assert_eq!((&*kept.secret, kept.leaf_lifetime), ("a.b", Duration::from_secs(5)));
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for (flags, namespace, word) in [
            (&["--self-managed"][..], None, "--own-namespace"),
            (&["--self-managed", "--tls-cert"], Some("ns"), "--tls-cert"),
            (&["--self-managed", "--register"], Some("ns"), "--register"),
            (&["--self-managed", "--print-webhook-config"], Some("ns"), "--print-webhook-config"),
            (&["--service", "hook"], Some("ns"), "--self-managed"),
            (&["--self-managed", "--authority-lifetime", "9s"], Some("ns"), "at least 10s"),
            (&["--self-managed", "--leaf-lifetime", "4s"], Some("ns"), "at least 5s"),
            (&["--self-managed", "--authority-lifetime", "30d"], Some("ns"), "shorter"),
            (&["--self-managed", "--authority-lifetime", "101years"], Some("ns"), "36500d"),
            (&["--self-managed", "--authority-lifetime", "much"], Some("ns"), "365d"),
            (&["--self-managed", "--authority-secret", "a..b"], Some("ns"), "--authority-secret"),
            (&["--self-managed", "--webhook-configuration", "A"], Some("ns"), "--webhook-configuration"),
        ] {
            let refused = settings(flags, None, namespace).unwrap_err().to_string();
            assert!(refused.contains(word), "{flags:?}: {refused}");
        }
    }
}
