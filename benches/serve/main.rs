//! What a review costs.

fn main() {}
