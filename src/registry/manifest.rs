//! Reads manifests and indexes (OCI image specification, and Docker's formats).

use std::fmt;

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use quench_core::presence::Published;
use serde::de::{Error, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// The header in which the registry states the digest of the content.
const CONTENT_DIGEST: &str = "docker-content-digest";
const INDEXES: [&str; 2] =
    ["application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"];
const MANIFESTS: [&str; 2] =
    ["application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json"];
/// The `Accept` header: all types that are read, indexes first.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json";

/// The media types of image configurations; other artifacts have other types.
const CONFIGURATIONS: [&str; 2] =
    ["application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"];
/// The most platforms that are stored per image, and the longest name of one, so that no image fills the memory.
const MAX_PLATFORMS: usize = 64;
const MAX_PLATFORM: usize = 64;
/// The most manifests in an index, attestations included.
const MAX_MANIFESTS: usize = 1000;

/// The reason why an answer for a manifest cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unreadable {
    /// The media type is unknown, such as an HTML page or a manifest of schema 1.
    #[error("the answer is neither a manifest nor an index")]
    Type,
    /// The body is damaged, or does not match its media type.
    #[error("the body does not match its media type")]
    Body,
    /// The body does not match its digest: it was changed on the way, or the registry is broken.
    #[error("the digest does not match the body")]
    Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    media_type: Option<String>,
    #[serde(deserialize_with = "few")]
    manifests: Vec<Descriptor>,
    config: Option<IgnoredAny>,
    layers: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: Option<String>,
    digest: Option<Box<str>>,
    platform: Option<Platform>,
}

/// Reads the manifests of an index up to [`MAX_MANIFESTS`]: an answer of 4 MiB could list a million manifests, which
/// would take many times that memory.
fn few<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Descriptor>, D::Error> {
    struct Few;

    impl<'de> Visitor<'de> for Few {
        type Value = Vec<Descriptor>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {MAX_MANIFESTS} manifests")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut manifests: A) -> Result<Self::Value, A::Error> {
            let mut few = Vec::new();
            while let Some(manifest) = manifests.next_element()? {
                if few.len() == MAX_MANIFESTS {
                    return Err(A::Error::invalid_length(MAX_MANIFESTS + 1, &self));
                }
                few.push(manifest);
            }
            Ok(few)
        }
    }

    deserializer.deserialize_seq(Few)
}

/// The platform in a descriptor or in an image configuration.
#[derive(Deserialize)]
pub(super) struct Platform {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    variant: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    media_type: Option<String>,
    config: Descriptor,
    manifests: Option<IgnoredAny>,
}

/// A manifest or an index that was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) published: Published,
    pub(super) content: Content,
}

/// The kind of content, with the digest of the document to read next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// An index; with the digest of a Linux manifest, if it has one.
    Index(Option<Box<str>>),
    /// A manifest; with the digest of its configuration, if it is an image.
    Manifest(Option<Box<str>>),
}

/// Reads the answer to a GET request. `asked`: the digest in the request, if any.
pub(super) fn read(headers: &HeaderMap, body: &[u8], asked: Option<&str>) -> Result<Read, Unreadable> {
    let media_type = media_type(headers).ok_or(Unreadable::Type)?;
    let stated = content_digest(headers);
    for expected in asked.iter().chain(&stated) {
        if !is_digest_of(expected, body) {
            return Err(Unreadable::Digest);
        }
    }
    let digest = asked.or(stated).map_or_else(|| sha256(body), str::to_owned);
    let mut platforms = Vec::new();
    let (written, content, is_both) = if INDEXES.contains(&media_type) {
        let index: Index = serde_json::from_slice(body).map_err(|_| Unreadable::Body)?;
        let content = Content::Index(linux(&index.manifests));
        platforms.extend(index.manifests.into_iter().filter_map(|manifest| manifest.platform?.named()));
        platforms.sort_unstable();
        platforms.dedup();
        platforms.truncate(MAX_PLATFORMS);
        (index.media_type, content, index.config.is_some() || index.layers.is_some())
    } else {
        let manifest: Manifest = serde_json::from_slice(body).map_err(|_| Unreadable::Body)?;
        let is_image = |written: &String| CONFIGURATIONS.contains(&&**written);
        let config = Some(manifest.config).filter(|config| config.media_type.as_ref().is_some_and(is_image));
        (manifest.media_type, Content::Manifest(config.and_then(|config| config.digest)), manifest.manifests.is_some())
    };
    // Two readers could understand such a body differently (the warning about `mediaType` in the specification;
    // CVE-2021-41190).
    if is_both || written.is_some_and(|written| written != media_type) {
        return Err(Unreadable::Body);
    }
    Ok(Read { published: Published { tag: None, digest: digest.into(), platforms, user: None }, content })
}

/// Returns the digest of a Linux manifest, `amd64` first. Its user holds for all platforms; only programs differ.
fn linux(manifests: &[Descriptor]) -> Option<Box<str>> {
    let of = |architecture: Option<&str>| {
        let is_linux = |platform: &Platform| {
            platform.is_known()
                && platform.os == "linux"
                && architecture.is_none_or(|known| platform.architecture == known)
        };
        let mut found = manifests.iter().filter(|manifest| manifest.platform.as_ref().is_some_and(is_linux));
        found.find_map(|manifest| manifest.digest.clone())
    };
    of(Some("amd64")).or_else(|| of(None))
}

/// Returns the digest that the registry states in a header.
pub(super) fn content_digest(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_DIGEST)?.to_str().ok()
}

/// Returns the media type of an answer; `None` if it is not a manifest or index type that quench reads.
pub(super) fn media_type(headers: &HeaderMap) -> Option<&'static str> {
    let written = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let bare = written.split_once(';').map_or(written, |(bare, _)| bare).trim();
    INDEXES.into_iter().chain(MANIFESTS).find(|known| bare.eq_ignore_ascii_case(known))
}

impl Platform {
    /// Reports whether the platform is real; attestations have `unknown/unknown`.
    fn is_known(&self) -> bool {
        let known = |part: &str| !part.is_empty() && part != "unknown";
        known(&self.os) && known(&self.architecture)
    }

    /// Returns the name `os/architecture[/variant]`; `None` if the platform is unknown or its name too long.
    pub(super) fn named(self) -> Option<Box<str>> {
        if !self.is_known() {
            return None;
        }
        let variant = self.variant.filter(|variant| !variant.is_empty()).map(|variant| format!("/{variant}"));
        let name = format!("{}/{}{}", self.os, self.architecture, variant.unwrap_or_default());
        (name.len() <= MAX_PLATFORM).then(|| name.into())
    }
}

/// Reports whether `digest` is the digest of `body`; false if its algorithm is unknown.
pub(super) fn is_digest_of(digest: &str, body: &[u8]) -> bool {
    digest_like(digest, body).as_deref() == Some(digest)
}

fn sha256(body: &[u8]) -> String {
    hex("sha256", digest(&SHA256, body).as_ref())
}

/// Computes the digest of `body` with the algorithm of `expected`; `None` if it is unknown.
fn digest_like(expected: &str, body: &[u8]) -> Option<String> {
    match expected.split_once(':')?.0 {
        "sha256" => Some(sha256(body)),
        "sha384" => Some(hex("sha384", digest(&SHA384, body).as_ref())),
        "sha512" => Some(hex("sha512", digest(&SHA512, body).as_ref())),
        _ => None,
    }
}

fn hex(algorithm: &str, digest: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    let digits = digest.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    [algorithm, ":"].into_iter().flat_map(str::chars).chain(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INDEX: &str = r#"{"schemaVersion":2,"manifests":[
        {"digest":"sha256:a","platform":{"os":"linux","architecture":"arm64","variant":"v8"}},
        {"digest":"sha256:b","platform":{"os":"linux","architecture":"amd64"}},
        {"digest":"sha256:c","platform":{"os":"linux","architecture":"amd64"}},
        {"digest":"sha256:d","platform":{"os":"unknown","architecture":"unknown"}},
        {"digest":"sha256:e"}]}"#;
    const MANIFEST: &str = r#"{"schemaVersion":2,"config":{"digest":"sha256:a"},"layers":[]}"#;

    fn read(media_type: &str, stated: Option<&str>, body: &str, asked: Option<&str>) -> Result<Published, Unreadable> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, media_type.parse().unwrap());
        if let Some(stated) = stated {
            headers.insert(CONTENT_DIGEST, stated.parse().unwrap());
        }
        super::read(&headers, body.as_bytes(), asked).map(|read| read.published)
    }

    fn of(body: &str, platforms: &[&str]) -> Published {
        let platforms = platforms.iter().copied().map(Into::into).collect();
        Published { tag: None, digest: sha256(body.as_bytes()).into(), platforms, user: None }
    }

    #[test]
    fn indexes_and_manifests_are_read() {
        let platforms = ["linux/amd64", "linux/arm64/v8"];
        for media_type in INDEXES {
            assert_eq!(read(media_type, None, INDEX, None), Ok(of(INDEX, &platforms)), "{media_type}");
        }
        for media_type in MANIFESTS {
            assert_eq!(read(media_type, None, MANIFEST, None), Ok(of(MANIFEST, &[])), "{media_type}");
        }
        let loud = "Application/vnd.oci.image.index.v1+JSON; charset=utf-8";
        assert_eq!(read(loud, None, INDEX, None), Ok(of(INDEX, &platforms)));
        assert!(INDEXES.iter().chain(&MANIFESTS).all(|known| ACCEPTED.contains(known)));
    }

    #[test]
    fn what_cannot_be_read_says_so() {
        let agreed = format!(r#"{{"mediaType":"{}","config":{{}}}}"#, MANIFESTS[0]);
        assert!(read(MANIFESTS[0], None, &agreed, None).is_ok());
        for (media_type, body, error) in [
            ("text/html", MANIFEST, Unreadable::Type),
            ("application/vnd.docker.distribution.manifest.v1+prettyjws", MANIFEST, Unreadable::Type),
            (INDEXES[0], MANIFEST, Unreadable::Body),
            (MANIFESTS[0], INDEX, Unreadable::Body),
            (MANIFESTS[0], "{", Unreadable::Body),
            (MANIFESTS[0], "<html>", Unreadable::Body),
            (MANIFESTS[1], &agreed, Unreadable::Body),
            (INDEXES[0], r#"{"manifests":null}"#, Unreadable::Body),
            (INDEXES[0], r#"{"manifests":[],"config":{}}"#, Unreadable::Body),
            (INDEXES[0], r#"{"manifests":[],"layers":[]}"#, Unreadable::Body),
            (MANIFESTS[0], r#"{"manifests":[],"config":{}}"#, Unreadable::Body),
        ] {
            assert_eq!(read(media_type, None, body, None), Err(error), "{media_type} {body}");
        }
    }

    #[test]
    fn an_index_of_more_manifests_than_any_image_has_is_none() {
        let index = |count| format!(r#"{{"manifests":[{}]}}"#, vec!["{}"; count].join(","));
        assert!(read(INDEXES[0], None, &index(MAX_MANIFESTS), None).is_ok());
        assert_eq!(read(INDEXES[0], None, &index(MAX_MANIFESTS + 1), None), Err(Unreadable::Body));
    }

    #[test]
    fn every_digest_is_computed_again() {
        let right = sha256(MANIFEST.as_bytes());
        let long = hex("sha512", digest(&SHA512, MANIFEST.as_bytes()).as_ref());
        let wrong = format!("sha256:{}", "0".repeat(64));
        let read = |stated, asked| read(MANIFESTS[0], stated, MANIFEST, asked).map(|published| published.digest);
        assert_eq!(right, "sha256:9271b9eadd70dba0e0cf53ab52fc18ba8095c5fc8df6b2e7ab47b6ccacd9ba30");
        assert_eq!(read(Some(&right), None).as_deref(), Ok(&*right));
        assert_eq!(read(Some(&right), Some(&right)).as_deref(), Ok(&*right));
        assert_eq!(read(Some(&right), Some(&long)).as_deref(), Ok(&*long));
        for (stated, asked) in [(Some(&*wrong), None), (None, Some(&*wrong)), (Some("md5:0"), None), (Some("?"), None)]
        {
            assert_eq!(read(stated, asked), Err(Unreadable::Digest), "{stated:?} {asked:?}");
        }
    }

    #[test]
    fn what_leads_to_the_configuration_is_found() {
        let content = |media_type: &str, body: &str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, media_type.parse().unwrap())]);
            super::read(&headers, body.as_bytes(), None).unwrap().content
        };
        let index = |manifests: &str| content(INDEXES[0], &format!(r#"{{"manifests":[{manifests}]}}"#));
        let manifest = |config: &str| content(MANIFESTS[0], &format!(r#"{{"config":{config}}}"#));
        let on = |digest: &str, os: &str, architecture: &str| {
            format!(r#"{{"digest":"{digest}","platform":{{"os":"{os}","architecture":"{architecture}"}}}}"#)
        };
        assert_eq!(content(INDEXES[0], INDEX), Content::Index(Some("sha256:b".into())));
        let (windows, s390x) = (on("w", "windows", "amd64"), on("s", "linux", "s390x"));
        assert_eq!(index(&format!("{windows},{s390x}")), Content::Index(Some("s".into())));
        assert_eq!(index(&format!("{windows},{}", on("u", "linux", "unknown"))), Content::Index(None));
        assert_eq!(index(""), Content::Index(None));
        for media_type in CONFIGURATIONS {
            let config = format!(r#"{{"mediaType":"{media_type}","digest":"c"}}"#);
            assert_eq!(manifest(&config), Content::Manifest(Some("c".into())));
        }
        for artifact in [r#"{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"c"}"#, "{}"] {
            assert_eq!(manifest(artifact), Content::Manifest(None), "{artifact}");
        }
        let many: Vec<_> = (0..1000).map(|n| on("d", "linux", &format!("a{n}"))).collect();
        assert_eq!(
            read(INDEXES[0], None, &format!(r#"{{"manifests":[{}]}}"#, many.join(",")), None).unwrap().platforms.len(),
            64
        );
    }
}
