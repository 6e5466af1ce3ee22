//! Reads a request: from the bytes of an `AdmissionReview` to a pod specification that borrows from them.

pub mod review;
pub mod wire;
pub mod workload;
