//! Makes the certificates of quench: a certificate authority, and the serving certificates (leaves) that it signs.
//!
//! All keys are ECDSA P-256: the API server resumes no TLS session, and an RSA handshake costs four times as much.

mod authority;
mod bundle;

use std::time::Duration;

pub use authority::{Authority, Leaf};
pub use bundle::{Bundle, Trusted};

/// How long before it is made a certificate becomes valid, for clients whose clock is slow.
const BACKDATED: Duration = Duration::from_secs(5 * 60);
/// The longest lifetime: 100 years, so that no date format overflows.
const MAX_LIFETIME: Duration = Duration::from_secs(36_500 * 24 * 60 * 60);

/// The reason why a certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No name was given for a leaf.
    #[error("a certificate needs at least one host name or IP address")]
    NoName,
    /// A name is neither a host name nor an IP address.
    #[error("not a host name or IP address: {name}")]
    Name {
        /// The name that was given.
        name: String,
    },
    /// The lifetime is less than a second or longer than 100 years, or outside the years 1970 to 9999.
    #[error("a certificate lasts at least a second and at most 36500 days, between 1970 and 9999")]
    Lifetime,
    /// The text has no certificate of an authority.
    #[error("no certificate of an authority")]
    NoAuthority,
    /// The text has no private key, or one that cannot sign.
    #[error("no private key that can sign")]
    Key(#[source] rcgen::Error),
    /// The private key does not belong to the certificate.
    #[error("the private key does not belong to the certificate")]
    Mismatch,
    /// The library could not make or sign the certificate.
    #[error("the certificate could not be made")]
    Issue(#[from] rcgen::Error),
}
