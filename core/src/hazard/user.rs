//! The user that a container runs as, and what it may do.

use std::sync::LazyLock;

use super::start::{base_name, is_shell};
use super::upstream::{self, refuses_root};
use super::words::Words;
use super::{Candidate, Counterpart, Hazard, Inherited};
use crate::catalog::Facts;
use crate::read::workload::Container;

/// Whether the kubelet must see that the container is no root.
fn must_be_nonroot(container: &Container<'_>, pod: &Inherited<'_>) -> Option<bool> {
    container.security_context.run_as_non_root.or(pod.pod.security_context.run_as_non_root)
}

/// Nothing says that it is no root.
pub(super) fn missing_nonroot(container: &Container<'_>, pod: &Inherited<'_>) -> Option<Hazard<'static>> {
    let own = &container.security_context;
    let asked_for = own.run_as_non_root == Some(true) || pod.pod.security_context.run_as_non_root == Some(true);
    let numeric = [own.run_as_user, pod.pod.security_context.run_as_user].into_iter().flatten().any(|uid| uid > 0);
    (!asked_for && !numeric).then_some(Hazard::MissingNonroot)
}

/// Is told to be root.
pub(super) fn runs_as_root(
    container: &Container<'_>,
    pod: &Inherited<'_>,
    counterpart: &Counterpart<'_>,
) -> Option<Hazard<'static>> {
    let uid = counterpart.uid().filter(|uid| *uid != 0)?;
    let root = match pod.pod.user_of(container) {
        Some(user) => user == 0,
        None => must_be_nonroot(container, pod) == Some(false),
    };
    root.then_some(Hazard::RunsAsRoot { uid })
}

/// Names its user, or runs as root, where the kubelet must see a number that is not root's: it does not look names up.
pub(super) fn named_user<'c>(candidate: &Candidate<'c, '_>) -> Option<Hazard<'c>> {
    let Candidate { container, pod, facts, .. } = candidate;
    if !is_looked_at(container, pod) {
        return None;
    }
    let is_named = facts.run_as_name.is_some_and(|name| name.parse::<u32>().is_err());
    (facts.run_as == 0 || is_named).then_some(Hazard::NamedUser { uid: facts.run_as })
}

/// The same by the user of the published image's configuration: `65532`, `65532:65532`, a name, or nothing, which is root.
pub(crate) fn named_user_of(
    container: &Container<'_>,
    pod: &Inherited<'_>,
    facts: &Facts<'_>,
    user: &str,
) -> Option<Hazard<'static>> {
    let user = user.split(':').next().unwrap_or_default();
    let uid = match user.parse::<u32>() {
        Ok(0) => 0,
        Ok(_) => return None,
        Err(_) if matches!(user, "" | "root") => 0,
        Err(_) => facts.run_as,
    };
    is_looked_at(container, pod).then_some(Hazard::NamedUser { uid })
}

/// Whether the kubelet looks at the user of the image: it must be no root, and nothing but the image says who it is.
fn is_looked_at(container: &Container<'_>, pod: &Inherited<'_>) -> bool {
    must_be_nonroot(container, pod) == Some(true) && pod.pod.user_of(container).is_none()
}

/// Finds work of the container that only root can do: `needs-root`. Its pod's `hostPID` alone is no such work.
pub(super) fn needs_root<'c>(candidate: &Candidate<'c, '_>) -> Option<Hazard<'c>> {
    let Candidate { container, pod, facts, .. } = candidate;
    let uid = facts.run_as;
    if uid == 0 || pod.pod.user_of(container).is_some() {
        return None;
    }
    let context = &container.security_context;
    let beyond_ports = |name: &&str| !name.is_empty() && !is_capability(name, "NET_BIND_SERVICE");
    let reason = if context.privileged {
        Some("`privileged`")
    } else if container.mentions("nsenter") {
        Some("nsenter")
    } else if let Some(program) = root_program(candidate) {
        Some(program)
    } else if upstream::start_needs_root(candidate) {
        Some("its start")
    } else {
        context.capabilities.add.iter().map(|name| &**name).find(beyond_ports)
    };
    reason.map(|reason| Hazard::NeedsRoot { reason, uid, refuses_root: refuses_root(facts) })
}

/// Programs that change what belongs to others, or the node: nobody but root gets on with them.
const ROOT_PROGRAMS: [&str; 6] = ["chown", "chgrp", "mount", "umount", "sysctl", "modprobe"];

static ROOT_PROGRAM: LazyLock<Words> = LazyLock::new(|| Words::new(ROOT_PROGRAMS));

/// Such a program that the container's command is, or that its shell is told to run.
fn root_program(candidate: &Candidate<'_, '_>) -> Option<&'static str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let known = |word: &str| ROOT_PROGRAMS.into_iter().find(|known| *known == word);
    let (command, args) = (candidate.opened.command(), candidate.opened.args());
    let program = base_name(command.first()?);
    if !is_shell(program) {
        return known(program);
    }
    let texts = command.iter().chain(args).filter(|text| ROOT_PROGRAM.may_be_in(text));
    texts.flat_map(|text| text.split(|c| !is_name(c))).find_map(known)
}

/// Container runtimes take a capability's name in any case, with and without `CAP_`.
pub(super) fn is_capability(written: &str, name: &str) -> bool {
    let prefixed = written.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("CAP_"));
    written.get(if prefixed { 4 } else { 0 }..).is_some_and(|written| written.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests;
