//! Finds the key at a position of a document.

use std::borrow::Cow;

use super::documents;
use super::tree::{Content, NodeId, Tree};

/// Returns the path of the value that begins at byte `at` of the first document, such as `rules[0].match`. A key
/// gives the path of its mapping; the whole document and unknown positions give the empty path.
///
/// Error messages use the path. Parsers need it only for an error, so they do not track it.
pub(crate) fn path_at(text: &str, at: Option<u64>) -> String {
    let tree = documents(text).first().and_then(|document| document.tree().ok()?);
    let at = at.and_then(|at| usize::try_from(at).ok());
    let steps = tree.as_ref().zip(at).and_then(|(tree, at)| steps_to(tree, tree.root, at));
    let mut path = String::new();
    for step in steps.unwrap_or_default().iter().rev() {
        path += if path.is_empty() || step.starts_with('[') { "" } else { "." };
        path += step;
    }
    path
}

/// Returns the steps from `id` to the value at byte `at`, the last step first; `None` if no value begins there.
fn steps_to<'t>(tree: &'t Tree<'_>, id: NodeId, at: usize) -> Option<Vec<Cow<'t, str>>> {
    let begins_there = |id| tree.node(id).span.start == at || tree.node(id).start == at;
    if begins_there(id) {
        return Some(Vec::new());
    }
    let behind = |step, value| {
        let mut steps = steps_to(tree, value, at)?;
        steps.push(step);
        Some(steps)
    };
    match &tree.node(id).content {
        Content::Sequence(items) => {
            items.iter().enumerate().find_map(|(index, item)| behind(format!("[{index}]").into(), *item))
        }
        Content::Mapping(mapping) if mapping.written.iter().any(|entry| begins_there(entry.key)) => Some(Vec::new()),
        Content::Mapping(mapping) => {
            mapping.written.iter().find_map(|entry| behind(tree.key(*entry).into(), entry.value))
        }
        Content::Scalar(_) | Content::Alias(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_place_has_the_path_of_what_begins_there() {
        let yaml = "mode: off\nrules:\n  - match: é # first\n    tag: 'x'\n  - {with: [1, é, 2], on: c}\nverify: &a !!map\n  z: y\n";
        for (there, path) in [
            ("mode", ""),
            ("off", "mode"),
            ("rules", ""),
            ("- match", "rules"),
            ("match", "rules[0]"),
            ("é #", "rules[0].match"),
            ("tag", "rules[0]"),
            ("'x'", "rules[0].tag"),
            ("{", "rules[1]"),
            ("with", "rules[1]"),
            ("[1", "rules[1].with"),
            ("é,", "rules[1].with[1]"),
            ("2]", "rules[1].with[2]"),
            ("on", "rules[1]"),
            ("&a", "verify"),
            ("z", "verify"),
            ("y\n", "verify.z"),
            // No value or key begins at these positions.
            (":", ""),
            ("ff", ""),
        ] {
            assert_eq!(path_at(yaml, yaml.find(there).map(|at| at as u64)), path, "{there}");
        }
        assert_eq!(path_at(r#"{"a": [{"b": 1}]}"#, Some(13)), "a[0].b");
        for nowhere in [None, Some(999)] {
            assert_eq!(path_at(yaml, nowhere), "");
        }
        assert_eq!(path_at("a: [", Some(3)), "");
    }

    #[test]
    fn places_are_those_of_the_other_reader() {
        for text in ["a: é\nb: [x]\n", "\u{feff}a: é\nb: [x]\n", "# é\r\na: é\r\nb: [x]\r\n"] {
            let error = serde_saphyr::from_str::<HashMap<String, String>>(text).unwrap_err();
            let at = error.without_snippet().location().unwrap().span().byte_offset();
            assert_eq!(path_at(text, at), "b", "{text}");
        }
    }
}
