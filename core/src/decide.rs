//! Decides what happens to each image of a pod: first about each image alone, then in a plan for the pod, which becomes
//! an outcome when registries have answered.

pub mod decision;
pub mod plan;
mod settle;
