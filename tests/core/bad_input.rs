//! Tests invalid and hostile bodies: they give a clear error or a kept image, never a panic, a hang or a lost field.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is how a test fails")]

use quench_core::answer::reply::reply;
use quench_core::catalog::Catalog;
use quench_core::decide::plan::{self, plan};
use quench_core::policy::{Mode, Policy};
use quench_core::presence::Existing;
use quench_core::read::review;
use serde_json::{Value, json};

/// The whole answer to a body: the reply, or the error with its causes.
fn answer(body: &[u8]) -> Result<Value, String> {
    let review = review::Request::parse(body).map_err(|error| {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    })?;
    let (policy, catalog) = (Policy::default(), Catalog::embedded());
    let Some(request) = plan::Request::of(&review, Mode::Enforce) else { return Ok(Value::Null) };
    let outcome = plan(&request, &policy, &catalog).settle(&Existing::declared());
    let reply: Value = serde_json::from_slice(&reply(&review.uid, &outcome)).unwrap();
    if let (Some(object), false) = (serde_json::from_slice::<Value>(body).ok(), outcome.changes().is_empty()) {
        let mut object = object["request"]["object"].clone();
        json_patch::patch(&mut object, &outcome.patch()).unwrap();
    }
    Ok(reply["response"].clone())
}

/// A review of a pod with that specification, as text.
fn pod(spec: &str) -> String {
    review("Pod", "CREATE", &format!(r#"{{"metadata":{{"name":"p"}},"spec":{spec}}}"#))
}

fn review(kind: &str, operation: &str, object: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{"uid":"u","kind":{{"group":"","version":"v1",
        "kind":"{kind}"}},"namespace":"n","operation":"{operation}","object":{object},"oldObject":null}}}}"#
    )
}

#[test]
fn what_is_no_review_is_refused() {
    let whole = pod(r#"{"containers":[]}"#);
    let beta = whole.replace("admission.k8s.io/v1", "admission.k8s.io/v1beta1");
    for (body, error) in [
        ("", "the body is not JSON: expected a value at byte 0, where the text ends"),
        ("not json", "the body is not JSON: expected a value at byte 0"),
        (&whole[..whole.len() - 3], "the body is not JSON: `request.oldObject`: expected a value at byte"),
        (&format!("{whole}x"), "the body is not JSON: expected the end at byte"),
        ("[]", "the body is not an AdmissionReview with a well-formed object: expected an object at byte 0"),
        ("{}", "expected kind `AdmissionReview` of apiVersion `admission.k8s.io/v1`, found kind `` of apiVersion ``"),
        (
            &beta,
            "expected kind `AdmissionReview` of apiVersion `admission.k8s.io/v1`, found kind `AdmissionReview` of apiVersion `admission.k8s.io/v1beta1`",
        ),
        (
            r#"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}"#,
            "the AdmissionReview has no request with a uid",
        ),
        (&whole.replace(r#""uid":"u""#, r#""uid":null"#), "the AdmissionReview has no request with a uid"),
        (&whole.replace("CREATE", "REPLACE\\n"), "`operation` must be CREATE, UPDATE, DELETE or CONNECT: `REPLACE\\n`"),
        (
            &pod(r#"{"containers":{}}"#),
            "the body is not an AdmissionReview with a well-formed object: `spec.containers`: expected an array at byte",
        ),
        (
            &pod(r#"{"containers":[{"image":5}]}"#),
            "the body is not an AdmissionReview with a well-formed object: `spec.containers.image`: expected a string at byte",
        ),
    ] {
        let refused = answer(body.as_bytes()).expect_err(body);
        assert!(refused.starts_with(error), "{body}\n{refused}");
    }
    let refused = answer(b"{\"kind\":\"\xff\"}").unwrap_err();
    assert!(refused.starts_with("the body is not UTF-8: invalid utf-8 sequence"), "{refused}");
}

#[test]
fn other_objects_pass() {
    for (kind, operation, object) in [
        ("Pod", "DELETE", "null"),
        ("Pod", "CONNECT", r#"{"kind":"PodExecOptions","stdin":true}"#),
        ("Pod", "CREATE", "null"),
        ("Widget", "CREATE", r#"{"spec":"a string"}"#),
        ("Widget", "CREATE", r#"{"spec":{"containers":"many"},"metadata":7}"#),
    ] {
        assert_eq!(answer(review(kind, operation, object).as_bytes()), Ok(Value::Null), "{kind} {operation} {object}");
    }
}

#[test]
fn nulls_change_nothing() {
    for spec in [
        "null",
        r#"{"containers":null,"initContainers":null,"volumes":null,"securityContext":null,"imagePullSecrets":null}"#,
        r#"{"containers":[null,{"name":null,"image":null,"ports":null,"securityContext":null,"command":null,"lifecycle":null}]}"#,
        r#"{"containers":[{"name":"c","image":"x","ports":[null],"securityContext":{"capabilities":{"add":[null]}}}],"volumes":[null]}"#,
    ] {
        let response = answer(pod(spec).as_bytes()).unwrap();
        assert_eq!((&response["allowed"], response.get("patch")), (&json!(true), None), "{spec}");
    }
}

#[test]
fn large_and_deep_objects_are_answered() {
    let containers: Vec<String> =
        (0..10_000).map(|n| format!(r#"{{"name":"c{n}","image":"memcached:1.6.45"}}"#)).collect();
    let response = answer(pod(&format!(r#"{{"containers":[{}]}}"#, containers.join(","))).as_bytes()).unwrap();
    assert!(response["patch"].is_string());
    assert_eq!(response["warnings"].as_array().unwrap().len(), 10);
    assert_eq!(response["warnings"][9], "and 9991 more");
    assert!(response["auditAnnotations"]["rewrites"].as_str().unwrap().len() <= 16 << 10);

    let deep = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let ignored = format!(r#"{{"containers":[{{"name":"c","image":"nginx:1.31.4"}}],"future":{deep}}}"#);
    let body = pod(&ignored);
    let review = review::Request::parse(body.as_bytes()).unwrap();
    let (policy, catalog) = (Policy::default(), Catalog::embedded());
    let outcome =
        plan(&plan::Request::of(&review, Mode::Enforce).unwrap(), &policy, &catalog).settle(&Existing::declared());
    assert_eq!(outcome.images().iter().filter(|(_, rewritten)| *rewritten).count(), 1);

    let nested = format!("{}null{}", r#"{"spec":{"template":"#.repeat(10_000), "}}".repeat(10_000));
    let refused = answer(review_of_template(&nested).as_bytes()).unwrap_err();
    assert!(refused.contains("expected objects that are not nested so deep"), "{refused}");
}

fn review_of_template(template: &str) -> String {
    review("Pod", "CREATE", &format!(r#"{{"spec":{{"template":{template}}}}}"#))
}

#[test]
fn hostile_strings_stay_on_their_line() {
    let long = "x".repeat(1 << 20);
    for (name, image) in [
        ("a\\nb\\u0000\\u202e", "nginx:1.31.4"),
        (&*long, "nginx:1.31.4"),
        ("c", &*long),
        ("c", "evil\\nWarning: all is well"),
        ("c", "\\ud83d\\ude00"),
    ] {
        let body = pod(&format!(
            r#"{{"containers":[{{"name":"{name}","image":"{image}","ports":[{{"containerPort":80}}]}}]}}"#
        ));
        let response = answer(body.as_bytes()).unwrap();
        let warnings = response["warnings"].as_array().unwrap();
        assert!(!warnings.is_empty());
        for warning in warnings {
            let warning = warning.as_str().unwrap();
            assert!(warning.len() <= 120 && warning.bytes().all(|b| (b' '..=b'~').contains(&b)), "{warning}");
        }
        for annotation in response["auditAnnotations"].as_object().unwrap().values() {
            assert!(annotation.as_str().unwrap().len() <= 16 << 10);
        }
    }
}

#[test]
fn lone_surrogates_are_refused_where_they_matter() {
    let matters = pod(r#"{"containers":[{"name":"\ud800","image":"nginx:1.31.4"}]}"#);
    let refused = answer(matters.as_bytes()).unwrap_err();
    assert!(refused.contains("expected a string without half surrogates"), "{refused}");
    let ignored = pod(r#"{"containers":[{"name":"c","image":"nginx:1.31.4","env":[{"value":"\ud800"}]}]}"#);
    assert!(review::Request::parse(ignored.as_bytes()).is_ok());
}
