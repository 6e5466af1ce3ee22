//! Holds which namespaces lack which pull secrets, as a snapshot that reviews read without waiting.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

/// The current snapshot. It is empty until the watches of Secrets are complete, and while they fail.
#[derive(Debug, Default)]
pub struct Known(ArcSwap<Absences>);

impl Known {
    /// Returns the snapshot without taking a lock. Call it once per review.
    pub fn load(&self) -> Guard<Arc<Absences>> {
        self.0.load()
    }

    /// Replaces the snapshot.
    pub fn replace(&self, absences: Absences) {
        self.0.store(Arc::new(absences));
    }
}

/// The pull secrets that are missing from namespaces.
///
/// ```
/// use quench::live::{Absences, Where};
///
/// let having = |namespace: &str| Where::Having([namespace.to_owned()].into());
/// let absences = Absences::from_iter([("hub".to_owned(), having("shop"))]);
/// assert_eq!((absences.of("shop"), absences.of("bank")), (vec![], vec!["hub"]));
/// ```
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Absences(BTreeMap<String, Where>);

/// The namespaces that have, or do not have, a pull secret.
#[derive(Debug, PartialEq, Eq)]
pub enum Where {
    /// All namespaces have the pull secret, except for these.
    Lacking(HashSet<String>),
    /// Only these namespaces have the pull secret.
    Having(HashSet<String>),
}

impl Absences {
    /// Returns the names of the pull secrets that are known to be missing from a namespace.
    pub fn of(&self, namespace: &str) -> Vec<&str> {
        let lacks = |place: &Where| match place {
            Where::Lacking(namespaces) => namespaces.contains(namespace),
            Where::Having(namespaces) => !namespaces.contains(namespace),
        };
        self.0.iter().filter(|(_, place)| lacks(place)).map(|(secret, _)| secret.as_str()).collect()
    }
}

impl FromIterator<(String, Where)> for Absences {
    fn from_iter<T: IntoIterator<Item = (String, Where)>>(places: T) -> Self {
        Self(places.into_iter().collect())
    }
}
