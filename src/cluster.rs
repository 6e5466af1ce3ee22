//! Everything that speaks to the Kubernetes API. Nothing here is on the path of a review.

pub mod authority;
mod call;
pub mod pull_secrets;
pub mod registration;
