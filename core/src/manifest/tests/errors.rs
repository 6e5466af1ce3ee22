//! Checks the errors of documents that cannot be read or changed.

use std::fmt::Write;

use super::{json, patched};
use crate::manifest::{MAX_DEPTH, documents};

#[test]
fn errors_say_where_what_and_the_cure() {
    for (text, expected) in [
        ("a: [b\nc: d\n", "line 2, column 2: not YAML: "),
        ("a: b: c\n", "line 1, column 5: not YAML: "),
        ("é: @b\n", "line 1, column 4: not YAML: unexpected character"),
        ("a:\n\t- b\n", "line 2, column 1: a tab cannot indent; use spaces"),
        ("a:\n  b: c\n\td: e\n", "line 3, column 1: a tab cannot indent; use spaces"),
        ("a: b\na: c\n", "line 2, column 1: the key `a` stands on line 1 already; remove one of them"),
        ("a: b\n\"\\u0061\": c\n", "line 2, column 1: the key `a` stands on line 1 already; remove one of them"),
        ("{\"a\":1,\n \"\\u0061\":2}", "line 2, column 2: the key `a` stands on line 1 already; remove one of them"),
        ("1: b\n'1': c\n", "line 2, column 1: the key `1` stands on line 1 already; remove one of them"),
        (
            "a: &x {}\nb: {<<: *x, <<: *x}\n",
            "line 2, column 13: the key `<<` stands on line 2 already; remove one of them",
        ),
        ("? [a]\n: b\n", "line 1, column 3: a key must be a text, a number, true or false; quote it"),
        ("~: b\n", "line 1, column 1: a key must be a text, a number, true or false; quote it"),
        ("a: *x\n", "line 1, column 4: no anchor `x` stands before this alias; define it above, in the same document"),
        ("a: &x [*x]\n", "line 1, column 8: the alias `*x` stands inside its own anchor; write the value out"),
        ("<<: a\n", "line 1, column 5: `<<` takes a mapping or a list of mappings"),
        ("a: &x [{}]\nb: {<<: *x}\n", "line 2, column 9: `<<` takes a mapping or a list of mappings"),
        (
            "b: {a: 1, <<: {a: 2}}\n",
            "line 1, column 11: readers disagree on `a`, which is written before `<<` and merged by it; write `<<` first",
        ),
        ("a: !!int b\n", "line 1, column 10: the value is no `!!int`; change it or remove the tag"),
        ("a: !!binary b\n", "line 1, column 13: the value is no `!!binary`; change it or remove the tag"),
        ("{\"a\": 1,, }", "line 1, column 9: not JSON: expected a key"),
        ("{\"a\": 01]", "line 1, column 7: not JSON: expected a number"),
        ("{\"a\": \"\\ud800\"}", "line 1, column 7: not JSON: expected a string with valid escapes"),
        ("{\"a\": [1, 2}", "line 1, column 12: not JSON: expected `,` or `]`"),
        ("{\"a\":\n", "line 2, column 1: not JSON: expected a value"),
    ] {
        let error = json(text).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}\n{error}");
    }
}

#[test]
fn errors_count_from_the_start_of_the_stream() {
    let stream = "a: b\r\n---\r\nc: d\r\n--- # x\r\na:\r\n\t- b\r\n---\n{\"a\":1} {\"b\": [}\n";
    let found: Vec<String> =
        documents(stream).iter().filter_map(|document| document.parse().err()).map(|error| error.to_string()).collect();
    assert_eq!(
        found,
        ["line 6, column 1: a tab cannot indent; use spaces", "line 8, column 16: not JSON: expected a value"]
    );
}

#[test]
fn hostile_texts_have_an_end() {
    let mut laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    let mut merges = "a: &a {x: 1}\n".to_owned();
    let mut chain = "a: &a [x]\n".to_owned();
    for (before, name) in ('a'..='y').zip('b'..='z') {
        writeln!(laughs, "{name}: &{name} [{}]", vec![format!("*{before}"); 9].join(", ")).unwrap();
        writeln!(merges, "{name}: &{name} {{<<: [{}], {name}{name}: 1}}", vec![format!("*{before}"); 5_000].join(", "))
            .unwrap();
        writeln!(chain, "{name}: &{name} {}*{before}{}", "[".repeat(9), "]".repeat(9)).unwrap();
    }
    let long = format!("a: &a \"{}\"\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 1_000].join(", "));
    for text in [laughs, merges, long] {
        let error = json(&text).unwrap_err().to_string();
        assert!(
            error.contains("the aliases up to here stand for more than 16777216 bytes; write less with them"),
            "{error}"
        );
    }
    let chain = json(&chain).unwrap_err().to_string();
    assert!(chain.contains("nested deeper than 100 levels"), "{chain}");
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{a: ", "}"), ("- ", "")] {
        let nested = |depth: usize| {
            let end = if close.is_empty() { "x" } else { "1" };
            json(&format!("{}{end}{}", open.repeat(depth), close.repeat(depth)))
        };
        assert!(nested(MAX_DEPTH).is_ok(), "{open}");
        assert!(nested(MAX_DEPTH + 1).unwrap_err().to_string().contains("nested deeper than 100 levels"), "{open}");
        assert!(nested(100_000).is_err(), "{open}");
    }
}

#[test]
fn other_changes_are_refused() {
    let unusual = "line 1: the text is too unusual to edit; change `/a` by hand";
    let only_texts = "a text becomes another text only, and something else only what is empty";
    for (text, patch, expected) in [
        ("a: b\n", "/c=x", "line 1: the document has no `/c` to change".to_owned()),
        ("a: b\n", "/a/c+x", "line 1: the document has no `/a/c` to change".to_owned()),
        ("a:\n", "/a/c+x", "line 1: the document has no `/a/c` to change".to_owned()),
        ("\n\na: [b]\n", "/a/3+x", "line 1: the document has no `/a/3` to change".to_owned()),
        ("a: [b]\n", "/a/0+x", "line 1, column 5: cannot change `/a/0` in the text: items are added at the end only".to_owned()),
        ("a: [b]\n", "/a=x", format!("line 1, column 4: cannot change `/a` in the text: {only_texts}")),
        ("a: b\n", "/a=[1]", format!("line 1, column 4: cannot change `/a` in the text: {only_texts}")),
        ("a: 'b'\n", "/a=1", "line 1, column 4: cannot change `/a` in the text: a text becomes another text only".to_owned()),
        ("a: !!null\n", "/a+[1]", "line 1, column 4: cannot change `/a` in the text: its tag says what it is; remove the tag".to_owned()),
        ("a:\n  b: |\n    c", "/a/d+1",
            "line 2, column 3: cannot change `/a` in the text: the document ends in a text in lines; end it with a line break".to_owned()),
        ("- a\n-\n", "/1=x", "line 2, column 2: cannot change `/1` in the text: nothing is written there; write `null`".to_owned()),
        // The tag changes the text, so the edited document would not read as patched.
        ("a: !!binary aGk=\n", "/a=x", unusual.to_owned()),
        // The anchored value is also used as a key.
        ("a: &x b\n*x : c\n", "/a=x", unusual.to_owned()),
    ] {
        assert_eq!(patched(text, patch), Err(expected), "{text} {patch}");
    }
    let remove = serde_json::from_str(r#"[{"op": "remove", "path": "/a"}]"#).unwrap();
    let error = documents("a: b\n")[0].parse().unwrap().unwrap().patched(&remove).unwrap_err().to_string();
    assert_eq!(error, "line 1, column 4: cannot change `/a` in the text: only `add` and `replace` are known here");
}
