//! Finds the images that a plan leaves out: unchanged images, and images that an annotation excludes.

use std::collections::{HashMap, HashSet};

use crate::policy::OptOut;
use crate::read::workload::{Image, ImageList, Object, PodSpec};

/// The images of the stored object, by list and container name.
pub(super) struct Before<'p> {
    spec: Option<&'p PodSpec<'p>>,
    by_name: Option<HashMap<(ImageList, &'p str), &'p str>>,
}

impl<'p> Before<'p> {
    pub(super) fn of(spec: Option<&'p PodSpec<'p>>) -> Self {
        Self { spec, by_name: None }
    }

    /// Returns the stored image with the same list and container name; `None` if it is new. Most lists keep their
    /// order, so the map of names is only built if a list did not.
    pub(super) fn reference(&mut self, image: &Image<'p, 'p>) -> Option<&'p str> {
        let spec = self.spec?;
        if let Some(same) = spec.image_at(image.place).filter(|same| same.name == image.name) {
            return Some(same.reference);
        }
        let by_name = self.by_name.get_or_insert_with(|| {
            let mut by_name = HashMap::new();
            for image in spec.images() {
                by_name.entry((image.place.list, image.name)).or_insert(image.reference);
            }
            by_name
        });
        by_name.get(&(image.place.list, image.name)).copied()
    }
}

/// The names in the annotations `quench.dev/skip` of object and template: names of containers, or `volume:NAME`.
pub(super) struct Skipped<'p>(HashSet<&'p str>);

impl<'p> Skipped<'p> {
    pub(super) fn of(objects: [&'p Object<'p>; 2], opt_out: OptOut) -> Self {
        let asked = objects.into_iter().filter(|_| opt_out == OptOut::Container);
        let annotations = asked.filter_map(|object| object.annotations()?.skip.as_deref());
        let names = annotations.flat_map(|names| names.split(',')).map(str::trim);
        Self(names.filter(|name| !name.is_empty()).collect())
    }

    pub(super) fn has(&self, image: &Image<'_, '_>) -> bool {
        !self.0.is_empty() && self.0.contains(&*image.key())
    }
}
