//! Remembers the log lines that were written, so that each is written once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::decide::Original;
use super::schedule::Key;
use super::watches::Subject;

/// The subjects of log lines that were written.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) no_cluster: bool,
    /// The last error of each watch and its time; an empty text if the watch has recovered.
    pub(super) troubles: BTreeMap<Subject, (Instant, String)>,
    pub(super) originals: BTreeMap<String, Original>,
    /// The copies that cannot be made, because a Secret exists that quench did not make.
    pub(super) foreign: BTreeSet<Key>,
    /// The reasons of failed writes, without the namespace.
    pub(super) failures: BTreeSet<String>,
}

impl Told {
    /// Reports whether a watch has failed and has not progressed since.
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
