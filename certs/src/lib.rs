//! The certificates of quench: a certificate authority and the leaves that it signs.
