//! Recognizes the words of upstream tags that name operating systems and architectures.

use crate::catalog::{Build, Image};

/// The operating system in an upstream tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distribution<'t> {
    /// The tag has no operating system, so the image's default is meant.
    Default,
    /// Debian without a release: `debian`.
    Debian,
    /// Debian with its release, `12` in `debian12`.
    DebianRelease(&'t str),
    /// Debian by its code name, such as `bookworm`, and the release with that name.
    Codename(&'t str, &'static str),
    /// Alpine without a release: `alpine`.
    Alpine,
    /// Alpine with its release, `3.23` in `alpine3.23`.
    AlpineRelease(&'t str),
}

/// The meaning that a word has in the tags of all images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word<'t> {
    Distribution(Distribution<'t>),
    /// A distribution that no hardened image is based on; the default operating system is used instead.
    Foreign,
    /// A word that is true of every hardened build, such as `slim`.
    Covered,
    /// An architecture, in the catalog's spelling.
    Platform(&'static str),
    Windows,
    Fips,
    Other,
}

/// The code names of Debian's releases.
const DEBIAN: [(&str, &str); 7] = [
    ("stretch", "9"),
    ("buster", "10"),
    ("bullseye", "11"),
    ("bookworm", "12"),
    ("trixie", "13"),
    ("forky", "14"),
    ("duke", "15"),
];

/// Distributions that hardened images are not based on; a release may follow the word, as in `ubuntu24.04`.
const FOREIGN: [&str; 4] = ["ubuntu", "ubi", "oraclelinux", "oracle"];
/// The code names of Ubuntu's releases.
const UBUNTU: [&str; 9] = ["xenial", "bionic", "focal", "jammy", "noble", "oracular", "plucky", "questing", "resolute"];

/// Upstream's spellings of architectures, each with the catalog's spelling.
const PLATFORMS: [(&str, &str); 20] = [
    ("amd64", "amd64"),
    ("x86_64", "amd64"),
    ("x64", "amd64"),
    ("arm64", "arm64"),
    ("arm64v8", "arm64"),
    ("aarch64", "arm64"),
    ("arm", "arm"),
    ("armhf", "arm"),
    ("armv6", "arm"),
    ("armv7", "arm"),
    ("arm32v5", "arm"),
    ("arm32v6", "arm"),
    ("arm32v7", "arm"),
    ("386", "386"),
    ("i386", "386"),
    ("ppc64le", "ppc64le"),
    ("s390x", "s390x"),
    ("riscv64", "riscv64"),
    ("loong64", "loong64"),
    ("mips64le", "mips64le"),
];

impl<'t> Word<'t> {
    pub(super) fn of(word: &'t str) -> Self {
        if let Some(release) = word.strip_prefix("alpine") {
            return match release {
                "" => Self::Distribution(Distribution::Alpine),
                release if is_release(release) => Self::Distribution(Distribution::AlpineRelease(release)),
                _ => Self::Other,
            };
        }
        if let Some(release) = word.strip_prefix("debian") {
            return match release {
                "" => Self::Distribution(Distribution::Debian),
                release if is_release(release) => Self::Distribution(Distribution::DebianRelease(release)),
                _ => Self::Other,
            };
        }
        if let Some((_, release)) = DEBIAN.iter().find(|(name, _)| *name == word) {
            return Self::Distribution(Distribution::Codename(word, release));
        }
        if let Some((_, platform)) = PLATFORMS.iter().find(|(name, _)| *name == word) {
            return Self::Platform(platform);
        }
        let foreign =
            |name: &str| word.strip_prefix(name).is_some_and(|release| release.is_empty() || is_release(release));
        match word {
            "slim" | "minimal" | "distroless" => Self::Covered,
            _ if word.strip_prefix("eksbuild.").is_some_and(is_release) => Self::Covered,
            _ if UBUNTU.contains(&word) || FOREIGN.into_iter().any(foreign) => Self::Foreign,
            _ if ["windows", "nanoserver", "ltsc20"].into_iter().any(|start| word.starts_with(start)) => Self::Windows,
            _ if word.starts_with("fips") => Self::Fips,
            _ => Self::Other,
        }
    }
}

/// Reports whether a text is a release such as `12` or `3.23`.
pub(super) fn is_release(text: &str) -> bool {
    super::version::is_numeric(text)
}

impl Distribution<'_> {
    /// Returns the part of a build's tags that names this operating system, such as `-debian12`; empty if the tags
    /// leave it out, `None` if the build is for another operating system.
    pub(super) fn suffix<'c>(self, image: &'c Image, build: &'c Build, suffixes: &'c [Box<str>]) -> Option<&'c str> {
        let (family, release) = build.os.split_once('-').unwrap_or((&build.os, ""));
        let written = |suffix: &str| suffixes.iter().find(|known| ***known == *suffix).map(|known| &**known);
        let of_release = |family: &str| {
            let after = |suffix: &'c str| suffix.strip_prefix('-')?.strip_prefix(family);
            suffixes.iter().map(|suffix| &**suffix).find(|suffix| after(suffix) == Some(release))
        };
        match self {
            Self::Default if image.has_bare_tags => written(""),
            Self::Default => suffixes.first().filter(|_| image.is_default(&build.os)).map(|suffix| &**suffix),
            Self::Debian => written("-debian").filter(|_| family == "debian"),
            Self::DebianRelease(asked) => of_release("debian").filter(|_| family == "debian" && release == asked),
            Self::Codename(_, asked) if family == "debian" && release == asked => {
                written("").or_else(|| of_release("debian"))
            }
            Self::Alpine if family == "alpine" => written("-alpine").or_else(|| of_release("alpine")),
            Self::AlpineRelease(asked) if family == "alpine" && release == asked => of_release("alpine"),
            Self::Codename(..) | Self::Alpine | Self::AlpineRelease(_) => None,
        }
    }

    /// Returns the operating system in the spelling of tags.
    pub(super) fn name(self) -> String {
        match self {
            Self::Default => "default".to_owned(),
            Self::Debian => "debian".to_owned(),
            Self::DebianRelease(release) => format!("debian{release}"),
            Self::Codename(name, _) => name.to_owned(),
            Self::Alpine => "alpine".to_owned(),
            Self::AlpineRelease(release) => format!("alpine{release}"),
        }
    }

    /// Returns [`Self::Default`] for the code name of the image's default operating system, such as `trixie` if that is
    /// Debian 13; otherwise `self`.
    pub(super) fn plain(self, image: &Image) -> Self {
        match self {
            Self::Codename(_, asked) if image.default_os().strip_prefix("debian-") == Some(asked) => Self::Default,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_words() {
        for (word, meaning) in [
            ("alpine", Word::Distribution(Distribution::Alpine)),
            ("alpine3.23", Word::Distribution(Distribution::AlpineRelease("3.23"))),
            ("alpinex", Word::Other),
            ("debian12", Word::Distribution(Distribution::DebianRelease("12"))),
            ("bookworm", Word::Distribution(Distribution::Codename("bookworm", "12"))),
            ("ubuntu22.04", Word::Foreign),
            ("ubuntu2204", Word::Foreign),
            ("ubi9", Word::Foreign),
            ("oraclelinux9", Word::Foreign),
            ("noble", Word::Foreign),
            ("ubix", Word::Other),
            ("slim", Word::Covered),
            ("eksbuild.1", Word::Covered),
            ("eksbuild.x", Word::Other),
            ("x86_64", Word::Platform("amd64")),
            ("arm64v8", Word::Platform("arm64")),
            ("nanoserver", Word::Windows),
            ("ltsc2022", Word::Windows),
            ("windowsservercore", Word::Windows),
            ("fips", Word::Fips),
            ("management", Word::Other),
        ] {
            assert_eq!(Word::of(word), meaning, "{word}");
        }
    }
}
