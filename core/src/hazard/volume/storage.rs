//! Images that keep data: whose it is, and where upstream keeps it, by the catalog's facts.

use crate::catalog::{Data, Facts};
use crate::read::workload::{Mount, is_below};

/// What is known of the data that upstream's image keeps, as far as it is of this build.
pub(super) fn data<'c>(facts: &Facts<'c>) -> impl Iterator<Item = &'c Data> + use<'c> {
    let build = facts.build;
    let rows = facts.start.into_iter().flat_map(|start| &start.data);
    rows.filter(move |row| row.conditions.iter().all(|condition| condition.of_build(&build) != Some(false)))
}

/// Whether upstream's data is in the mount, or below or around it.
pub(super) fn was_kept_around(data: &Data, mount: &Mount<'_>) -> bool {
    is_below(mount.path.trim_end_matches('/'), &data.path) || mount.holds(&data.path)
}

/// Whether a variable or a word of the command line says where the data is.
pub(super) fn is_told_by(data: &Data, written: &str) -> bool {
    data.told_by.iter().any(
        |setting| {
            if setting.starts_with('-') { written.contains(&**setting) } else { **setting == *written }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn owners_by_build() {
        let catalog = Catalog::embedded();
        for (name, tag, owner) in [
            ("postgres", "17", Some(999)),
            ("postgres", "17-alpine", Some(70)),
            ("redis", "8-alpine", Some(999)),
            ("influxdb", "2", Some(1000)),
            ("influxdb", "3-core", Some(1500)),
            ("kapacitor", "1", None),
            ("nginx", "1", None),
        ] {
            let facts =
                catalog.get(name).and_then(|image| image.tag(tag)).unwrap_or_else(|| panic!("{name}:{tag}")).facts();
            assert_eq!(data(&facts).find_map(|row| row.user), owner, "{name}:{tag}");
        }
    }
}
