//! Package managers, and where commands and scripts use them.

mod script;

use std::ops::Deref;
use std::sync::LazyLock;

pub(super) use self::script::in_script;
use super::wrapper::Words;
use crate::hazard::words;

/// A package manager.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Manager {
    pub(super) name: &'static str,
    /// The packages that bring it.
    pub(super) packages: &'static [&'static str],
}

const APT: &[&str] = &["apt"];
const DNF: &[&str] = &["dnf", "dnf5", "yum", "microdnf"];
const NONE: &[&str] = &[];
const PIP: &[&str] = &["python3-pip", "py3-pip"];

static MANAGERS: [Manager; 17] = [
    Manager { name: "apk", packages: &["apk-tools"] },
    Manager { name: "apt", packages: APT },
    Manager { name: "apt-get", packages: APT },
    Manager { name: "aptitude", packages: &["aptitude"] },
    Manager { name: "conda", packages: &["miniconda"] },
    Manager { name: "dnf", packages: DNF },
    Manager { name: "gem", packages: &["ruby", "rubygems", "ruby-rubygems"] },
    Manager { name: "microdnf", packages: DNF },
    Manager { name: "npm", packages: &["npm"] },
    Manager { name: "pacman", packages: NONE },
    Manager { name: "pip", packages: PIP },
    Manager { name: "pip3", packages: PIP },
    Manager { name: "pnpm", packages: &["pnpm"] },
    Manager { name: "tdnf", packages: &["tdnf"] },
    Manager { name: "yarn", packages: &["yarn"] },
    Manager { name: "yum", packages: DNF },
    Manager { name: "zypper", packages: &["zypper"] },
];

static NAMES: LazyLock<words::Words> = LazyLock::new(|| words::Words::new(MANAGERS.iter().map(|manager| manager.name)));

/// Whether a text may have the name of a package manager somewhere.
fn may_mention_any(text: &str) -> bool {
    NAMES.may_be_in(text)
}

/// The package manager of that name.
pub(super) fn manager(name: &str) -> Option<&'static Manager> {
    MANAGERS.iter().find(|manager| manager.name == name)
}

/// Python by any version's name.
pub(super) fn is_python(name: &str) -> bool {
    name.starts_with("python")
}

/// The package manager that Python runs as a module, by the words behind `python`.
pub(super) fn by_python<W: Deref<Target = str>>(program: &str, mut words: Words<'_, W>) -> Option<&'static Manager> {
    let is_module = is_python(program) && &**words.next()? == "-m";
    manager(words.next().filter(|_| is_module)?)
}

/// The text that a shell is given with `-c`, by the words behind the shell.
pub(in crate::hazard) fn inline_script<W: Deref<Target = str>>(mut words: Words<'_, W>) -> Option<&str> {
    loop {
        let options = words.next()?.strip_prefix(['-', '+'])?;
        if options.starts_with('-') {
            continue;
        }
        if options.contains('c') {
            let script = words.next()?;
            return if &**script == "--" { words.next().map(|script| &**script) } else { Some(script) };
        }
        // `-o pipefail`
        if options.ends_with(['o', 'O']) {
            words.next();
        }
    }
}
