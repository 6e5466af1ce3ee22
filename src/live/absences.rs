//! Which namespaces lack which pull secret, for reviews: a snapshot, so that none waits for anything.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

/// What is known by now. It knows nothing until a watch has shown all there is, nor while one is in trouble.
#[derive(Debug, Default)]
pub struct Known(ArcSwap<Absences>);

impl Known {
    /// What is known, without a lock. To be called once a review.
    pub fn load(&self) -> Guard<Arc<Absences>> {
        self.0.load()
    }

    /// Puts something new in its place.
    pub fn replace(&self, absences: Absences) {
        self.0.store(Arc::new(absences));
    }
}

/// The pull secrets that namespaces lack.
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

/// Where a pull secret is.
#[derive(Debug, PartialEq, Eq)]
pub enum Where {
    /// In all namespaces but these.
    Lacking(HashSet<String>),
    /// In these and no others.
    Having(HashSet<String>),
}

impl Absences {
    /// The pull secrets that a namespace is known to lack.
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
