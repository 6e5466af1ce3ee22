//! Writes the body of the webhook's reply to an admission review.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::outcome::Outcome;
use crate::text::json::push_string;

/// Returns the `AdmissionReview` (JSON) that answers the request with `uid`.
pub fn reply(uid: &str, outcome: &Outcome<'_>) -> Vec<u8> {
    let mut body = String::with_capacity(2048);
    body.push_str(r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{"uid":"#);
    push_string(&mut body, uid);
    if let Some(message) = outcome.denial() {
        body.push_str(r#","allowed":false,"status":{"code":403,"reason":"Forbidden","message":"#);
        push_string(&mut body, message);
        body.push('}');
    } else if outcome.changes().is_empty() {
        body.push_str(r#","allowed":true"#);
    } else {
        body.push_str(r#","allowed":true,"patchType":"JSONPatch","patch":""#);
        STANDARD.encode_string(outcome.patch_text(), &mut body);
        body.push('"');
    }
    let mut before = r#","warnings":["#;
    for warning in outcome.warnings() {
        body.push_str(before);
        push_string(&mut body, warning);
        before = ",";
    }
    if before == "," {
        body.push(']');
    }
    let audit = outcome.audit_annotations();
    before = r#","auditAnnotations":{"#;
    for (name, value) in [("rewrites", &audit.rewrites), ("kept", &audit.kept), ("hazards", &audit.hazards)] {
        let Some(value) = value else { continue };
        body.push_str(before);
        body.extend(["\"", name, "\":\"", value.escaped(), "\""]);
        before = ",";
    }
    body.push_str(if before == "," { "}}}" } else { "}}" });
    body.into_bytes()
}
