//! The mapping from upstream to hardened references: known answers, the same answers under other names, and what holds for all.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may stop wherever something is not as it should be")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use quench_core::catalog::{Catalog, Class, Image, Role};
use quench_core::reference::Reference;
use serde_json::Value;

/// Image, class, hardened name, hardened tag, and why.
type Vector = (String, String, Option<String>, Option<String>, String);

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("data/vectors.json")).unwrap()
}

/// Class, name and tag of an image.
fn answer(catalog: &Catalog, image: &str) -> (String, Option<String>, Option<String>) {
    let resolution = catalog.resolve(&image.parse().unwrap());
    (resolution.class.to_string(), resolution.image.map(|image| image.name().to_owned()), resolution.tag)
}

#[test]
fn gives_the_known_answers() {
    let catalog = Catalog::embedded();
    for (image, class, name, tag, why) in vectors() {
        assert_eq!(answer(&catalog, &image), (class, name, tag), "{image}: {why}");
    }
}

/// Nothing about an image is in the code: with every image renamed and every version moved, the answers move along.
#[test]
fn follows_the_data() {
    let mut file: Value = serde_json::from_str(include_str!("../data/catalog.json")).unwrap();
    for image in file["images"].as_array_mut().unwrap() {
        image["name"] = renamed(image["name"].as_str().unwrap()).into();
        for upstream in image["upstream"].as_array_mut().into_iter().flatten() {
            upstream["ref"] = renamed(upstream["ref"].as_str().unwrap()).into();
        }
        image["default"]["version"] = moved(image["default"]["version"].as_str().unwrap()).into();
        each_text(&mut image["past_versions"], &moved);
        for variant in image["variants"].as_array_mut().unwrap() {
            each_text(&mut variant["lines"], &moved);
            each_text(&mut variant["bare_only"], &moved);
            if let Some(suffixes) = variant["suffix_by_line"].as_object_mut() {
                *suffixes = suffixes.iter().map(|(version, suffixes)| (moved(version), suffixes.clone())).collect();
            }
        }
    }
    let catalog = Catalog::parse(&file.to_string()).unwrap();
    for (image, class, name, tag, why) in vectors() {
        let reference: Reference = image.parse().unwrap();
        let version = reference.tag().map(|tag| format!(":{}", moved(tag))).unwrap_or_default();
        let digest = reference.digest().map(|digest| format!("@{digest}")).unwrap_or_default();
        let image = format!("{}{version}{digest}", renamed(reference.name()));
        let expected = (class, name.as_deref().map(renamed), tag.as_deref().map(moved));
        assert_eq!(answer(&catalog, &image), expected, "{image}: {why}");
    }
}

fn renamed(name: &str) -> String {
    format!("{name}-elsewhere")
}

/// The tag of another year: its first number is another one.
fn moved(tag: &str) -> String {
    let (v, rest) = match tag.strip_prefix('v') {
        Some(rest) => ("v", rest),
        None => ("", tag),
    };
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (number, rest) = rest.split_at(digits);
    match number.parse::<u64>() {
        Ok(number) => format!("{v}{}{rest}", number + 7),
        Err(_) => tag.to_owned(),
    }
}

fn each_text(value: &mut Value, change: &dyn Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(list) => list.iter_mut().for_each(|value| each_text(value, change)),
        _ => {}
    }
}

/// A declared tag that upstream has as well is itself: exact for a full version, alias for a short one.
#[test]
fn declared_tags_are_themselves() {
    let catalog = Catalog::embedded();
    let (mut counts, mut exceptions) = (BTreeMap::new(), BTreeMap::new());
    for image in catalog.images() {
        let Some(upstream) = image.upstreams().iter().find(|upstream| upstream.role() == Role::Primary) else {
            continue;
        };
        for declared in image.tags() {
            let tag = declared.to_string();
            let resolution = catalog.resolve(&format!("{}:{tag}", upstream.name()).parse().unwrap());
            let expected = if declared.is_full() { Class::Exact } else { Class::Alias };
            if resolution.image == Some(image) && resolution.tag == Some(tag.clone()) && resolution.class == expected {
                *counts.entry(expected.name()).or_insert(0) += 1;
                assert_eq!(resolution.build, Some(declared), "{tag}");
            } else {
                *exceptions.entry(image.name()).or_insert(0) += 1;
                let twin = tag.strip_prefix('v').map(str::to_owned);
                let explained = twin.is_some() && resolution.tag == twin || !upstream.answers(Some(&tag));
                assert!(explained, "{}:{tag} {resolution:?}", upstream.name());
            }
        }
    }
    assert_eq!(counts, BTreeMap::from([("alias", 5397), ("exact", 3187)]));
    // Tags of a repository that two images share, without the word that says which; everything else is a dropped `v`.
    let shared = ["airflow-pgbouncer-exporter", "docker-dind"].map(|name| exceptions.remove(name).unwrap());
    assert_eq!((shared, exceptions.values().sum::<usize>()), ([15, 6], 32));
}

/// What a tag may have in front and behind.
const SHAPES: [(&str, &str); 22] = [
    ("", ""),
    ("v", ""),
    ("", "-alpine"),
    ("", "-alpine3.23"),
    ("", "-bookworm"),
    ("", "-slim-trixie"),
    ("", "-debian12"),
    ("", "-noble"),
    ("", "-arm64"),
    ("", "-0"),
    ("", "-jre"),
    ("", "-fpm-alpine"),
    ("", "-compat"),
    ("", "-dind"),
    ("", "-contrib"),
    ("", "-dev"),
    ("", "-rc1"),
    ("", "9"),
    ("", ".0"),
    ("1", ""),
    ("", "."),
    ("", "--"),
];

/// Whatever is asked, the tag is one that the catalog declares; and where it is not, the class says so.
#[test]
fn never_invents_a_tag() {
    let catalog = Catalog::embedded();
    for image in catalog.images() {
        let stems: Vec<String> = image.tags().filter(|tag| tag.flavor().is_none()).map(|tag| tag.to_string()).collect();
        let past = image.past_versions().take(2).map(str::to_owned);
        let tags: Vec<String> =
            stems.into_iter().step_by(5).chain(past).chain(["latest".to_owned(), "1".to_owned()]).collect();
        for upstream in image.upstreams() {
            for (before, after) in SHAPES {
                for tag in &tags {
                    check(&catalog, &format!("{}:{before}{tag}{after}", upstream.name()).parse().unwrap());
                }
            }
        }
    }
}

fn check(catalog: &Catalog, reference: &Reference) {
    let resolution = catalog.resolve(reference);
    let declared = |image: &Image, tag: &str| image.tag(tag).is_some();
    match (resolution.class, resolution.image, &resolution.tag) {
        (Class::None, _, None) => {}
        (Class::Past | Class::Unlisted, Some(image), Some(tag)) => {
            assert!(!declared(image, tag), "{reference} {resolution:?}");
            assert!(
                format!("dhi.io/{}:{tag}", image.name()).parse::<Reference>().is_ok(),
                "{reference} {resolution:?}"
            );
        }
        (Class::Exact | Class::Alias | Class::Line | Class::Floating, Some(image), Some(tag)) => {
            assert!(declared(image, tag), "{reference} {resolution:?}");
            assert_eq!(resolution.build.map(|build| build.to_string()).as_ref(), Some(tag), "{reference}");
        }
        _ => panic!("{reference}: a class without its tag, or a tag without its class: {resolution:?}"),
    }
    assert_eq!(
        resolution.facts().is_none(),
        resolution.image.is_none_or(|_| is_substitute(catalog, reference)),
        "{reference}"
    );
    assert!(!resolution.reason.to_string().is_empty());
}

fn is_substitute(catalog: &Catalog, reference: &Reference) -> bool {
    let upstreams = || catalog.images().flat_map(Image::upstreams);
    upstreams().any(|upstream| upstream.name() == reference.name() && upstream.role() == Role::Substitute)
}

proptest! {
    #[test]
    fn takes_any_tag(at in any::<prop::sample::Index>(), tag in "v?[0-9a-z_]([0-9a-z_.-]|-alpine|-debian|-bookworm|-jdk|\\.){0,12}") {
        thread_local!(static CATALOG: Catalog = Catalog::embedded());
        CATALOG.with(|catalog| {
            let upstreams: Vec<_> = catalog.images().flat_map(Image::upstreams).collect();
            check(catalog, &format!("{}:{tag}", at.get(&upstreams).name()).parse().unwrap());
        });
    }
}
