//! The bodies that are sent, and what their images must become.

use std::borrow::Cow;
use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use aws_lc_rs::digest::{SHA256, digest};

/// The length of a uid.
pub(crate) const UID: usize = 36;

/// A body and what must come of it.
#[derive(Debug, Clone)]
pub(crate) struct Review {
    /// What it is called in the table.
    pub(crate) name: &'static str,
    /// The `AdmissionReview`.
    pub(crate) body: Cow<'static, str>,
    /// Where the uid of the request is in the body.
    pub(crate) uid: usize,
    /// What each image that is rewritten becomes.
    pub(crate) rewrites: &'static [(&'static str, &'static str)],
    /// Where hardened images are, in the place of `dhi.io`.
    registry: Option<String>,
}

/// Everything that is sent.
#[derive(Debug, Clone)]
pub(crate) struct Reviews {
    /// `kubectl run`: one container, rewritten.
    pub(crate) small: Review,
    /// A pod of a `ReplicaSet`: 3 of 3 images are rewritten.
    pub(crate) typical: Review,
    /// A `DaemonSet`: 7 of 9 images are rewritten.
    pub(crate) daemonset: Review,
    /// The typical pod with images that nobody hardens, in as many bytes.
    pub(crate) unchanged: Review,
}

/// The checksums of the files: a figure says something only about the very same bytes.
const FILES: [(&str, &str); 3] = [
    (include_str!("../reviews/small.json"), "a15157c9b08f6ba457a505f922fdb0498de98ed319d9a3aa98d143e3e25aceda"),
    (include_str!("../reviews/typical.json"), "41550d21596dcc899f6b69d2c8066e11036f0c3222e32ec39892a9b779fc7cbe"),
    (include_str!("../reviews/daemonset.json"), "0155baaf42894ed0425bdc0879cf256dea00a96a3b78160e872413a180047c44"),
];
const SMALL: &[(&str, &str)] = &[("nginx:1.31.4", "dhi.io/nginx:1.31.4")];
const TYPICAL: &[(&str, &str)] = &[
    ("busybox:1.37.0", "dhi.io/busybox:1.37.0"),
    ("docker.io/library/python:3.13-slim-bookworm", "dhi.io/python:3.13-debian12"),
    ("oliver006/redis_exporter:v1.89.0", "dhi.io/redis-exporter:1.89.0"),
];
const DAEMONSET: &[(&str, &str)] = &[(
    "quay.io/cilium/cilium:v1.19.7@sha256:3c4c9932b5d8368619cb922a497ff2ebc8def5f41c18e410bcc84025fcd385b1",
    "dhi.io/cilium:1.19.7",
)];

impl Reviews {
    /// The files, whose checksums must be right, and what is derived from them.
    pub(crate) fn load() -> Result<Self> {
        for (body, expected) in FILES {
            ensure!(sha256(body) == expected, "a file of benches/reviews has changed: {}", sha256(body));
        }
        let [(small, _), (typical, _), (daemonset, _)] = FILES;
        let private = TYPICAL.iter().fold(typical.to_owned(), |body, (image, _)| {
            let nobody_hardens = format!("r.io/{}:1", "a".repeat(image.len() - "r.io/:1".len()));
            body.replace(&format!(r#""image":"{image}""#), &format!(r#""image":"{nobody_hardens}""#))
        });
        ensure!(private != typical && private.len() == typical.len(), "images were not exchanged");
        Ok(Self {
            small: Review::new("small", small.into(), SMALL)?,
            typical: Review::new("typical", typical.into(), TYPICAL)?,
            daemonset: Review::new("daemonset", daemonset.into(), DAEMONSET)?,
            unchanged: Review::new("unchanged", private.into(), &[])?,
        })
    }

    /// All of them.
    pub(crate) fn all(&self) -> [&Review; 4] {
        [&self.small, &self.typical, &self.daemonset, &self.unchanged]
    }
}

impl Review {
    fn new(
        name: &'static str,
        body: Cow<'static, str>,
        rewrites: &'static [(&'static str, &'static str)],
    ) -> Result<Self> {
        let before = r#""request":{"uid":""#;
        let uid = body.find(before).context("a review has no uid")? + before.len();
        Ok(Self { name, body, uid, rewrites, registry: None })
    }

    /// The same where hardened images are in another registry.
    pub(crate) fn of_registry(&self, registry: &str) -> Self {
        Self { registry: Some(registry.to_owned()), ..self.clone() }
    }

    /// What `image` must become.
    pub(crate) fn expected(&self, image: &str) -> String {
        let to = self.rewrites.iter().find(|(from, _)| *from == image).map_or(image, |(_, to)| to);
        match (&self.registry, to.strip_prefix("dhi.io/")) {
            (Some(registry), Some(name)) => format!("{registry}/{name}"),
            _ => to.to_owned(),
        }
    }

    /// The checksum of the body.
    pub(crate) fn sha256(&self) -> String {
        sha256(&self.body)
    }
}

fn sha256(text: &str) -> String {
    let mut hexadecimal = String::new();
    for byte in digest(&SHA256, text.as_bytes()).as_ref() {
        // Writing to a string does not fail.
        let _ = write!(hexadecimal, "{byte:02x}");
    }
    hexadecimal
}
