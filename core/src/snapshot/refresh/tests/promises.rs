//! Checks properties of a refresh for random catalogs and lists of tags.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::RngSeed;
use serde_json::Value;

use super::*;

/// Returns random variants of one image, and random tags that a registry may list: declared and new ones.
fn scenes() -> impl Strategy<Value = (Value, Vec<String>)> {
    let versions =
        ["2.4.1", "2.4.0", "2.4.7", "2.3.0", "1.9.12", "1.9.3", "3.9.16-jdk25", "3.9.17-jdk25", "484", "trixie"];
    let line = (select(versions.to_vec()), subsequence(vec!["2.4", "2", "1.9", "lts", "3.9-jdk25"], 0..=3));
    let lines = proptest::collection::vec(line, 1..4).prop_map(|lines| {
        let mut stems: Vec<Vec<&str>> = Vec::new();
        for (version, short) in lines {
            let is_known = |stem: &&str| stems.iter().flatten().any(|known| known == stem);
            if !is_known(&version) {
                let is_short = |stem: &&str| {
                    let (numbers, kind) = stem.split_once('-').unwrap_or((stem, ""));
                    *stem == "lts"
                        || version.starts_with(&format!("{numbers}."))
                            && (version.split_once('-').map_or("", |(_, kind)| kind) == kind)
                };
                let short: Vec<&str> = short.into_iter().filter(|stem| !is_known(stem) && is_short(stem)).collect();
                stems.push([vec![version], short].concat());
            }
        }
        stems
    });
    let build = select(vec![
        ("debian-13", "", vec!["", "-debian", "-debian13"]),
        ("debian-13", "compat", vec!["", "-debian13"]),
        ("alpine-3.24", "", vec!["-alpine", "-alpine3.24"]),
        ("debian-12", "", vec!["-debian12"]),
    ]);
    let variant = (build, lines).prop_map(|((os, flavor, suffix), lines)| {
        json!({"os": os, "flavor": flavor, "suffix": suffix, "lines": lines, "run_as_by_line": {"2.4.1": 7}})
    });
    let stems =
        [versions.to_vec(), vec!["2.4", "2", "1.9", "lts", "3.9-jdk25", "2.4.9", "2.5.0", "1.9.13", "485", "v2.4.1"]]
            .concat();
    let suffixes = vec![
        "",
        "-debian",
        "-debian13",
        "-debian14",
        "-alpine",
        "-alpine3.24",
        "-alpine3.25",
        "-compat",
        "-debian13-compat",
        "-dev",
    ];
    let tags =
        (subsequence(stems.clone(), 0..stems.len()), subsequence(suffixes, 1..=6)).prop_map(|(stems, suffixes)| {
            stems
                .iter()
                .flat_map(|stem| suffixes.iter().map(move |suffix| format!("{stem}{suffix}")))
                .collect::<Vec<_>>()
        });
    let kept = proptest::collection::vec(any::<bool>(), 60);
    (proptest::collection::vec(variant, 1..4), tags, kept).prop_map(|(variants, mut tags, kept)| {
        let mut seen = kept.iter().cycle();
        tags.retain(|_| *seen.next().unwrap());
        (json!(variants), tags)
    })
}

fn declared(text: &str) -> BTreeSet<String> {
    let catalog = Catalog::parse(text).unwrap();
    catalog
        .get("lighthouse")
        .into_iter()
        .flat_map(|image| image.tags().map(|tag| tag.to_string()).collect::<Vec<_>>())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, rng_seed: RngSeed::Fixed(7), ..ProptestConfig::default() })]

    #[test]
    fn only_what_is_listed_is_declared((variants, tags) in scenes()) {
        let text = catalog(&variants);
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let after = by(&text, &tags);
        let found = declared(&after.text);
        prop_assert!(found.iter().all(|tag| tags.contains(&&**tag)), "{found:?}\n{}", after.text);
        // A tag with a full version that was declared and is listed stays.
        let own = declared(&text);
        let full = |tag: &String| Catalog::parse(&text).unwrap().get("lighthouse").unwrap().tag(tag).unwrap().is_full();
        for tag in own.iter().filter(|tag| tags.contains(&&***tag) && full(tag)) {
            prop_assert!(found.contains(tag), "{tag}\n{}", after.text);
        }
        prop_assert_eq!((after.new, after.gone), (found.difference(&own).count(), own.difference(&found).count()));
    }

    #[test]
    fn its_own_tags_change_nothing((variants, _) in scenes()) {
        let text = catalog(&variants);
        let own = declared(&text);
        let after = by(&text, &own.iter().map(String::as_str).collect::<Vec<_>>());
        let image = |text: &str| serde_json::from_str::<Value>(text).unwrap()["images"].take();
        prop_assert_eq!(image(&after.text), image(&text));
    }

    #[test]
    fn the_order_of_a_list_says_nothing((variants, tags) in scenes()) {
        let (text, forth) = (catalog(&variants), tags.iter().map(String::as_str).collect::<Vec<_>>());
        let back: Vec<&str> = forth.iter().rev().chain(&forth).copied().collect();
        prop_assert_eq!(by(&text, &forth), by(&text, &back));
    }

    #[test]
    fn a_second_refresh_changes_nothing((variants, tags) in scenes()) {
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let once = by(&catalog(&variants), &tags);
        let twice = by(&once.text, &tags);
        prop_assert_eq!((&once.text, twice.new, twice.gone), (&twice.text, 0, 0));
    }

    #[test]
    fn no_tag_is_declared_twice((variants, tags) in scenes()) {
        let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
        let text = catalog(&variants);
        let list = |text: &str| -> Vec<String> {
            let catalog = Catalog::parse(text).unwrap();
            catalog.get("lighthouse").into_iter().flat_map(|image| image.tags().map(|tag| tag.to_string()).collect::<Vec<_>>()).collect()
        };
        // Catalogs that declare a tag twice are skipped, since quench does not write such catalogs.
        if list(&text).len() > declared(&text).len() {
            return Ok(());
        }
        let after = by(&text, &tags).text;
        prop_assert_eq!(list(&after).len(), declared(&after).len(), "{}", after);
    }
}
