//! The programs that a container starts: its command, its probes and its hooks.

mod inside;
mod install;
mod program;
mod wrapper;

use self::inside::{Inside, Presence, is_standard};
pub(super) use self::install::inline_script;
use self::wrapper::Words;
pub(super) use self::wrapper::started;
use super::{Candidate, Hazard, owned};
use crate::read::wire::Text;
use crate::read::workload::{Mount, VolumeKind};

/// What Kubernetes manifests call shells by.
const SHELLS: [&str; 9] = ["sh", "bash", "ash", "dash", "zsh", "ksh", "csh", "tcsh", "fish"];
/// Where programs are looked for by name.
const SEARCHED: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Adds the hazards of the programs that a candidate starts: of each code the first, in the order of command, hooks and probes.
pub(super) fn hazards<'c>(candidate: &Candidate<'c, '_>, found: &mut Vec<Hazard<'c>>) {
    let opened = &candidate.opened;
    let first = found.len();
    let mut starts = Starts { candidate, inside: Inside::of(candidate.facts), found, first };
    if let Some(program) = opened.command().first() {
        let args = if looks_further(base_name(program)) { opened.args() } else { &[] };
        starts.check(opened.command().iter().chain(args), Place::Command);
    } else if candidate.facts.runs_arguments() {
        starts.check_arguments(opened.args());
    } else {
        starts.check_arguments_of_entrypoint(opened.args());
    }
    if opened.may_run_handlers() {
        for handler in opened.handlers() {
            starts.check(handler.command().iter().chain(&[]), Place::Command);
        }
    }
}

/// Whether the words behind a program say more about what is started.
fn looks_further(name: &str) -> bool {
    wrapper::is_wrapper(name) || shell(name).is_some() || install::is_python(name)
}

/// Where the words of a start stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// They take the place of the image's entrypoint, or run beside it.
    Command,
    /// They are arguments, and the hardened image has no entrypoint.
    Arguments,
    /// They are arguments of an init.
    InitArguments,
}

struct Starts<'s, 'c, 'f> {
    candidate: &'s Candidate<'c, 'f>,
    inside: Inside<'f>,
    found: &'s mut Vec<Hazard<'c>>,
    /// The first of the findings that are about starts.
    first: usize,
}

impl<'c> Starts<'_, 'c, '_> {
    /// Looks at each program that the words start, wrappers before what they wrap.
    fn check(&mut self, words: Words<'_, Text<'c>>, mut place: Place) {
        for start in started(words) {
            self.check_program(start.program, place);
            if shell(base_name(start.program)).is_some() {
                let script = install::inline_script(start.rest);
                self.check_managers(script.into_iter().flat_map(install::in_script));
            } else {
                self.check_managers(install::by_python(base_name(start.program), start.rest).into_iter());
            }
            // What a wrapper starts is a command, wherever the wrapper stands.
            place = Place::Command;
        }
    }

    /// Arguments that the hardened image starts, since it has no entrypoint but perhaps an init.
    fn check_arguments(&mut self, args: &[Text<'c>]) {
        let has_init = !self.candidate.facts.entrypoint.is_empty();
        match args.first() {
            None => {}
            Some(first) if first.starts_with('-') || first.is_empty() => self.find(Hazard::NoEntrypoint),
            Some(_) => {
                self.check(args.iter().chain(&[]), if has_init { Place::InitArguments } else { Place::Arguments });
            }
        }
    }

    /// Arguments that the hardened image's entrypoint is given. Upstream's is often a script that starts what it is given; the hardened
    /// one may be the same script, or the program itself, which takes a shell's name, or its own, for an argument.
    fn check_arguments_of_entrypoint(&mut self, args: &[Text<'c>]) {
        let Some(first) = args.first().filter(|first| !first.starts_with('-') && !first.is_empty()) else { return };
        let entrypoint = &self.candidate.facts.entrypoint;
        let is_script = |word: &str| word.strip_suffix(".sh").is_some() || word.contains("entrypoint");
        if entrypoint.iter().any(|word| is_script(base_name(word))) {
            self.check(args.iter().chain(&[]), Place::InitArguments);
        } else if let Some(shell) = shell(base_name(first)) {
            self.find(Hazard::NoShell { program: shell.into(), script: None });
        } else if entrypoint.first().is_some_and(|program| **first == *base_name(program)) {
            self.find(Hazard::NoEntrypoint);
        }
    }

    fn check_program(&mut self, word: &str, place: Place) {
        let Some(hazard) = self.judge(word, place) else { return };
        if !word.starts_with('/') {
            if !self.is_mounted(word) {
                self.find(hazard);
            }
        } else if let Some(mount) = self.candidate.opened.mount_of(word) {
            if let Some(interpreter) = self.interpreter(word, mount) {
                self.check_mounted_script(word, interpreter);
            }
        } else {
            self.find(hazard);
        }
    }

    /// What is wrong with a program if no volume brings it.
    fn judge(&self, word: &str, place: Place) -> Option<Hazard<'c>> {
        let name = base_name(word);
        if let Some(manager) = install::manager(name) {
            return (!self.inside.has_manager(manager)).then_some(Hazard::NoPackageManager { program: manager.name });
        }
        if let Some(shell) = shell(name) {
            if !self.inside.has_shell(shell) {
                return Some(Hazard::NoShell { program: shell.into(), script: None });
            }
            let is_elsewhere =
                word.starts_with('/') && !is_standard(word) && self.inside.find(word) == Presence::Elsewhere;
            return is_elsewhere.then(|| Hazard::EntrypointDiffers { path: owned(word) });
        }
        match self.inside.find(word) {
            Presence::Present => None,
            Presence::Elsewhere => Some(Hazard::EntrypointDiffers { path: owned(word) }),
            // It counts as a shell: it is what scripts and shells are started by.
            Presence::Absent(_) | Presence::Unknown if name == "env" => {
                Some(Hazard::NoShell { program: "env".into(), script: None })
            }
            Presence::Absent(program) if word.starts_with('/') || !self.has_own_path() => {
                Some(Hazard::ProgramMissing { program })
            }
            Presence::Absent(_) | Presence::Unknown => unknown(word, place),
        }
    }

    /// The first of the package managers that the image lacks.
    fn check_managers(&mut self, mut used: impl Iterator<Item = &'static install::Manager>) {
        if let Some(manager) = used.find(|manager| !self.inside.has_manager(manager)) {
            self.find(Hazard::NoPackageManager { program: manager.name });
        }
    }

    fn check_mounted_script(&mut self, path: &str, interpreter: &'static str) {
        let missing = || Some(Hazard::NoShell { program: interpreter.into(), script: Some(owned(path)) });
        let hazard = match shell(interpreter) {
            Some(shell) if self.inside.has_shell(shell) => None,
            Some(_) => missing(),
            None => match self.inside.find(interpreter) {
                Presence::Present => None,
                Presence::Unknown => unknown(interpreter, Place::Command),
                Presence::Absent(_) | Presence::Elsewhere => missing(),
            },
        };
        if let Some(hazard) = hazard.filter(|_| !self.is_mounted(interpreter)) {
            self.find(hazard);
        }
    }

    /// What a mounted file is run by, if it is a script: whatever a `ConfigMap` or Secret brings, and shell scripts from anywhere.
    fn interpreter(&self, path: &str, mount: &Mount<'_>) -> Option<&'static str> {
        let extension = base_name(path).rsplit_once('.').map_or("", |(_, extension)| extension);
        if extension == "sh" {
            return Some("sh");
        }
        let volume = self.candidate.pod.pod.volume(&mount.name)?;
        let VolumeKind::Files { .. } = volume.kind() else { return None };
        Some(match extension {
            "bash" => "bash",
            "py" => "python3",
            "pl" => "perl",
            "rb" => "ruby",
            "js" | "cjs" | "mjs" => "node",
            "php" => "php",
            _ => "sh",
        })
    }

    /// Whether a volume may bring a program that is looked for by its name.
    fn is_mounted(&self, word: &str) -> bool {
        let searched = |path: &str| {
            SEARCHED.into_iter().any(|folder| {
                folder.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
                    || path.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/')) == Some(word)
            })
        };
        !word.contains('/')
            && self.candidate.opened.mounts().iter().any(|mount| searched(mount.path.trim_end_matches('/')))
    }

    /// Whether programs may be looked for in other folders than usual.
    fn has_own_path(&self) -> bool {
        self.candidate.opened.env().iter().any(|variable| &*variable.name == "PATH")
    }

    fn find(&mut self, hazard: Hazard<'c>) {
        let code = hazard.code();
        if !self.found.iter().skip(self.first).any(|found| found.code() == code) {
            self.found.push(hazard);
        }
    }
}

fn shell(name: &str) -> Option<&'static str> {
    SHELLS.into_iter().find(|shell| *shell == name)
}

/// Whether a program of that name runs scripts of a shell.
pub(super) fn is_shell(name: &str) -> bool {
    shell(name).is_some()
}

/// Whether a name is that of a common program: a shell, Python, a wrapper, a package manager, or one of the userland.
pub(super) fn is_known_program(name: &str) -> bool {
    let runs_others = is_shell(name) || wrapper::is_wrapper(name) || install::is_python(name);
    runs_others || install::manager(name).is_some() || program::named(name).is_some()
}

pub(super) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Of a program that nobody can tell of.
fn unknown<'c>(word: &str, place: Place) -> Option<Hazard<'c>> {
    match place {
        // Some argument of the entrypoint that the hardened image lacks.
        Place::Arguments if !word.starts_with('/') => Some(Hazard::NoEntrypoint),
        // It was a program before, or the init would not have started it.
        Place::InitArguments => None,
        Place::Command | Place::Arguments => Some(Hazard::ProgramUnknown { program: owned(word) }),
    }
}

#[cfg(test)]
mod tests;
