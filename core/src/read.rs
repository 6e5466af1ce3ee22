//! Reads the bytes of an `AdmissionReview` into a request and a pod specification that borrow from them.

pub mod review;
pub mod wire;
pub mod workload;
