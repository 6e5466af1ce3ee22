//! Holds the facts of a hardened image that decide whether a container runs on it, such as user, ports and programs.

use std::fmt;
use std::str::FromStr;

use super::start::Start;

/// The facts of one build. Each fact comes from the build's line, else from its variant, else from the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'c> {
    /// The number (uid) of the user that the image runs as.
    pub run_as: u32,
    /// The name of the user, if the image's definition has one. The published image may state name or number.
    pub run_as_name: Option<&'c str>,
    /// The ports that the image declares (`EXPOSE`).
    pub ports: &'c [Port],
    /// The entrypoint; empty if the image has none.
    pub entrypoint: &'c [Box<str>],
    /// The default arguments (`CMD`).
    pub cmd: &'c [Box<str>],
    /// The names of the image's shells, such as `bash`; empty if it has none.
    pub shell: &'c [Box<str>],
    /// The architectures of the image, such as `amd64`; empty if unknown.
    pub platforms: &'c [Box<str>],
    /// The working directory; `None` if the image sets none.
    pub workdir: Option<&'c str>,
    /// The programs, packages and directories of the build; `None` if unknown.
    pub contents: Option<&'c Contents>,
    /// The facts about upstream's start; `None` if the catalog has none.
    pub start: Option<&'c Start>,
    /// The build that the facts are about.
    pub build: BuildId<'c>,
}

/// The identity of a build; all fields are empty if the facts are not about a declared build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BuildId<'c> {
    /// The operating system, such as `debian-13`.
    pub os: &'c str,
    /// The flavor, such as `contrib`; empty for the plain build.
    pub flavor: &'c str,
    /// The full version, such as `1.31.4`.
    pub version: &'c str,
}

impl Facts<'_> {
    /// Reports whether the image has a shell.
    pub fn has_shell(&self) -> bool {
        !self.shell.is_empty()
    }
}

/// The contents of an image, from its definition. The files of its packages are not listed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// The absolute paths of the programs.
    pub programs: Vec<Box<str>>,
    /// The packages, with `=VERSION` if the definition pins a version.
    pub packages: Vec<Box<str>>,
    /// The directories whose owner is not root.
    pub owned_directories: Vec<OwnedDirectory>,
    /// The user in the definition: a name or a number.
    pub user: Option<Box<str>>,
}

impl Contents {
    /// Returns the names of the packages, without versions.
    pub fn package_names(&self) -> impl Iterator<Item = &str> {
        self.packages.iter().map(|package| package.split_once('=').map_or(&**package, |(name, _)| name))
    }
}

/// A directory of an image whose owner is not root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedDirectory {
    /// The absolute path of the directory.
    pub path: Box<str>,
    /// The number of the owner; `None` if unknown.
    pub uid: Option<u32>,
    /// The number of the group; `None` if unknown.
    pub gid: Option<u32>,
    /// The permissions in octal, such as `0755`; `None` if the definition does not set them.
    pub mode: Option<Box<str>>,
}

/// A port or range of ports that an image declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Port {
    /// The first port of the range.
    pub first: u16,
    /// The last port of the range; equal to `first` for a single port.
    pub last: u16,
    /// The protocol of the port.
    pub protocol: Protocol,
}

/// The protocol of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP, also if the port names no protocol.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

/// The error of a text that is not a port.
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

/// The facts that one level of a catalog file states: image, variant or line.
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

/// The uid of an image whose file states no user; nearly all hardened images run as 65532.
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

    /// Returns the facts of a build from its levels, ordered from the closest (line) to the farthest (image).
    pub(super) fn facts<'c>(sheets: &[Option<&'c Self>], contents: Option<&'c Contents>) -> Facts<'c> {
        fn closest<'c, T>(sheets: &[Option<&'c Sheet>], fact: impl Fn(&'c Sheet) -> Option<T>) -> Option<T> {
            sheets.iter().flatten().find_map(|sheet| fact(sheet))
        }
        let run_as = closest(sheets, |sheet| sheet.run_as).unwrap_or(NONROOT);
        // The catalog has contents per operating system and flavor. Different kinds of builds may share an entry, such
        // as an SDK and its runtime; the contents then belong to the build with the same user.
        let is_root = |contents: &Contents| contents.user.as_deref().map(|user| matches!(user, "root" | "0"));
        let contents = contents.filter(|contents| is_root(contents).is_none_or(|root| root == (run_as == 0)));
        // A level that states only a number also replaces the name of a farther level.
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
