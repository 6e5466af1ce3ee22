use super::*;
use crate::catalog::Catalog;
use crate::hazard::table_tests::assert_fits;
use crate::hazard::{Unfit, owned};

/// Every text that facts bring fits a line, behind a name that is cut.
#[test]
fn texts_of_facts_fit_the_line() {
    let catalog = Catalog::embedded();
    let certainty = Certainty::Certain;
    for image in catalog.images() {
        let Some(start) = image.start() else { continue };
        for name in start.variables.iter().flat_map(|row| &row.names) {
            for env_from in [false, true] {
                assert_fits(&Hazard::VariableIgnored { name: owned(name.as_str()), env_from, certainty });
            }
        }
        for row in &start.folders {
            for path in &row.paths {
                assert_fits(&Hazard::FolderIgnored { path: owned(path), instead: row.instead.as_deref(), certainty });
            }
        }
        for row in &start.arguments {
            let cure = row.cure.as_deref().unwrap_or("set `command`");
            assert_fits(&Hazard::ArgumentsDiffer { word: owned(&"word-".repeat(20)), cure, certainty });
        }
        for row in &start.defaults {
            assert_fits(&Hazard::DefaultsDiffer { hardened: &row.hardened, cure: &row.cure, certainty });
        }
        for path in start.user.iter().flat_map(|user| &user.writes) {
            let uid = 1_000_650_000;
            assert_fits(&Hazard::UserDiffers { uid, unfit: Unfit::CannotWrite(path), run_as: 65532, certainty });
        }
        for row in &start.data {
            let Some(moved_to) = row.moved_to.as_deref() else { continue };
            assert_fits(&Hazard::DataPathMoved { setting: row.told_by.first().map(|setting| &**setting), moved_to });
        }
    }
    for unfit in [Unfit::NotListed, Unfit::Root] {
        assert_fits(&Hazard::UserDiffers { uid: 1_000_650_000, unfit, run_as: 65532, certainty });
    }
    assert_fits(&Hazard::TimeZoneMissing);
}

#[test]
fn certain_facts_keep_and_likely_ones_warn() {
    use Effect::{Absent, Fallback, Open, Refuses};
    for (effect, sure, holds, expected) in [
        (Open, Sure::Certain, Truth::Yes, Some(Certainty::Certain)),
        (Open, Sure::Certain, Truth::Unknown, Some(Certainty::Possible)),
        (Open, Sure::Certain, Truth::No, None),
        (Refuses, Sure::Likely, Truth::Yes, Some(Certainty::Possible)),
        (Absent, Sure::Certain, Truth::Yes, Some(Certainty::Certain)),
        (Absent, Sure::Likely, Truth::Yes, None),
        (Fallback, Sure::Certain, Truth::Yes, Some(Certainty::Possible)),
        (Fallback, Sure::Likely, Truth::Yes, Some(Certainty::Possible)),
    ] {
        assert_eq!(certainty(effect, sure, holds), expected, "{effect:?} {sure:?} {holds:?}");
    }
}
