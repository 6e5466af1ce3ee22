//! The programs that a container starts: its command, its probes and its hooks.

mod inside;
mod install;
mod program;
mod wrapper;

use self::inside::{Inside, Presence};
use self::wrapper::{Words, started};
use super::{Candidate, Hazard};
use crate::warning::printable;
use crate::wire::Text;
use crate::workload::{Mount, VolumeKind};

/// What Kubernetes manifests call shells by.
const SHELLS: [&str; 9] = ["sh", "bash", "ash", "dash", "zsh", "ksh", "csh", "tcsh", "fish"];
/// Where programs are looked for by name.
const SEARCHED: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
/// The most of a word from the object that a finding repeats.
const MAX_WORD: usize = 63;

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
                self.check_script(start.rest);
            } else if let Some(manager) = install::by_python(base_name(start.program), start.rest) {
                self.check_manager(manager);
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

    fn check_program(&mut self, word: &str, place: Place) {
        let name = base_name(word);
        if let Some(mount) = self.candidate.opened.mount_of(word).filter(|_| word.starts_with('/')) {
            if let Some(interpreter) = self.interpreter(word, mount) {
                self.check_mounted_script(word, interpreter);
            }
        } else if let Some(manager) = install::manager(name) {
            self.check_manager(manager);
        } else if let Some(shell) = shell(name) {
            if !self.inside.has_shell(shell) && !self.is_mounted(word) {
                self.find(Hazard::NoShell { program: shell.into(), script: None });
            }
        } else {
            match self.inside.find(word) {
                Presence::Present => {}
                _ if self.is_mounted(word) => {}
                // `env` counts as a shell: it is what scripts and shells are started by.
                Presence::Absent(_) | Presence::Unknown if name == "env" => {
                    self.find(Hazard::NoShell { program: "env".into(), script: None });
                }
                Presence::Absent(_) if self.has_own_path() && !word.starts_with('/') => self.unknown(word, place),
                Presence::Absent(program) => self.find(Hazard::ProgramMissing { program }),
                Presence::Unknown => self.unknown(word, place),
                Presence::Elsewhere => self.find(Hazard::EntrypointDiffers { path: owned(word).into() }),
            }
        }
    }

    fn unknown(&mut self, word: &str, place: Place) {
        match place {
            // Some argument of the entrypoint that the hardened image lacks.
            Place::Arguments if !word.starts_with('/') => self.find(Hazard::NoEntrypoint),
            // It was a program before, or the init would not have started it.
            Place::InitArguments => {}
            Place::Command | Place::Arguments => self.find(Hazard::ProgramUnknown { program: owned(word).into() }),
        }
    }

    /// A package manager in the text that a shell is given.
    fn check_script(&mut self, words: Words<'_, Text<'c>>) {
        let Some(script) = install::inline_script(words) else { return };
        for manager in install::in_script(script) {
            if !self.inside.has_manager(manager) {
                self.find(Hazard::NoPackageManager { program: manager.name });
                return;
            }
        }
    }

    fn check_manager(&mut self, manager: &'static install::Manager) {
        if !self.inside.has_manager(manager) && !self.is_mounted(manager.name) {
            self.find(Hazard::NoPackageManager { program: manager.name });
        }
    }

    fn check_mounted_script(&mut self, word: &str, interpreter: &'static str) {
        let lacks = match shell(interpreter) {
            Some(shell) => !self.inside.has_shell(shell),
            None => match self.inside.find(interpreter) {
                Presence::Present => false,
                Presence::Unknown => return self.unknown(interpreter, Place::Command),
                Presence::Absent(_) | Presence::Elsewhere => true,
            },
        };
        if lacks && !self.is_mounted(interpreter) {
            self.find(Hazard::NoShell { program: interpreter.into(), script: Some(owned(word).into()) });
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

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn owned(word: &str) -> String {
    printable(word, MAX_WORD).into_owned()
}

#[cfg(test)]
mod tests;
