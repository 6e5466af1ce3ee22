//! Reads registry logins and identity tokens from a file in the format of docker's `config.json`.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use quench_core::reference::Reference;
use serde::Deserialize;
use serde_json::Value;

/// The names of Docker Hub in such files, besides `docker.io`.
const DOCKER_HUB: [&str; 2] = ["index.docker.io", "registry-1.docker.io"];

/// The reason why a file of credentials is invalid. The message repeats no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not JSON, or has another structure.
    #[error("line {line}, column {column}: not a docker config.json: expected `auths` with an entry for each registry")]
    Form {
        /// The line, counted from 1.
        line: usize,
        /// The column, counted from 1.
        column: usize,
    },
    /// The entry of a registry has no login, or an invalid one.
    #[error(
        "`auths` has no login for `{registry}`: set `auth` (base64 of NAME:PASSWORD), `username` and `password`, or `identitytoken`"
    )]
    Login {
        /// The registry, as the file names it.
        registry: String,
    },
}

/// The logins of registries.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The logins by registry, or by registry and path. The longest prefix comes first.
    logins: Vec<(String, Login)>,
    helped: Vec<String>,
}

/// A login for a registry.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// The `Authorization` header of a name and password.
    Password(HeaderValue),
    /// An identity token, which a token service accepts instead of a password.
    Identity(Box<str>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, Value>,
    creds_store: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<Box<str>>,
}

impl Credentials {
    /// Reads docker's `config.json`, or the `.dockerconfigjson` of a Secret. Credential helpers are not run: they are
    /// programs, which the container image of quench does not have.
    ///
    /// ```
    /// use quench::registry::Credentials;
    ///
    /// let text = r#"{"auths": {"https://index.docker.io/v1/": {"auth": "bWU6c2VjcmV0"}}}"#;
    /// let credentials = Credentials::parse(text)?;
    /// assert_eq!(format!("{credentials:?}"), r#"Credentials(["docker.io"])"#);
    /// # Ok::<(), quench::registry::CredentialsError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let file: File =
            serde_json::from_str(text).map_err(|error| Error::Form { line: error.line(), column: error.column() })?;
        let stores = file.creds_store.is_some_and(|store| !store.is_empty());
        let (mut logins, mut helped) = (Vec::new(), Vec::new());
        for (registry, entry) in file.auths {
            match entry.login() {
                Some(login) => logins.push((prefix(&registry), login)),
                // docker leaves an empty entry if a credential helper keeps the login.
                None if entry.is_empty() && (stores || file.cred_helpers.contains_key(&registry)) => {
                    helped.push(prefix(&registry));
                }
                None => return Err(Error::Login { registry }),
            }
        }
        helped.extend(file.cred_helpers.keys().map(|registry| prefix(registry)));
        helped.retain(|helped| !logins.iter().any(|(known, _)| known == helped));
        helped.sort_unstable();
        helped.dedup();
        logins.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(Self { logins, helped })
    }

    /// Returns the registries whose login is kept by a credential helper, and so is not available.
    pub fn helped(&self) -> &[String] {
        &self.helped
    }

    /// Returns the login for an image: that of the longest matching registry or path; `None` if there is none.
    pub(super) fn of(&self, reference: &Reference) -> Option<&Login> {
        self.logins.iter().find_map(|(prefix, login)| reference.is_below(prefix).then_some(login))
    }
}

/// Prints the registries, but not the logins.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Credentials").field(&self.logins.iter().map(|(prefix, _)| prefix).collect::<Vec<_>>()).finish()
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login")
    }
}

impl Entry {
    fn is_empty(&self) -> bool {
        let Self { auth, username, password, identity_token } = self;
        [auth, username, password].into_iter().all(|text| text.as_ref().is_none_or(String::is_empty))
            && identity_token.as_ref().is_none_or(|token| token.is_empty())
    }

    fn login(&self) -> Option<Login> {
        if let Some(token) = self.identity_token.as_ref().filter(|token| !token.is_empty()) {
            return Some(Login::Identity(token.clone()));
        }
        let joined = match (self.auth.as_deref().map(str::trim), &self.username, &self.password) {
            (Some(auth), ..) if !auth.is_empty() => {
                let decoded = STANDARD.decode(auth).ok()?;
                // docker pads some values with zero bytes.
                let end = decoded.iter().rposition(|byte| *byte != 0)? + 1;
                decoded.get(..end)?.to_vec()
            }
            (_, Some(username), Some(password)) => format!("{username}:{password}").into_bytes(),
            _ => return None,
        };
        Login::of(&joined)
    }
}

impl Login {
    /// Creates a login from `NAME:PASSWORD`; `None` if the name is empty or `:` is missing.
    fn of(joined: &[u8]) -> Option<Self> {
        if joined.iter().position(|byte| *byte == b':')? == 0 {
            return None;
        }
        let mut header = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(joined))).ok()?;
        header.set_sensitive(true);
        Some(Self::Password(header))
    }

    /// Returns the `Authorization` header of a password; `None` for an identity token.
    pub(super) fn password(&self) -> Option<HeaderValue> {
        match self {
            Self::Password(header) => Some(header.clone()),
            Self::Identity(_) => None,
        }
    }
}

/// Returns `registry` or `registry/path` of an entry, which may be written as a URL of the registry's API.
fn prefix(written: &str) -> String {
    let bare = written.strip_prefix("https://").or_else(|| written.strip_prefix("http://")).unwrap_or(written);
    let bare = bare.trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let host = if DOCKER_HUB.contains(&host) { "docker.io" } else { host };
    match path {
        "" | "v1" | "v2" => host.to_owned(),
        path => format!("{host}/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(joined: &str) -> Option<Login> {
        Login::of(joined.as_bytes())
    }

    #[test]
    fn the_most_specific_entry_that_covers_a_reference_is_taken() {
        let auth = |joined: &str| format!(r#"{{"auth":"{}"}}"#, STANDARD.encode(joined));
        let text = format!(
            r#"{{"auths":{{"https://index.docker.io/v1/":{},"docker.io/acme":{},"r.example:5000":{},
            "https://h.example/v2/":{},"p.example/team/a/":{},"plain":{{"username":"u","password":"p:q"}}}},
            "credsStore":"desktop","credHelpers":{{"x":"y","plain":"y"}}}}"#,
            auth("hub:1"),
            auth("acme:2"),
            auth("r:3\0"),
            auth("h:4"),
            auth("p:5"),
        );
        let credentials = Credentials::parse(&text).unwrap();
        for (reference, joined) in [
            ("nginx", Some("hub:1")),
            ("acme/dhi-nginx:1", Some("acme:2")),
            ("acmeister/nginx:1", Some("hub:1")),
            ("r.example:5000/a", Some("r:3")),
            ("r.example/a", None),
            ("h.example/a/b", Some("h:4")),
            ("p.example/team/a/b:1", Some("p:5")),
            ("p.example/team/ab:1", None),
        ] {
            assert_eq!(credentials.of(&reference.parse().unwrap()), joined.and_then(login).as_ref(), "{reference}");
        }
        assert_eq!(credentials.logins.iter().find(|(prefix, _)| prefix == "plain").unwrap().1, login("u:p:q").unwrap());
    }

    #[test]
    fn an_identity_token_goes_before_a_password() {
        let text = r#"{"auths":{"r.example":{"auth":"bWU6","identitytoken":"hunter2"},"s.example":{"auth":"bWU6","identitytoken":""}}}"#;
        let credentials = Credentials::parse(text).unwrap();
        let of = |image: &str| credentials.of(&image.parse().unwrap()).cloned();
        assert_eq!(of("r.example/a"), Some(Login::Identity("hunter2".into())));
        assert_eq!(of("s.example/a"), login("me:"));
        assert!(!format!("{credentials:?} {:?}", of("r.example/a")).contains("hunter2"));
    }

    #[test]
    fn what_a_helper_keeps_is_named() {
        for (text, helped) in [
            (r#"{"auths":{"https://index.docker.io/v1/":{}},"credsStore":"desktop"}"#, &["docker.io"][..]),
            (
                r#"{"auths":{"r.example":{"username":"","auth":""}},"credHelpers":{"r.example":"ecr-login"}}"#,
                &["r.example"],
            ),
            (r#"{"credHelpers":{"s.example":"gcloud","https://r.example":"gcloud"}}"#, &["r.example", "s.example"]),
            (
                r#"{"auths":{"r.example":{"auth":"bWU6cA=="}},"credHelpers":{"r.example":"gcloud"},"credsStore":"pass"}"#,
                &[],
            ),
        ] {
            assert_eq!(Credentials::parse(text).unwrap().helped(), helped, "{text}");
        }
        // Without a helper it is a mistake.
        for text in [
            r#"{"auths":{"r.example":{}},"credsStore":""}"#,
            r#"{"auths":{"r.example":{}},"credHelpers":{"s.example":"x"}}"#,
        ] {
            assert_eq!(Credentials::parse(text), Err(Error::Login { registry: "r.example".to_owned() }), "{text}");
        }
    }

    #[test]
    fn a_broken_file_is_refused_without_its_secrets() {
        let of = |entry: &str| Credentials::parse(&format!(r#"{{"auths":{{"r.example":{entry}}}}}"#));
        let refused = Err(Error::Login { registry: "r.example".to_owned() });
        for entry in [
            "{}",
            r#"{"auth":"hunter2"}"#,
            r#"{"auth":"aHVudGVyMg=="}"#,
            r#"{"auth":"OmE="}"#,
            r#"{"username":"hunter2"}"#,
            r#"{"identitytoken":""}"#,
            r#"{"auth":""}"#,
        ] {
            assert_eq!(of(entry), refused, "{entry}");
            assert!(!of(entry).unwrap_err().to_string().contains("hunter2"));
        }
        let error = Credentials::parse("{\"auths\": [\"hunter2\"]}").unwrap_err();
        assert_eq!(error, Error::Form { line: 1, column: 10 });
        assert_eq!(Credentials::parse("{}"), Ok(Credentials::default()));
        assert_eq!(format!("{:?}", login("a:hunter2").unwrap()), "Login");
    }
}
