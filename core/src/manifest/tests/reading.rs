//! Checks the JSON of YAML and JSON texts, and the documents of streams.

use serde_json::{Value, json};

use super::json;
use crate::manifest::documents;

#[test]
fn streams_are_cut_at_markers_and_between_json_values() {
    for (stream, expected) in [
        ("", &[][..]),
        ("\n# c\n", &["\n# c\n"]),
        ("a: b", &["a: b"]),
        ("# a\n%YAML 1.2\n---\na: b\n", &["# a\n%YAML 1.2\n---\na: b\n"]),
        ("a: b\n---\nc: d\n--- # e\nf: g\n", &["a: b\n", "---\nc: d\n", "--- # e\nf: g\n"]),
        ("---\n---\n# c\n---\r\na: b\r\n", &["---\n", "---\n# c\n", "---\r\na: b\r\n"]),
        ("a: b\n...\n# c\n---\nd: e\n...\n", &["a: b\n...\n", "# c\n---\nd: e\n...\n"]),
        ("--- {a: b}\n--- |\n ---\n---\ttext\n", &["--- {a: b}\n", "--- |\n ---\n", "---\ttext\n"]),
        ("a: \"x\n---\ny\"\n", &["a: \"x\n", "---\ny\"\n"]),
        ("a: |\n  x\n---x\n----\n", &["a: |\n  x\n---x\n----\n"]),
        ("a: b\r---\rc: d\r", &["a: b\r", "---\rc: d\r"]),
        ("\u{feff}a: b\n\u{feff}---\nc: d\n", &["\u{feff}a: b\n", "\u{feff}---\nc: d\n"]),
        ("\u{feff}%YAML 1.2\n---\na: b\n", &["\u{feff}%YAML 1.2\n---\na: b\n"]),
        // JSON values need no separator.
        ("{\"a\":1}", &["{\"a\":1}"]),
        ("{\"a\":1}\n{\"b\":2}\n\n[3]\n", &["{\"a\":1}\n", "{\"b\":2}\n\n", "[3]\n"]),
        ("{\"a\":1} {\"b\":2}{}", &["{\"a\":1} ", "{\"b\":2}", "{}"]),
        ("\u{feff}\t{\n\t\"a\": 1\n}\r\n{\r\n}\r\n", &["\u{feff}\t{\n\t\"a\": 1\n}\r\n", "{\r\n}\r\n"]),
        ("---\n# c\n{}\n{}\n---\n{}\n", &["---\n# c\n{}\n", "{}\n", "---\n{}\n"]),
        ("{\"a\":1}\n{\"b\":}\n{\"c\":3}\n{\"d\":\n", &["{\"a\":1}\n", "{\"b\":}\n", "{\"c\":3}\n", "{\"d\":\n"]),
        ("{\"a\":1} # c\n", &["{\"a\":1} # c\n"]),
        ("{a: b}\n{c: d}\n", &["{a: b}\n{c: d}\n"]),
        ("[\n{a: b},\n{c: d}\n]\n", &["[\n{a: b},\n{c: d}\n]\n"]),
    ] {
        let documents = documents(stream);
        let texts: Vec<&str> = documents.iter().map(|document| document.text).collect();
        assert_eq!(texts, expected, "{stream}");
        let mut before = String::new();
        for document in documents {
            let lines = before.replace("\r\n", "\n").replace('\r', "\n").matches('\n').count();
            assert_eq!(document.line, lines + 1, "{stream}");
            before += document.text;
        }
    }
}

#[test]
fn texts_mean_what_kubernetes_reads() {
    for (text, expected) in [
        ("a: b\r\nc:\r\n- d\r\n-\te\r\n", json!({"a": "b", "c": ["d", "e"]})),
        ("a: [null, Null, ~, '', nULL]\nb:\n", json!({"a": [null, null, null, "", "nULL"], "b": null})),
        (
            "[y, Yes, on, TRUE, N, no, Off, false, yES]",
            json!([true, true, true, true, false, false, false, false, "yES"]),
        ),
        ("[1, -1, +1, 0x1f, 0o17, 017, 0b11, 1_000, -0x_f]", json!([1, -1, 1, 31, 15, 15, 3, 1000, -15])),
        ("[08, 1.5, 1., .5, 1e3, -2.5E-1, 1e21, 1e-7]", json!([8, 1.5, 1, 0.5, 1000, -0.25, 1e21, 1e-7])),
        ("[18446744073709551615, -9223372036854775808]", json!([u64::MAX, i64::MIN])),
        (
            "[.inf, -.INF, .nan, 1e999, 0x, '1', 1:30, 1.2.3]",
            json!([".inf", "-.INF", ".nan", "1e999", "0x", "1", "1:30", "1.2.3"]),
        ),
        ("[2001-01-01, +, ., -., 0o8, 1.5e, +-5]", json!(["2001-01-01", "+", ".", "-.", "0o8", "1.5e", "+-5"])),
        ("[!!str 1, !!int '1', !!float 1, !!bool 'no', !!null '', ! 1]", json!(["1", 1, 1, false, null, "1"])),
        ("[!!binary aGk=, !custom 1, !!set {a}, !!str , !!timestamp x]", json!(["hi", "1", {"a": null}, "", "x"])),
        ("1: a\n1.50: b\ntrue: c\n'~': d\n", json!({"1": "a", "1.5": "b", "true": "c", "~": "d"})),
        ("a: &x {b: 1}\nc: *x\nd: [*x]\n", json!({"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}]})),
        ("a: &x 1\nb: *x\nc: &x 2\nd: *x\n", json!({"a": 1, "b": 1, "c": 2, "d": 2})),
        ("a: &x b\n*x : c\n", json!({"a": "b", "b": "c"})),
        ("a: &x {b: 1, c: 1}\nd: {<<: *x, c: 2}\n", json!({"a": {"b": 1, "c": 1}, "d": {"b": 1, "c": 2}})),
        ("d: {<<: [{b: 1}, {b: 2, c: 2}], e: 3}\n", json!({"d": {"b": 1, "c": 2, "e": 3}})),
        ("a: &x {b: 1}\nc: &y {<<: *x}\nd: {<<: *y}\n", json!({"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1}})),
        ("'<<': {a: 1}\n", json!({"<<": {"a": 1}})),
        ("a: |\n  x\n\nb: >-\n  x\n  y\n\n  z\nc: |+\n  x\n\n", json!({"a": "x\n", "b": "x y\nz", "c": "x\n\n"})),
        ("a: |\n  x", json!({"a": "x"})),
        ("a: |\n  x\n  ", json!({"a": "x\n"})),
        ("a: |2\r\n   x\r\n  y\r\n", json!({"a": " x\ny\n"})),
        (
            "a: x\n  y # c\nb: \"x\n\n  y\\\n  z\\u00e9\\/\"\nc: 'it''s'\n",
            json!({"a": "x y", "b": "x\nyzé/", "c": "it's"}),
        ),
        ("a: x\u{85}y\u{2028}z\n", json!({"a": "x\u{85}y\u{2028}z"})),
        ("a: b#c\nd: {e: f:g, h, i: }\n", json!({"a": "b#c", "d": {"e": "f:g", "h": null, "i": null}})),
        ("%YAML 1.1\n---\n!!map {a: !!seq [b]}\n...\n", json!({"a": ["b"]})),
        ("--- text\n", json!("text")),
        ("--- |\n text\n", json!("text\n")),
        ("--- ~\n", json!(null)),
        ("? a\n: - b\n  - c\n", json!({"a": ["b", "c"]})),
        // JSON as kubectl writes it, and JSON that YAML readers refuse.
        (
            " {\t\"a\" : [1e2, -0.5, true, null, \"\\u002f\\/\\ud83d\\ude00\"]}\r\n",
            json!({"a": [1e2, -0.5, true, null, "//😀"]}),
        ),
        ("[]", json!([])),
        ("---\n# c\n{\"a\":\n\t{}}\n", json!({"a": {}})),
    ] {
        let read: Value = serde_json::from_str(&json(text).unwrap()).unwrap();
        assert_eq!(number(read), number(expected), "{text}");
    }
    let key = "k".repeat(2_000);
    assert_eq!(json(&format!("{{\"{key}\": 1}}")).unwrap(), format!("{{\"{key}\": 1}}"));
}

/// Returns the value with all numbers as floats, so that 1e2 equals 100.
fn number(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Array(items) => items.into_iter().map(number).collect(),
        Value::Object(members) => members.into_iter().map(|(key, value)| (key, number(value))).collect(),
        other => other,
    }
}

#[test]
fn comments_alone_are_no_document() {
    for text in ["# c\n", "---\n", "--- # c\n", "\u{feff}\n", "...\n", "%YAML 1.2\n---\n...\n", " \t\n"] {
        assert_eq!(json(text).as_deref(), Ok(""), "{text}");
    }
}
