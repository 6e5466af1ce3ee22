//! What is known to be inside of a hardened image.

use super::install::Manager;
use super::wrapper::started;
use super::{base_name, program};
use crate::catalog::Facts;
use crate::read::workload::is_below;

/// Folders of the distribution: `/bin` and `/usr/bin` are the same one.
const STANDARD: [&str; 4] = ["/bin", "/usr/bin", "/sbin", "/usr/sbin"];

/// Whether the image has a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Present,
    /// A common program that no package of the image brings.
    Absent(&'static str),
    /// Nobody can tell: packages' own files are not listed.
    Unknown,
    /// A path outside of the distribution's folders that the image does not list.
    Elsewhere,
}

/// The programs of a hardened image.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside<'f> {
    facts: &'f Facts<'f>,
}

impl<'f> Inside<'f> {
    pub(super) fn of(facts: &'f Facts<'f>) -> Self {
        Self { facts }
    }

    /// Any shell is linked as `sh`; the others are themselves. Busybox brings `ash`.
    pub(super) fn has_shell(self, shell: &str) -> bool {
        match shell {
            "sh" => self.facts.has_shell(),
            shell => self.facts.shell.iter().any(|has| **has == *shell || &**has == "busybox" && shell == "ash"),
        }
    }

    pub(super) fn has_manager(self, manager: &Manager) -> bool {
        self.brings(manager.packages) || self.listed().any(|path| base_name(path) == manager.name)
    }

    /// Whether the image has what a command starts by that word.
    pub(super) fn find(self, word: &str) -> Presence {
        let name = base_name(word);
        if self.is_gone(word) {
            return Presence::Elsewhere;
        }
        let (is_path, is_in_standard) = (word.starts_with('/'), is_standard(word));
        let (mut is_named, mut is_elsewhere) = (false, false);
        for path in self.listed().filter(|path| base_name(path) == name) {
            if !is_path || path == word || is_in_standard && is_standard(path) {
                return Presence::Present;
            }
            is_elsewhere |= path.starts_with('/');
            is_named |= !path.starts_with('/');
        }
        if is_path && !is_in_standard {
            // The application may be where the image works.
            return if self.is_application(word) { Presence::Unknown } else { Presence::Elsewhere };
        }
        if is_elsewhere {
            return Presence::Unknown;
        }
        if is_named {
            return Presence::Present;
        }
        match program::named(name) {
            Some(program) if self.brings(program.packages) => Presence::Present,
            Some(program) if self.knows_packages() => Presence::Absent(program.name),
            _ if self.brings(&[name]) => Presence::Present,
            _ => Presence::Unknown,
        }
    }

    /// Whether the catalog knows that upstream has a program or a folder of programs there, and the image has not.
    fn is_gone(self, path: &str) -> bool {
        self.facts.start.is_some_and(|start| start.gone.iter().any(|gone| is_below(path, gone)))
    }

    fn is_application(self, path: &str) -> bool {
        let folder = self.facts.workdir.map_or("", |folder| folder.trim_end_matches('/'));
        !folder.is_empty() && path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The programs that the facts show, by name or path.
    fn listed(self) -> impl Iterator<Item = &'f str> {
        let Facts { entrypoint, cmd, shell, contents, .. } = *self.facts;
        let own = started(entrypoint.iter().chain(&[])).map(|start| start.program);
        let listed = contents.map_or(&[][..], |contents| &contents.programs);
        own.chain(cmd.iter().take(1).chain(listed).chain(shell).map(|word| &**word))
    }

    /// No image is without any: a list without packages is one that nobody wrote.
    fn knows_packages(self) -> bool {
        self.facts.contents.is_some_and(|contents| !contents.packages.is_empty())
    }

    /// Whether one of the packages is inside; a shell of that name is its package.
    fn brings(self, wanted: &[&str]) -> bool {
        let is_wanted = |package: &str| wanted.iter().any(|wanted| is_version_of(package, wanted));
        self.facts.shell.iter().any(|shell| is_wanted(shell))
            || self.facts.contents.is_some_and(|contents| contents.package_names().any(is_wanted))
    }
}

impl Facts<'_> {
    /// Whether the image starts the container's arguments, since it has no entrypoint beyond an init.
    pub(super) fn runs_arguments(&self) -> bool {
        started(self.entrypoint.iter().chain(&[])).all(|start| start.is_init)
    }
}

/// Whether a path is that of a program of the distribution.
pub(super) fn is_standard(path: &str) -> bool {
    is_in(&STANDARD, path)
}

fn is_in(folders: &[&str], path: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, _)| folders.contains(&folder))
}

/// Whether a package is the wanted one, perhaps with a version in its name: `python-3.14`, `postgresql18`, `eclipse-temurin-21-jre`.
fn is_version_of(package: &str, wanted: &str) -> bool {
    let same = |(a, b): (u8, u8)| a == b || a == b'-' && b == b'_';
    let Some((name, rest)) = package.split_at_checked(wanted.len()) else { return false };
    let rest = rest.strip_suffix("-jre").or_else(|| rest.strip_suffix("-jdk")).unwrap_or(rest);
    name.bytes().zip(wanted.bytes()).all(same) && rest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_have_versions_in_their_names() {
        for (package, wanted, same) in [
            ("curl", "curl", true),
            ("python-3.14", "python", true),
            ("python3", "python", true),
            ("postgresql18", "postgresql", true),
            ("eclipse-temurin-21-jre", "eclipse-temurin", true),
            ("grpc-health-probe", "grpc_health_probe", true),
            ("python3-pip", "python", false),
            ("git-lfs", "git", false),
            ("gcc-14-base", "gcc", false),
            ("cur", "curl", false),
            ("libcurl4t64", "curl", false),
        ] {
            assert_eq!(is_version_of(package, wanted), same, "{package} {wanted}");
        }
    }
}
