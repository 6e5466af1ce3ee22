//! Checks the text of documents after a patch.

use super::patched;

/// The patch that sets `image` at the top level.
const IMAGE: &str = "/image=dhi.io/nginx:1.29";

#[test]
fn a_text_keeps_its_style_and_all_around_it() {
    for (text, expected) in [
        ("image: nginx", "image: dhi.io/nginx:1.29"),
        ("image: nginx\n", "image: dhi.io/nginx:1.29\n"),
        ("image: nginx # ours\r\n# end\r\n", "image: dhi.io/nginx:1.29 # ours\r\n# end\r\n"),
        ("\u{feff}image: nginx\n", "\u{feff}image: dhi.io/nginx:1.29\n"),
        ("image: 'nginx'\n", "image: 'dhi.io/nginx:1.29'\n"),
        ("image:   \"nginx\"   # x\n", "image:   \"dhi.io/nginx:1.29\"   # x\n"),
        ("image: \"ngi\\u006ex\"\n", "image: \"dhi.io/nginx:1.29\"\n"),
        ("\"image\": nginx\n", "\"image\": dhi.io/nginx:1.29\n"),
        ("image : nginx\n", "image : dhi.io/nginx:1.29\n"),
        ("image:\tnginx\t# x\n", "image:\tdhi.io/nginx:1.29\t# x\n"),
        ("? image\n: nginx\n", "? image\n: dhi.io/nginx:1.29\n"),
        ("image:\n  nginx\n", "image:\n  dhi.io/nginx:1.29\n"),
        ("image:\n  # why\n  nginx\n", "image:\n  # why\n  dhi.io/nginx:1.29\n"),
        ("image: nginx\n  slim\nb: c\n", "image: dhi.io/nginx:1.29\nb: c\n"),
        ("image: 'nginx\n  slim'\nb: c\n", "image: 'dhi.io/nginx:1.29'\nb: c\n"),
        ("image: !!str nginx\n", "image: !!str dhi.io/nginx:1.29\n"),
        ("image: !!str\nb: c\n", "image: !!str dhi.io/nginx:1.29\nb: c\n"),
        ("image: !custom &img nginx # x\n", "image: !custom &img dhi.io/nginx:1.29 # x\n"),
        ("image: &img nginx\n", "image: &img dhi.io/nginx:1.29\n"),
        ("{image: nginx, b: c}\n", "{image: dhi.io/nginx:1.29, b: c}\n"),
        ("{é: ü, image: nginx}\n", "{é: ü, image: dhi.io/nginx:1.29}\n"),
        ("{\"é\":\"\u{1f600}\",\"image\":nginx}\n", "{\"é\":\"\u{1f600}\",\"image\":dhi.io/nginx:1.29}\n"),
        ("--- {image: nginx}\n...\n", "--- {image: dhi.io/nginx:1.29}\n...\n"),
        ("--- # c\nimage: nginx\n", "--- # c\nimage: dhi.io/nginx:1.29\n"),
        ("%YAML 1.2\n---\nimage: nginx\n", "%YAML 1.2\n---\nimage: dhi.io/nginx:1.29\n"),
        ("# Source: a\nimage: nginx\n", "# Source: a\nimage: dhi.io/nginx:1.29\n"),
        ("a: x\u{85}v\u{2028}z\nimage: nginx\n", "a: x\u{85}v\u{2028}z\nimage: dhi.io/nginx:1.29\n"),
        ("image: nginx\rb: c\r", "image: dhi.io/nginx:1.29\rb: c\r"),
        ("image: 123\n", "image: dhi.io/nginx:1.29\n"),
        ("image: ~\n", "image: dhi.io/nginx:1.29\n"),
        ("image:\nb: c\n", "image: dhi.io/nginx:1.29\nb: c\n"),
        ("image: # none\n", "image: dhi.io/nginx:1.29 # none\n"),
        ("image: ''\n", "image: 'dhi.io/nginx:1.29'\n"),
        ("data: |\n  image: nginx\nimage: nginx\n", "data: |\n  image: nginx\nimage: dhi.io/nginx:1.29\n"),
        // JSON.
        ("{\"image\":\"nginx\"}", "{\"image\":\"dhi.io/nginx:1.29\"}"),
        (
            "{\r\n\t\"image\" : \"ngi\\u006ex\" ,\r\n\t\"b\" : 1}",
            "{\r\n\t\"image\" : \"dhi.io/nginx:1.29\" ,\r\n\t\"b\" : 1}",
        ),
        ("{\"\\u0069mage\":\"\\/\"}\n\n", "{\"\\u0069mage\":\"dhi.io/nginx:1.29\"}\n\n"),
        ("{\"image\":null}", "{\"image\":\"dhi.io/nginx:1.29\"}"),
    ] {
        assert_eq!(patched(text, IMAGE).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_text_that_needs_quotes_gets_them() {
    for (text, new, expected) in [
        ("a: b\n", "x: v", "a: \"x: v\"\n"),
        ("a: b\n", "yes", "a: \"yes\"\n"),
        ("a: b\n", "1.5", "a: \"1.5\"\n"),
        ("a: b\n", "", "a: \"\"\n"),
        ("a: b\n", "x #v", "a: \"x #v\"\n"),
        ("a: b\n", "x:", "a: \"x:\"\n"),
        ("a: b\n", "---", "a: \"---\"\n"),
        ("a: b\n", "é\u{85}\u{2028}\u{feff}\u{7f}", "a: \"é\\u0085\\u2028\\ufeff\\u007f\"\n"),
        ("a: 'b'\n", "it's", "a: 'it''s'\n"),
        ("a: 'b'\n", "x\ny", "a: \"x\\ny\"\n"),
        ("a: \"b\"\n", "say \"hi\"\\\t", "a: \"say \\\"hi\\\"\\\\\\t\"\n"),
        ("[{a: b}]\n", "x,v", "[{a: \"x,v\"}]\n"),
        ("[{a: b}]\n", "r:5000/x@sha256:0", "[{a: r:5000/x@sha256:0}]\n"),
    ] {
        let place = if text.starts_with('[') { "/0/a" } else { "/a" };
        let patch = format!("{place}={}", serde_json::Value::String(new.to_owned()));
        assert_eq!(patched(text, &patch).as_deref(), Ok(expected), "{text} {new}");
    }
}

#[test]
fn a_block_scalar_changes_its_line() {
    for (text, new, expected) in [
        ("a: |-\n  x\nb: c\n", "v", "a: |-\n  v\nb: c\n"),
        ("a: |-\r\n  x\r\nb: c\r\n", "v", "a: |-\r\n  v\r\nb: c\r\n"),
        ("a: >- # why\n    x\n\nb: c\n", "v", "a: >- # why\n    v\n\nb: c\n"),
        ("a: |\n  x\n", "v\n", "a: |\n  v\n"),
        ("a: |+\n  x\n\n\nb: c\n", "v\n\n\n", "a: |+\n  v\n\n\nb: c\n"),
        ("a: |2-\n   x\nb: c\n", "v", "a: |2-\n  v\nb: c\n"),
        ("a: |-1\n   x\n", "v", "a: |-1\n v\n"),
        ("a: !!str |-\n  x", "v", "a: !!str |-\n  v"),
        ("a: &x |-\n  x", "v", "a: &x |-\n  v"),
        ("a: |\n  x", "v", "a: |\n  v"),
        ("a: |-\n  # x\n# c\n", "v", "a: |-\n  v\n# c\n"),
        ("- |-\n  x\n- b\n", "v", "- |-\n  v\n- b\n"),
        ("-\n  |-\n  x\n- b\n", "v", "-\n  |-\n  v\n- b\n"),
        ("\"a | b\": |-\n  x\n", "v", "\"a | b\": |-\n  v\n"),
        // Block scalars whose style cannot hold the new text.
        ("a: |\n  x\nb: c\n", "v", "a: v\nb: c\n"),
        ("a: | # why\n  x\n\n  z\n\nb: c\n", "v", "a: v # why\n\nb: c\n"),
        ("a: |-\n  x\nb: c\n", "v\nz", "a: \"v\\nz\"\nb: c\n"),
        ("a: |-\n  x\nb: c\n", " v", "a: \" v\"\nb: c\n"),
        ("a: |+\n  x\n\nb: c\n", "v", "a: v\nb: c\n"),
        ("a: >-\n  x\n  z\n", "v", "a: v\n"),
        ("a: |-\n\n  x\nb: c\n", "v", "a: v\nb: c\n"),
        ("a: |\nb: c\n", "v", "a: v\nb: c\n"),
        ("a: >2-\n\n     x\n     z\n\nb: c\n", "v", "a: v\n\nb: c\n"),
        ("a: |-\n  x", "", "a: \"\""),
        // Empty block scalars, also after a byte-order mark.
        ("- |", "v", "- v"),
        ("\u{feff}- >-\n  ", "v", "\u{feff}- v\n  "),
        ("- |\n- >\n", "v", "- v\n- >\n"),
    ] {
        let place = match text.as_bytes()[0] {
            b'-' | 0xef => "/0",
            b'"' => "/a | b",
            _ => "/a",
        };
        let patch = format!("{place}={}", serde_json::Value::String(new.to_owned()));
        assert_eq!(patched(text, &patch).as_deref(), Ok(expected), "{text} {new}");
    }
}

#[test]
fn anchors_change_where_all_that_have_them_do() {
    let merged = "x: &x\n  image: nginx\n  tag: a\na:\n  <<: *x\n  tag: b\n";
    for (text, patch, expected) in [
        ("a: &i nginx\nb: *i\n", "/a=v; /b=v", Ok("a: &i v\nb: *i\n")),
        ("a: &i nginx\nb: *i # c\n", "/b=v", Ok("a: &i nginx\nb: v # c\n")),
        ("a: &i nginx\nb: *i\nc: *i\n", "/a=v; /b=v; /c=z", Ok("a: &i v\nb: *i\nc: z\n")),
        ("a: &i nginx\nb: [*i, *i ]\n", "/b/0=v; /b/1=z", Ok("a: &i nginx\nb: [v, z ]\n")),
        (
            "a: &i nginx\nb: *i\n",
            "/a=v",
            Err(
                "line 1, column 4: cannot change `/a` alone: `/b` has the same value by anchor `i`; write the value out there",
            ),
        ),
        ("a: &p {image: nginx}\nb: *p\n", "/a/image=v; /b/image=v", Ok("a: &p {image: v}\nb: *p\n")),
        (
            "a: &p {image: nginx}\nb: *p\n",
            "/b/image=v",
            Err(
                "line 1, column 4: cannot change `/b/image` alone: `/a/image` has the same value by anchor `p`; write the value out there",
            ),
        ),
        (
            "a: &p {image: nginx}\nb: *p\n",
            "/b/image=v; /a/image=z",
            Err(
                "line 1, column 4: cannot change `/a/image` alone: `/b/image` has the same value by anchor `p`; write the value out there",
            ),
        ),
        (merged, "/x/image=v; /a/image=v", Ok("x: &x\n  image: v\n  tag: a\na:\n  <<: *x\n  tag: b\n")),
        (merged, "/a/tag=v", Ok("x: &x\n  image: nginx\n  tag: a\na:\n  <<: *x\n  tag: v\n")),
        (merged, "/x/tag=v", Ok("x: &x\n  image: nginx\n  tag: v\na:\n  <<: *x\n  tag: b\n")),
        (
            merged,
            "/a/image=v",
            Err(
                "line 1, column 4: cannot change `/a/image` alone: `/x/image` has the same value by anchor `x`; write the value out there",
            ),
        ),
        (merged, "/a/new+1", Ok("x: &x\n  image: nginx\n  tag: a\na:\n  <<: *x\n  tag: b\n  new: 1\n")),
        (
            merged,
            "/x/new+1",
            Err(
                "line 1, column 4: cannot change `/x` alone: `/a` has the same value by anchor `x`; write the value out there",
            ),
        ),
        (
            merged,
            "/x/new+1; /a/new+1",
            Ok("x: &x\n  image: nginx\n  tag: a\n  new: 1\na:\n  <<: *x\n  tag: b\n  new: 1\n"),
        ),
        ("a: &p {}\nb: *p\n", "/a/k+1; /b/k+1", Ok("a: &p {k: 1}\nb: *p\n")),
        ("a: &l\n- x\nb: *l\n", "/a/-+v; /b/-+v", Ok("a: &l\n- x\n- v\nb: *l\n")),
        (
            "a: &l\n- x\nb: *l\n",
            "/a/-+v",
            Err(
                "line 1, column 4: cannot change `/a` alone: `/b` has the same value by anchor `l`; write the value out there",
            ),
        ),
        // An alias means the last anchor of its name before it.
        ("a: &i x\nb: &i z\nc: *i\n", "/a=v", Ok("a: &i v\nb: &i z\nc: *i\n")),
        // One of two places of an empty list gets items.
        ("a: &e []\nb: *e\n", "/b+[1]", Ok("a: &e []\nb: [1]\n")),
    ] {
        assert_eq!(patched(text, patch).as_deref(), expected.map_err(str::to_owned).as_deref(), "{text} {patch}");
    }
}

#[test]
fn keys_and_items_are_added_as_the_neighbours_are_written() {
    for (text, patch, expected) in [
        ("s:\n  a: b\n", r#"/s/p+[{"name":"x"}]"#, "s:\n  a: b\n  p:\n  - name: x\n"),
        ("s:\n  c:\n    - a: b\n", r#"/s/p+[{"name":"x"}]"#, "s:\n  c:\n    - a: b\n  p:\n    - name: x\n"),
        ("s:\n  c:\n  - a: b\nt: u\n", r#"/s/p+[{"name":"x"}]"#, "s:\n  c:\n  - a: b\n  p:\n  - name: x\nt: u\n"),
        ("s:\n  a: b\nl:\n  - x\n", r#"/s/p+[{"name":"x"}]"#, "s:\n  a: b\n  p:\n    - name: x\nl:\n  - x\n"),
        ("s:\r\n  a: b # c\r\nt: u\r\n", r#"/s/p+["x"]"#, "s:\r\n  a: b # c\r\n  p:\r\n  - x\r\nt: u\r\n"),
        ("a: b", "/p+x", "a: b\np: x"),
        ("a: b\r\nc: d", r#"/p+["x"]"#, "a: b\r\nc: d\r\np:\r\n- x"),
        ("\u{feff}a: b\n", "/p+x", "\u{feff}a: b\np: x\n"),
        ("---\na: b\n...\n", "/p+x", "---\na: b\np: x\n...\n"),
        // Comments below the last entry: deeper ones belong to it, others to the next entry.
        ("s:\n  a: b\n    # deep\n  # c: d\nt: u\n", "/s/p+x", "s:\n  a: b\n    # deep\n  p: x\n  # c: d\nt: u\n"),
        ("s:\n  a: b\n\n# t\nt: u\n", "/s/p+x", "s:\n  a: b\n  p: x\n\n# t\nt: u\n"),
        // Mappings whose last value has any style.
        ("s:\n  a: |\n    x\n\nt: u\n", "/s/p+x", "s:\n  a: |\n    x\n  p: x\n\nt: u\n"),
        ("s:\n  a: |+\n    x\n\n# c\nt: u\n", "/s/p+x", "s:\n  a: |+\n    x\n\n  p: x\n# c\nt: u\n"),
        ("s:\n  a: |-\n    x\n   # c\nt: u\n", "/s/p+x", "s:\n  a: |-\n    x\n   # c\n  p: x\nt: u\n"),
        ("s:\n  a: |-\n    x", "/s/p+x", "s:\n  a: |-\n    x\n  p: x"),
        ("s:\n  a: >\nt: u\n", "/s/p+x", "s:\n  a: >\n  p: x\nt: u\n"),
        ("s:\n  a: \"x\n\n    v\"\nt: u\n", "/s/p+x", "s:\n  a: \"x\n\n    v\"\n  p: x\nt: u\n"),
        ("s:\n  a: x\n    v # c\nt: u\n", "/s/p+x", "s:\n  a: x\n    v # c\n  p: x\nt: u\n"),
        ("s:\n  a: {b: [\n    c\n  ]} # c\nt: u\n", "/s/p+x", "s:\n  a: {b: [\n    c\n  ]} # c\n  p: x\nt: u\n"),
        ("s:\n  a: # c\nt: u\n", "/s/p+x", "s:\n  a: # c\n  p: x\nt: u\n"),
        ("s:\n  a: &x # c\nt: u\n", "/s/p+x", "s:\n  a: &x # c\n  p: x\nt: u\n"),
        ("s:\n  ? a\nt: u\n", "/s/p+x", "s:\n  ? a\n  p: x\nt: u\n"),
        ("s:\n  ? a\n  :\nt: u\n", "/s/p+x", "s:\n  ? a\n  :\n  p: x\nt: u\n"),
        ("s:\n  a:\n    b:\n    - c\n    -\nt: u\n", "/s/p+x", "s:\n  a:\n    b:\n    - c\n    -\n  p: x\nt: u\n"),
        ("- a: b\n  c: d\n- e\n", "/0/p+x", "- a: b\n  c: d\n  p: x\n- e\n"),
        ("- - a: b\n- e\n", "/0/0/p+x", "- - a: b\n    p: x\n- e\n"),
        ("-   a: b\n- e\n", "/0/p+x", "-   a: b\n    p: x\n- e\n"),
        ("s: !!map &m\n  &k a: b\nt: u\n", "/s/p+x", "s: !!map &m\n  &k a: b\n  p: x\nt: u\n"),
        // Lists.
        ("p:\n- name: a\n", r#"/p/-+{"name":"x"}"#, "p:\n- name: a\n- name: x\n"),
        (
            "p:\n  -   name: a # c\n      # deep\n  # e\nq: r\n",
            r#"/p/-+{"name":"x"}"#,
            "p:\n  -   name: a # c\n      # deep\n  -   name: x\n  # e\nq: r\n",
        ),
        (
            "p:\n# c\n- &a !!map # d\n  name: a\n",
            r#"/p/-+{"name":"x","v":"z"}"#,
            "p:\n# c\n- &a !!map # d\n  name: a\n- name: x\n  v: z\n",
        ),
        ("? p\n:\n  - a\n", "/p/-+x", "? p\n:\n  - a\n  - x\n"),
        ("p:\n- a", "/p/-+x; /p/-+v", "p:\n- a\n- x\n- v"),
        ("p:\n- - a\n  - b\n", "/p/0/-+x", "p:\n- - a\n  - b\n  - x\n"),
        // A patch that changes values that it has added itself.
        ("a: b\n", r#"/p+[{"name":"x"}]; /p/-+{"name":"v"}; /p/0/name=z"#, "a: b\np:\n- name: z\n- name: v\n"),
        ("s:\n  t:\n    a: b\n", "/s/p+x; /s/t/p+v; /q+z", "s:\n  t:\n    a: b\n    p: v\n  p: x\nq: z\n"),
        (
            "a: b\n",
            "/m+{\"q\":{\"r\":[[1,null],{}],\"s\":[]}}",
            "a: b\nm:\n  q:\n    r:\n    - - 1\n      - null\n    - {}\n    s: []\n",
        ),
        // Values that are null or empty.
        ("p:\n", r#"/p+[{"name":"x"}]"#, "p: [{name: x}]\n"),
        ("p: ~ # c\n", r#"/p+[{"name":"x"}]"#, "p: [{name: x}] # c\n"),
        ("p: []\nq: r\n", r#"/p+[{"name":"x"}]"#, "p: [{name: x}]\nq: r\n"),
        ("p: [ ]\n", "/p/-+x", "p: [x ]\n"),
        ("p: null", r#"/p+["x"]; /p/-+v"#, "p: [x, v]"),
        ("s: {}\n", r#"/s/p+[{"name":"x"}]"#, "s: {p: [{name: x}]}\n"),
        ("s: &a\nt: u\n", r#"/s+{"a":1}"#, "s: &a {a: 1}\nt: u\n"),
        // Mappings and lists in braces and brackets.
        ("s: {a: b}\n", r#"/s/p+[{"name":"x v"}]"#, "s: {a: b, p: [{name: \"x v\"}]}\n"),
        ("s: {a: b, }\n", "/s/p+x", "s: {a: b, p: x, }\n"),
        ("s: {a, b: }\n", "/s/p+x", "s: {a, b:, p: x }\n"),
        ("s: {a}\n", "/s/p+x", "s: {a, p: x}\n"),
        ("s: {\"a\": b}\n", r#"/s/p+[{"name":"x"}]"#, "s: {\"a\": b, \"p\": [{\"name\": \"x\"}]}\n"),
        ("s: {\n  a: b # c\n}\n", "/s/p+x; /s/q+v", "s: {\n  a: b, # c\n  p: x,\n  q: v\n}\n"),
        ("s: {\n  a: b, # c\n}\n", "/s/p+x; /s/q+v", "s: {\n  a: b, # c\n  p: x,\n  q: v,\n}\n"),
        ("s: {\n  a: b }\n", "/s/p+x", "s: {\n  a: b,\n  p: x }\n"),
        ("s: [{a: b}, {c: [d: e]}]\n", "/s/-+x; /s/1/c/-+v", "s: [{a: b}, {c: [d: e, v]}, x]\n"),
        // JSON.
        ("{\"a\":1}", r#"/p+[{"name":"x"}]"#, "{\"a\":1,\"p\":[{\"name\":\"x\"}]}"),
        ("{\"a\": 1}", r#"/p+[{"name":"x"}]"#, "{\"a\": 1, \"p\": [{\"name\": \"x\"}]}"),
        (
            "{\n    \"a\": {\n        \"b\": [\n            1\n        ]\n    }\n}\n",
            r#"/a/p+[{"name":"x"}]; /a/b/-+2"#,
            "{\n    \"a\": {\n        \"b\": [\n            1,\n            2\n        ],\n        \"p\": [{\"name\": \"x\"}]\n    }\n}\n",
        ),
        (
            "{\r\n\t\"a\": {},\r\n\t\"b\": []\r\n}",
            "/a/p+x; /b/-+v",
            "{\r\n\t\"a\": {\"p\": \"x\"},\r\n\t\"b\": [\"v\"]\r\n}",
        ),
        ("{\"a\":null}", r#"/a+["x"]"#, "{\"a\":[\"x\"]}"),
    ] {
        assert_eq!(patched(text, patch).as_deref(), Ok(expected), "{text} {patch}");
    }
}
