use std::ops::Deref;

use serde_json::Value;

use super::*;

#[test]
fn text_borrows_unless_it_holds_escapes() {
    for (json, text, borrowed) in [(r#""plain""#, "plain", true), (r#""a\u0026b""#, "a&b", false), ("null", "", true)] {
        let text_of: Text<'_> = read(json).unwrap();
        assert_eq!((&*text_of, text_of.is_borrowed()), (text, borrowed), "{json}");
    }
}

#[test]
fn lists_keep_positions() {
    let list: List<Text<'_>> = read(r#"["a",null,"c"]"#).unwrap();
    assert_eq!(list.iter().map(Deref::deref).collect::<Vec<_>>(), ["a", "", "c"]);
    assert_eq!(read::<List<Text<'_>>>("null").unwrap(), List::default());
    assert_eq!(read::<List<Text<'_>>>("[ ]").unwrap(), List::default());
}

#[test]
fn errors_say_what_and_where() {
    #[derive(Debug, Default)]
    struct Outer<'a> {
        inner: Option<Inner<'a>>,
    }
    fields!(Outer<'a> { "inner" => inner });
    #[derive(Debug, Default)]
    struct Inner<'a> {
        name: Text<'a>,
        count: i64,
        on: bool,
        list: List<Text<'a>>,
    }
    fields!(Inner<'a> { "name" => name, "count" => count, "on" => on, "list" => list });

    for (json, error, is_type) in [
        (r#"{"inner":{"name":5}}"#, "`inner.name`: expected a string at byte 17", true),
        (r#"{"inner":{"count":1.5}}"#, "`inner.count`: expected an integer at byte 18", true),
        (r#"{"inner":{"count":"1"}}"#, "`inner.count`: expected an integer at byte 18", true),
        (r#"{"inner":{"on":0}}"#, "`inner.on`: expected true or false at byte 15", true),
        (r#"{"inner":{"list":{}}}"#, "`inner.list`: expected an array at byte 17", true),
        (r#"{"inner":[]}"#, "`inner`: expected an object at byte 9", true),
        (r#"{"inner":{"name":"a"#, "`inner.name`: expected `\"` at byte 19, where the text ends", false),
        (r#"{"inner":{"name":x}}"#, "`inner.name`: expected a value at byte 17", false),
        (r#"{"inner":{}"#, "expected `,` or `}` at byte 11, where the text ends", false),
        (r#"{"inner":{}} x"#, "expected the end at byte 13", false),
        (r#"{"a\nb":tru}"#, "`a\\nb`: expected a value at byte 8", false),
    ] {
        let found = read::<Outer<'_>>(json).unwrap_err();
        assert_eq!((found.to_string().as_str(), found.is_type), (error, is_type), "{json}");
    }
    let whole = read::<Outer<'_>>(r#"{"inner":{"name":"a","count":-7,"on":true,"list":["b"]},"inner":null}"#).unwrap();
    assert!(whole.inner.is_none(), "the last of equal keys counts");
}

#[test]
fn values_that_are_passed_over_end_where_they_end() {
    for json in [
        "0",
        "-0",
        "10",
        "1.5",
        "-1.5e10",
        "1E+2",
        "true",
        "false",
        "null",
        r#""""#,
        r#""\"\\\/\b\f\n\r\t\u00e9""#,
        "[]",
        "{}",
        "[1,[2,{}],{\"a\":[]}]",
        r#"{"a":{"b":[null,true]},"c":""}"#,
        " \t\r\n[ 1 , 2 ] ",
        "\"caf\u{e9}\u{1f600}\"",
    ] {
        assert!(read::<Raw<'_>>(json).is_ok(), "{json:?}");
        assert!(read::<Raw<'_>>(&format!("{json} x")).is_err(), "{json:?}");
    }
    for json in [
        "",
        " ",
        "01",
        "-",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "tru",
        "nulll",
        "True",
        "[1",
        "{",
        "]",
        "}",
        "\"",
        "[\"]",
        "[1]]",
        "1 2",
        "NaN",
        "'a'",
        "[1,2",
        "// x",
        "--1",
        "1.2.3",
        "0x10",
        "{\"a\":\"}",
    ] {
        assert!(read::<Raw<'_>>(json).is_err(), "{json:?}");
    }
}

/// Checks strings with a quote after 0 to 5 backslashes, at every position of a block.
#[test]
fn escapes_end_nothing_early() {
    for before in 0..130 {
        for backslashes in 0..6 {
            let text = format!("{}{}\"[{{", " ".repeat(before), "\\".repeat(backslashes));
            let string = serde_json::to_string(&text).unwrap();
            for json in [string.clone(), format!("[{string}]"), format!("{{{string}:[{string},{{}}]}}")] {
                assert!(read::<Raw<'_>>(&json).is_ok(), "{json}");
                assert!(read::<Raw<'_>>(&json[..json.len() - 1]).is_err(), "{json}");
            }
        }
    }
}

#[test]
fn a_review_that_is_cut_off_is_seen_wherever_it_is() {
    let review = include_str!("../../../../tests/cases/captured-pod-update/request.json").trim_end();
    assert!(review.is_ascii() && read::<Raw<'_>>(review).is_ok());
    for end in 0..review.len() {
        assert!(read::<Raw<'_>>(&review[..end]).is_err(), "{}", &review[..end]);
    }
}

/// Changes bytes of a real review, and checks that every text that `serde_json` accepts is accepted.
#[test]
fn mutated_reviews_that_are_json_are_taken() {
    let review = include_str!("../../../../tests/cases/captured-pod-update/request.json");
    let alphabet = b"{}[]\",:\\ \n0-.eu tn\x01a";
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        usize::try_from(random % below as u64).unwrap()
    };
    let mut whole = 0;
    for _ in 0..3000 {
        let mut bytes = review.as_bytes().to_vec();
        for _ in 0..=next(2) {
            let at = next(bytes.len());
            match next(3) {
                0 => bytes[at] = alphabet[next(alphabet.len())],
                1 => bytes.insert(at, alphabet[next(alphabet.len())]),
                _ => drop(bytes.remove(at)),
            }
        }
        let Ok(text) = String::from_utf8(bytes) else { continue };
        if serde_json::from_str::<Value>(&text).is_ok() {
            assert!(read::<Raw<'_>>(&text).is_ok(), "{text}");
            whole += 1;
        }
    }
    assert!(whole > 500, "{whole}");
}

#[test]
fn depth_is_bounded_where_it_is_looked_into_only() {
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    assert!(read::<Raw<'_>>(&deep).is_ok());
    assert!(read::<Raw<'_>>(&deep[1..]).is_err());
}
