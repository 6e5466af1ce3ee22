//! Tests the layers of the code: a room uses only rooms below it, and no three files use each other in a circle.
//!
//! A room is a file or folder directly below `core/src` or `src`. Paths are read from all code outside tests, so that
//! a path in an expression counts like one after `use`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The rooms of `core/src`, from the ground up.
const CORE: &[&[&str]] = &[
    &["text"],
    &["reference", "manifest", "read"],
    &["catalog"],
    &["snapshot", "presence"],
    &["hazard"],
    &["policy"],
    &["answer"],
    &["decide"],
    &["rewrite"],
];

/// The rooms of `src`, from the ground up.
const PROGRAM: &[&[&str]] =
    &[&["panics", "telemetry"], &["tls"], &["registry"], &["live"], &["admission", "cluster", "server"], &["cli"]];

#[test]
fn a_room_uses_only_rooms_below_it() {
    for (folder, floors) in [("core/src", CORE), ("src", PROGRAM)] {
        let floor = |room: &str| {
            floors
                .iter()
                .position(|rooms| rooms.contains(&room))
                .unwrap_or_else(|| panic!("{folder}: `{room}` has no floor"))
        };
        let modules = modules(folder);
        assert!(modules.len() > 50, "{folder} has {} files", modules.len());
        let mut wrong = Vec::new();
        for (module, text) in &modules {
            let Some(room) = module.first() else { continue };
            for used in uses(module, text).iter().filter_map(|path| path.first()) {
                if used != room && modules.contains_key(&vec![used.clone()]) && floor(used) >= floor(room) {
                    wrong.push(format!("{folder}: {} uses {used}, which is not below {room}", module.join("::")));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn no_three_files_use_each_other() {
    for folder in ["core/src", "src"] {
        let modules = modules(folder);
        let arrows = arrows(&modules);
        let reached: BTreeMap<_, _> = arrows.keys().map(|start| (start, reached(start, &arrows))).collect();
        let circles: BTreeSet<Vec<String>> = arrows
            .keys()
            .map(|start| {
                let back = |other: &&&Vec<String>| reached[start].contains(**other) && reached[*other].contains(start);
                arrows.keys().collect::<Vec<_>>().iter().filter(back).map(|module| module.join("::")).collect()
            })
            .filter(|circle: &Vec<String>| {
                circle.len() > 2 || circle.iter().map(|file| parent(file)).collect::<BTreeSet<_>>().len() > 1
            })
            .collect();
        assert!(circles.is_empty(), "{folder}: files that use each other in a circle: {circles:#?}");
    }
}

fn parent(module: &str) -> &str {
    module.rsplit_once("::").map_or("", |(parent, _)| parent)
}

/// What each file uses, without what it declares itself: a file and those in its folder belong together.
fn arrows(modules: &BTreeMap<Vec<String>, String>) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let file = |path: &[String]| {
        (1..=path.len()).rev().map(|end| path[..end].to_vec()).find(|path| modules.contains_key(path))
    };
    let arrows = modules.iter().map(|(module, text)| {
        let used = uses(module, text).into_iter().filter_map(|path| file(&path));
        (module.clone(), used.filter(|used| !used.starts_with(module) && !module.starts_with(used)).collect())
    });
    arrows.collect()
}

fn reached(start: &Vec<String>, arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>) -> BTreeSet<Vec<String>> {
    let mut reached = BTreeSet::new();
    let mut open = vec![start];
    while let Some(used) = open.pop().and_then(|module| arrows.get(module)) {
        open.extend(used.iter().filter(|module| reached.insert((*module).clone())));
    }
    reached
}

/// The text of each module below a folder, without tests; a module is the list of its names.
fn modules(folder: &str) -> BTreeMap<Vec<String>, String> {
    fn collect(folder: &Path, module: &[String], modules: &mut BTreeMap<Vec<String>, String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let is_test = name == "tests" || name.ends_with("_tests") || name == "simulation";
            let module: Vec<String> = module.iter().cloned().chain([name.clone()]).collect();
            match path.extension() {
                _ if is_test || ["lib", "main"].contains(&&*name) => {}
                None => collect(&path, &module, modules),
                Some(_) => _ = modules.insert(module, without_tests(&fs::read_to_string(&path).unwrap())),
            }
        }
    }
    let mut modules = BTreeMap::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &[], &mut modules);
    modules
}

/// The lines before the tests at the end of a file, without comments.
fn without_tests(text: &str) -> String {
    let end = text.find("\n#[cfg(test)]\nmod ").unwrap_or(text.len());
    let lines = text[..end].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The paths in a module's text that begin with `crate`, `self` or `super`, each from the root of its crate.
fn uses(module: &[String], text: &str) -> Vec<Vec<String>> {
    let is_word = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut paths = Vec::new();
    for (at, _) in text.match_indices("::") {
        let start = text[..at].rfind(|character| !is_word(character)).map_or(0, |before| before + 1);
        let mut path = match &text[start..at] {
            "crate" => Vec::new(),
            "self" => module.to_vec(),
            "super" if !text[..start].ends_with("super::") => module[..module.len() - 1].to_vec(),
            _ => continue,
        };
        for word in text[at + 2..].split("::") {
            let end = word.find(|character| !is_word(character)).unwrap_or(word.len());
            match &word[..end] {
                "super" => _ = path.pop(),
                name => path.push(name.to_owned()),
            }
            if end < word.len() {
                break;
            }
        }
        paths.push(path);
    }
    paths
}
