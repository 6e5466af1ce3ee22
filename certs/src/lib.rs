//! The certificates of quench: a certificate authority and the leaves that it signs.
//!
//! All keys are ECDSA P-256: the API server resumes no TLS session, and an RSA handshake costs four times as much.

mod authority;
mod bundle;

use std::time::Duration;

pub use authority::{Authority, Leaf};
pub use bundle::{Bundle, Trusted};

/// How far before its making a certificate is valid, for clients whose clock is behind.
const BACKDATED: Duration = Duration::from_secs(5 * 60);
/// The longest lifetime: 100 years, which no date format overflows at.
const MAX_LIFETIME: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

/// Why no certificate was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A leaf without a name serves nobody.
    #[error("a certificate needs at least one host name or IP address")]
    NoName,
    /// Neither a host name nor an IP address.
    #[error("not a host name or IP address: {name}")]
    Name {
        /// What was given.
        name: String,
    },
    /// Zero, or longer than 100 years.
    #[error("a certificate lasts at least a second and at most 36500 days")]
    Lifetime,
    /// No certificate, or one of a server.
    #[error("no certificate of an authority")]
    NoAuthority,
    /// No key, or of a kind that cannot sign.
    #[error("no private key that can sign")]
    Key(#[source] rcgen::Error),
    /// Certificate and key are of different pairs.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// The library could not make or sign it.
    #[error("the certificate could not be made")]
    Issue(#[from] rcgen::Error),
}
