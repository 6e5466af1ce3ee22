//! The certificates of quench: a certificate authority and the leaves that it signs.
//!
//! All keys are ECDSA P-256: the API server resumes no TLS session, and an RSA handshake costs four times as much.

mod authority;
mod bundle;

use std::time::Duration;

pub use authority::{Authority, Leaf};
pub use bundle::{Bundle, Trusted};

/// How long before its making a certificate is valid, for clients whose clock is slow.
const BACKDATED: Duration = Duration::from_secs(5 * 60);
/// The longest lifetime: 100 years, so that no date format overflows.
const MAX_LIFETIME: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

/// The reason why no certificate was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A leaf needs a name.
    #[error("a certificate needs at least one host name or IP address")]
    NoName,
    /// A name is neither a host name nor an IP address.
    #[error("not a host name or IP address: {name}")]
    Name {
        /// The given name.
        name: String,
    },
    /// The lifetime is zero or longer than 100 years, or ends at a time that certificates cannot state.
    #[error("a certificate lasts at least a second and at most 36500 days, between 1970 and 9999")]
    Lifetime,
    /// The certificate is missing, or not one of an authority.
    #[error("no certificate of an authority")]
    NoAuthority,
    /// The key is missing, or of a kind that cannot sign.
    #[error("no private key that can sign")]
    Key(#[source] rcgen::Error),
    /// Certificate and key belong to different pairs.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// The library could not make or sign the certificate.
    #[error("the certificate could not be made")]
    Issue(#[from] rcgen::Error),
}
