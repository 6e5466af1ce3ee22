//! Text and JSON at the level of bytes: escaping, quoting and fast scanning.

pub(crate) mod json;
mod printable;
pub(crate) mod simd;

pub(crate) use self::printable::Line;
#[cfg(test)]
pub(crate) use self::printable::is_printable;
pub use self::printable::printable;
