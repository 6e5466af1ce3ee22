//! What a hardened image is like to run: its user, ports, programs.

use std::fmt;
use std::str::FromStr;

use super::start::Start;

/// The facts of one build: those of its line, else those of its variant, else those of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'c> {
    /// The user that it runs as.
    pub run_as: u32,
    /// That user as the definition names it, where it does; the published config may hold either.
    pub run_as_name: Option<&'c str>,
    /// The ports that it declares.
    pub ports: &'c [Port],
    /// The entrypoint; empty where it has none.
    pub entrypoint: &'c [Box<str>],
    /// The default arguments.
    pub cmd: &'c [Box<str>],
    /// The shells, such as `bash`; empty where it has none.
    pub shell: &'c [Box<str>],
    /// The architectures, such as `amd64`; empty where they are unknown.
    pub platforms: &'c [Box<str>],
    /// The working directory, where one is set.
    pub workdir: Option<&'c str>,
    /// What is inside, where it is known of this build.
    pub contents: Option<&'c Contents>,
    /// What upstream's start does that the image's does not, where the catalog knows.
    pub start: Option<&'c Start>,
    /// Which build it is.
    pub build: BuildId<'c>,
}

/// Which build of an image some facts are about; empty where they are about none that is declared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildId<'c> {
    /// The operating system, such as `debian-13`.
    pub os: &'c str,
    /// The flavor; empty for the plain build.
    pub flavor: &'c str,
    /// The full version.
    pub version: &'c str,
}

impl Facts<'_> {
    /// Whether any shell is inside.
    pub fn has_shell(&self) -> bool {
        !self.shell.is_empty()
    }
}

/// What the definition of an image puts into it. Files that its packages bring are not listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Absolute paths.
    pub programs: Vec<Box<str>>,
    /// Packages, with `=VERSION` where the definition pins one.
    pub packages: Vec<Box<str>>,
    /// Directories that do not belong to root.
    pub owned_directories: Vec<OwnedDirectory>,
    /// The user as the definition writes it: a name or a number.
    pub user: Option<Box<str>>,
}

impl Contents {
    /// The names of the packages, without versions.
    pub fn package_names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(|package| package.split_once('=').map_or(&**package, |(name, _)| name))
    }
}

/// A directory that does not belong to root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDirectory {
    /// Its absolute path.
    pub path: Box<str>,
    /// Its owner, where it is known.
    pub uid: Option<u32>,
    /// Its group, where it is known.
    pub gid: Option<u32>,
    /// Its mode in octal, where the definition sets one.
    pub mode: Option<Box<str>>,
}

/// A port, or a range of them, that an image declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The first port of the range.
    pub first: u16,
    /// The last port of the range: the same as the first for a single port.
    pub last: u16,
    /// How it speaks.
    pub protocol: Protocol,
}

/// What a port speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP, also where a port names no protocol.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// Why a text is no port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a port is `PORT`, `PORT/tcp` or `FIRST-LAST/udp`")]
pub struct NoPort;

impl FromStr for Port {
    type Err = NoPort;

    fn from_str(text: &str) -> Result<Self, NoPort> {
        let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse().map_err(|_| NoPort);
        let protocol = match protocol {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "sctp" => Protocol::Sctp,
            _ => return Err(NoPort),
        };
        Ok(Self { first: number(first)?, last: number(last)?, protocol })
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        if self.last != self.first {
            write!(f, "-{}", self.last)?;
        }
        f.write_str(match self.protocol {
            Protocol::Tcp => "/tcp",
            Protocol::Udp => "/udp",
            Protocol::Sctp => "/sctp",
        })
    }
}

/// The facts that one level of a catalog file states.
#[derive(Debug, Clone, Default)]
pub(super) struct Sheet {
    pub(super) run_as: Option<u32>,
    pub(super) run_as_name: Option<Box<str>>,
    pub(super) ports: Option<Vec<Port>>,
    pub(super) entrypoint: Option<Vec<Box<str>>>,
    pub(super) cmd: Option<Vec<Box<str>>>,
    pub(super) shell: Option<Vec<Box<str>>>,
    pub(super) platforms: Option<Vec<Box<str>>>,
    pub(super) workdir: Option<Box<str>>,
}

/// The user of nearly every hardened image: what an image runs as whose file does not say.
const NONROOT: u32 = 65532;

impl Sheet {
    pub(super) fn is_empty(&self) -> bool {
        let Self { run_as, run_as_name, ports, entrypoint, cmd, shell, platforms, workdir } = self;
        run_as.is_none()
            && run_as_name.is_none()
            && ports.is_none()
            && entrypoint.is_none()
            && cmd.is_none()
            && shell.is_none()
            && platforms.is_none()
            && workdir.is_none()
    }

    /// The facts of a build, by its sheets with the closest first.
    pub(super) fn facts<'c>(sheets: &[Option<&'c Self>], contents: Option<&'c Contents>) -> Facts<'c> {
        fn closest<'c, T>(sheets: &[Option<&'c Sheet>], fact: impl Fn(&'c Sheet) -> Option<T>) -> Option<T> {
            sheets.iter().flatten().find_map(|sheet| fact(sheet))
        }
        let run_as = closest(sheets, |sheet| sheet.run_as).unwrap_or(NONROOT);
        // Contents are known of one definition for each operating system and flavor. Where another kind of build shares them,
        // such as an SDK beside its runtime, the user tells whose they are.
        let is_root = |contents: &Contents| contents.user.as_deref().map(|user| matches!(user, "root" | "0"));
        let contents = contents.filter(|contents| is_root(contents).is_none_or(|root| root == (run_as == 0)));
        // A level that states another number without a name takes away the name as well.
        let named = sheets.iter().flatten().find(|sheet| sheet.run_as.is_some() || sheet.run_as_name.is_some());
        let name = named.and_then(|sheet| sheet.run_as_name.as_deref());
        Facts {
            run_as,
            run_as_name: name.or_else(|| contents?.user.as_deref()),
            ports: closest(sheets, |sheet| sheet.ports.as_deref()).unwrap_or_default(),
            entrypoint: closest(sheets, |sheet| sheet.entrypoint.as_deref()).unwrap_or_default(),
            cmd: closest(sheets, |sheet| sheet.cmd.as_deref()).unwrap_or_default(),
            shell: closest(sheets, |sheet| sheet.shell.as_deref()).unwrap_or_default(),
            platforms: closest(sheets, |sheet| sheet.platforms.as_deref()).unwrap_or_default(),
            workdir: closest(sheets, |sheet| sheet.workdir.as_deref()),
            contents,
            start: None,
            build: BuildId::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ports() {
        for (text, port) in [
            ("443/tcp", Some((443, 443, Protocol::Tcp))),
            ("53/udp", Some((53, 53, Protocol::Udp))),
            ("8000-8010/tcp", Some((8000, 8010, Protocol::Tcp))),
            ("80", Some((80, 80, Protocol::Tcp))),
            ("80/http", None),
            ("65536/tcp", None),
            ("", None),
        ] {
            let read: Option<Port> = text.parse().ok();
            assert_eq!(read.map(|port| (port.first, port.last, port.protocol)), port, "{text}");
        }
        assert_eq!("8000-8010/udp".parse::<Port>().unwrap().to_string(), "8000-8010/udp");
    }
}
