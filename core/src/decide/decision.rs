//! Decides which reference one image becomes, and why. The webhook, `quench rewrite` and `quench explain` all use it.

mod reason;
mod target;

use std::borrow::Cow;
use std::fmt;

use self::reason::{Because, Meant, Mirrored, Resolved, Ruled, Why};
pub use self::target::Target;
use crate::catalog::{COMPAT, Catalog, Class, Facts, Image, Match, Reason, Resolution};
use crate::hazard::Counterpart;
use crate::policy::{Compat, Digest, Effect, Misspelt, PUBLIC_REGISTRY, Policy, Rule};
use crate::presence::Newest;
use crate::presence::{Detail, Inquiry};
use crate::reference::{ParseError, Reference};

/// The decision about one image by policy and catalog, before its pod is considered.
#[derive(Debug)]
pub struct Decision<'c> {
    /// The relation of the image to hardened images.
    pub matched: Match,
    /// The reference that the image may become.
    pub target: Target,
    /// The facts of the hardened image, which hazards depend on.
    pub counterpart: Counterpart<'c>,
    image: Written,
    name: Option<&'c str>,
    why: Why<'c>,
}

/// A build of the target's version with a flavor, such as `-compat`.
#[derive(Debug)]
pub(crate) struct FlavoredBuild<'c> {
    /// The reference to the build.
    pub(crate) to: Reference,
    /// The facts of the build.
    pub(crate) facts: Facts<'c>,
    /// The rule for replacing the tag of `to` by a newer one; `None` if the match fixes the version.
    pub(crate) newest: Option<Newest>,
}

/// The image as it is written in the pod.
#[derive(Debug)]
enum Written {
    /// The image is a placeholder, or not a valid reference.
    Unusable,
    Upstream(Reference),
    /// The image is a target already: hardened, mirrored or the result of a rule.
    Target(Reference),
}

impl<'c> Decision<'c> {
    /// Decides about an image, given as it is written in a pod.
    pub fn of(image: &str, policy: &'c Policy, catalog: &'c Catalog) -> Self {
        let reference: Reference = match image.parse() {
            Ok(_) if image == INJECTED => return Self::kept(Match::NONE, Why::Placeholder),
            Ok(reference) => reference,
            Err(_) if is_placeholder(image) => return Self::kept(Match::NONE, Why::Placeholder),
            Err(error) => return Self::kept(Match::NONE, Why::Unparsable(error)),
        };
        let mut decision = Self::about(&reference, policy, catalog, Pass::First);
        // An image under both `mirrors` and `aliases` was resolved as an alias, but still counts as mirrored.
        let has_arrived = matches!(decision.why, Why::Hardened { .. } | Why::Misspelt(_))
            || policy.is_mirrored(&reference)
            || policy.is_given_by_rule(&reference);
        decision.image = if has_arrived { Written::Target(reference) } else { Written::Upstream(reference) };
        if let Target::Used { asks, .. } = &mut decision.target {
            *asks = policy.verify.as_ref().map(|_| policy.digest);
        }
        decision
    }

    fn kept(matched: Match, why: Why<'c>) -> Self {
        Self {
            matched,
            target: Target::None,
            counterpart: Counterpart::None,
            image: Written::Unusable,
            name: None,
            why,
        }
    }

    fn about(reference: &Reference, policy: &'c Policy, catalog: &'c Catalog, pass: Pass) -> Self {
        // An alias that results in an invalid reference is ignored.
        let original = policy.original_of(reference).and_then(Result::ok);
        let looked_up = original.as_ref().unwrap_or(reference);
        let hardened = |reference| hardened_name(reference, policy, catalog).map(|name| (name, reference));
        if let Some((name, hardened)) = hardened(reference).or_else(|| hardened(original.as_ref()?)) {
            if let Some(meant) = Meant::of(name, hardened, catalog) {
                return Self::misspelt(meant, policy);
            }
            let image = catalog.get(name);
            return Self {
                counterpart: Counterpart::Hardened(image.map(|image| facts_of(image, hardened))),
                name: image.map(Image::name),
                ..Self::kept(Match::Hardened, Why::Hardened { may_exist: may_exist(image, hardened) })
            };
        }
        // An image under both `mirrors` and `aliases` is resolved as an alias.
        if original.is_none() && policy.is_mirrored(reference) {
            return Self::kept(Match::Mirror, Why::Mirrored);
        }
        match policy.rule_for(reference) {
            Some(rule) => Self::ruled(reference, rule, policy, catalog, pass),
            None => Self::resolved(reference, catalog.resolve(looked_up), policy, catalog, pass),
        }
    }

    fn misspelt(meant: Meant<'c>, policy: &Policy) -> Self {
        let tag = meant.tag.as_ref().filter(|_| policy.misspelt == Misspelt::Repair);
        let target = tag.and_then(|tag| policy.repository.reference(meant.image.name(), tag).ok());
        Self {
            target: target.map_or(Target::None, |to| Target::to(to, None)),
            counterpart: Counterpart::Hardened(Some(meant.image.facts())),
            name: Some(meant.image.name()),
            ..Self::kept(Match::Hardened, Why::Misspelt(meant))
        }
    }

    fn ruled(reference: &Reference, rule: &'c Rule, policy: &'c Policy, catalog: &'c Catalog, pass: Pass) -> Self {
        let kept = |ruled| Self::kept(Match::Rule, Why::Rule(rule, ruled));
        let Effect::Replace(replacement) = rule.effect() else { return kept(Ruled::Kept) };
        let target = match replacement.of(reference) {
            Ok(target) => target,
            Err(error) => return kept(Ruled::Nothing(error)),
        };
        // The image may be this target, which an earlier review pinned to a digest.
        let pins = policy.verify.is_some() && policy.digest != Digest::Drop;
        if target == *reference || pins && reference.is_or_pins(&target) {
            return Self { target: Target::Unused(target), ..kept(Ruled::Same) };
        }
        let mut counterpart = Counterpart::None;
        if pass == Pass::First {
            let next = Self::about(&target, policy, catalog, Pass::Second);
            if let Some(next) = next.target.take() {
                return Self { target: Target::Unused(target), ..kept(Ruled::Again(next)) };
            }
            if let Counterpart::Hardened(Some(facts)) = next.counterpart {
                counterpart = Counterpart::Candidate(facts);
            }
        }
        let name = hardened_name(&target, policy, catalog).and_then(|name| catalog.get(name)).map(Image::name);
        let (mirror, _) = mirror_of(reference, Some(&target), policy, catalog, pass);
        Self { target: Target::to(target, mirror), counterpart, name, ..kept(Ruled::Replaced) }
    }

    fn resolved(
        reference: &Reference,
        resolution: Resolution<'c>,
        policy: &'c Policy,
        catalog: &'c Catalog,
        pass: Pass,
    ) -> Self {
        let name = resolution.image.map(Image::name);
        let used = |class: Class| policy.matches.contains(&class);
        let (class, tag) = match (resolution.class, &resolution.reason) {
            // The catalog no longer declares the version, and the policy uses only the newest patch of its line.
            (Class::Past, Reason::Withdrawn { live: Some(live) }) if !used(Class::Past) && used(Class::Line) => {
                (Class::Line, Some(Cow::Owned(live.to_string())))
            }
            (class, _) => (class, resolution.tag.as_deref().map(Cow::Borrowed)),
        };
        let target = name.zip(tag).map(|(name, tag)| policy.repository.reference(name, &tag)).transpose();
        let (target, invalid) = target.map_or_else(|error| (None, Some(error)), |target| (target, None));
        let usable = target.as_ref().filter(|_| used(class));
        let (mirror, broken) = mirror_of(reference, usable, policy, catalog, pass);
        let counterpart = resolution.facts().map_or(Counterpart::None, Counterpart::Candidate);
        let why = |mirror| Why::Resolved(Resolved { resolution, class, invalid, mirror });
        match (target, mirror) {
            (Some(to), mirror) if used(class) => {
                let target = Target::to(to, mirror);
                Self { target, counterpart, name, ..Self::kept(class.into(), why(broken)) }
            }
            // A mirror has the same bytes, so the hazards of a changed image do not apply.
            (_, Some(mirror)) => {
                let target = Target::to(mirror, None);
                Self { target, name, ..Self::kept(Match::Mirror, why(Some(Mirrored::Used))) }
            }
            (target, None) => {
                let target = Target::unused(target);
                Self { target, counterpart, name, ..Self::kept(class.into(), why(broken)) }
            }
        }
    }

    /// Returns the build that is preferred to the target: the flavor that corresponds to upstream's image if the plain
    /// build contains less, such as `compat` of airflow. `None` if there is none or the policy uses plain builds only.
    pub(crate) fn counterpart_build(&self, policy: &Policy) -> Option<FlavoredBuild<'c>> {
        let start = self.facts()?.start?;
        self.with_flavor(start.counterpart.as_deref()?, policy)
    }

    /// Returns the builds that are tried if a hazard excludes the target: flavors with a start of their own, such as
    /// `helm` of vault, then `-compat`. Empty if the policy uses plain builds only.
    pub(crate) fn fallback_builds(&self, policy: &Policy) -> Vec<FlavoredBuild<'c>> {
        let start = self.facts().and_then(|facts| facts.start);
        let counterpart = start.and_then(|start| start.counterpart.as_deref());
        let known = start.into_iter().flat_map(|start| start.builds.keys()).map(|flavor| &**flavor);
        let flavors = known.filter(|flavor| *flavor != COMPAT).chain([COMPAT]);
        let others = flavors.filter(|flavor| !flavor.is_empty() && Some(*flavor) != counterpart);
        others.filter_map(|flavor| self.with_flavor(flavor, policy)).collect()
    }

    fn with_flavor(&self, flavor: &str, policy: &Policy) -> Option<FlavoredBuild<'c>> {
        let Why::Resolved(resolved) = &self.why else { return None };
        let Match::Catalog(class) = self.matched else { return None };
        if policy.compat == Compat::Never {
            return None;
        }
        let plain = resolved.resolution.build?;
        let build = plain.with_flavor(flavor)?;
        let tag = match class {
            Class::Exact | Class::Alias | Class::Line | Class::Floating => build.to_string(),
            // The version's build probably had this flavor if its line still has it; the registry confirms it.
            Class::Past if policy.verify.is_some() => format!("{}-{flavor}", resolved.resolution.tag.as_deref()?),
            Class::Past | Class::Unlisted | Class::None => return None,
        };
        let newest = match class {
            Class::Line | Class::Floating => Newest::of(class, &build),
            _ => None,
        };
        Some(FlavoredBuild { to: policy.repository.reference(self.name?, &tag).ok()?, facts: build.facts(), newest })
    }

    /// Returns the rule for replacing the target's tag by a newer one; `None` unless the match is `line` or `floating`.
    pub(crate) fn newest(&self) -> Option<Newest> {
        let Why::Resolved(resolved) = &self.why else { return None };
        let Match::Catalog(class @ (Class::Line | Class::Floating)) = self.matched else { return None };
        Newest::of(class, &resolved.resolution.build?)
    }

    /// Reports whether the image is written like a hardened image in the public registry, but the catalog has no such
    /// name or tag.
    pub(crate) fn is_unknown_hardened(&self) -> bool {
        matches!(self.why, Why::Hardened { may_exist: false })
            || matches!(self.why, Why::Misspelt(_)) && self.target.used().is_none()
    }

    /// Returns the catalog's name of the hardened image; `None` if none corresponds.
    pub fn name(&self) -> Option<&'c str> {
        self.name
    }

    /// Returns the parse error of an image that is not a reference; `None` for references and placeholders.
    pub fn parse_error(&self) -> Option<ParseError> {
        match self.why {
            Why::Unparsable(error) => Some(error),
            _ => None,
        }
    }

    /// Reports whether a rule matches but gives no usable target, which a warning tells the user.
    pub(crate) fn is_stuck(&self) -> bool {
        matches!(self.why, Why::Rule(_, Ruled::Nothing(_) | Ruled::Again(_)))
    }

    /// Returns the facts of the hardened image: of the candidate, or of the image itself if it is hardened already.
    pub fn facts(&self) -> Option<Facts<'c>> {
        let of_resolution = || match &self.why {
            Why::Resolved(resolved) => resolved.resolution.facts(),
            _ => None,
        };
        self.counterpart.facts().copied().or_else(of_resolution)
    }

    /// Returns the image if it is a target already (hardened, mirrored or the result of a rule); `None` otherwise.
    pub fn arrived(&self) -> Option<&Reference> {
        match &self.image {
            Written::Target(reference) => Some(reference),
            Written::Unusable | Written::Upstream(_) => None,
        }
    }

    /// Returns the parsed reference of the image; `None` for placeholders and invalid references.
    pub(crate) fn image(&self) -> Option<&Reference> {
        match &self.image {
            Written::Unusable => None,
            Written::Upstream(reference) | Written::Target(reference) => Some(reference),
        }
    }

    /// Reports whether the image is pinned to a digest.
    pub(crate) fn is_pinned(&self) -> bool {
        self.image().is_some_and(|image| image.digest().is_some())
    }

    /// Reports whether a registry must confirm that the target exists.
    pub fn asks(&self) -> bool {
        matches!(self.target, Target::Used { asks: Some(_), .. })
    }

    /// Returns the question to the target's registry; `None` if the image stays or no registry is asked.
    pub fn inquiry(&self) -> Option<Inquiry> {
        let reference = self.target.used().filter(|_| self.asks())?.clone();
        Some(Inquiry { reference, newest: self.newest(), detail: Detail::User })
    }

    /// Returns the reason for the decision, which displays as a sentence.
    pub fn reason(&self) -> impl fmt::Display + '_ {
        Because { decision: self, asked: false }
    }

    /// Returns the reason for keeping the image after a registry was asked and did not confirm the target.
    pub(crate) fn reason_once_asked(&self) -> impl fmt::Display + '_ {
        Because { decision: self, asked: true }
    }
}

/// The image that a decision is about: the written one (first pass), or the result of a rule or mirror (second pass).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pass {
    First,
    Second,
}

/// Returns the same image on a mirror, or the reason why the mirror is not used; `target` is the hardened candidate.
fn mirror_of<'c>(
    reference: &Reference,
    target: Option<&Reference>,
    policy: &'c Policy,
    catalog: &'c Catalog,
    pass: Pass,
) -> (Option<Reference>, Option<Mirrored>) {
    let mirror = match policy.mirror_of(reference) {
        None => return (None, None),
        Some(Err(error)) => return (None, Some(Mirrored::Invalid(error))),
        Some(Ok(mirror)) => mirror,
    };
    if mirror == *reference {
        return (None, None);
    }
    // An image on a mirror stays there in a later review, unless an alias maps the mirror to an original: then the
    // decision about the image on the mirror must give the same target.
    if pass == Pass::First && policy.original_of(&mirror).is_some() {
        let next = Decision::about(&mirror, policy, catalog, Pass::Second);
        if let Target::Used { to, mirror: again, .. } = &next.target
            && (Some(to) != target || again.as_ref().is_some_and(|again| *again != mirror))
        {
            return (None, Some(Mirrored::Unstable));
        }
    }
    (Some(mirror), None)
}

/// Returns the facts of the build that a hardened reference points to; those of the default build if the catalog does
/// not declare the reference's tag.
fn facts_of<'c>(image: &'c Image, reference: &Reference) -> Facts<'c> {
    reference.tag().and_then(|tag| image.tag(tag)).map_or_else(|| image.facts(), |build| build.facts())
}

/// Reports whether a hardened reference may exist. References with a digest, and references outside the public
/// registry, always may.
fn may_exist(image: Option<&Image>, reference: &Reference) -> bool {
    let is_known = || image.zip(reference.tag()).is_some_and(|(image, tag)| image.may_have(tag));
    reference.registry() != PUBLIC_REGISTRY || reference.digest().is_some() || is_known()
}

/// The image that Istio's injector replaces later. It looks like a reference to `docker.io/library/auto`.
const INJECTED: &str = "auto";

/// Reports whether an image is a template's placeholder: `<image_url>`, `{{ .Values.image }}`, `$(IMAGE)` or empty.
fn is_placeholder(image: &str) -> bool {
    image.is_empty() || image.bytes().any(|b| matches!(b, b'<' | b'{' | b'$'))
}

/// Returns the image's name in a hardened reference; `None` if the reference is not hardened. In the public registry
/// every name counts, elsewhere only the catalog's names.
fn hardened_name<'r>(reference: &'r Reference, policy: &Policy, catalog: &Catalog) -> Option<&'r str> {
    if reference.registry() == PUBLIC_REGISTRY {
        return Some(reference.repository());
    }
    let known = |name: &&str| catalog.get(name).is_some();
    let mirrored = || {
        let (_, last) = reference.name().strip_prefix("docker.io/")?.split_once('/')?;
        last.strip_prefix("dhi-")
    };
    policy.repository.name_in(reference.name()).filter(known).or_else(|| mirrored().filter(known))
}

#[cfg(test)]
mod tests;
