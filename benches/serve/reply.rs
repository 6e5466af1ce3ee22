//! Whether a reply is right: the first one by what it does to the object, all others byte for byte.

#![expect(clippy::indexing_slicing, reason = "what a JSON value lacks reads as null")]

use anyhow::{Context, Result, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use json_patch::Patch;
use serde_json::Value;

use crate::reviews::{Review, UID};

/// The annotation that keeps what the images were.
const RECORD: &str = "quench.dev/original-images";

/// What every reply to a review must be.
#[derive(Debug, Clone)]
pub(crate) struct Expected {
    body: Vec<u8>,
    /// Where it repeats the uid of the request; None where it is always the same.
    uid: Option<usize>,
}

impl Expected {
    /// The same bytes for every review.
    pub(crate) fn constant(body: Vec<u8>) -> Self {
        Self { body, uid: None }
    }

    /// Learns from a first reply, which must do what the review needs and nothing else.
    pub(crate) fn learn(review: &Review, sent: &str, reply: &[u8]) -> Result<Self> {
        check(review, sent, reply).with_context(|| format!("the first reply to {} is wrong", review.name))?;
        let uid = sent.get(review.uid..review.uid + UID).context("the body has no uid")?;
        let at = reply.windows(UID).position(|window| window == uid.as_bytes()).context("the reply has no uid")?;
        Ok(Self { body: reply.to_vec(), uid: Some(at) })
    }

    /// Whether `reply` is what it must be to the request of `uid`.
    pub(crate) fn is(&self, reply: &[u8], uid: &[u8]) -> bool {
        let Some(at) = self.uid else { return self.body == reply };
        reply.len() == self.body.len()
            && reply.get(..at) == self.body.get(..at)
            && reply.get(at..at + UID) == Some(uid)
            && reply.get(at + UID..) == self.body.get(at + UID..)
    }
}

/// Applies the reply's patch: images become what they must, and besides them only pull secrets and the record appear.
fn check(review: &Review, sent: &str, reply: &[u8]) -> Result<()> {
    let sent: Value = serde_json::from_str(sent)?;
    let reply: Value = serde_json::from_slice(reply)?;
    let (object, response) = (&sent["request"]["object"], &reply["response"]);
    ensure!(reply["kind"] == "AdmissionReview" && reply["apiVersion"] == "admission.k8s.io/v1", "no review: {reply}");
    ensure!(response["uid"] == sent["request"]["uid"] && response["allowed"] == true, "not allowed: {reply}");

    let mut patched = object.clone();
    match patch(&response["patch"])? {
        Some(patch) if response["patchType"] == "JSONPatch" => json_patch::patch(&mut patched, &patch)?,
        None if response["patchType"].is_null() => {}
        _ => bail!("patch and patchType do not go together: {reply}"),
    }
    let mut expected = object.clone();
    let spec = if object["kind"] == "Pod" { "/spec" } else { "/spec/template/spec" };
    for list in ["initContainers", "containers"] {
        let containers = expected.pointer_mut(&format!("{spec}/{list}")).and_then(Value::as_array_mut);
        for image in containers.into_iter().flatten().filter_map(|container| container.get_mut("image")) {
            *image = review.expected(image.as_str().unwrap_or_default()).into();
        }
    }
    if !review.rewrites.is_empty() && object["kind"] == "Pod" {
        let secrets = &patched["spec"]["imagePullSecrets"];
        ensure!(*secrets == serde_json::json!([{"name": "dhi-pull-secret"}]), "no pull secret: {secrets}");
        expected["spec"]["imagePullSecrets"] = secrets.clone();
    }
    if let Some(record) = patched["metadata"]["annotations"].get(RECORD) {
        expected["metadata"]["annotations"][RECORD] = record.clone();
    }
    ensure!(patched == expected, "expected {expected}\nfound {patched}");
    Ok(())
}

/// The patch of a reply: base64 text, or the array of bytes that kube 5.0 writes.
fn patch(written: &Value) -> Result<Option<Patch>> {
    let bytes = match written {
        Value::Null => return Ok(None),
        Value::String(text) => STANDARD.decode(text)?,
        bytes => serde_json::from_value(bytes.clone())?,
    };
    Ok(Some(serde_json::from_slice(&bytes)?))
}
