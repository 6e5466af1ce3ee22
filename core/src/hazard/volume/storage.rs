//! Images that keep data: whose it is, and where upstream keeps it.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::read::workload::Mount;

/// By the names of the catalog. It is a fact about upstream's images, and a catalog file says nothing about those.
const BUILT_IN: &str = include_str!("../../../data/storage.json");

static IMAGES: LazyLock<HashMap<Box<str>, Storage>> = LazyLock::new(|| {
    let file: File = serde_json::from_str(BUILT_IN).expect("a test reads the file");
    file.images
});

#[derive(Deserialize)]
struct File {
    images: HashMap<Box<str>, Storage>,
}

/// What is known of the data that an image keeps.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Storage {
    /// The user of upstream's image.
    uid: Option<u32>,
    /// The user of upstream's Alpine build, where that is another.
    alpine: Option<u32>,
    /// Whether the program refuses data of another user, whatever its group.
    #[serde(default)]
    sole_owner: bool,
    /// Where upstream keeps the data and the hardened image does not.
    #[serde(default)]
    old: Vec<Box<str>>,
    /// Variables that say where the data is.
    #[serde(default)]
    env: Vec<Box<str>>,
    /// Flags that do.
    #[serde(default)]
    flags: Vec<Box<str>>,
}

impl Storage {
    /// Of the hardened image of a name.
    pub(super) fn of(name: &str) -> Option<&'static Self> {
        IMAGES.get(name)
    }

    /// The user that data belong to which upstream's image wrote.
    pub(super) fn owner(&self, image: &str) -> Option<u32> {
        self.alpine.filter(|_| image.contains("alpine")).or(self.uid)
    }

    pub(super) fn has_sole_owner(&self) -> bool {
        self.sole_owner
    }

    /// What says where the data is; None where the hardened image looks where upstream does.
    pub(super) fn setting(&self) -> Option<&str> {
        self.env.first().or(self.flags.first()).map(|setting| &**setting)
    }

    /// Whether upstream's data is in the mount, or below or around it.
    pub(super) fn was_kept_around(&self, mount: &Mount<'_>) -> bool {
        self.old.iter().any(|old| {
            let below = mount.path.strip_prefix(&**old).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            below || mount.holds(old)
        })
    }

    pub(super) fn is_told_by_variable(&self, name: &str) -> bool {
        self.env.iter().any(|variable| **variable == *name)
    }

    pub(super) fn is_told_by_flag(&self, word: &str) -> bool {
        self.flags.iter().any(|flag| word.contains(&**flag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn every_image_is_in_the_catalog() {
        let catalog = Catalog::embedded();
        assert!(IMAGES.len() > 30);
        for (name, storage) in &*IMAGES {
            assert!(catalog.get(name).is_some(), "{name}");
            assert_eq!(storage.setting().is_some(), !storage.old.is_empty(), "{name}");
        }
    }

    #[test]
    fn owners_by_build() {
        for (name, image, owner) in [
            ("postgres", "postgres:17", Some(999)),
            ("postgres", "postgres:17-alpine", Some(70)),
            ("redis", "redis:8-alpine", Some(999)),
            ("mysql", "mysql:9", None),
            ("nginx", "nginx", None),
        ] {
            assert_eq!(Storage::of(name).and_then(|storage| storage.owner(image)), owner, "{image}");
        }
    }
}
