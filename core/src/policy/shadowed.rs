//! Finds rules and namespace entries that can never match, because an earlier entry matches everything they match.

use std::collections::HashMap;

use super::glob::Glob;

/// Indexes earlier entries by pattern: n rules are checked in O(n), not O(n²).
#[derive(Default)]
pub(super) struct Earlier {
    by_patterns: HashMap<(String, Option<String>), usize>,
    count: usize,
}

impl Earlier {
    /// Returns the index of the first earlier entry that matches everything that these patterns match; an entry without
    /// `tags` matches any tag. `None` if there is no such entry.
    pub(super) fn covering(&self, names: &Glob, tags: Option<&Glob>) -> Option<usize> {
        let tags = tags.map(ToString::to_string);
        let any_tag = tags.is_some().then_some(None);
        let entries = names.covering().flat_map(|names| {
            let tags = [Some(tags.clone()), any_tag.clone()];
            tags.into_iter().flatten().map(move |tags| (names.clone(), tags))
        });
        entries.filter_map(|entry| self.by_patterns.get(&entry)).min().copied()
    }

    pub(super) fn push(&mut self, names: &Glob, tags: Option<&Glob>) {
        self.by_patterns.entry((names.to_string(), tags.map(ToString::to_string))).or_insert(self.count);
        self.count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn earlier_patterns_cover_later_ones() {
        for (earlier, later, covered) in [
            ("ghcr.io/acme/**", "ghcr.io/acme/app", true),
            ("ghcr.io/acme/**", "ghcr.io/acme/team/*", true),
            ("ghcr.io/acme/**", "ghcr.io/acme/**", true),
            ("ghcr.io/acme/**", "ghcr.io/acme2/app", false),
            ("ghcr.io/acme/*", "ghcr.io/acme/app", false),
            ("ghcr.io/acme**", "ghcr.io/acme/app", false),
            ("ghcr.io/acme/app", "ghcr.io/acme/**", false),
            ("*.gcr.io/**", "*.gcr.io/a", true),
            ("**", "ghcr.io/acme/app", true),
        ] {
            let [earlier_names, later_names] = [earlier, later].map(|pattern| Glob::of_repositories(pattern).unwrap());
            let mut entries = Earlier::default();
            entries.push(&earlier_names, None);
            assert_eq!(entries.covering(&later_names, None).is_some(), covered, "{earlier} {later}");
        }
        let mut entries = Earlier::default();
        for names in ["team-*", "*"] {
            entries.push(&Glob::of_namespaces(names).unwrap(), None);
        }
        for (names, covering) in [("team-*", Some(0)), ("team-a", Some(1))] {
            assert_eq!(entries.covering(&Glob::of_namespaces(names).unwrap(), None), covering, "{names}");
        }
    }

    #[test]
    fn tags_must_be_equal_or_any() {
        let names = Glob::of_repositories("ghcr.io/a/b").unwrap();
        let tags = |pattern| Glob::of_tags(pattern).unwrap();
        for (earlier, later, covered) in [
            (None, None, true),
            (None, Some("1.*"), true),
            (Some("1.*"), Some("1.*"), true),
            (Some("1.*"), Some("1.2"), false),
            (Some("*"), None, false),
        ] {
            let mut entries = Earlier::default();
            entries.push(&names, earlier.map(tags).as_ref());
            assert_eq!(entries.covering(&names, later.map(tags).as_ref()).is_some(), covered, "{earlier:?} {later:?}");
        }
    }
}
