//! Decides what happens to each image of a pod: the decision about one image, the plan for a pod, and the outcome once registries
//! have answered.

pub mod decision;
pub mod plan;
mod settle;
