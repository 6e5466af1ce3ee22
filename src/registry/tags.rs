//! Reads lists of tags, page by page.

use std::fmt;

use hyper::HeaderMap;
use hyper::header::LINK;
use quench_core::text::printable;
use serde::Deserialize;

use super::Trouble;

/// The most pages of one list of tags; some registries send only a hundred tags per page.
pub(super) const MAX_PAGES: usize = 200;
/// The most tags of one list.
pub(super) const MAX_TAGS: usize = 100_000;
/// The longest reason that a message repeats, in characters.
const MAX_REASON: usize = 300;

/// The error of a list of tags. It displays as `registry: reason`, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagsError {
    /// The registry, as `host[:port]`.
    pub registry: Box<str>,
    /// The reason why there is no list.
    pub trouble: Trouble,
}

impl fmt::Display for TagsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.registry, printable(&self.trouble.to_string(), MAX_REASON))
    }
}

impl std::error::Error for TagsError {}

#[derive(Deserialize)]
struct Page {
    /// The tags; some registries write `null` for an empty list.
    tags: Option<Vec<String>>,
}

/// Reads the tags of one page.
pub(super) fn on_page(body: &[u8]) -> Result<Vec<String>, Trouble> {
    let page: Page =
        serde_json::from_slice(body).map_err(|_| Trouble::Refused("the answer is not a list of tags".to_owned()))?;
    Ok(page.tags.unwrap_or_default())
}

/// Returns the address of the next page: the first link with the relation `next` (RFC 8288).
pub(super) fn next_page(headers: &HeaderMap) -> Option<&str> {
    let links = headers.get_all(LINK).iter().filter_map(|link| link.to_str().ok());
    links.flat_map(links_of).find_map(|(target, parameters)| is_next(parameters).then_some(target))
}

/// Splits a `Link` header into targets and their parameters. Commas separate links, but may also be inside a target.
fn links_of(header: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let (target, after) = rest.split_once('<')?.1.split_once('>')?;
        let end = after.find(',').unwrap_or(after.len());
        let (parameters, next) = after.split_at(end);
        rest = next;
        Some((target, parameters))
    })
}

fn is_next(parameters: &str) -> bool {
    parameters.split(';').filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
        name.trim().eq_ignore_ascii_case("rel") && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_however_it_is_written() {
        for (headers, next) in [
            (&[r#"</v2/a/tags/list?n=2&last=b>; rel="next""#][..], Some("/v2/a/tags/list?n=2&last=b")),
            (&["<https://r.example/x>;rel=next"], Some("https://r.example/x")),
            (&[r#"</p>; rel="prev", </x?a,b>; title="t"; REL="last Next""#], Some("/x?a,b")),
            (&[r#"</p>; rel="prev""#, r#"</x>; rel="next""#], Some("/x")),
            (&[r#"</x>; rel="nextish""#], None),
            (&[r#"</x>; rev="next""#], None),
            (&["</x>"], None),
            (&["</x; rel=next"], None),
            (&["", ",", "<>"], None),
            (&[], None),
        ] {
            let mut map = HeaderMap::new();
            for header in headers {
                map.append(LINK, header.parse().unwrap());
            }
            assert_eq!(next_page(&map), next, "{headers:?}");
        }
    }

    #[test]
    fn a_page_is_a_list_or_nothing() {
        let tags = |tags: &[&str]| Ok(tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>());
        assert_eq!(on_page(br#"{"name":"a","tags":["1","1.2"]}"#), tags(&["1", "1.2"]));
        assert_eq!(on_page(br#"{"name":"a","tags":null}"#), tags(&[]));
        assert_eq!(on_page(br#"{"name":"a"}"#), tags(&[]));
        for body in ["", "<html>", "[]", r#"{"tags":"1"}"#, r#"{"tags":[1]}"#] {
            assert!(matches!(on_page(body.as_bytes()), Err(Trouble::Refused(_))), "{body}");
        }
    }

    #[test]
    fn an_error_names_the_registry_and_the_cause() {
        let error =
            TagsError { registry: "r.example".into(), trouble: Trouble::Refused("it \u{1b}[2J says no".to_owned()) };
        assert_eq!(error.to_string(), r"r.example: it \u{1b}[2J says no");
    }
}
