//! Checks the tags that a refreshed catalog file declares for a list of tags.

mod promises;

use std::time::Instant;

use serde_json::Value;

use super::*;

/// Refreshes the image `lighthouse` with these variants by these tags, and returns its JSON, tags and past versions.
fn refreshed(variants: &Value, tags: &[&str]) -> (Value, Vec<String>, Vec<String>) {
    let before = catalog(variants);
    let refreshed = by(&before, tags);
    let after = Catalog::parse(&refreshed.text).unwrap();
    let image = after.get("lighthouse");
    let past = image.map(|image| image.past_versions().map(str::to_owned).collect());
    let declared = image.map(|image| image.tags().map(|tag| tag.to_string()).collect());
    let mut file: Value = serde_json::from_str(&refreshed.text).unwrap();
    (
        file["images"].get_mut(0).map(Value::take).unwrap_or_default(),
        declared.unwrap_or_default(),
        past.unwrap_or_default(),
    )
}

fn catalog(variants: &Value) -> String {
    json!({"images": [{"name": "lighthouse", "default": {"os": "debian-13", "version": "2.4.1"}, "variants": variants}]})
        .to_string()
}

fn by(catalog: &str, tags: &[&str]) -> Refreshed {
    let answers = [("lighthouse".into(), Answer::Tags(Tags::of(tags)))].into();
    refresh(catalog, &answers, "dhi.io/{name}", "2026-11-21").unwrap()
}

/// Checks rows of listed tags and the tags that are declared then, both separated by spaces. No version is past.
fn check(variants: &Value, rows: &[(&str, &str)]) {
    for (tags, declared) in rows {
        let (file, found, gone) = refreshed(variants, &tags.split(' ').collect::<Vec<_>>());
        assert_eq!((&*found.join(" "), &*gone), (*declared, &[][..]), "{tags}: {file:#}");
    }
}

#[test]
fn what_is_listed_is_declared_where_its_line_is_known() {
    let variants =
        json!([{"os": "debian-13", "suffix": ["", "-debian13"], "lines": [["2.4.1", "2.4", "2"], ["1.9.0", "1.9"]]}]);
    check(
        &variants,
        &[
            // A new patch takes the short tags of its line.
            ("2.4.1 2.4.2 2.4 2 1.9.0 1.9", "2.4.2 2.4 2 2.4.1 1.9.0 1.9"),
            // It takes them only with the suffixes that are listed.
            ("2.4.2 2.4.2-debian13 2.4 2.4-debian13 2-debian13", "2.4.2-debian13 2.4-debian13 2-debian13 2.4.2 2.4"),
            // Tags that are not listed are removed.
            ("1.9.0 1.9 2.4 2", "1.9.0 1.9"),
            ("2.4.1-debian13 2.4-debian13", "2.4.1-debian13 2.4-debian13"),
            // A short tag is removed if its version is not listed with the same suffix.
            ("2.4.1 2.4 2-debian13", "2.4.1 2.4"),
            // An older patch takes short tags only from a newer patch that is not listed any more.
            ("2.4.1 2.4.0 2.4", "2.4.1 2.4 2.4.0"),
            ("2.4.0 2.4", "2.4.0 2.4"),
            // Tags of another line, operating system, flavor or kind, and tags without a version, are ignored.
            ("2.4.1 2.5.0 3 2.4.2-alpine3.25 2.4.2-alpine 2.4.2-compat 2.4.2-jdk25", "2.4.1"),
            ("2.4.1 2.4.2-rc1 2.4.2-1 2.4.2.1 v2.4.2 20260801.4.2 2.4.2-dev", "2.4.1"),
            ("2.4.1 latest nightly sha256-00.sig a/b  2.4.", "2.4.1"),
            // Debian 14 has become the default: the catalog knows no build of it.
            ("2.4.1 2.4.2 2.4.2-debian14", "2.4.1"),
        ],
    );
}

#[test]
fn versions_of_every_form_have_lines() {
    let variants = json!([{"os": "debian-13", "suffix": [""], "lines": [
        ["484"], ["26.6.0-0", "26.6.0", "26.6", "26"], ["3.9.16-jdk25", "3.9-jdk25", "lts"], ["21.0.12.8", "21.0.12", "21.0"], ["trixie"],
    ]}]);
    check(
        &variants,
        &[
            ("484 485 48 4850 trixie bookworm", "485 484 trixie"),
            ("26.6.0-1 26.6.0 26.6 26.7", "26.6.0-1 26.6.0 26.6"),
            ("484 26.6.0-0 3.9.17-jdk25 3.9.17-jdk26 3.9-jdk25 lts", "484 26.6.0-0 3.9.17-jdk25 3.9-jdk25 lts"),
            ("21.0.12.8 21.0.12 21.0.13.1 21.0.13 21.0", "21.0.13.1 21.0.13 21.0 21.0.12.8 21.0.12"),
        ],
    );
    // Listed short tags stay where they are, and a tag with a longer listed version is no version.
    let variants =
        json!([{"os": "debian-13", "suffix": [""], "lines": [["2.578"], ["2.568.2"], ["2.568.1", "2.568"], ["2.5"]]}]);
    let tags = "2.578 2.579 2.570 2.570.1 2.568.2 2.568.1 2.568";
    check(&variants, &[(tags, "2.579 2.578 2.568.2 2.568.1 2.568")]);
}

#[test]
fn a_version_is_past_while_it_is_listed_and_no_build_of_it_is_known() {
    let image = json!({"name": "lighthouse", "past_versions": ["1.2.0", "1.3.0", "2.4.0"], "variants": [
        {"os": "debian-13", "suffix": [""], "lines": [["2.4.1", "2.4"], ["1.9.0"]]},
    ]});
    let before = json!({"images": [image]}).to_string();
    for (tags, past) in [
        ("2.4.1 2.4 1.9.0 1.2.0 2.4.0", &["1.2.0"][..]),
        ("2.4.1 2.4 1.9.0 1.2.0 1.3.0", &["1.2.0", "1.3.0"]),
        ("2.4.1 2.4 1.9.0", &[]),
        ("2.4.1 2.4 1.3.0", &["1.3.0"]),
    ] {
        let refreshed = by(&before, &tags.split(' ').collect::<Vec<_>>());
        let after = Catalog::parse(&refreshed.text).unwrap();
        assert_eq!(after.get("lighthouse").unwrap().past_versions().collect::<Vec<_>>(), past, "{tags}");
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}

#[test]
fn suffixes_and_flavors_are_those_of_the_build() {
    let alpine = json!([
        {"os": "debian-13", "suffix": ["", "-debian13"], "lines": [["2.4.1"]]},
        {"os": "alpine-3.24", "suffix": ["-alpine", "-alpine3.24"], "lines": [["2.4.1"]]},
        {"os": "debian-13", "flavor": "compat", "suffix": ["", "-debian13"], "lines": [["2.4.1"]], "run_as": 0},
    ]);
    for (tags, declared) in [
        (&["2.4.2-alpine", "2.4.2-alpine3.24"][..], &["2.4.2-alpine", "2.4.2-alpine3.24"][..]),
        // The newest Alpine has become 3.25.
        (&["2.4.2-alpine", "2.4.2-alpine3.24", "2.4.2-alpine3.25"], &["2.4.2-alpine3.24"]),
        (&["2.4.2-alpine", "2.4.2-alpine3.25"], &[]),
        (&["2.4.2-alpine", "2.4.2-alpine3.23"], &[]),
        // The release of `2.4.2` is unknown: its tags name none, while tags of the previous version name one.
        (&["2.4.2", "2.4.1-debian13"], &["2.4.1-debian13"]),
        (&["2.4.2", "2.4.1"], &["2.4.2", "2.4.1"]),
        (&["2.4.2-compat", "2.4.2-debian13-compat"], &["2.4.2-compat", "2.4.2-debian13-compat"]),
    ] {
        assert_eq!(refreshed(&alpine, tags).1, owned(declared), "{tags:?}");
    }
    let (file, ..) = refreshed(&alpine, &["2.4.2-compat", "2.4.2-debian13-compat"]);
    assert_eq!(file["variants"][0]["run_as"], 0, "{file:#}");
}

#[test]
fn a_new_version_has_the_facts_of_its_line() {
    let variants = json!([{
        "os": "debian-13", "suffix": [""], "entrypoint": ["/opt/2.4/run"], "lines": [["2.4.1", "2.4"], ["2.3.7", "2.3"], ["2.2.0"]],
        "entrypoint_by_line": {"2.3.7": ["/opt/2.3/run"], "2.2.0": ["/opt/2.2/run"]}, "run_as_by_line": {"2.2.0": 0}, "dev": "same",
    }]);
    let tags = ["2.4.1", "2.4.2", "2.4", "2.3.8", "2.3.7", "2.3.6", "2.3", "2.1.0"];
    let (file, ..) = refreshed(&variants, &tags);
    assert_eq!(
        file["variants"],
        json!([{
            "os": "debian-13", "suffix": [""], "entrypoint": ["/opt/2.4/run"], "dev": "same",
            "lines": [["2.4.2", "2.4"], ["2.4.1"], ["2.3.8", "2.3"], ["2.3.7"], ["2.3.6"]],
            "entrypoint_by_line": {"2.3.8": ["/opt/2.3/run"], "2.3.7": ["/opt/2.3/run"], "2.3.6": ["/opt/2.3/run"]},
        }])
    );
    let of = |tags: &[&str]| Catalog::parse(&by(&catalog(&variants), tags).text).unwrap();
    let (before, after) = (of(&["2.4.1", "2.3.7", "2.2.0"]), of(&tags));
    let entrypoint =
        |catalog: &Catalog, tag| catalog.get("lighthouse").unwrap().tag(tag).unwrap().facts().entrypoint.to_vec();
    assert_eq!(entrypoint(&after, "2.3"), entrypoint(&before, "2.3.7"));
    assert_ne!(entrypoint(&after, "2.3"), entrypoint(&after, "2.4"));
}

#[test]
fn the_default_build_is_the_newest_of_its_line() {
    let variants = json!([
        {"os": "debian-13", "suffix": [""], "lines": [["2.4.1", "2.4", "2"], ["1.9.0", "1.9"]]},
        {"os": "alpine-3.24", "suffix": ["-alpine3.24"], "lines": [["3.0.0"]]},
    ]);
    for (tags, os, version) in [
        (&["2.4.1", "2.4.3", "2.4.2", "1.9.9"][..], "debian-13", "2.4.3"),
        (&["2.4.0", "1.9.0"], "debian-13", "2.4.0"),
        (&["1.9.0", "3.0.0-alpine3.24"], "debian-13", "1.9.0"),
        (&["3.0.0-alpine3.24"], "alpine-3.24", "3.0.0"),
    ] {
        let (file, ..) = refreshed(&variants, tags);
        assert_eq!(file["default"], json!({"os": os, "version": version}), "{tags:?}");
    }
}

#[test]
fn what_has_no_suffix_goes_with_its_version() {
    let variants = json!([{"os": "debian-13", "suffix": ["", "-debian13"], "lines": [["2.4.1", "2.4"], ["2.3.0"]], "bare_only": ["v2.4.1", "v2.3.0", "latest"]}]);
    for (tags, bare) in [
        (&["2.4.1", "2.4.1-debian13", "v2.4.1", "v2.3.0", "latest"][..], json!(["v2.4.1", "latest"])),
        (&["2.3.0", "2.3.0-debian13", "v2.4.1", "v2.3.0"], json!(["v2.3.0"])),
        (&["2.4.1", "2.3.0"], Value::Null),
    ] {
        assert_eq!(refreshed(&variants, tags).0["variants"][0]["bare_only"], bare, "{tags:?}");
    }
}

#[test]
fn an_image_that_is_not_there_is_left_out_and_named() {
    let text = json!({"source": {"commit": "c0ffee", "refreshed": {"date": "2026-10-01"}}, "amazon_accounts": ["1"], "images": [
        {"name": "buoy", "variants": [{"os": "debian-13", "lines": [["1.0.0"]]}]},
        {"name": "kit", "note": "later", "variants": [{"os": "debian-13", "dev": "only", "lines": [["1.0.0"]]}]},
        {"name": "lamp", "variants": [{"os": "debian-13", "lines": [["1.0.0"]]}, {"os": "debian-13", "dev": "only", "lines": [["1.0.0"]]}]},
        {"name": "pier", "variants": [{"os": "debian-13", "lines": [["1.0.0"]]}]},
    ]})
    .to_string();
    let tags = |tags: &[&str]| Answer::Tags(Tags::of(tags));
    let answers = [
        ("buoy".into(), Answer::Absent),
        ("kit".into(), tags(&["1.0.1-dev"])),
        ("lamp".into(), tags(&["1.0.0-dev", "1.0.0-fips", "sha256-0"])),
        ("nobody".into(), tags(&["1.0.0"])),
    ];
    let refreshed = refresh(&text, &answers.into(), "r.example/{name}", "2026-11-21").unwrap();
    let counts = (refreshed.new, refreshed.gone, refreshed.development, refreshed.signatures, refreshed.unknown);
    assert_eq!((refreshed.absent, counts), (vec!["buoy".into(), "lamp".into()], (0, 2, 2, 1, 1)));
    let file: Value = serde_json::from_str(&refreshed.text).unwrap();
    let names: Vec<&Value> = file["images"].as_array().unwrap().iter().map(|image| &image["name"]).collect();
    assert_eq!(names, ["kit", "pier"]);
    assert_eq!(file["images"][0]["note"], "later", "what nobody knows stays");
    let record = json!({"repository": "r.example/{name}", "date": "2026-11-21"});
    assert_eq!(file["source"], json!({"commit": "c0ffee", "refreshed": record}));
    assert_eq!(file["amazon_accounts"], json!(["1"]));
}

#[test]
fn the_embedded_catalog_is_unchanged_by_its_own_tags() {
    let (text, embedded) = (Catalog::embedded_text(), Catalog::embedded());
    let own = |image: &Image| {
        let past = image.past_versions().map(str::to_owned);
        Answer::Tags(Tags::of(image.tags().map(|tag| tag.to_string()).chain(past)))
    };
    let answers = embedded.images().filter(|image| image.has_runtime()).map(|image| (image.name().into(), own(image)));
    let refreshed = refresh(&text, &answers.collect(), "dhi.io/{name}", "2026-11-21").unwrap();
    let counts = (refreshed.new, refreshed.gone, refreshed.development, refreshed.signatures, refreshed.unknown);
    // Each past version is listed here by one tag, for which no build is known.
    let past = embedded.images().filter(|image| image.has_runtime()).map(|image| image.past_versions().count()).sum();
    assert_eq!((counts, &*refreshed.absent), ((0, 0, 0, 0, past), &[][..]));
    let images = |text: &str| text.split_once("\"images\":").unwrap().1.to_owned();
    assert!(images(&refreshed.text) == images(&text), "bytes differ");
}

#[test]
fn eight_times_the_tags_take_about_eight_times_as_long() {
    let variants = json!([{"os": "debian-13", "suffix": ["", "-debian13"], "lines": [["2.4.1", "2.4"], ["484"]]}]);
    let catalog = catalog(&variants);
    // The shortest of three times, so that other load on the machine matters less.
    let time = |number: usize| {
        let tags: Vec<String> =
            (0..number).flat_map(|patch| [format!("2.4.{patch}"), format!("2.4.{patch}-rc")]).collect();
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let refresh = || {
            let began = Instant::now();
            assert_eq!(by(&catalog, &tags).new, number - 1);
            began.elapsed()
        };
        (0..3).map(|_| refresh()).min().unwrap()
    };
    let (short, long) = (time(500), time(4_000));
    assert!(long < short * 30, "{short:?} {long:?}");
}
