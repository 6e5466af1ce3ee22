//! What one image becomes, and why: the same answer for the webhook, for files and for `explain`.

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::catalog::{Catalog, Class, Facts, Image, Reason, Resolution};
use crate::hazard::Counterpart;
use crate::policy::{PUBLIC_REGISTRY, Policy};
use crate::reference::{ParseError, Reference};

/// How an image relates to what is hardened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Match {
    /// The catalog declares this version.
    Exact,
    /// The catalog declares this short tag.
    Alias,
    /// An earlier revision of the catalog declared this version.
    Past,
    /// The catalog declares the minor line only.
    Line,
    /// No version is asked for; the newest line would be a guess.
    Floating,
    /// Newer than the catalog: only a registry knows.
    Unlisted,
    /// Nothing hardened corresponds.
    None,
    /// The image is hardened already.
    Hardened,
}

impl Match {
    /// Every class.
    pub const ALL: [Self; 8] =
        [Self::Exact, Self::Alias, Self::Past, Self::Line, Self::Floating, Self::Unlisted, Self::None, Self::Hardened];

    /// The class as policies, `explain` and metrics spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Alias => "alias",
            Self::Past => "past",
            Self::Line => "line",
            Self::Floating => "floating",
            Self::Unlisted => "unlisted",
            Self::None => "none",
            Self::Hardened => "hardened",
        }
    }
}

impl From<Class> for Match {
    fn from(class: Class) -> Self {
        match class {
            Class::Exact => Self::Exact,
            Class::Alias => Self::Alias,
            Class::Past => Self::Past,
            Class::Line => Self::Line,
            Class::Floating => Self::Floating,
            Class::Unlisted => Self::Unlisted,
            Class::None => Self::None,
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Match {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// What one image becomes, before anything is known of the pod that it runs in.
#[derive(Debug)]
pub struct Decision<'c> {
    /// How it relates to what is hardened.
    pub matched: Match,
    /// The reference that the match gives, also where the policy does not use matches of that class.
    pub target: Option<Reference>,
    /// Whether the policy says to use the target.
    pub rewrites: bool,
    /// What hazards need to know of the hardened image.
    pub counterpart: Counterpart,
    name: Option<&'c str>,
    why: Why<'c>,
}

#[derive(Debug)]
enum Why<'c> {
    Placeholder,
    Unparsable(ParseError),
    Hardened(Option<&'c Image>),
    Resolved { resolution: Resolution<'c>, digest: bool, invalid: Option<ParseError> },
}

impl<'c> Decision<'c> {
    /// Decides for the image that is written `image`.
    pub fn of(image: &str, policy: &Policy, catalog: &'c Catalog) -> Self {
        let reference: Reference = match image.parse() {
            Ok(_) if image == INJECTED => return Self::kept(Why::Placeholder),
            Ok(reference) => reference,
            Err(_) if is_placeholder(image) => return Self::kept(Why::Placeholder),
            Err(error) => return Self::kept(Why::Unparsable(error)),
        };
        if let Some(name) = hardened_name(&reference, policy, catalog) {
            let image = catalog.get(name);
            return Self {
                matched: Match::Hardened,
                counterpart: Counterpart::Hardened { uid: image.map(|image| image.facts().run_as) },
                name: image.map(Image::name),
                target: Some(reference),
                rewrites: false,
                why: Why::Hardened(image),
            };
        }
        Self::resolved(&reference, catalog.resolve(&reference), policy)
    }

    fn kept(why: Why<'c>) -> Self {
        Self { matched: Match::None, target: None, rewrites: false, counterpart: Counterpart::None, name: None, why }
    }

    fn resolved(reference: &Reference, resolution: Resolution<'c>, policy: &Policy) -> Self {
        let name = resolution.image.map(Image::name);
        let used = |matched: &Match| policy.matches.contains(matched);
        let (matched, tag) = match (Match::from(resolution.class), &resolution.reason) {
            // A version that is gone, where the policy would rather have the live patch of its line.
            (Match::Past, Reason::Withdrawn { live: Some(live) }) if !used(&Match::Past) && used(&Match::Line) => {
                (Match::Line, Some(Cow::Owned(live.to_string())))
            }
            (matched, _) => (matched, resolution.tag.as_deref().map(Cow::Borrowed)),
        };
        let target = name.zip(tag).map(|(name, tag)| policy.repository.reference(name, &tag)).transpose();
        let (target, invalid) = target.map_or_else(|error| (None, Some(error)), |target| (target, None));
        Self {
            matched,
            rewrites: target.is_some() && used(&matched),
            target,
            counterpart: resolution
                .facts()
                .map_or(Counterpart::None, |facts| Counterpart::Candidate { uid: facts.run_as }),
            name,
            why: Why::Resolved { digest: reference.digest().is_some(), resolution, invalid },
        }
    }

    /// The catalog's name of the hardened image, where one corresponds.
    pub fn name(&self) -> Option<&'c str> {
        self.name
    }

    /// Why the image cannot be a reference at all; None where it is one, or a placeholder.
    pub fn parse_error(&self) -> Option<ParseError> {
        match self.why {
            Why::Unparsable(error) => Some(error),
            _ => None,
        }
    }

    /// What the hardened image is like to run: the candidate, or what has its name.
    pub fn facts(&self) -> Option<Facts<'c>> {
        match &self.why {
            Why::Resolved { resolution, .. } => resolution.facts(),
            Why::Hardened(image) => image.map(Image::facts),
            Why::Placeholder | Why::Unparsable(_) => None,
        }
    }

    /// The reason, for people to read.
    pub fn reason(&self) -> impl fmt::Display + '_ {
        Because(self)
    }
}

struct Because<'d, 'c>(&'d Decision<'c>);

impl fmt::Display for Because<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.why {
            Why::Placeholder => f.write_str("a placeholder, not an image reference"),
            Why::Unparsable(error) => write!(f, "not an image reference: {error}"),
            Why::Hardened(_) => f.write_str("hardened already"),
            Why::Resolved { invalid: Some(error), .. } => {
                write!(f, "the policy's repository gives no valid target: {error}")
            }
            Why::Resolved { resolution, digest, .. } => {
                write!(f, "{}", resolution.reason)?;
                match (&self.0.target, self.0.rewrites) {
                    (Some(_), true) if *digest => f.write_str("; the digest names the upstream image and is dropped"),
                    (Some(_), false) => write!(f, "; the policy's `matches` does not have `{}`", self.0.matched),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// What Istio's injector puts where an image will be, and is a reference by its looks.
const INJECTED: &str = "auto";

/// What templates put where an image will be: `<image_url>`, `{{ .Values.image }}`, `$(IMAGE)`, nothing.
fn is_placeholder(image: &str) -> bool {
    image.is_empty() || image.bytes().any(|b| matches!(b, b'<' | b'{' | b'$'))
}

/// The hardened name that the reference has, where it is hardened already. The catalog need not know it.
fn hardened_name<'r>(reference: &'r Reference, policy: &Policy, catalog: &Catalog) -> Option<&'r str> {
    if reference.registry() == PUBLIC_REGISTRY {
        return Some(reference.repository());
    }
    let known = |name: &&str| catalog.get(name).is_some();
    let mirrored = || {
        let (_, last) = reference.repository().split_once('/').filter(|_| reference.registry() == "docker.io")?;
        last.strip_prefix("dhi-")
    };
    policy.repository.name_in(reference.name()).filter(known).or_else(|| mirrored().filter(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `match target rewrites` for an image under a policy that has `body`.
    fn decide(image: &str, body: &str) -> String {
        let text = format!("apiVersion: quench.dev/v1alpha1\nkind: Policy\n{body}");
        let policy = Policy::parse(&text, "policy.yaml").unwrap();
        let catalog = Catalog::embedded();
        let decision = Decision::of(image, &policy, &catalog);
        let target = decision.target.as_ref().map_or("-", Reference::as_str);
        format!("{} {target} {}", decision.matched, decision.rewrites)
    }

    #[test]
    fn follows_the_policy() {
        let mirrored = "hardened: {repository: 'docker.io/acme/dhi-{name}'}";
        for (image, policy, expected) in [
            ("nginx:1.31.4", "", "exact dhi.io/nginx:1.31.4 true"),
            ("nginx:1.31.4", mirrored, "exact docker.io/acme/dhi-nginx:1.31.4 true"),
            ("redis:7", "", "alias dhi.io/redis:7 true"),
            ("redis:7", "hardened: {matches: [exact]}", "alias dhi.io/redis:7 false"),
            ("istio/pilot:1.29.1", "", "past dhi.io/istio-pilot:1.29.1 false"),
            ("istio/pilot:1.29.1", "hardened: {matches: [past]}", "past dhi.io/istio-pilot:1.29.1 true"),
            (
                "quay.io/cilium/operator-generic:v1.19.3",
                "hardened: {matches: [line]}",
                "line dhi.io/cilium-operator-generic:1.19 true",
            ),
            (
                "quay.io/cilium/operator-generic:v1.19.3",
                "hardened: {matches: [line, past]}",
                "past dhi.io/cilium-operator-generic:1.19.3 true",
            ),
            ("registry.example.com/team/app:1", "", "none - false"),
        ] {
            assert_eq!(decide(image, policy), expected, "{image} {policy}");
        }
    }

    #[test]
    fn leaves_hardened_images_alone() {
        for (image, policy, expected) in [
            ("dhi.io/nginx:1.31.4", "", "hardened dhi.io/nginx:1.31.4 false"),
            ("dhi.io/nobody-knows:1", "", "hardened dhi.io/nobody-knows:1 false"),
            ("acme/dhi-redis:8.10.1", "", "hardened docker.io/acme/dhi-redis:8.10.1 false"),
            ("docker.io/other/dhi-redis", "", "hardened docker.io/other/dhi-redis false"),
            ("acme/dhi-of-our-own:1", "", "none - false"),
            ("a/b/dhi-redis:8", "", "none - false"),
            ("quay.io/acme/dhi-redis:8", "", "none - false"),
            (
                "mirror.example.com/dhi/redis:8",
                "hardened: {repository: 'mirror.example.com/dhi/{name}'}",
                "hardened mirror.example.com/dhi/redis:8 false",
            ),
        ] {
            assert_eq!(decide(image, policy), expected, "{image} {policy}");
        }
    }

    #[test]
    fn placeholders_are_no_mistakes() {
        let (policy, catalog) = (Policy::default(), Catalog::embedded());
        for (image, placeholder) in [
            ("", true),
            ("auto", true),
            ("<image_url>", true),
            ("{{ .Values.image }}:1", true),
            ("$(IMAGE)", true),
            (" nginx", false),
            ("Nginx:1", false),
        ] {
            let decision = Decision::of(image, &policy, &catalog);
            assert_eq!((decision.matched, decision.parse_error().is_none()), (Match::None, placeholder), "{image:?}");
        }
    }
}
