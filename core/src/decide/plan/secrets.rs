//! Finds the pull secrets that a target needs, and checks whether the pod and its namespace have them.

use super::{Finding, Plan};
use crate::hazard::{Action, Code, Hazard};
use crate::policy::Policy;
use crate::read::review::Operation;
use crate::read::workload::{Kind, Object, PodSpec};
use crate::reference::Reference;

impl<'p> Plan<'p> {
    /// Reports whether the pull secrets can no longer change, because the pod exists already.
    fn secrets_are_fixed(&self) -> bool {
        self.request.kind == Kind::Pod && self.request.operation == Operation::Update
    }

    /// Returns the pull secret that the target needs, if the pod names none for it and none can be added; otherwise
    /// `None`.
    pub(super) fn missing_secret(&self, target: &Reference) -> Option<&'p str> {
        if !self.secrets_are_fixed() {
            return None;
        }
        let named = |secret: &str| self.named_secrets.contains(&secret);
        let mut needed = self.policy.pull_secrets_for(target);
        let first = needed.next()?;
        (!named(first) && !needed.any(named)).then_some(first)
    }

    /// Returns the first pull secret for the target, if all of them are known to be missing from the namespace; `None`
    /// otherwise, and for an existing pod, which has pulled its images already.
    pub(super) fn absent_secret(&self, target: &Reference) -> Option<&'p str> {
        if self.request.absent_secrets.is_empty() || self.secrets_are_fixed() || self.has_other_secrets() {
            return None;
        }
        let is_absent = |secret: &str| self.request.absent_secrets.contains(&secret);
        let mut needed = self.policy.pull_secrets_for(target);
        let first = needed.next()?;
        (is_absent(first) && needed.all(is_absent)).then_some(first)
    }

    /// Reports whether the pod names pull secrets that are not in the policy; they may be for the target's registry.
    fn has_other_secrets(&self) -> bool {
        let pod = self.request.object.pod(self.request.kind).map(Object::spec);
        let mut named = pod.and_then(|pod| pod.image_pull_secrets.as_ref()).into_iter().flatten();
        named.any(|secret| self.policy.pull_secrets.iter().all(|known| *known.name != *secret.name))
    }

    /// Returns the findings for a mirror that replaces the target: the target's findings, but `pull-secret-absent` is
    /// about the mirror's pull secret.
    pub(super) fn of_mirror(&self, of_target: &[Finding<'p>], mirror: &Reference) -> Vec<Finding<'p>> {
        let is_of_both = |finding: &&Finding<'p>| finding.hazard.code() != Code::PullSecretAbsent;
        let mut findings: Vec<_> = of_target.iter().filter(is_of_both).cloned().collect();
        let action = self.policy.action(Code::PullSecretAbsent);
        let absent = self.absent_secret(mirror).filter(|_| action != Action::Ignore);
        findings.extend(absent.map(|secret| Finding { hazard: Hazard::PullSecretAbsent { secret }, action }));
        findings
    }
}

/// Returns the pull secrets of the policy that the pod names itself.
pub(super) fn named_secrets<'p>(pod: &PodSpec<'_>, policy: &'p Policy) -> Vec<&'p str> {
    let mut named = Vec::new();
    for secret in pod.image_pull_secrets.iter().flatten() {
        let known = policy.pull_secrets.iter().map(|known| known.name.as_str()).find(|known| **known == *secret.name);
        if let Some(name) = known.filter(|name| !named.contains(name)) {
            named.push(name);
        }
    }
    named
}
