//! Resolves YAML scalars to JSON by the rules of sigs.k8s.io/yaml, which kubectl and Helm use.
//!
//! The rules are those of YAML 1.1 as go-yaml 2 reads it: `yes` is true and `0o17` is 15, but `1:30` is a text.
//! Infinite numbers and timestamps, which JSON does not have, are texts.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A scalar as JSON.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resolved<'t> {
    Null,
    Bool(bool),
    /// A number in JSON's notation.
    Number(Cow<'t, str>),
    Text(Cow<'t, str>),
}

impl Resolved<'_> {
    /// Returns the text that the scalar has as a key, such as `true`.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Null => "null",
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            Self::Number(text) | Self::Text(text) => text,
        }
    }
}

/// Resolves a plain scalar.
pub(super) fn plain(text: Cow<'_, str>) -> Resolved<'_> {
    match text.as_ref() {
        "" | "~" | "null" | "Null" | "NULL" => Resolved::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => Resolved::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => Resolved::Bool(false),
        written => match number(written) {
            Some(number) => Resolved::Number(number.into()),
            None => Resolved::Text(text),
        },
    }
}

/// Resolves a scalar with one of YAML's own tags, such as `!!int`; `None` if the value does not fit the tag.
pub(super) fn tagged<'t>(tag: &str, text: Cow<'t, str>) -> Option<Resolved<'t>> {
    let resolved = match tag {
        "null" | "bool" | "int" | "float" => plain(text),
        "binary" => {
            let encoded: String = text.split(['\n', ' ']).collect();
            let bytes = STANDARD.decode(encoded).ok()?;
            return Some(Resolved::Text(String::from_utf8_lossy(&bytes).into_owned().into()));
        }
        _ => return Some(Resolved::Text(text)),
    };
    let fits = match (tag, &resolved) {
        ("null", Resolved::Null) | ("bool", Resolved::Bool(_)) | ("float", Resolved::Number(_)) => true,
        ("int", Resolved::Number(number)) => !number.contains(['.', 'e']),
        ("float", Resolved::Text(text)) => is_infinite(text),
        _ => false,
    };
    fits.then_some(resolved)
}

fn is_infinite(text: &str) -> bool {
    let unsigned = text.trim_start_matches(['+', '-']);
    matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn number(text: &str) -> Option<String> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let plain: Cow<'_, str> =
        if text.contains('_') && !text.starts_with('.') { text.replace('_', "").into() } else { text.into() };
    integer(&plain).or_else(|| float(&plain))
}

/// Reads an integer of 64 bits, decimal or with the prefix of another base.
fn integer(text: &str) -> Option<String> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => ("-", text.get(1..)?),
        b'+' => ("+", text.get(1..)?),
        _ => ("", text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, digits.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, digits.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    if !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    let value = u64::from_str_radix(digits, base).ok()?;
    match sign {
        "-" if value == 0 => Some("0".to_owned()),
        "-" => (value <= i64::MIN.unsigned_abs()).then(|| format!("-{value}")),
        "+" => (value <= i64::MAX.unsigned_abs()).then(|| value.to_string()),
        _ => Some(value.to_string()),
    }
}

/// Reads a float such as `1.`, `.5` or `1e3`, and writes it as Go's JSON encoder does: whole numbers have no point.
fn float(text: &str) -> Option<String> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_cut = exponent.is_empty() || whole.is_empty() && fraction.is_empty();
    if is_cut || !digits(whole) || !digits(fraction) || !digits(exponent) {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let size = value.abs();
    Some(if size != 0.0 && !(1e-6..1e21).contains(&size) { format!("{value:e}") } else { value.to_string() })
}
