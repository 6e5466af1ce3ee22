//! With `verify`, registries say which candidates exist: an image becomes the first one that does and that its hazards leave.

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
