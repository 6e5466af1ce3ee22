//! Compares committed files with the ones that the program generates, or renews them.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// A file of the repository.
pub(super) fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Asserts that a file is as it would be made now, or makes it anew.
pub(super) fn is_current(path: &str, text: &str) {
    if env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        fs::write(file(path), text).unwrap();
    }
    let committed = fs::read_to_string(file(path)).unwrap_or_default();
    let renew = "INSTA_UPDATE=always cargo test -p quench-core --test policy";
    assert!(committed == text, "{path} is not what it would be now; renew it: {renew}");
}
