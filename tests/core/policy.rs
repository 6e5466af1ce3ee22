//! The policy file: its messages, its schema, its default, and that every key does something.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod policy {
    mod broken;
    mod hostile;
}
