//! Reads and writes the Secret of the certificate authority: the current authority, its successor, and the bundle.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Chain;
use k8s_openapi::ByteString;
use quench_certs::{Authority, Bundle, Error};
use serde_json::{Value, json};

/// The data key with the current authority's certificate.
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";
/// The data key with the bundle of all trusted authorities.
const BUNDLE: &str = "ca.crt";
/// The data key with the successor's certificate, if there is a successor.
const NEXT_CERTIFICATE: &str = "next.crt";
const NEXT_KEY: &str = "next.key";

/// The contents of a valid Secret.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    /// The authority that signs the certificates of all replicas.
    pub(super) current: Arc<Authority>,
    /// The successor, which signs once all clients trust it.
    pub(super) next: Option<Arc<Authority>>,
    pub(super) bundle: Bundle,
}

/// The Secret as it was read.
#[derive(Debug)]
pub(super) enum Found {
    /// The Secret does not exist, or has no data of quench.
    Nothing,
    /// The Secret has no usable authority; `bundle` has the certificates that can be read.
    Garbage {
        reason: String,
        bundle: Bundle,
    },
    Kept(Kept),
}

impl Found {
    pub(super) fn read(data: &BTreeMap<String, ByteString>) -> Self {
        let text = |key: &str| data.get(key).map(|value| String::from_utf8_lossy(&value.0)).unwrap_or_default();
        let authority =
            |certificate: &str, key: &str| Authority::from_pem(&text(certificate), &text(key)).map(Arc::new);
        if [CERTIFICATE, KEY, BUNDLE].map(text).iter().all(|text| text.is_empty()) {
            return Self::Nothing;
        }
        let bundle = Bundle::read(text(BUNDLE).as_bytes());
        match authority(CERTIFICATE, KEY) {
            Ok(current) => Self::Kept(Kept { current, next: authority(NEXT_CERTIFICATE, NEXT_KEY).ok(), bundle }),
            Err(error) => {
                // An authority without a key signs no more certificates, but may have signed some that are in use.
                let readable = Bundle::read(text(CERTIFICATE).as_bytes()).into_iter().chain(bundle).collect();
                Self::Garbage { reason: reason(&error), bundle: readable }
            }
        }
    }
}

fn reason(error: &Error) -> String {
    let causes = Chain::new(error).map(ToString::to_string).collect::<Vec<_>>().join(": ");
    format!("`{CERTIFICATE}` and `{KEY}`: {causes}")
}

impl Kept {
    /// Returns the contents as a merge patch of the Secret's `data`.
    pub(super) fn data(&self) -> Value {
        let bytes = |text: String| json!(ByteString(text.into_bytes()));
        let next = self.next.as_ref();
        json!({
            CERTIFICATE: bytes(self.current.certificate_pem()),
            KEY: bytes(self.current.key_pem()),
            BUNDLE: bytes(self.bundle.pem()),
            NEXT_CERTIFICATE: next.map(|next| bytes(next.certificate_pem())),
            NEXT_KEY: next.map(|next| bytes(next.key_pem())),
        })
    }

    /// Reports whether both have the same authorities, whatever the PEM text and the order of the bundle.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let next = |kept: &Self| kept.next.as_ref().map(|next| next.trusted().clone());
        self.current.trusted() == other.current.trusted()
            && next(self) == next(other)
            && self.bundle.is_same(&other.bundle)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use quench_certs::Trusted;

    use super::*;

    fn authority(name: &str) -> Arc<Authority> {
        Arc::new(Authority::new(name, SystemTime::now(), Duration::from_secs(600)).unwrap())
    }

    fn names(bundle: &Bundle) -> Vec<&str> {
        bundle.iter().map(Trusted::name).collect()
    }

    /// Returns the Secret's data after the patch.
    fn patched(kept: &Kept) -> BTreeMap<String, ByteString> {
        let values = kept.data().as_object().unwrap().clone();
        let values = values.into_iter().filter(|(_, value)| !value.is_null());
        values.map(|(key, value)| (key, serde_json::from_value(value).unwrap())).collect()
    }

    #[test]
    fn what_was_written_is_read() {
        let (one, two) = (authority("one"), authority("two"));
        let bundle: Bundle = [&one, &two].map(|authority| authority.trusted().clone()).into_iter().collect();
        for next in [None, Some(two.clone())] {
            let kept = Kept { current: one.clone(), next, bundle: bundle.clone() };
            let Found::Kept(found) = Found::read(&patched(&kept)) else { panic!("not kept") };
            assert!(found.is_same(&kept));
            assert_eq!(found.current.key_pem(), one.key_pem());
        }
    }

    #[test]
    fn two_that_differ_in_anything_are_not_the_same() {
        let [one, two] = ["one", "two"].map(authority);
        let bundle =
            |of: &[&Arc<Authority>]| of.iter().map(|authority| authority.trusted().clone()).collect::<Bundle>();
        let kept = Kept { current: one.clone(), next: Some(two.clone()), bundle: bundle(&[&one, &two]) };
        for other in [
            Kept { current: two.clone(), ..kept.clone() },
            Kept { next: None, ..kept.clone() },
            Kept { next: Some(one.clone()), ..kept.clone() },
            Kept { bundle: bundle(&[&one]), ..kept.clone() },
        ] {
            assert!(!kept.is_same(&other) && !other.is_same(&kept), "{other:?}");
        }
        assert!(kept.is_same(&Kept { bundle: bundle(&[&two, &one]), ..kept.clone() }));
    }

    #[test]
    fn what_cannot_be_used_is_named_and_what_is_trusted_survives() {
        let [one, two] = ["one", "two"].map(authority);
        let bundle = [two.trusted().clone()].into_iter().collect();
        let good = patched(&Kept { current: one.clone(), next: Some(two.clone()), bundle });
        let with = |changes: &[(&str, &str)]| {
            let mut data = good.clone();
            for (key, value) in changes {
                data.insert((*key).to_owned(), ByteString(value.as_bytes().to_vec()));
            }
            Found::read(&data)
        };
        for (changes, words, trusted) in [
            (&[("tls.crt", "garbage")][..], "no certificate of an authority", &["two"][..]),
            (&[("tls.crt", "")], "no certificate of an authority", &["two"]),
            (&[("tls.key", "garbage")], "no private key that can sign", &["one", "two"]),
            (&[("tls.key", &two.key_pem())], "does not belong", &["one", "two"]),
            (&[("tls.crt", "\0"), ("ca.crt", "\0")], "no certificate", &[]),
        ] {
            let Found::Garbage { reason, bundle } = with(changes) else { panic!("{changes:?}") };
            assert!(reason.contains(words) && reason.contains("tls.key"), "{reason}");
            assert_eq!(names(&bundle), trusted, "{changes:?}");
        }
        assert!(matches!(with(&[("tls.crt", ""), ("tls.key", ""), ("ca.crt", "")]), Found::Nothing));
        assert!(matches!(Found::read(&BTreeMap::new()), Found::Nothing));
        // An unusable successor counts as none, and the bundle is made again.
        let Found::Kept(kept) = with(&[("next.key", "garbage"), ("ca.crt", "garbage")]) else { panic!("not kept") };
        assert!(kept.next.is_none() && names(&kept.bundle).is_empty());
    }
}
