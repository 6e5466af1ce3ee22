//! Offers the candidates of an image to registries, and chooses one of them by the registries' answers.

use std::collections::BTreeSet;
use std::fmt;
use std::mem;
use std::ops::Range;

use super::{Choice, Finding, Item, Plan, allow, counts};
use crate::catalog::Match;
use crate::catalog::{Class, Facts};
use crate::decide::decision::FlavoredBuild;
use crate::decide::decision::{Decision, Target};
use crate::hazard::{self, About, Action, Code, Counterpart, Inherited};
use crate::policy::{Digest, Unknown, Verify};
use crate::presence::{Detail, Existing, Inquiry, Presence, Published};
use crate::read::workload::{Image, Object};
use crate::reference::Reference;

/// A reference that an image may become if its registry has it.
#[derive(Debug)]
pub(crate) struct Candidate<'p> {
    inquiry: Inquiry,
    rank: Rank,
    /// The catalog's facts of the candidate; `None` for a mirror, and if the catalog has none.
    facts: Option<Facts<'p>>,
    /// The range of the candidate's findings in [`Plan::findings`].
    findings: Range<usize>,
}

/// The kind of a candidate: the decision's target, a build with a flavor, or the same image on a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rank {
    Target,
    Flavored,
    Mirror,
}

impl Candidate<'_> {
    fn matched(&self, decision: &Decision<'_>) -> Match {
        if self.rank == Rank::Mirror { Match::Mirror } else { decision.matched }
    }
}

/// Reports whether the registry must be asked about a candidate with these findings, because its answer may remove
/// the findings that keep the image. It is also asked if a finding denies: a candidate that does not exist denies
/// nothing.
fn is_open(findings: &[Finding<'_>], matched: Match) -> bool {
    let keeping = || findings.iter().filter(|finding| finding.action >= Action::Keep && counts(finding, matched));
    keeping().any(|finding| finding.action == Action::Deny)
        || keeping().all(|found| found.hazard.code().is_answerable())
}

/// The verdict on one candidate after its registry was asked.
enum Answer<'p> {
    /// The image may become the reference, with these findings.
    Taken(Reference, Vec<Finding<'p>>),
    /// The candidate exists, but these findings keep the image.
    Held(Vec<Finding<'p>>),
    /// The registry did not confirm the candidate, so the next candidate is tried.
    Missing(Option<Missing>),
    /// The registry gave no answer about the reference, and the policy keeps the image in this case.
    Unsaid(Reference),
}

/// A candidate that its registry did not confirm.
#[derive(Debug)]
pub(crate) enum Missing {
    /// The registry does not have this reference.
    Absent(Reference),
    /// The registry could not say whether it has this reference.
    Unsaid(Reference),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(to) => write!(f, "{} does not have {to}", to.registry()),
            Self::Unsaid(to) => write!(f, "{} could not say whether it has {to}", to.registry()),
        }
    }
}

impl<'p> Plan<'p> {
    /// Returns the questions to ask registries, in order and without duplicates; empty if the policy has no `verify`.
    pub fn candidates(&self) -> impl Iterator<Item = &Inquiry> {
        let mut seen = BTreeSet::new();
        let candidates = self.items.iter().flat_map(|item| match &item.choice {
            Choice::Open(candidates) => candidates.as_slice(),
            _ => &[],
        });
        candidates.map(|candidate| &candidate.inquiry).filter(move |inquiry| seen.insert(*inquiry))
    }

    /// Returns the candidates to ask registries about, and the range of the target's findings, which begin at `first`.
    pub(super) fn offer(
        &mut self,
        image: &Image<'p, 'p>,
        inherited: &Inherited<'p>,
        decision: &mut Decision<'p>,
        first: usize,
    ) -> (Choice<'p>, Range<usize>) {
        let of_target = first..self.findings.len();
        let found = |plan: &Self, range: &Range<usize>, matched| is_open(plan.found(range), matched);
        let counterpart = decision.counterpart_build(self.policy);
        let mut open: Vec<_> =
            counterpart.and_then(|build| self.offer_flavored(image, inherited, decision, build)).into_iter().collect();
        if let Some(to) = decision.target.used().filter(|_| found(self, &of_target, decision.matched)) {
            let facts = match decision.counterpart {
                Counterpart::Candidate(facts) => Some(facts),
                _ => None,
            };
            let newest = decision.newest();
            let inquiry = Inquiry { reference: to.clone(), newest, detail: self.detail(image, &of_target) };
            open.push(Candidate { inquiry, rank: Rank::Target, facts, findings: of_target.clone() });
        }
        if !allow(self.found(&of_target), decision.matched) {
            for build in decision.fallback_builds(self.policy) {
                open.extend(self.offer_flavored(image, inherited, decision, build));
            }
        }
        if let Some(to) = decision.target.take_mirror().filter(|to| self.missing_secret(to).is_none()) {
            let of_mirror = self.of_mirror(self.found(&of_target), &to);
            if allow(&of_mirror, Match::Mirror) {
                let start = self.findings.len();
                self.findings.extend(of_mirror);
                let findings = start..self.findings.len();
                // A mirror has the same bytes, so its registry is not asked for platforms and user.
                open.push(Candidate { inquiry: Inquiry::from(to), rank: Rank::Mirror, facts: None, findings });
            }
        }
        (if open.is_empty() { Choice::Kept } else { Choice::Open(open) }, of_target)
    }

    /// Returns a build with a flavor as a candidate; `None` if its hazards exclude it.
    fn offer_flavored(
        &mut self,
        image: &Image<'p, 'p>,
        inherited: &Inherited<'p>,
        decision: &Decision<'p>,
        build: FlavoredBuild<'p>,
    ) -> Option<Candidate<'p>> {
        let FlavoredBuild { to, facts, newest } = build;
        let start = self.findings.len();
        self.evaluate(image, inherited, decision, &Counterpart::Candidate(facts), Some(&to));
        let findings = start..self.findings.len();
        let inquiry = Inquiry { reference: to, newest, detail: self.detail(image, &findings) };
        let is_open = is_open(self.found(&findings), decision.matched);
        is_open.then_some(Candidate { inquiry, rank: Rank::Flavored, facts: Some(facts), findings })
    }

    /// Returns the detail to ask the registry for: only facts that can change the decision, since each further detail
    /// may cost requests.
    fn detail(&self, image: &Image<'p, 'p>, findings: &Range<usize>) -> Detail {
        let keeps = |code| self.policy.action(code) >= Action::Keep;
        let named = self.found(findings).iter().any(|finding| finding.hazard.code() == Code::NamedUser);
        if image.container.is_none() {
            Detail::Existence
        } else if named && keeps(Code::NamedUser) {
            Detail::User
        } else if keeps(Code::PlatformMissing) {
            Detail::Platforms
        } else {
            Detail::Existence
        }
    }

    pub(super) fn found(&self, range: &Range<usize>) -> &[Finding<'p>] {
        self.findings.get(range.clone()).unwrap_or_default()
    }

    /// Chooses the first candidate of each image that exists and has no finding that keeps the image.
    pub(crate) fn choose(&mut self, existing: &Existing) {
        let policy = self.policy;
        let (Some(verify), Some(pod)) = (&policy.verify, self.request.object.pod(self.request.kind)) else { return };
        let judge = Judge { inherited: Inherited::of(Object::spec(pod), &policy.platforms), verify, existing };
        self.change_items(|plan, _, item| match mem::replace(&mut item.choice, Choice::Kept) {
            Choice::Open(candidates) => plan.judge(item, candidates, &judge),
            choice => {
                item.choice = choice;
                plan.found(&item.findings).to_vec()
            }
        });
    }

    /// Changes each item, given with its index, and replaces its findings by those that `change` returns.
    pub(super) fn change_items(&mut self, mut change: impl FnMut(&Self, usize, &mut Item<'p>) -> Vec<Finding<'p>>) {
        let mut items = mem::take(&mut self.items);
        let mut findings = Vec::with_capacity(self.findings.len());
        for (at, item) in items.iter_mut().enumerate() {
            let start = findings.len();
            findings.extend(change(self, at, item));
            item.findings = start..findings.len();
        }
        (self.items, self.findings) = (items, findings);
    }

    /// Chooses a candidate of one image by the registries' answers, and returns the image's findings.
    fn judge(&self, item: &mut Item<'p>, candidates: Vec<Candidate<'p>>, judge: &Judge<'_, 'p>) -> Vec<Finding<'p>> {
        let of_target = self.found(&item.findings);
        // If the target is not among the candidates, a hazard that no answer can remove keeps the image.
        let offers_target = candidates.iter().any(|candidate| candidate.rank == Rank::Target);
        let mut held = (!offers_target).then(|| of_target.to_vec());
        let mut refused = false;
        for candidate in candidates {
            let rank = candidate.rank;
            if rank == Rank::Mirror && refused {
                continue;
            }
            match self.answer(item, candidate, judge) {
                Answer::Taken(to, findings) => return item.take(rank, to, held.is_some(), findings),
                Answer::Held(findings) => {
                    refused |= rank == Rank::Target && findings.iter().any(|found| found.action == Action::Deny);
                    held.get_or_insert(findings);
                }
                Answer::Missing(missing) => item.missing.extend(missing),
                Answer::Unsaid(to) => {
                    item.missing.push(Missing::Unsaid(to));
                    break;
                }
            }
        }
        held.unwrap_or_else(|| {
            item.choice = Choice::Unconfirmed;
            of_target.to_vec()
        })
    }

    fn answer(&self, item: &Item<'p>, candidate: Candidate<'p>, judge: &Judge<'_, 'p>) -> Answer<'p> {
        let matched = candidate.matched(&item.decision);
        // The catalog does not declare tags of these classes, so only a registry's answer shows that they exist.
        let is_declared = !matches!(matched, Match::Catalog(Class::Past | Class::Unlisted));
        let presence = judge.existing.presence(&candidate.inquiry);
        let (asked, to) = (presence.is_some(), &candidate.inquiry.reference);
        let published = match presence {
            Some(Presence::Absent) => return Answer::Missing(Some(Missing::Absent(to.clone()))),
            Some(Presence::Present(published)) => Some(published),
            Some(Presence::Unknown) => None,
            None if is_declared => None,
            None => return Answer::Missing(None),
        };
        let pinned = published.map(|published| self.pinned(to, item, published));
        let (to, findings) = match (published, pinned) {
            (Some(published), Some(Some(to))) => {
                let findings = self.answered(item, &candidate, to.digest().is_some(), published, &judge.inherited);
                (to, findings)
            }
            // An answer without a digest confirms nothing. A stored image was confirmed when it was stored, and another
            // image would restart the pods.
            _ => match item.stored_as(to, candidate.inquiry.newest.is_some()) {
                Some(stored) => (stored, self.found(&candidate.findings).to_vec()),
                None if asked && (judge.verify.unknown == Unknown::Keep || self.unpins(item, to)) => {
                    return Answer::Unsaid(to.clone());
                }
                None if !is_declared => return Answer::Missing(Some(Missing::Unsaid(to.clone()))),
                None => {
                    let findings = self.found(&candidate.findings).to_vec();
                    (candidate.inquiry.reference, findings)
                }
            },
        };
        if allow(&findings, matched) { Answer::Taken(to, findings) } else { Answer::Held(findings) }
    }

    /// Reports whether a pinned image would lose its digest although the policy pins such images.
    fn unpins(&self, item: &Item<'p>, to: &Reference) -> bool {
        self.policy.digest == Digest::Pin && item.decision.is_pinned() && to.digest().is_none()
    }

    /// Returns the candidate with the registry's newest tag and, if the policy pins it, the registry's digest; or the
    /// stored image if that is the same already. `None` if these give no valid reference.
    fn pinned(&self, to: &Reference, item: &Item<'p>, published: &Published) -> Option<Reference> {
        let pins = match self.policy.digest {
            Digest::Pin => item.decision.is_pinned(),
            Digest::Always => true,
            Digest::Drop => false,
        };
        let to = published.tag.as_ref().map_or_else(|| Ok(to.clone()), |newest| to.with_tag(newest)).ok()?;
        match item.stored_as(&to, false) {
            Some(stored) => Some(stored),
            None if pins => to.pinned(&published.digest).ok(),
            None => Some(to),
        }
    }

    /// Returns the candidate's findings, with those about user, platforms and digest replaced by the registry's facts.
    fn answered(
        &self,
        item: &Item<'p>,
        candidate: &Candidate<'p>,
        is_pinned: bool,
        published: &Published,
        inherited: &Inherited<'p>,
    ) -> Vec<Finding<'p>> {
        let mut findings = self.found(&candidate.findings).to_vec();
        let mut replace = |code, by: Option<hazard::Hazard<'p>>| {
            findings.retain(|finding| finding.hazard.code() != code);
            let found = by.map(|hazard| Finding { action: self.policy.action_of(&hazard), hazard });
            findings.extend(found.filter(|finding| finding.action != Action::Ignore));
        };
        if is_pinned {
            replace(Code::DigestDropped, None);
        }
        // A mirror has the same bytes, so the user and platforms do not change.
        if candidate.matched(&item.decision) == Match::Mirror {
            return findings;
        }
        if let Some(container) = item.image.container {
            if let Some((facts, user)) = candidate.facts.as_ref().zip(published.user.as_deref()) {
                replace(Code::NamedUser, hazard::named_user_of(container, inherited, facts, user));
            }
            if !published.platforms.is_empty() {
                replace(Code::PlatformMissing, hazard::platform_missing_of(inherited, published));
            }
        }
        findings
    }
}

/// The inputs for choosing a candidate by the registries' answers.
struct Judge<'j, 'p> {
    inherited: Inherited<'p>,
    verify: &'p Verify,
    existing: &'j Existing,
}

impl<'p> Item<'p> {
    /// Returns the stored image if it already is `to` (ignoring its digest, with `any_tag` also its tag), so that
    /// applying a manifest again does not restart the pods.
    fn stored_as(&self, to: &Reference, any_tag: bool) -> Option<Reference> {
        let stored: Reference = self.stored?.parse().ok()?;
        (stored.is_or_pins(to) || any_tag && stored.name() == to.name()).then_some(stored)
    }

    /// Chooses a candidate and returns the findings that still apply; `held` tells whether hazards excluded the target.
    fn take(&mut self, rank: Rank, to: Reference, held: bool, mut findings: Vec<Finding<'p>>) -> Vec<Finding<'p>> {
        self.choice = match rank {
            Rank::Target => {
                if let Target::Used { to: target, .. } = &mut self.decision.target {
                    *target = to;
                }
                Choice::Target
            }
            Rank::Flavored => Choice::Flavored(to),
            Rank::Mirror => {
                // The target does not exist, so that findings about it no longer apply.
                let about_target = |code: Code| code.about() == About::Candidate && !code.counts_for_mirrors();
                findings.retain(|finding| held || !about_target(finding.hazard.code()));
                Choice::Mirror(to)
            }
        };
        findings
    }
}
