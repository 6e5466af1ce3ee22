//! Settles a plan by the answers of registries: which images are rewritten, and the warnings, denial and audit entries.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ptr;

use crate::answer::audit::{self, AuditAnnotations, Entries};
use crate::answer::outcome::{Change, Outcome, Parent};
use crate::answer::warning::{Lines, line};
use crate::decide::decision::Decision;
use crate::decide::plan::{Choice, Finding, Item, Missing, Plan, Purpose};
use crate::hazard::{About, Action, Counterpart, Hazard};
use crate::policy::{Mode, Treatment};
use crate::presence::Existing;
use crate::read::review::Operation;
use crate::read::workload::{Kind, Object};
use crate::reference::Reference;
use crate::text::printable;

/// The most characters of an invalid image in a warning, so that the reason fits after it.
const MAX_WRITTEN: usize = 40;

/// The result for one image: whether it is rewritten, and the reason if it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Rewritten,
    /// The image stays because the decision has no target; the decision has the reason.
    Undecided,
    /// The image stays because no registry confirmed a candidate.
    Unconfirmed,
    /// A hazard keeps the image.
    Hazardous,
    /// The image would be rewritten, but the mode is `warn`.
    OnlyWarned,
    /// The template stays, but the image is rewritten in the pods that are created from it.
    InPods,
    /// The image would be rewritten, but the template's controller would undo it.
    Owned,
    /// The image would be rewritten, but the object is refused.
    Refused,
}

impl<'p> Plan<'p> {
    /// Returns the outcome of the plan, given the answers of registries.
    ///
    /// If the policy has no `verify`, the answers are ignored.
    pub fn settle(mut self, existing: &Existing) -> Outcome<'p> {
        self.choose(existing);
        self.keep_together();
        let refusing = self.refusing();
        let verdicts: Vec<Verdict> = self.items.iter().map(|item| self.verdict(item, refusing.is_some())).collect();
        let images = self.items.iter().zip(&verdicts);
        // A refused object gets no changes, and so no pull secrets.
        let pull_secrets = if refusing.is_some() { Vec::new() } else { self.needed_secrets(&verdicts) };
        let added = self.added_secrets(&pull_secrets);
        Outcome {
            kind: self.request.kind,
            warnings: self.warnings(&verdicts, refusing),
            denial: refusing.map(|(item, finding)| line_of(item, finding)),
            audit: self.audit(&verdicts),
            images: images
                .map(|(item, verdict)| match (verdict, item.to()) {
                    (Verdict::Rewritten, Some((_, matched))) => (matched, true),
                    _ => (item.decision.matched, false),
                })
                .collect(),
            pull_secrets,
            hazards: self.findings.iter().map(|finding| (finding.hazard.code(), finding.action)).collect(),
            changes: self.into_changes(&verdicts, added),
        }
    }

    fn verdict(&self, item: &Item<'p>, refused: bool) -> Verdict {
        if let Choice::Nothing = item.choice {
            Verdict::Undecided
        } else if let Choice::Open(_) | Choice::Unconfirmed = item.choice {
            Verdict::Unconfirmed
        } else if let Choice::Kept = item.choice {
            Verdict::Hazardous
        } else if self.mode != Mode::Enforce {
            Verdict::OnlyWarned
        } else if self.treatment != Treatment::Rewrite {
            Verdict::InPods
        } else if self.is_owned_template() {
            Verdict::Owned
        } else if refused {
            Verdict::Refused
        } else {
            Verdict::Rewritten
        }
    }

    fn findings_of(&self, item: &Item<'p>) -> &[Finding<'p>] {
        self.findings.get(item.findings.clone()).unwrap_or_default()
    }

    fn has_controller(&self) -> bool {
        self.request.object.metadata.as_ref().is_some_and(|metadata| metadata.controller().is_some())
    }

    /// Reports whether the object is a workload with a controller, such as an operator, which would undo a change of
    /// the template; then only its pods are rewritten.
    fn is_owned_template(&self) -> bool {
        self.request.kind != Kind::Pod && self.has_controller()
    }

    fn changes_objects(&self) -> bool {
        self.mode == Mode::Enforce && self.treatment == Treatment::Rewrite && !self.is_owned_template()
    }

    /// Reports whether a person reads the warnings. Controllers ignore the warnings for objects that they create; an
    /// update of a controller's existing pod is made by a person.
    fn is_heard(&self) -> bool {
        let existing_pod = self.request.kind == Kind::Pod && self.request.operation == Operation::Update;
        existing_pod || !self.has_controller()
    }

    fn warnings(&self, verdicts: &[Verdict], refusing: Option<(&Item<'p>, &Finding<'p>)>) -> Vec<String> {
        let mut lines = Lines::default();
        // The denial contains the finding that refuses the object, so no warning repeats it.
        let told = |finding: &Finding<'p>| refusing.is_some_and(|(_, refusing)| ptr::eq(refusing, finding));
        for (item, verdict) in self.items.iter().zip(verdicts).filter(|_| self.is_heard()) {
            let image = &item.image;
            if let Some(error) = item.decision.parse_error() {
                let written = printable(image.reference, MAX_WRITTEN);
                lines.push(|| line(image, format_args!("kept `{written}`: {error}"), None));
            }
            if item.decision.is_stuck() {
                lines.push(|| line(image, format_args!("kept: {}", item.decision.reason()), None));
            }
            if let (Verdict::OnlyWarned, Some((to, _))) = (verdict, item.to()) {
                lines.push(|| line(image, format_args!("would become {to}"), None));
            }
            for finding in self.findings_of(item).iter().filter(|finding| !told(finding)) {
                lines.push(|| line_of(item, finding));
            }
        }
        lines.finish()
    }

    /// Returns the finding that refuses the object, with its item; `None` if the object is allowed. A finding about a
    /// candidate refuses only if the image has a candidate that may exist.
    fn refusing(&self) -> Option<(&Item<'p>, &Finding<'p>)> {
        let concerns = |item: &Item<'_>, finding: &Finding<'_>| match finding.hazard.code().about() {
            About::Every | About::Hardened => true,
            About::Candidate => item.has_candidate(),
            About::Both => {
                let is_hardened = matches!(item.decision.counterpart, Counterpart::Hardened(_));
                item.has_candidate() || is_hardened || item.decision.arrived().is_some()
            }
        };
        let items = self.items.iter().filter(|_| self.changes_objects());
        items
            .flat_map(|item| self.findings_of(item).iter().map(move |finding| (item, finding)))
            .find(|(item, finding)| finding.action == Action::Deny && concerns(item, finding))
    }

    fn audit(&self, verdicts: &[Verdict]) -> AuditAnnotations {
        let (mut rewrites, mut kept, mut hazards) = (Entries::default(), Entries::default(), Entries::default());
        for (item, verdict) in self.items.iter().zip(verdicts) {
            let Item { image, decision, .. } = item;
            let findings = self.findings_of(item);
            if !findings.is_empty() {
                hazards.put_hazards(&image.key(), findings.iter().map(|finding| finding.hazard.code()));
            }
            if let (Verdict::Rewritten, Some((to, matched))) = (verdict, item.to()) {
                rewrites.put_rewritten(&image.key(), image.reference, to, matched, MissingFrom::of(item));
                continue;
            }
            let keeping = || findings.iter().filter(|finding| finding.action >= Action::Keep);
            let codes = keeping().map(|finding| finding.hazard.code());
            let hazard = keeping().map(|finding| &finding.hazard).next();
            let to = item.to().map(|(to, _)| to).or(decision.target.reference());
            let reason = KeptBecause { decision, to, verdict: *verdict, hazard, missing: MissingFrom::of(item) };
            kept.put_kept(&image.key(), image.reference, decision.matched, codes, reason);
        }
        AuditAnnotations { rewrites: rewrites.finish(), kept: kept.finish(), hazards: hazards.finish() }
    }

    fn into_changes(self, verdicts: &[Verdict], secrets: Vec<&'p str>) -> Vec<Change<'p>> {
        let request = self.request;
        let mut changes = Vec::with_capacity(self.items.len() + 2);
        let pod = request.object.pod(request.kind).map(Object::spec);
        let named = pod.and_then(|pod| pod.image_pull_secrets.as_ref());
        let mut originals = BTreeMap::new();
        for (item, _) in self.items.into_iter().zip(verdicts).filter(|(_, verdict)| **verdict == Verdict::Rewritten) {
            let to = match item.choice {
                Choice::Flavored(to) | Choice::Mirror(to) => Some(to),
                Choice::Target => item.decision.target.take(),
                Choice::Nothing | Choice::Open(_) | Choice::Unconfirmed | Choice::Kept => None,
            };
            originals.insert(item.image.key(), Cow::Borrowed(item.image.reference));
            changes.extend(to.map(|to| Change::SetImage { at: item.image.place, to }));
        }
        let mut append = named.is_some();
        for name in secrets {
            changes.push(Change::AddPullSecret { name, append });
            append = true;
        }
        if let Purpose::Manifest { .. } = request.purpose {
            return changes;
        }
        // The record of an existing pod would be incomplete, and a request for ephemeral containers must not change
        // anything else.
        let existing_pod = request.kind == Kind::Pod && request.operation == Operation::Update;
        if !originals.is_empty() && !existing_pod {
            let annotations = request.object.annotations();
            let existing = annotations.and_then(|annotations| annotations.original_images.as_deref());
            let images = audit::record(originals, existing);
            let below = match annotations {
                Some(annotations) if annotations.present => Parent::Annotations,
                Some(_) => Parent::Metadata,
                None => Parent::Object,
            };
            if existing != Some(&images) {
                changes.push(Change::Record { images, below });
            }
        }
        changes
    }

    /// Returns the pull secrets to add, in order: the needed ones, after those of the service account if the pod would
    /// lose these.
    fn added_secrets(&self, needed: &[&'p str]) -> Vec<&'p str> {
        let request = &self.request;
        match request.purpose {
            Purpose::Review if request.kind == Kind::Pod && request.operation == Operation::Create => needed.to_vec(),
            Purpose::Manifest { account_secrets: Some(account) } if !needed.is_empty() => {
                let pod = request.object.pod(request.kind).map(Object::spec);
                let names_any =
                    pod.and_then(|pod| pod.image_pull_secrets.as_ref()).is_some_and(|named| !named.is_empty());
                let inherited = account.iter().filter(|name| !names_any && !needed.contains(name));
                inherited.chain(needed).copied().collect()
            }
            Purpose::Review | Purpose::Manifest { .. } => Vec::new(),
        }
    }

    /// Returns the pull secrets that the pod's targets need and that the pod does not name.
    fn needed_secrets(&self, verdicts: &[Verdict]) -> Vec<&'p str> {
        let mut secrets: Vec<&'p str> = Vec::new();
        for (item, verdict) in self.items.iter().zip(verdicts).filter(|_| self.changes_objects()) {
            let rewritten = item.to().map(|(to, _)| to).filter(|_| *verdict == Verdict::Rewritten);
            let target = rewritten.or(item.decision.arrived());
            for secret in target.into_iter().flat_map(|target| self.policy.pull_secrets_for(target)) {
                if !secrets.contains(&secret) && !self.named_secrets.contains(&secret) {
                    secrets.push(secret);
                }
            }
        }
        secrets
    }
}

fn line_of(item: &Item<'_>, finding: &Finding<'_>) -> String {
    line(&item.image, &finding.hazard, Some(finding.hazard.code()))
}

/// The reason why an image stays, as a sentence.
struct KeptBecause<'f, 'p> {
    decision: &'f Decision<'p>,
    to: Option<&'f Reference>,
    verdict: Verdict,
    hazard: Option<&'f Hazard<'p>>,
    missing: Option<MissingFrom<'f>>,
}

impl fmt::Display for KeptBecause<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.to.map_or("", Reference::as_str);
        match (self.verdict, self.hazard) {
            (Verdict::OnlyWarned, _) => write!(f, "the mode is warn; would become {target}"),
            (Verdict::InPods, _) => write!(f, "pods made from this template become {target}"),
            (Verdict::Owned, _) => write!(f, "the template's controller would undo a change; its pods become {target}"),
            (Verdict::Refused, _) => write!(f, "the object is refused; would become {target}"),
            (Verdict::Hazardous, Some(hazard)) => write!(f, "{hazard}; not {target}"),
            // A registry was asked, so the reason does not end in `if the registry has it`.
            (Verdict::Unconfirmed, _) if self.missing.is_some() => write!(f, "{}", self.decision.reason_once_asked()),
            (Verdict::Hazardous | Verdict::Rewritten | Verdict::Undecided | Verdict::Unconfirmed, _) => {
                write!(f, "{}", self.decision.reason())
            }
        }?;
        self.missing.as_ref().map_or(Ok(()), |missing| write!(f, "; {missing}"))
    }
}

/// The candidates of an image that registries do not have or could not confirm. It displays as a list.
struct MissingFrom<'f>(&'f [Missing]);

impl<'f> MissingFrom<'f> {
    fn of(item: &'f Item<'_>) -> Option<Self> {
        (!item.missing.is_empty()).then_some(Self(&item.missing))
    }
}

impl fmt::Display for MissingFrom<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for missing in self.0 {
            write!(f, "{separator}{missing}")?;
            separator = "; ";
        }
        Ok(())
    }
}
