//! Caches the objects that a watch has shown.

use std::collections::BTreeMap;
use std::mem;

use kube::runtime::watcher::Event;

/// The objects by namespace; namespaces themselves are stored by their name.
#[derive(Debug)]
pub(super) struct Listed<T> {
    items: BTreeMap<String, T>,
    /// The objects of a new list that is not complete yet.
    next: Option<BTreeMap<String, T>>,
    is_complete: bool,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { items: BTreeMap::new(), next: None, is_complete: false }
    }
}

impl<T: PartialEq> Listed<T> {
    /// Applies an event of the watch; returns the namespaces that the event is about.
    pub(super) fn take(&mut self, event: Event<(String, T)>) -> Vec<String> {
        match event {
            Event::Apply((namespace, item)) => {
                self.items.insert(namespace.clone(), item);
                vec![namespace]
            }
            Event::Delete((namespace, _)) => {
                self.items.remove(&namespace);
                vec![namespace]
            }
            Event::Init => {
                self.next = Some(BTreeMap::new());
                Vec::new()
            }
            Event::InitApply((namespace, item)) => {
                self.next.get_or_insert_default().insert(namespace, item);
                Vec::new()
            }
            // An object that is not in the new list was deleted.
            Event::InitDone => {
                let before = mem::replace(&mut self.items, self.next.take().unwrap_or_default());
                let is_first = !mem::replace(&mut self.is_complete, true);
                let gone = before.keys().filter(|namespace| !self.items.contains_key(*namespace));
                let changed =
                    self.items.iter().filter(|(namespace, item)| is_first || before.get(*namespace) != Some(item));
                gone.chain(changed.map(|(namespace, _)| namespace)).cloned().collect()
            }
        }
    }

    pub(super) fn get(&self, namespace: &str) -> Option<&T> {
        self.items.get(namespace)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.items.iter().map(|(namespace, item)| (namespace.as_str(), item))
    }

    /// Reports whether the watch has shown a complete list.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_takes_the_place_of_what_was_known_once_it_is_over() {
        let mut listed = Listed::default();
        let one = |name: &str, item: i32| (name.to_owned(), item);
        let mut shown = Vec::new();
        for event in [
            Event::Init,
            Event::InitApply(one("a", 1)),
            Event::InitApply(one("b", 2)),
            Event::InitDone,
            Event::Apply(one("c", 3)),
            Event::Delete(one("a", 1)),
            // The watch failed: meanwhile `b` was deleted, `c` changed, and `d` was created.
            Event::Init,
            Event::InitApply(one("c", 4)),
            Event::InitApply(one("d", 5)),
            Event::InitDone,
        ] {
            let changed = listed.take(event).join(" ");
            let items: Vec<_> = listed.iter().map(|(name, item)| format!("{name}{item}")).collect();
            shown.push(format!("{changed}: {} {}", items.join(" "), listed.is_complete()));
        }
        assert_eq!(
            shown,
            [
                ":  false",
                ":  false",
                ":  false",
                "a b: a1 b2 true",
                "c: a1 b2 c3 true",
                "a: b2 c3 true",
                ": b2 c3 true",
                ": b2 c3 true",
                ": b2 c3 true",
                "b c d: c4 d5 true",
            ]
        );
    }
}
