//! Text and JSON at the level of bytes: escaping, quoting and fast scanning.

mod printable;

pub(crate) use self::printable::Line;
#[cfg(test)]
pub(crate) use self::printable::is_printable;
pub use self::printable::printable;
