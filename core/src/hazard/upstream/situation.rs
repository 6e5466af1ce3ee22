//! What a container says about the conditions of facts.

use std::cell::{LazyCell, OnceCell};

use super::Truth;
use crate::catalog::{Condition, Pattern, Start};
use crate::hazard::Candidate;
use crate::hazard::start::{base_name, inline_script, is_shell, started};
use crate::read::workload::{Variable, is_below};

/// What parts commands in the text of a shell.
const SEPARATORS: [&str; 5] = [";", "&&", "||", "|", "&"];
/// What Kubernetes puts variables in place of: whatever is written so may be any word.
const EXPANDED: &str = "$(";

/// A container, and how upstream starts its image.
pub(super) struct Situation<'s, 'c, 'f> {
    pub(super) candidate: &'s Candidate<'c, 'f>,
    pub(super) start: &'c Start,
    commanded: OnceCell<Commanded<'s>>,
}

/// What a container starts.
struct Commanded<'s> {
    /// Whether the image's own start runs: there is no command, or it is upstream's script.
    is_upstream: bool,
    /// What that start is given; all words where another start runs, those of a shell's text apart.
    words: Vec<&'s str>,
}

impl<'s, 'c, 'f> Situation<'s, 'c, 'f> {
    pub(super) fn of(candidate: &'s Candidate<'c, 'f>, start: &'c Start) -> Self {
        Self { candidate, start, commanded: OnceCell::new() }
    }

    /// Whether the image's own start runs.
    pub(super) fn is_upstream(&self) -> bool {
        self.commanded().is_upstream
    }

    /// The words that the start is given.
    pub(super) fn words(&self) -> &[&'s str] {
        &self.commanded().words
    }

    /// Whether all conditions hold.
    pub(super) fn all(&self, conditions: &[Condition]) -> Truth {
        conditions.iter().map(|condition| self.holds(condition)).min().unwrap_or(Truth::Yes)
    }

    /// Whether any of them holds.
    pub(super) fn any(&self, conditions: &[Condition]) -> Truth {
        conditions.iter().map(|condition| self.holds(condition)).max().unwrap_or(Truth::No)
    }

    fn holds(&self, condition: &Condition) -> Truth {
        if let Some(is) = condition.of_build(&self.candidate.facts.build) {
            return Truth::of(is);
        }
        match condition {
            Condition::UpstreamStart => Truth::of(self.is_upstream()),
            // Those about builds are told above.
            Condition::NewData | Condition::Since(_) | Condition::Os(_) | Condition::Flavor(_) => Truth::Yes,
            Condition::NoArguments => Truth::of(self.words().is_empty()),
            Condition::Has(word) => self.has(|written| word.is(written)),
            Condition::Lacks(word) => self.has(|written| word.is(written)).not(),
            Condition::First(word) => self.words().first().map_or(Truth::No, |first| expanded(first, word.is(first))),
            Condition::FileAfter(word) => Truth::of(self.has_file_after(word)),
            Condition::Variable(name) => self.is_set(name),
            Condition::NoVariable(name) => self.is_set(name).not(),
            Condition::Value(name, value) => {
                Truth::of(self.env().iter().any(|variable| *variable.name == **name && *variable.value == **value))
            }
            Condition::MountAt(path) => Truth::of(self.is_mounted_at(path)),
            Condition::MountBelow(path) => Truth::of(self.is_mounted_below(path)),
            Condition::NoMount(path) => Truth::of(!self.is_mounted_at(path) && !self.is_mounted_below(path)),
        }
    }

    /// The variables that have a name of their own in the pod.
    pub(super) fn env(&self) -> &[Variable<'c>] {
        self.candidate.opened.env()
    }

    fn is_set(&self, name: &Pattern) -> Truth {
        if self.env().iter().any(|variable| name.matches(&variable.name) && variable.is_set()) {
            Truth::Yes
        } else if self.candidate.container.has_env_from() {
            Truth::Unknown
        } else {
            Truth::No
        }
    }

    fn has(&self, is: impl Fn(&str) -> bool) -> Truth {
        self.words().iter().map(|word| expanded(word, is(word))).max().unwrap_or(Truth::No)
    }

    fn has_file_after(&self, name: &str) -> bool {
        let mut words = self.words().iter().skip_while(|word| base_name(word) != name);
        words.next();
        words.next().is_some_and(|next| !next.starts_with('-'))
    }

    /// Whether a volume is mounted at a path, or above it.
    pub(super) fn is_mounted_at(&self, path: &str) -> bool {
        self.candidate.opened.mount_of(path.trim_end_matches('/')).is_some()
    }

    /// Whether one is mounted below it.
    pub(super) fn is_mounted_below(&self, path: &str) -> bool {
        let folder = path.trim_end_matches('/');
        let is_inside = |mounted: &str| mounted.len() > folder.len() && is_below(mounted, folder);
        self.candidate.opened.mounts().iter().any(|mount| is_inside(mount.path.trim_end_matches('/')))
    }

    fn commanded(&self) -> &Commanded<'s> {
        self.commanded.get_or_init(|| {
            let opened = &self.candidate.opened;
            let (command, args) = (opened.command(), opened.args());
            if command.is_empty() {
                return Commanded { is_upstream: true, words: args.iter().map(|word| &**word).collect() };
            }
            let script = LazyCell::new(|| self.script());
            let mut shell_text = None;
            for start in started(command.iter().chain(args)) {
                if script.is_some_and(|script| base_name(start.program) == base_name(script)) {
                    return Commanded { is_upstream: true, words: start.rest.map(|word| &**word).collect() };
                }
                if is_shell(base_name(start.program)) {
                    shell_text = inline_script(start.rest);
                }
            }
            let Some(text) = shell_text else {
                let words = command.iter().chain(args).map(|word| &**word).collect();
                return Commanded { is_upstream: false, words };
            };
            let words: Vec<&str> = text.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';'])).collect();
            let at = script.and_then(|script| words.iter().position(|word| is_path_or_name(word, script)));
            match at.and_then(|at| words.get(at + 1..)) {
                Some(rest) => {
                    let end = rest.iter().position(|word| SEPARATORS.contains(word)).unwrap_or(rest.len());
                    Commanded { is_upstream: true, words: rest.get(..end).unwrap_or_default().to_vec() }
                }
                None => Commanded { is_upstream: false, words },
            }
        })
    }

    /// Upstream's script, where it has one: the program of its entrypoint, behind an init; without an entrypoint, of its default
    /// arguments.
    fn script(&self) -> Option<&'c str> {
        let upstream = &self.start.upstream;
        if !upstream.script {
            return None;
        }
        let words = if upstream.entrypoint.is_empty() { &upstream.arguments } else { &upstream.entrypoint };
        started(words.iter().chain(&[])).last().map(|start| start.program)
    }
}

/// Whether a word of a shell's text starts a script: by its path, or by the very name that upstream uses.
fn is_path_or_name(word: &str, script: &str) -> bool {
    word == script || word.contains('/') && base_name(word) == base_name(script)
}

/// What a word says that may be another once Kubernetes has put variables into it.
fn expanded(word: &str, is: bool) -> Truth {
    if !is && word.starts_with(EXPANDED) { Truth::Unknown } else { Truth::of(is) }
}
