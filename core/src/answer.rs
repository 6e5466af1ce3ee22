//! The answer to a request: the patch, the warnings, the audit annotations and the reply that carries them.

pub mod audit;
pub mod outcome;
pub mod reply;
pub(crate) mod warning;
