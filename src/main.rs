//! The program `quench`.

fn main() {}
