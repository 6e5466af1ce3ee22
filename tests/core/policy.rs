//! The policy file: its messages, its schema, its default and its documentation, and that every key does something.
//!
//! `INSTA_UPDATE=always cargo test -p quench-core --test policy` renews what is generated: `docs/policy.schema.json`, the table of keys in
//! `docs/policy.md` and the snapshot of messages. Read the difference before you commit it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a panic is how a test fails")]

mod policy {
    mod answer;
    mod broken;
    mod certainty;
    mod default;
    mod hazard_rows;
    mod hostile;
    mod keys;
    mod manual;
    mod renewal;
    mod schema;
    mod stable;
    mod toggles;
}
