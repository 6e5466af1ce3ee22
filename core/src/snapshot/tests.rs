//! Checks catalogs that are made from definitions in the public catalog's format.

use super::tags::TagGroup;
use super::*;

const FILE: &str = "image/lighthouse/debian-13/2.yaml";
const PLAIN: &str = "# syntax=dhi.io/build:2-debian13
image: dhi.io/lighthouse
tags: [2.4.1, '2.4']
accounts: {run-as: keeper, users: [{name: keeper, uid: 1861}]}
os-release: {id: debian, version-id: '13'}
ports: [8080/tcp]
";

fn parse(text: &str) -> Result<Definition, String> {
    Definition::parse(text, FILE).map_err(|error| error.to_string())
}

/// Returns a definition with this variant, flavor and tags on Debian 13.
fn tagged(variant: &str, flavor: &str, tags: &[&str]) -> Definition {
    let text = PLAIN.replace("[2.4.1, '2.4']", &format!("{tags:?}"));
    parse(&format!("{text}variant: {variant}\nflavor: {flavor}\n")).unwrap()
}

fn written(definitions: Vec<Definition>, earlier: Option<&str>) -> Written {
    let mut snapshot = Snapshot::default();
    for (at, definition) in definitions.into_iter().enumerate() {
        snapshot.add(definition, &format!("{at}.yaml")).unwrap();
    }
    snapshot.write(earlier, None).unwrap()
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (from, to, error) in [
        ("image: dhi.io/lighthouse\n", "", "5:1: missing field `image`"),
        (
            "dhi.io/lighthouse",
            "lighthouse",
            "2:8: `image` must be a registry and a name, such as `dhi.io/nginx`: lighthouse",
        ),
        (
            "dhi.io/lighthouse",
            "dhi.io/Light",
            "2:8: `image` must be a registry and a name, such as `dhi.io/nginx`: dhi.io/Light",
        ),
        (
            "dhi.io/lighthouse",
            "dhi.io/l:2",
            "2:8: `image` must be a registry and a name, such as `dhi.io/nginx`: dhi.io/l:2",
        ),
        ("tags: [2.4.1, '2.4']\n", "", "5:1: missing field `tags`"),
        ("[2.4.1, '2.4']", "[]", "3:7: `tags` is empty; without a tag nothing can be pulled"),
        ("[2.4.1, '2.4']", "2.4.1", "3:7: `tags`: expected sequence start"),
        (
            "'2.4'",
            "'2.4 '",
            "3:15: `tags`: letters, digits, `_`, `.` and `-`, at most 128, such as `1.31.4-debian13`: 2.4 ",
        ),
        (
            "'2.4'",
            "'${V}'",
            "3:15: `tags`: letters, digits, `_`, `.` and `-`, at most 128, such as `1.31.4-debian13`: ${V}",
        ),
        ("'2.4'", "{a: b}", "3:15: `tags[1]`: expected string scalar"),
        ("run-as: keeper, ", "", "4:12: `accounts`: missing field `run-as`"),
        (
            "run-as: keeper",
            "run-as: ghost",
            "4:20: `accounts.run-as` must be a number, `root` or a name in `accounts.users`: ghost",
        ),
        ("uid: 1861", "uid: many", "4:56: `accounts.users[0].uid`: must be a number from 0 to 4294967295"),
        ("version-id: '13'", "release: 13", "5:26: `os-release`: missing field `version-id`"),
        ("8080/tcp", "http", "6:9: `ports` must be like `8080/tcp`: http"),
        (
            "8080/tcp]",
            "8080/tcp]\nvariant: helm",
            "7:10: `variant`: unknown variant `helm`, expected one of runtime, dev",
        ),
        ("8080/tcp]", "8080/tcp]\nflavor: a b", "7:9: `flavor` must be a word that tags end in, such as `compat`: a b"),
        ("8080/tcp]", "8080/tcp]\nports: []", "7:1: `ports` is there twice; keep one of them"),
        ("8080/tcp]", "8080/tcp", "6:8: unclosed bracket '['"),
    ] {
        let text = PLAIN.replacen(from, to, 1);
        assert_ne!(text, PLAIN, "{from}");
        assert_eq!(parse(&text).unwrap_err(), format!("{FILE}:{error}"), "{to}");
    }
}

#[test]
fn users_are_numbers() {
    for (written, number) in [("keeper", 1861), ("root", 0), ("0", 0), ("65532", 65532), ("'999'", 999)] {
        let definition = parse(&PLAIN.replace("run-as: keeper", &format!("run-as: {written}"))).unwrap();
        assert_eq!(definition.run_as, number, "{written}");
    }
}

#[test]
fn other_files_are_no_definitions() {
    for (text, is) in [
        (PLAIN, true),
        (&format!("\u{feff}{PLAIN}"), true),
        ("image: dhi.io/lighthouse\n", false),
        ("# a remark\n# syntax=dhi.io/build:2\n", false),
        ("", false),
    ] {
        assert_eq!(Definition::is_in(text), is, "{text}");
    }
}

#[test]
fn tags_are_taken_apart() {
    type Parts = (Option<&'static str>, &'static [&'static str], &'static [&'static str], &'static [&'static str]);
    let rows: [(&str, &str, &[&str], &[Parts]); 8] = [
        (
            "runtime",
            "",
            &["2", "2.4.1", "2.4", "2-debian13", "2.4-debian13", "2.4.1-debian13"],
            &[(None, &["2.4.1", "2.4", "2"], &["", "-debian13"], &[])],
        ),
        (
            "runtime",
            "",
            &["2.4.1", "v2.4.1", "latest", "2.4.1-debian"],
            &[(None, &["2.4.1"], &["", "-debian"], &["latest", "v2.4.1"])],
        ),
        ("runtime", "compat", &["2-compat", "2-debian13-compat"], &[(Some("compat"), &["2"], &["", "-debian13"], &[])]),
        ("dev", "sfw", &["2-sfw-dev", "2-debian-sfw-dev"], &[(Some("sfw"), &["2"], &["", "-debian"], &[])]),
        // Tags that leave the flavor or the operating system out form a group of their own.
        (
            "runtime",
            "compat",
            &["2", "2-debian13-compat", "2-debian-compat"],
            &[(Some("compat"), &["2"], &["-debian", "-debian13"], &[]), (None, &["2"], &[""], &[])],
        ),
        (
            "runtime",
            "",
            &["2.4-debian13", "2.4", "2-debian13"],
            &[(None, &["2.4"], &["", "-debian13"], &[]), (None, &["2"], &["-debian13"], &[])],
        ),
        ("dev", "", &["2", "2-debian12"], &[(None, &["2-debian12", "2"], &[""], &[])]),
        (
            "runtime",
            "debian13",
            &["debian13", "compat-debian13"],
            &[(None, &["debian13"], &[""], &[]), (Some("debian13"), &["compat"], &[""], &[])],
        ),
    ];
    for (variant, flavor, tags, parts) in rows {
        let definition = tagged(variant, flavor, tags);
        let expected: Vec<TagGroup<'_>> = parts
            .iter()
            .map(|(flavor, stems, suffixes, bare_only)| TagGroup {
                flavor: *flavor,
                stems: stems.to_vec(),
                suffixes: suffixes.to_vec(),
                bare_only: bare_only.to_vec(),
            })
            .collect();
        assert_eq!(definition.tag_groups(), expected, "{tags:?}");
    }
}

#[test]
fn kinds_are_words_of_the_version() {
    for (version, kind) in [
        ("3.9.16", ""),
        ("3.9.16-jdk25", "jdk"),
        ("9.7.1-r0-jdk25", "jdk"),
        ("26.6.0-0", ""),
        ("1.29.7-cli-1.7.3", "cli"),
        ("2.13.0-cuda12.6-cudnn9", "cuda-cudnn"),
        ("25-jdk-zulu", "jdk-zulu"),
        ("trixie-20250419", ""),
    ] {
        let stems = TagGroup { flavor: None, stems: vec![version], suffixes: vec![""], bare_only: vec![] };
        assert_eq!(stems.kind(), kind, "{version}");
    }
}

#[test]
fn versions_are_in_peoples_order() {
    let ordered = [
        "",
        "bookworm",
        "trixie",
        "1",
        "1.9",
        "1.9.4",
        "1.10",
        "1.10-0",
        "2",
        "10",
        "99999999999999999999999999999999999999999999",
    ];
    for pair in ordered.windows(2) {
        // A run of digits that does not fit u128 is compared as text, and orders before numbers.
        if pair[1].len() < 40 {
            assert!(by_version(pair[0], pair[1]).is_lt(), "{pair:?}");
            assert!(by_version(pair[1], pair[0]).is_gt(), "{pair:?}");
        }
        assert!(by_version(pair[1], pair[1]).is_eq(), "{pair:?}");
    }
}

#[test]
fn every_runtime_tag_arrives_and_no_other() {
    let mut definitions = vec![
        tagged("runtime", "", &["2.4.1", "2.4", "2", "v2.4.1", "2.4.1-debian13", "2.4-debian13", "2-debian13"]),
        tagged("runtime", "", &["1.9.0", "1.9", "1.9.0-debian", "1.9-debian"]),
        tagged("runtime", "", &["2.4.1-debian", "2.4.0"]),
        tagged("runtime", "compat", &["2.4.1-compat", "2-odd"]),
        tagged("runtime", "", &["2.4.1-jdk25", "2.4-jdk25-debian13"]),
    ];
    let mut declared: Vec<String> =
        definitions.iter().flat_map(|definition| definition.tags.iter().map(|(tag, _)| tag.to_string())).collect();
    definitions.push(tagged("dev", "", &["2.4.1-dev", "3-dev"]));
    let text = written(definitions, None).text;
    let catalog = Catalog::parse(&text).unwrap();
    let mut arrived: Vec<String> = catalog.get("lighthouse").unwrap().tags().map(|tag| tag.to_string()).collect();
    declared.sort();
    arrived.sort();
    assert_eq!(arrived, declared, "{text}");
}

#[test]
fn a_tag_has_one_definition() {
    let mut snapshot = Snapshot::default();
    snapshot.add(tagged("runtime", "", &["2.4.1", "2.4"]), "a.yaml").unwrap();
    let error = snapshot.add(tagged("runtime", "", &["2", "2.4"]), "b.yaml").unwrap_err().to_string();
    assert_eq!(error, "b.yaml:3:13: `tags`: another definition has it already, a.yaml: 2.4");
    let written = snapshot.write(None, None).unwrap();
    assert_eq!(written.tags, 2, "nothing of a definition that is refused is kept");
}

#[test]
fn what_definitions_do_not_say_is_carried_over() {
    let earlier = json!({
        "schema": "dhi-images/1",
        "source": {"commit": "c0ffee"},
        "copies": [{"from": "mirror.example.com", "to": "docker.io"}],
        "images": [
            {"name": "gone"},
            {
                "name": "lighthouse",
                "scheme": "upstream counts lamps",
                "upstream": [{"ref": "docker.io/sea/lighthouse", "role": "primary", "confidence": "high"}],
                "past_versions": ["1.9.0", "2.4.1", "1.10.0"],
                "variants": [
                    {"os": "debian-13", "suffix": ["", "-debian"], "lines": [["2.4.0", "2.4"]]},
                    {"os": "debian-12", "suffix": ["-debian12"], "lines": [["2.3.0"]]},
                    {"os": "debian-13", "flavor": "compat", "suffix": [""], "lines": [["2.2.0"]]},
                    {"os": "debian-13", "dev": "only", "suffix": [""], "lines": [["2.1.0"]]},
                ],
            },
        ],
    })
    .to_string();
    let written =
        written(vec![parse(PLAIN).unwrap(), parse(&PLAIN.replace("lighthouse", "buoy")).unwrap()], Some(&earlier));
    assert_eq!((written.unmapped, written.gone), (vec!["buoy".into()], vec!["gone".into()]));
    let file: Value = serde_json::from_str(&written.text).unwrap();
    assert_eq!(file["source"], json!({"carried_over": {"commit": "c0ffee"}}));
    assert_eq!(file["copies"], json!([{"from": "mirror.example.com", "to": "docker.io"}]));
    let image = &file["images"][1];
    assert_eq!(image["past_versions"], json!(["1.9.0", "1.10.0", "2.4.0"]), "what is declared now is not past");
    let catalog = Catalog::parse(&written.text).unwrap();
    let lighthouse = catalog.get("lighthouse").unwrap();
    assert_eq!(lighthouse.scheme(), Some("upstream counts lamps"));
    let resolution = catalog.resolve(&"mirror.example.com/sea/lighthouse:2.4.1".parse().unwrap());
    assert_eq!((resolution.class, resolution.image), (crate::catalog::Class::Exact, Some(lighthouse)));
}

#[test]
fn facts_of_each_build_are_its_own() {
    let with = |tags: &str, more: &str| {
        let text = PLAIN.replace("[2.4.1, '2.4']", tags).replace("ports: [8080/tcp]\n", "");
        parse(&format!("{text}{more}\n")).unwrap()
    };
    let definitions = vec![
        with("[2.4.1]", "ports: [80/tcp]\nentrypoint: [/bin/l]\nwork-dir: /data\ncontents: {packages: [bash]}"),
        with("[1.9.0]", ""),
        with("[2.4.1-compat]", "flavor: compat\ncmd: [serve]"),
        Definition { run_as: 0, user: "root".into(), ..with("[1.9.0-compat]", "flavor: compat\ncmd: [serve]") },
    ];
    // The same user name may have another user ID.
    let definitions = definitions.into_iter().chain([Definition { run_as: 7, ..with("[1.8.0]", "") }]).collect();
    let text = written(definitions, None).text;
    let catalog = Catalog::parse(&text).unwrap();
    let image = catalog.get("lighthouse").unwrap();
    for (tag, run_as, name, entrypoint, cmd, workdir, shells, ports) in [
        ("2.4.1", 1861, "keeper", &["/bin/l"][..], &[][..], Some("/data"), 1, 1),
        ("1.9.0", 1861, "keeper", &[], &[], Some("/"), 0, 0),
        ("1.8.0", 7, "keeper", &[], &[], Some("/"), 0, 0),
        ("2.4.1-compat", 1861, "keeper", &[], &["serve"], Some("/"), 0, 0),
        ("1.9.0-compat", 0, "root", &[], &["serve"], Some("/"), 0, 0),
    ] {
        let facts = image.tag(tag).unwrap().facts();
        let words = |words: &[Box<str>]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!((facts.run_as, facts.run_as_name), (run_as, Some(name)), "{tag}: {text}");
        assert_eq!((words(facts.entrypoint), words(facts.cmd)), (words_of(entrypoint), words_of(cmd)), "{tag}: {text}");
        assert_eq!((facts.workdir, facts.shell.len(), facts.ports.len()), (workdir, shells, ports), "{tag}: {text}");
    }
}

fn words_of(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
