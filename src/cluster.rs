//! Calls the Kubernetes API for registration, self-managed certificates and pull secrets. Reviews never wait for it.

pub mod authority;
mod call;
pub mod pull_secrets;
pub mod registration;
