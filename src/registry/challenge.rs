//! Reads the header `WWW-Authenticate` of a 401 answer (RFC 9110, section 11).

use hyper::HeaderMap;
use hyper::header::WWW_AUTHENTICATE;

/// The kind of authentication that a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A token from the token service at `realm`.
    Bearer {
        /// The URL of the token service.
        realm: String,
        /// The registry's name at the token service.
        service: Option<String>,
    },
    /// A user name and a password.
    Basic,
}

impl Challenge {
    /// Returns the challenge to answer, preferring a token to a password; `None` if none is supported.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut basic = None;
        for header in headers.get_all(WWW_AUTHENTICATE) {
            for (scheme, parameters) in challenges(header.to_str().unwrap_or_default()) {
                let parameter = |name: &str| {
                    let mut found = parameters.iter().filter(|(written, _)| written.eq_ignore_ascii_case(name));
                    found.next().map(|(_, value)| value.clone())
                };
                if scheme.eq_ignore_ascii_case("basic") {
                    basic = Some(Self::Basic);
                } else if scheme.eq_ignore_ascii_case("bearer")
                    && let Some(realm) = parameter("realm")
                {
                    return Some(Self::Bearer { realm, service: parameter("service") });
                }
            }
        }
        basic
    }
}

type Parameters = Vec<(String, String)>;

/// Splits one header into challenges. A word is a scheme, unless `=` follows it: then it is a parameter.
fn challenges(header: &str) -> Vec<(String, Parameters)> {
    let mut found: Vec<(String, Parameters)> = Vec::new();
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let end = rest.find([' ', '\t', ',', '=']).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if word.is_empty() {
            return found;
        }
        if let Some(after) = after.trim_start().strip_prefix('=') {
            let (value, after) = value(after.trim_start());
            if let Some((_, parameters)) = found.last_mut() {
                parameters.push((word.to_owned(), value));
            }
            rest = after;
        } else {
            found.push((word.to_owned(), Vec::new()));
            rest = after;
        }
    }
}

/// Returns the value at the start of the text (a token or a quoted string), and the text after it.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return (value.to_owned(), rest);
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next()),
            _ => value.push(character),
        }
    }
    (value, characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>) -> Challenge {
        Challenge::Bearer { realm: realm.to_owned(), service: service.map(str::to_owned) }
    }

    #[test]
    fn a_challenge_is_found_however_it_is_written() {
        for (headers, challenge) in [
            (
                &[r#"Bearer realm="https://a/t",service="r",scope="repository:a:pull,push""#][..],
                Some(bearer("https://a/t", Some("r"))),
            ),
            (&[r#"bearer service = r , REALM = "https://a/t""#], Some(bearer("https://a/t", Some("r")))),
            (&[r#"Basic realm="a, Bearer realm=b", Bearer realm="https://a/t""#], Some(bearer("https://a/t", None))),
            (&[r#"Basic realm="a""#, r#"Bearer realm="https://a/t""#], Some(bearer("https://a/t", None))),
            (&["Basic"], Some(Challenge::Basic)),
            (&[r#"Basic realm="say \"hi\"""#], Some(Challenge::Basic)),
            (&[r#"Bearer service="r""#], None),
            (&["Negotiate abc=="], None),
            (&["realm=x"], None),
            (&["=", ",,,", r#"Bearer realm=""#], Some(bearer("", None))),
            (&[], None),
        ] {
            let mut map = HeaderMap::new();
            for header in headers {
                map.append(WWW_AUTHENTICATE, header.parse().unwrap());
            }
            assert_eq!(Challenge::of(&map), challenge, "{headers:?}");
        }
    }
}
