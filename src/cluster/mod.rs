//! Everything that speaks to the Kubernetes API. Nothing here is on the path of a review.

pub mod registration;
