//! From a plan to its outcome: which images are rewritten, and who hears of what.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ptr;

use crate::audit::{self, AuditAnnotations, Entries};
use crate::decision::{Decision, Match};
use crate::hazard::{Action, Code, Hazard};
use crate::outcome::{Change, Outcome, Parent};
use crate::plan::{Finding, Item, Plan};
use crate::policy::{Mode, Treatment};
use crate::reference::Reference;
use crate::review::Operation;
use crate::warning::{Lines, line, printable};
use crate::workload::Kind;

/// The longest written image that a warning repeats: the reason must fit behind it.
const MAX_WRITTEN: usize = 40;

/// What becomes of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Rewritten,
    /// By the match or the policy: the decision has the reason.
    Undecided,
    /// A hazard keeps it.
    Hazardous,
    /// It would be rewritten, but the mode is `warn`.
    OnlyWarned,
    /// It would be rewritten, but only in the pods made from this template.
    InPods,
    /// It would be rewritten, but the template's controller would undo it.
    Owned,
    /// It would be rewritten, but the object is refused.
    Refused,
}

impl<'p> Plan<'p> {
    /// What follows from the plan. Every candidate is one that the catalog declares.
    pub fn settle(self) -> Outcome<'p> {
        let refusing = self.refusing();
        let verdicts: Vec<Verdict> = self.items.iter().map(|item| self.verdict(item, refusing.is_some())).collect();
        let images = self.items.iter().zip(&verdicts);
        Outcome {
            kind: self.request.kind,
            warnings: self.warnings(&verdicts, refusing),
            denial: refusing.map(|(item, finding)| line_of(item, finding)),
            audit: self.audit(&verdicts),
            images: images.map(|(item, verdict)| (item.decision.matched, *verdict == Verdict::Rewritten)).collect(),
            hazards: self.findings.iter().map(|finding| (finding.hazard.code(), finding.action)).collect(),
            changes: self.into_changes(&verdicts),
        }
    }

    fn verdict(&self, item: &Item<'p>, refused: bool) -> Verdict {
        if !item.decision.rewrites {
            Verdict::Undecided
        } else if self.findings_of(item).iter().any(|finding| finding.action >= Action::Keep) {
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

    /// An operator undoes what is done to its templates; their pods are rewritten.
    fn is_owned_template(&self) -> bool {
        self.request.kind != Kind::Pod && self.has_controller()
    }

    fn changes_objects(&self) -> bool {
        self.mode == Mode::Enforce && self.treatment == Treatment::Rewrite && !self.is_owned_template()
    }

    /// Nobody reads what a controller is warned of. A controller's pod that exists already is changed by a person.
    fn is_heard(&self) -> bool {
        let existing_pod = self.request.kind == Kind::Pod && self.request.operation == Operation::Update;
        existing_pod || !self.has_controller()
    }

    fn warnings(&self, verdicts: &[Verdict], refusing: Option<(&Item<'p>, &Finding<'p>)>) -> Vec<String> {
        let mut lines = Lines::default();
        // What refuses the object is told by itself.
        let told = |finding: &Finding<'p>| refusing.is_some_and(|(_, refusing)| ptr::eq(refusing, finding));
        for (item, verdict) in self.items.iter().zip(verdicts).filter(|_| self.is_heard()) {
            let Item { image, decision, .. } = item;
            if let Some(error) = decision.parse_error() {
                let written = printable(image.reference, MAX_WRITTEN);
                lines.push(|| line(image, format_args!("kept `{written}`: {error}"), None));
            }
            if let (Verdict::OnlyWarned, Some(target)) = (verdict, &decision.target) {
                lines.push(|| line(image, format_args!("would become {target}"), None));
            }
            for finding in self.findings_of(item).iter().filter(|finding| !told(finding)) {
                lines.push(|| line_of(item, finding));
            }
        }
        lines.finish()
    }

    /// The finding that refuses the object. Those about a candidate do where there is one.
    fn refusing(&self) -> Option<(&Item<'p>, &Finding<'p>)> {
        let of_candidate =
            |finding: &Finding<'_>| matches!(finding.hazard.code(), Code::NeedsRoot | Code::PullSecretMissing);
        let items = self.items.iter().filter(|_| self.changes_objects());
        items.flat_map(|item| self.findings_of(item).iter().map(move |finding| (item, finding))).find(
            |(item, finding)| finding.action == Action::Deny && (item.decision.rewrites || !of_candidate(finding)),
        )
    }

    fn audit(&self, verdicts: &[Verdict]) -> AuditAnnotations {
        let (mut rewrites, mut kept, mut hazards) = (Entries::default(), Entries::default(), Entries::default());
        for (item, verdict) in self.items.iter().zip(verdicts) {
            let Item { image, decision, .. } = item;
            let findings = self.findings_of(item);
            if !findings.is_empty() {
                hazards.put_hazards(&image.key(), findings.iter().map(|finding| finding.hazard.code()));
            }
            if let (Verdict::Rewritten, Some(to)) = (verdict, &decision.target) {
                rewrites.put_rewritten(&image.key(), image.reference, to, decision.matched);
                continue;
            }
            let keeping = || findings.iter().filter(|finding| finding.action >= Action::Keep);
            let codes = keeping().map(|finding| finding.hazard.code());
            let hazard = keeping().map(|finding| finding.hazard).next();
            let reason = KeptBecause { decision, verdict: *verdict, hazard };
            kept.put_kept(&image.key(), image.reference, decision.matched, codes, reason);
        }
        AuditAnnotations { rewrites: rewrites.finish(), kept: kept.finish(), hazards: hazards.finish() }
    }

    fn into_changes(self, verdicts: &[Verdict]) -> Vec<Change<'p>> {
        let request = self.request;
        let mut changes = Vec::with_capacity(self.items.len() + 2);
        let secrets = if request.kind == Kind::Pod && request.operation == Operation::Create && self.changes_objects() {
            self.new_secrets(verdicts)
        } else {
            Vec::new()
        };
        let mut originals = BTreeMap::new();
        for (item, _) in self.items.into_iter().zip(verdicts).filter(|(_, verdict)| **verdict == Verdict::Rewritten) {
            originals.insert(item.image.key(), Cow::Borrowed(item.image.reference));
            changes.extend(item.decision.target.map(|to| Change::SetImage { at: item.image.place, to }));
        }
        let mut append = request.object.spec().image_pull_secrets.is_some();
        for name in secrets {
            changes.push(Change::AddPullSecret { name, append });
            append = true;
        }
        // The record of a pod cannot be complete once it exists, and ephemeral containers may change nothing else.
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

    /// The secrets that the pod's hardened images need, rewritten here or written so, and that it does not name.
    fn new_secrets(&self, verdicts: &[Verdict]) -> Vec<&'p str> {
        let mut secrets: Vec<&'p str> = Vec::new();
        for (item, verdict) in self.items.iter().zip(verdicts) {
            let is_target = *verdict == Verdict::Rewritten || item.decision.matched == Match::Hardened;
            let targets = item.decision.target.iter().filter(|_| is_target);
            for secret in targets.flat_map(|target: &Reference| self.policy.pull_secrets_for(target)) {
                if !secrets.contains(&secret) && !self.named_secrets.contains(&secret) {
                    secrets.push(secret);
                }
            }
        }
        secrets
    }
}

fn line_of(item: &Item<'_>, finding: &Finding<'_>) -> String {
    line(&item.image, finding.hazard, Some(finding.hazard.code()))
}

/// Why an image stays, for people to read.
struct KeptBecause<'f, 'p> {
    decision: &'f Decision<'p>,
    verdict: Verdict,
    hazard: Option<Hazard<'p>>,
}

impl fmt::Display for KeptBecause<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = self.decision.target.as_ref().map_or("", Reference::as_str);
        match (self.verdict, self.hazard) {
            (Verdict::OnlyWarned, _) => write!(f, "the mode is warn; would become {target}"),
            (Verdict::InPods, _) => write!(f, "pods made from this template become {target}"),
            (Verdict::Owned, _) => write!(f, "the template's controller would undo a change; its pods become {target}"),
            (Verdict::Refused, _) => write!(f, "the object is refused; would become {target}"),
            (Verdict::Hazardous, Some(hazard)) => write!(f, "{hazard}; not {target}"),
            (Verdict::Hazardous | Verdict::Rewritten | Verdict::Undecided, _) => {
                write!(f, "{}", self.decision.reason())
            }
        }
    }
}
