//! Checks a policy file and adds remarks for its author (`quench policy check`).

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU64;

use serde_saphyr::Location;

use super::problem::{PolicyError, Problem, position, shown};
use super::raw::{RawPolicy, RawSecret};
use super::{Effect, Policy, Prefix, syntax};

/// A policy with remarks for its author.
#[derive(Debug)]
pub struct Checked {
    /// The parsed policy.
    pub policy: Policy,
    /// The remarks on settings that are valid but may be a mistake, in the order of the file.
    pub notes: Vec<Note>,
}

/// A remark with its place in the policy file. It displays as `policy.yaml:3:5: remark`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line of the setting, counted from 1.
    pub line: NonZeroU64,
    /// The column of the setting in characters, counted from 1.
    pub column: NonZeroU64,
    /// The remark on the setting.
    pub remark: Remark,
}

/// A remark on a valid setting that may be a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remark {
    /// `hardened.digest` has no effect, because `verify` is missing and no registry is asked for digests.
    DigestWithoutRegistry,
    /// No image can be rewritten to a registry of this pull secret.
    SecretUnused {
        /// The name of the Secret.
        secret: String,
        /// The registry, or registry and path, of the pull secret.
        registry: Prefix,
    },
    /// No pull secret of the policy is for this target.
    NoSecret(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.remark)
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DigestWithoutRegistry => f.write_str("`hardened.digest`: without effect without `verify`"),
            Self::SecretUnused { secret, registry } => {
                write!(
                    f,
                    "`pullSecrets`: nothing becomes an image of `{registry}`; only pods that name one get `{secret}`"
                )
            }
            Self::NoSecret(target) => {
                write!(f, "no pull secret is for `{target}`; pods pull it with what they and their nodes have")
            }
        }
    }
}

impl Checked {
    /// Parses and checks a policy file; `file` is the file's name in errors and remarks.
    ///
    /// ```
    /// use quench_core::policy::Checked;
    ///
    /// let text = "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhardened: {digest: drop}\n";
    /// let checked = Checked::of(text.as_bytes(), "policy.yaml")?;
    /// assert_eq!(
    ///     checked.notes[0].to_string(),
    ///     "policy.yaml:3:20: `hardened.digest`: without effect without `verify`"
    /// );
    /// # Ok::<(), quench_core::policy::PolicyError>(())
    /// ```
    pub fn of(bytes: &[u8], file: &str) -> Result<Self, PolicyError> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = String::from_utf8_lossy(bytes.get(..error.valid_up_to()).unwrap_or_default());
            let line = before.rsplit('\n').next().unwrap_or_default();
            let counted = |before: usize| NonZeroU64::MIN.saturating_add(before as u64);
            PolicyError {
                file: file.to_owned(),
                line: counted(before.matches('\n').count()),
                column: counted(line.chars().count()),
                problem: Problem::Encoding,
            }
        })?;
        let read = || {
            let written = syntax::read(text)?;
            let places = Places::of(&written);
            let mut policy = Policy::default();
            policy.take(written)?;
            Ok((places.remarks(&policy), policy))
        };
        let (remarks, policy) = read().map_err(|misplaced| PolicyError::at(file, misplaced))?;
        let note = |(location, remark)| {
            let (line, column) = position(location);
            Note { file: file.to_owned(), line, column, remark }
        };
        let mut notes: Vec<Note> = remarks.into_iter().map(note).collect();
        notes.sort_by_key(|note| (note.line, note.column));
        Ok(Self { policy, notes })
    }
}

/// The locations in the policy file that remarks refer to.
struct Places {
    digest: Option<Location>,
    repository: Option<Location>,
    /// The locations of `replace` in the rules that have it.
    replace: Vec<Location>,
    /// The locations of `to` in the mirrors.
    to: Vec<Location>,
    /// The locations of the registries of each pull secret; `None` if the file has no `pullSecrets`.
    registries: Option<Vec<Vec<Location>>>,
}

impl Places {
    fn of(written: &RawPolicy) -> Self {
        let hardened = written.hardened.as_ref();
        let rules = written.rules.iter().flatten();
        let registries = |secrets: &Vec<RawSecret>| {
            let of = |secret: &RawSecret| secret.registries.iter().map(|at| at.referenced).collect();
            secrets.iter().map(of).collect()
        };
        Self {
            digest: hardened.and_then(|hardened| Some(hardened.digest.as_ref()?.referenced)),
            repository: hardened.and_then(|hardened| Some(hardened.repository.as_ref()?.referenced)),
            replace: rules.filter_map(|rule| Some(rule.replace.as_ref()?.referenced)).collect(),
            to: written.mirrors.iter().flatten().map(|mirror| mirror.to.referenced).collect(),
            registries: written.pull_secrets.as_ref().map(registries),
        }
    }

    fn remarks(&self, policy: &Policy) -> Vec<(Location, Remark)> {
        let mut remarks = Vec::new();
        let idle = self.digest.filter(|_| policy.verify.is_none());
        remarks.extend(idle.map(|digest| (digest, Remark::DigestWithoutRegistry)));
        self.about_secrets(policy, &mut remarks);
        remarks
    }

    fn about_secrets(&self, policy: &Policy, remarks: &mut Vec<(Location, Remark)>) {
        let targets = self.targets(policy);
        // An image on an alias of the hardened registry stays, and its pods get the pull secret as well.
        let copies = policy.aliases.iter().map(|alias| format!("{}/", alias.from));
        let reached: HashSet<String> =
            targets.iter().map(|(_, target)| literal(target).to_owned()).chain(copies).collect();
        let secrets = policy.pull_secrets.iter().zip(self.registries.iter().flatten());
        for (secret, locations) in secrets {
            for (registry, location) in secret.registries.iter().zip(locations) {
                if !reached.iter().any(|place| overlap(place, registry)) {
                    let (secret, registry) = (shown(&secret.name), registry.clone());
                    remarks.push((*location, Remark::SecretUnused { secret, registry }));
                }
            }
        }
        let mut named = HashSet::new();
        let registries = || policy.pull_secrets.iter().flat_map(|secret| &secret.registries);
        // An empty list of `pullSecrets` states that no target needs a pull secret.
        for (location, target) in targets.iter().filter(|_| !policy.pull_secrets.is_empty()) {
            let place = literal(target);
            let host = place.split('/').next().unwrap_or_default().to_owned();
            if !registries().any(|registry| overlap(place, registry)) && named.insert(host) {
                remarks.push((*location, Remark::NoSecret(shown(target.trim_end_matches('/')))));
            }
        }
    }

    /// Returns the registries and paths, with placeholders, that images may be rewritten to, and their locations.
    fn targets(&self, policy: &Policy) -> Vec<(Location, String)> {
        let of_secrets = || self.registries.as_ref()?.first()?.first().copied();
        let repository = self.repository.or_else(of_secrets).unwrap_or(Location::UNKNOWN);
        let replacements = policy.rules.iter().filter_map(|rule| match rule.effect() {
            Effect::Replace(replacement) => Some(replacement.to_string()),
            Effect::Keep => None,
        });
        let mirrors = policy.mirrors.iter().map(|mirror| format!("{}/", mirror.to));
        let written = [(repository, policy.repository.to_string())];
        let ruled = self.replace.iter().copied().zip(replacements);
        written.into_iter().chain(ruled).chain(self.to.iter().copied().zip(mirrors)).collect()
    }
}

/// Returns the text before the first placeholder of a target.
fn literal(target: &str) -> &str {
    target.split('{').next().unwrap_or_default()
}

/// Reports whether an image whose reference begins with `place` may be below a prefix.
fn overlap(place: &str, prefix: &Prefix) -> bool {
    let prefix = prefix.to_string();
    let below = place.strip_prefix(&*prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', ':', '@']));
    below || prefix.starts_with(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_say_what_has_no_effect_and_which_secrets_do_not_fit() {
        let hub = "hardened: {repository: 'docker.io/acme/dhi-{name}'}\n";
        for (body, notes) in [
            ("", &[][..]),
            ("hazards: {no-shell: warn}\n", &[]),
            ("hardened: {digest: pin}\n", &["3:20: `hardened.digest`: without effect without `verify`"]),
            ("hardened: {digest: pin}\nverify: {}\n", &[]),
            (
                hub,
                &[
                    "3:24: no pull secret is for `docker.io/acme/dhi-{name}`; pods pull it with what they and their nodes have",
                ],
            ),
            (&format!("{hub}pullSecrets: [{{name: s, registries: [docker.io/acme]}}]\n"), &[]),
            (&format!("{hub}pullSecrets: [{{name: s, registries: [docker.io/acme/dhi-nginx]}}]\n"), &[]),
            (&format!("{hub}pullSecrets: []\n"), &[]),
            (
                &format!("{hub}pullSecrets: [{{name: s, registries: [docker.io/acme, dhi.io]}}]\n"),
                &["4:54: `pullSecrets`: nothing becomes an image of `dhi.io`; only pods that name one get `s`"],
            ),
            (
                "pullSecrets: [{name: s, registries: [docker.io/ac]}]\n",
                &[
                    "3:38: `pullSecrets`: nothing becomes an image of `docker.io/ac`; only pods that name one get `s`",
                    "3:38: no pull secret is for `dhi.io/{name}`; pods pull it with what they and their nodes have",
                ],
            ),
            (
                "mirrors: [{from: docker.io, to: m.example.com/hub}, {from: quay.io, to: m.example.com/quay}]\n",
                &["3:33: no pull secret is for `m.example.com/hub`; pods pull it with what they and their nodes have"],
            ),
            (
                "rules:\n  - {match: ghcr.io/a/b, action: keep}\n  - {match: ghcr.io/**, replace: 'r.example.com/{name}:{tag}'}\n",
                &[
                    "5:34: no pull secret is for `r.example.com/{name}:{tag}`; pods pull it with what they and their nodes have",
                ],
            ),
            ("rules: [{match: docker.io/library/nginx, replace: 'dhi.io/nginx:1.31'}]\n", &[]),
            (
                "aliases: [{from: h.example.com/dhi, to: dhi.io}]\npullSecrets: [{name: s, registries: [h.example.com, dhi.io]}]\n",
                &[],
            ),
        ] {
            let text = format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{body}");
            let checked = Checked::of(text.as_bytes(), "p").unwrap();
            let found: Vec<String> = checked.notes.iter().map(|note| note.to_string().split_off(2)).collect();
            assert_eq!(found, notes, "{body}");
            assert_eq!(checked.policy, Policy::parse(&text, "p").unwrap());
        }
    }
}
