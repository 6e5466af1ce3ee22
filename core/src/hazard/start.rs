//! The programs that a container starts: its command, its probes and its hooks.

use super::{Candidate, Hazard};
use crate::catalog::Facts;

/// What Kubernetes manifests call shells by.
const SHELLS: [&str; 9] = ["sh", "bash", "ash", "dash", "zsh", "ksh", "csh", "tcsh", "fish"];
/// Packages that bring `env`.
const USERLANDS: [&str; 2] = ["coreutils", "busybox"];

/// Adds the hazards of the programs that a candidate starts.
pub(super) fn hazards<'c>(candidate: &Candidate<'c, '_>, found: &mut Vec<Hazard<'c>>) {
    found.extend(no_shell(candidate));
}

/// A shell, or `env`, that the command, a probe or a hook starts and the image does not have.
fn no_shell<'c>(candidate: &Candidate<'c, '_>) -> Option<Hazard<'c>> {
    let Candidate { opened, facts, .. } = candidate;
    let runs_arguments = facts.entrypoint.iter().all(|word| is_init(word));
    let own = opened.command().first().or_else(|| opened.args().first().filter(|_| runs_arguments));
    let started = own.into_iter().chain(opened.handlers().iter().filter_map(|handler| handler.command().first()));
    let known = |program: &str| SHELLS.into_iter().chain(["env"]).find(|known| *known == program);
    let mut shells = started.filter_map(|program| known(base_name(program)));
    let lacks = |shell: &&str| if *shell == "env" { !has_userland(facts) } else { !has_shell(facts, shell) };
    shells.find(lacks).map(|program| Hazard::NoShell { program: program.into() })
}

/// Programs that start what they are given: an entrypoint of one of them alone runs the arguments.
fn is_init(word: &str) -> bool {
    matches!(base_name(word), "tini" | "dumb-init" | "catatonit" | "--")
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Any shell is linked as `sh`; the others are themselves. Busybox brings `ash`.
fn has_shell(facts: &Facts<'_>, shell: &str) -> bool {
    match shell {
        "sh" => facts.has_shell(),
        shell => facts.shell.iter().any(|has| **has == *shell || &**has == "busybox" && shell == "ash"),
    }
}

fn has_userland(facts: &Facts<'_>) -> bool {
    let brought = |name: &str| USERLANDS.contains(&name);
    facts.shell.iter().any(|shell| &**shell == "busybox")
        || facts.contents.is_some_and(|contents| contents.package_names().any(brought))
}
