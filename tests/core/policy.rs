//! Tests the policy file: messages, schema, default, documentation, and that every key has an effect.
//!
//! `INSTA_UPDATE=always cargo test -p quench-core --test policy` renews the generated files: `docs/policy.schema.json`,
//! the table of keys in `docs/policy.md` and the snapshot of messages. Read the difference before you commit it.

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
