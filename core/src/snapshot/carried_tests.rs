//! Checks that an import and a refresh keep the facts of a catalog file that definitions and tags do not state.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::catalog::{Effect, StartProblem};

const DEFINITION: &str = "# syntax=dhi.io/build:2-debian13
image: dhi.io/lighthouse
tags: [2.4.2, '2.4']
accounts: {run-as: '65532'}
os-release: {id: debian, version-id: '13'}
";

fn earlier() -> Value {
    json!({
        "schema": "dhi-images/1",
        "vendor": {"name": "Acme", "registry": "registry.acme.example", "prefix": "hard/", "drop": ["slim"],
            "targets": {"alpine": "musl"}, "secret": "acme"},
        "images": [{
            "name": "lighthouse",
            "repository": "hard/sea/lighthouse",
            "variants": [
                {"os": "debian-13", "suffix": [""], "lines": [["2.4.1", "2.4"]]},
                {"os": "debian-13", "flavor": "compat", "suffix": [""], "lines": [["2.4.1", "2.4"]]},
            ],
            "start": {
                "upstream": {"entrypoint": ["/light.sh"], "script": true},
                "builds": {"compat": {"arguments": "exec"}},
                "variables": [{"names": ["LAMP_PASSWORD"], "effect": "open", "if": ["start:upstream"]}],
            },
        }],
    })
}

fn check(text: &str) {
    let (before, after): (Value, Value) = (earlier(), serde_json::from_str(text).unwrap());
    assert_eq!(after["vendor"], before["vendor"]);
    for field in ["start", "repository"] {
        assert_eq!(after["images"][0][field], before["images"][0][field], "{field}");
    }
    let catalog = Catalog::parse(text).unwrap();
    assert_eq!(catalog.vendor().map(|vendor| (&*vendor.name, &*vendor.prefix)), Some(("Acme", "hard/")));
    let lighthouse = catalog.get("lighthouse").unwrap();
    assert_eq!(lighthouse.repository(), Some("hard/sea/lighthouse"));
    let facts = lighthouse.tag("2.4.2").unwrap().facts();
    assert_eq!(facts.start.unwrap().variables.first().map(|row| row.effect), Some(Effect::Open));
    assert_eq!((facts.build.os, facts.build.flavor, facts.build.version), ("debian-13", "", "2.4.2"));
}

#[test]
fn an_import_carries_facts_over_and_says_what_they_name_in_vain() {
    let mut snapshot = Snapshot::default();
    snapshot.add(Definition::parse(DEFINITION, "2.yaml").unwrap(), "2.yaml").unwrap();
    let written = snapshot.write(Some(&earlier().to_string()), None).unwrap();
    check(&written.text);
    let flavor = StartProblem::Flavor { at: "builds".into(), flavor: "compat".into() };
    assert_eq!(written.start_problems, [("lighthouse".into(), flavor)]);
}

#[test]
fn a_refresh_keeps_facts() {
    let answers = BTreeMap::from([("lighthouse".into(), Answer::Tags(Tags::of(["2.4.2", "2.4"])))]);
    let refreshed = refresh(&earlier().to_string(), &answers, "registry.acme.example/{name}", "2026-12-01").unwrap();
    check(&refreshed.text);
}

#[test]
fn a_vendor_with_unknown_fields_is_refused() {
    let mut file = earlier();
    file["vendor"]["colour"] = json!("blue");
    let error = Catalog::parse(&file.to_string()).unwrap_err();
    assert_eq!(error.to_string(), "`vendor` must be as docs/catalog.md says");
    assert!(matches!(error, CatalogError::Vendor(source) if source.to_string().contains("unknown field `colour`")));
}
