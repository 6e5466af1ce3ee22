//! Builds the answer to an admission request: patch, warnings, audit annotations, and the reply that contains them.

pub mod audit;
pub mod outcome;
pub mod reply;
pub(crate) mod warning;
