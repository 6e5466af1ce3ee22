//! Reads the configuration of an image (OCI image specification, and Docker's format).

use serde::Deserialize;

use super::manifest::Platform;

/// The longest user that is stored, in bytes; no system has longer names.
const MAX_USER: usize = 256;

/// The user and platform in the configuration of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// The user, as `name` or `uid[:gid]`; empty for root, `None` if it is longer than 256 bytes.
    pub(super) user: Option<Box<str>>,
    pub(super) platform: Option<Box<str>>,
}

#[derive(Deserialize)]
struct Written {
    #[serde(flatten)]
    platform: Platform,
    config: Option<Execution>,
}

#[derive(Deserialize, Default)]
struct Execution {
    #[serde(rename = "User")]
    user: Option<Box<str>>,
}

/// Reads an image configuration; `None` if the body is not one.
pub(super) fn config(body: &[u8]) -> Option<Config> {
    let Written { platform, config } = serde_json::from_slice(body).ok()?;
    let user = config.unwrap_or_default().user.unwrap_or_default();
    Some(Config { user: Some(user).filter(|user| user.len() <= MAX_USER), platform: platform.named() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_says_who_and_where() {
        for (body, found) in [
            (
                r#"{"os":"linux","architecture":"amd64","config":{"User":"65532:65532","Env":[]}}"#,
                Some(("65532:65532", Some("linux/amd64"))),
            ),
            (r#"{"os":"linux","architecture":"arm64","variant":"v8","config":{}}"#, Some(("", Some("linux/arm64/v8")))),
            (r#"{"os":"linux","architecture":"amd64","config":null}"#, Some(("", Some("linux/amd64")))),
            (r#"{"os":"linux","architecture":"amd64","config":{"User":null}}"#, Some(("", Some("linux/amd64")))),
            (r#"{"config":{"User":"nginx"}}"#, Some(("nginx", None))),
            (r#"{"config":{"User":7}}"#, None),
            ("[]", None),
            ("", None),
        ] {
            let found =
                found.map(|(user, platform)| Config { user: Some(user.into()), platform: platform.map(Box::from) });
            assert_eq!(config(body.as_bytes()), found, "{body}");
        }
        let long = format!(r#"{{"config":{{"User":"{}"}}}}"#, "u".repeat(257));
        assert_eq!(config(long.as_bytes()), Some(Config { user: None, platform: None }));
    }
}
