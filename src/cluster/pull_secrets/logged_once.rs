//! What was said of pull secrets already, and is not said again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::decide::Original;
use super::schedule::Key;
use super::watches::Subject;

/// What was said already.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) no_cluster: bool,
    /// What is wrong with each watch, and since when it was last so; nothing is, any more, where the reason is empty.
    pub(super) troubles: BTreeMap<Subject, (Instant, String)>,
    pub(super) originals: BTreeMap<String, Original>,
    /// Where a Secret of somebody else is in the way.
    pub(super) foreign: BTreeSet<Key>,
    /// Why writes failed, whatever the namespace.
    pub(super) failures: BTreeSet<String>,
}

impl Told {
    /// Whether a watch has not got on since its last trouble.
    pub(super) fn is_in_trouble(&self, subject: &Subject) -> bool {
        self.troubles.get(subject).is_some_and(|(_, reason)| !reason.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_got_on_is_in_trouble_no_more() {
        let mut told = Told::default();
        told.troubles.insert(Subject::Secret("hub".to_owned()), (Instant::now(), "refused".to_owned()));
        assert!(!told.is_in_trouble(&Subject::Namespaces));
        told.troubles.insert(Subject::Namespaces, (Instant::now(), "refused".to_owned()));
        assert!(told.is_in_trouble(&Subject::Namespaces));
        told.troubles.get_mut(&Subject::Namespaces).unwrap().1.clear();
        assert!(!told.is_in_trouble(&Subject::Namespaces));
    }
}
