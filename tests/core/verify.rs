//! Tests `verify`: an image becomes the first candidate that exists in its registry and that no hazard rules out.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a panic is how a test fails")]

mod verify {
    mod answer;
    mod asked;
    mod newest;
    mod order;
    mod promises;
    mod published;
    mod stored;
}
