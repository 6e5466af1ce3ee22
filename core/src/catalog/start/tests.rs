use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::*;
use crate::catalog::{Catalog, CatalogError};

/// Reads the files in `data/starts/`, which people edit, with the names of their images.
fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/starts");
    let mut files: Vec<(String, String)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .collect();
    files.sort();
    files
}

/// Returns the error of a catalog with one image that has these facts about its start.
fn refusal(start: &Value) -> String {
    let image = json!({"name": "buoy", "start": start, "variants": [{"os": "debian-13", "lines": [["1.0"]]}]});
    let error = Catalog::parse(&json!({"images": [image]}).to_string()).unwrap_err();
    let CatalogError::Start { source, .. } = &error else { panic!("{error}") };
    format!("{error}: {source}")
}

#[test]
fn every_fact_is_about_something_that_the_catalog_has() {
    let catalog = Catalog::embedded();
    let files = files();
    assert!(files.len() > 280, "{}", files.len());
    for (name, _) in &files {
        let image = catalog.get(name).unwrap_or_else(|| panic!("core/data/starts/{name}.json: no image of that name"));
        let start = image.start().unwrap_or_else(|| panic!("{name}: its facts are not in the catalog"));
        assert_eq!(start.problems(image), [], "{name}");
        assert_ne!(start.counterpart.as_deref(), Some(""), "{name}");
    }
    assert_eq!(catalog.images().filter(|image| image.start().is_some()).count(), files.len());
}

#[test]
fn every_file_says_where_its_facts_come_from() {
    for (name, text) in files() {
        let file: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(file["image"], name.as_str());
        assert!(file["evidence"].as_array().is_some_and(|evidence| !evidence.is_empty()), "{name}: no `evidence`");
        let start: Start = serde_json::from_value({
            let mut file = file.clone();
            file.as_object_mut().unwrap().remove("image");
            file
        })
        .unwrap_or_else(|error| panic!("core/data/starts/{name}.json: {error}"));
        // Serializing the parsed facts gives the file again.
        let mut written = serde_json::to_value(&start).unwrap();
        written["image"] = file["image"].clone();
        assert_eq!(written, file, "{name}");
    }
}

#[test]
fn facts_that_nobody_could_use_are_refused() {
    let variables = |row: Value| json!({"variables": [row]});
    for (start, said) in [
        (json!({"variabels": []}), "unknown field `variabels`, expected one of `upstream`"),
        (variables(json!({"names": ["A"]})), "missing field `effect`"),
        (variables(json!({"names": ["A"], "effect": "lost"})), "unknown variant `lost`, expected one of `open`"),
        (variables(json!({"names": ["A*B*"], "effect": "open"})), "`A*B*` is no name of a variable"),
        (
            variables(json!({"names": ["A"], "effect": "open", "if": ["moon:full"]})),
            "`moon:full` is no condition; docs/starts.md lists those there are",
        ),
        (variables(json!({"names": ["A"], "effect": "open", "if": ["args:has:"]})), "`args:has:` lacks a name"),
        (variables(json!({"names": ["A"], "effect": "open", "if": ["mount:at:etc"]})), "`mount:at:etc` lacks a name"),
        (variables(json!({"names": ["A"], "effect": "open", "when": []})), "unknown field `when`"),
        (json!({"arguments": [{"form": "last", "effect": "open", "example": ["x"]}]}), "unknown variant `last`"),
    ] {
        let refusal = refusal(&start);
        assert!(refusal.starts_with("image `buoy`: `start`") && refusal.contains(said), "{refusal}");
    }
}

#[test]
fn a_catalog_may_have_no_facts_and_facts_may_outlive_builds() {
    let start = json!({
        "builds": {"shell": {"arguments": "exec"}},
        "counterpart": "shell",
        "gone": ["bin/buoy"],
        "variables": [
            {"names": [], "effect": "open", "if": ["flavor:", "flavor:tiny", "versions:>=1", "versions:>=7", "os:alpine"]},
            {"names": ["A"], "effect": "open"},
            {"names": ["A"], "effect": "open"},
        ],
    });
    let image = json!({"name": "buoy", "start": start, "variants": [{"os": "debian-13", "lines": [["1.0"]]}]});
    let plain = json!({"name": "plain", "variants": [{"os": "debian-13", "lines": [["1.0"]]}]});
    let catalog = Catalog::parse(&json!({"images": [image, plain]}).to_string()).unwrap();
    assert!(catalog.get("plain").unwrap().start().is_none());
    let buoy = catalog.get("buoy").unwrap();
    let problems: Vec<String> = buoy.start().unwrap().problems(buoy).iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "`gone`: a path begins with `/`: bin/buoy",
            "`builds` names the flavor `shell`, which no build has",
            "`builds` names the flavor `shell`, which no build has",
            "`variables[0]` names the flavor `tiny`, which no build has",
            "`variables[0]` names version 7, which no build has",
            "`variables[0]` names alpine, which no build is made for",
            "`variables[0]` names nothing",
            "`variables[2]` says the same as an earlier row",
        ]
    );
}

#[test]
fn conditions_are_written_as_they_are_read() {
    for text in [
        "start:upstream",
        "data:new",
        "args:none",
        "args:has:--config",
        "args:lacks:^-",
        "args:first:^-",
        "args:file-after:redis-server",
        "env:NAME",
        "env:KAFKA_*",
        "env:!NAME",
        "env:NAME=a=b",
        "env:NAME=",
        "mount:at:/etc",
        "mount:below:/etc",
        "mount:none:/etc",
        "versions:>=8",
        "os:alpine",
        "flavor:",
        "flavor:compat",
    ] {
        let condition: Condition = text.parse().unwrap();
        assert_eq!(condition.to_string(), text);
    }
    let wrong = [
        "",
        "start",
        "start:",
        "start:own",
        "args",
        "args:",
        "args:is:x",
        "args:has:^",
        "env:",
        "env:!",
        "mount:at:",
        "mount:in:/x",
        "versions:8",
        "versions:>=",
        "os:plan9",
        "args:none:",
    ];
    for text in wrong {
        assert!(text.parse::<Condition>().is_err(), "{text}");
    }
}

#[test]
fn words_and_names() {
    for (word, written, is) in [
        ("--config", "--config", true),
        ("--config", "--config=/x", true),
        ("--config", "--config-dir", false),
        ("-c", "-config", false),
        ("^-", "--x", true),
        ("^-", "x-", false),
        ("redis-server", "redis-server", true),
        ("redis-server", "/usr/bin/redis-server", true),
        ("redis-server", "my/redis-server", false),
        ("/usr/bin/x", "/usr/bin/x", true),
    ] {
        let Condition::Has(word) = format!("args:has:{word}").parse().unwrap() else { panic!() };
        assert_eq!(word.is(written), is, "{word} {written}");
    }
    for (pattern, name, matches) in [
        ("GF_*__FILE", "GF_A__FILE", true),
        ("GF_*__FILE", "GF_A", false),
        ("GF_*__FILE", "GF__FILE", false),
        ("REAPER_*", "REAPER_", true),
        ("REAPER_*", "REAPER", false),
        ("*_FILE", "A_FILE", true),
        ("NAME", "NAME", true),
        ("NAME", "NAMES", false),
    ] {
        assert_eq!(pattern.parse::<Pattern>().unwrap().matches(name), matches, "{pattern} {name}");
    }
}
