//! Tests the messages about invalid policies: each has the position, the mistake, and what to write instead.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use quench_core::policy::Checked;

/// Every file of `tests/policies/broken` with its message, read by eye.
#[test]
fn every_mistake_is_named_where_it_is_with_what_to_write_instead() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/policies");
    let mut files: Vec<_> = fs::read_dir(folder.join("broken")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 90, "{} files", files.len());
    let mut messages = String::new();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let message = match Checked::of(&fs::read(&file).unwrap(), "policy.yaml") {
            Ok(_) => panic!("{name} is valid"),
            Err(error) => error.to_string(),
        };
        assert!(message.len() < 700 && message.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{name}: {message}");
        writeln!(messages, "{name}\n  {message}").unwrap();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("broken", messages));
}
