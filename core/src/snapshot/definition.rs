//! Reads a definition of the public catalog: a YAML file that describes how one build is made and lists its tags.

use std::num::NonZeroU64;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use crate::catalog::Port;
use crate::manifest::path_at;
use crate::reference::Reference;
use crate::text::printable;

/// The comment at the start of every definition. Other YAML files, such as an application's configuration, lack it.
const MARK: &str = "# syntax=dhi.io/build";
/// The most characters of the file that an error message repeats.
const MAX_SHOWN: usize = 100;
const ROOT: &str = "root";
/// The platforms of a definition that names none, as the format of definitions specifies.
const PLATFORMS: [&str; 2] = ["amd64", "arm64"];

/// One build of the public catalog: its tags, and the facts that quench uses.
#[derive(Debug)]
pub struct Definition {
    pub(super) image: Box<str>,
    /// The operating system, such as `debian` and `13`.
    pub(super) os: (Box<str>, Box<str>),
    pub(super) flavor: Option<Box<str>>,
    pub(super) is_dev: bool,
    pub(super) is_public: bool,
    pub(super) tags: Vec<(Box<str>, Location)>,
    pub(super) run_as: u32,
    /// The user as written in `accounts.run-as`: a name or a number.
    pub(super) user: Box<str>,
    pub(super) ports: Vec<Port>,
    pub(super) entrypoint: Vec<Box<str>>,
    pub(super) cmd: Vec<Box<str>>,
    pub(super) platforms: Vec<Box<str>>,
    pub(super) workdir: Option<Box<str>>,
    pub(super) paths: Vec<Path>,
    pub(super) contents: Contents,
}

/// The error of a definition, with its position in the file.
#[derive(Debug, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct DefinitionError {
    /// The file's name, as the caller gave it.
    pub file: String,
    /// The line, counted from 1.
    pub line: NonZeroU64,
    /// The column in characters, counted from 1.
    pub column: NonZeroU64,
    /// The problem at this position.
    pub problem: DefinitionProblem,
}

/// A problem in a definition.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DefinitionProblem {
    /// The file is not YAML, a key is missing, or a value has another type.
    #[error("{}{message}", if key.is_empty() { String::new() } else { format!("`{key}`: ") })]
    Yaml {
        /// The path of the key; empty for the whole file.
        key: String,
        /// The parser's message.
        message: String,
    },
    /// A map has the same key twice.
    #[error("`{0}` is there twice; keep one of them")]
    KeyTwice(String),
    /// `image` is not a registry and a repository, without tag and digest.
    #[error("`image` must be a registry and a name, such as `dhi.io/nginx`: {0}")]
    Image(String),
    /// The definition has no tags.
    #[error("`tags` is empty; without a tag nothing can be pulled")]
    NoTags,
    /// A tag is invalid.
    #[error("`tags`: letters, digits, `_`, `.` and `-`, at most 128, such as `1.31.4-debian13`: {0}")]
    Tag(String),
    /// Two definitions declare the same tag.
    #[error("`tags`: another definition has it already, {other}: {tag}")]
    TagTwice {
        /// The tag.
        tag: String,
        /// The file of the other definition.
        other: String,
    },
    /// The flavor is invalid.
    #[error("`flavor` must be a word that tags end in, such as `compat`: {0}")]
    Flavor(String),
    /// A port is invalid.
    #[error("`ports` must be like `8080/tcp`: {0}")]
    Port(String),
    /// The user that the image runs as has no known user ID.
    #[error("`accounts.run-as` must be a number, `root` or a name in `accounts.users`: {0}")]
    User(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Written {
    image: Spanned<String>,
    #[serde(default)]
    variant: Option<Variant>,
    flavor: Option<Spanned<String>>,
    tags: Spanned<Vec<Spanned<String>>>,
    entitlement: Option<String>,
    platforms: Option<Vec<String>>,
    os_release: OsRelease,
    accounts: Accounts,
    entrypoint: Option<Vec<Box<str>>>,
    cmd: Option<Vec<Box<str>>>,
    ports: Option<Vec<Spanned<String>>>,
    work_dir: Option<Box<str>>,
    paths: Option<Vec<Path>>,
    contents: Option<Contents>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Variant {
    Runtime,
    Dev,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct OsRelease {
    id: Box<str>,
    version_id: Box<str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Accounts {
    run_as: Spanned<String>,
    users: Option<Vec<User>>,
}

#[derive(Deserialize)]
struct User {
    name: Box<str>,
    uid: u32,
}

/// A file, folder or link that the definition puts into the image.
#[derive(Debug, Deserialize)]
pub(super) struct Path {
    #[serde(rename = "type")]
    pub(super) kind: Box<str>,
    #[serde(rename = "path")]
    pub(super) target: Box<str>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) mode: Option<Box<str>>,
}

/// The parts that the image is made of.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Contents {
    pub(super) packages: Option<Vec<Box<str>>>,
    pub(super) files: Option<Vec<File>>,
    pub(super) builds: Option<Vec<Build>>,
    pub(super) artifacts: Option<Vec<Artifact>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct File {
    pub(super) path: Option<Box<str>>,
}

/// A build step, whose outputs are copied into the image.
#[derive(Debug, Deserialize)]
pub(super) struct Build {
    pub(super) outputs: Option<Vec<Output>>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Output {
    pub(super) target: Option<Box<str>>,
}

/// Files of another image that are copied to the same paths.
#[derive(Debug, Deserialize)]
pub(super) struct Artifact {
    pub(super) includes: Option<Vec<Box<str>>>,
}

impl Definition {
    /// Reports whether a YAML file is a definition, by its first line.
    pub fn is_in(text: &str) -> bool {
        text.trim_start_matches('\u{feff}').starts_with(MARK)
    }

    /// Reads a definition; errors name it `file`.
    pub fn parse(text: &str, file: &str) -> Result<Self, DefinitionError> {
        let misplaced = |(location, problem)| DefinitionError::at(file, location, problem);
        read(text).and_then(Self::check).map_err(misplaced)
    }

    /// Returns the image's name, such as `nginx`.
    pub fn image(&self) -> &str {
        &self.image
    }

    /// Reports whether the image can be pulled without an entitlement.
    pub fn is_public(&self) -> bool {
        self.is_public
    }

    fn check(written: Written) -> Result<Self, (Location, DefinitionProblem)> {
        let image = written.image.value.parse::<Reference>().ok().and_then(|reference| {
            let name = reference.repository().rsplit('/').next()?;
            let is_name =
                written.image.value.contains('/') && reference.tag().is_none() && reference.digest().is_none();
            is_name.then(|| name.into())
        });
        let image =
            image.ok_or_else(|| (written.image.referenced, DefinitionProblem::Image(shown(&written.image.value))))?;
        if written.tags.value.is_empty() {
            return Err((written.tags.referenced, DefinitionProblem::NoTags));
        }
        let tag = |tag: Spanned<String>| {
            if is_tag(&tag.value) {
                Ok((tag.value.into(), tag.referenced))
            } else {
                Err((tag.referenced, DefinitionProblem::Tag(shown(&tag.value))))
            }
        };
        let port = |port: Spanned<String>| {
            port.value.parse().map_err(|_| (port.referenced, DefinitionProblem::Port(shown(&port.value))))
        };
        let flavor = written.flavor.filter(|flavor| !flavor.value.is_empty()).map(|flavor| {
            if is_tag(&flavor.value) {
                Ok(flavor.value.into())
            } else {
                Err((flavor.referenced, DefinitionProblem::Flavor(shown(&flavor.value))))
            }
        });
        let architecture = |platform: String| platform.strip_prefix("linux/").map_or(&*platform, |it| it).into();
        Ok(Self {
            image,
            os: (written.os_release.id, written.os_release.version_id),
            flavor: flavor.transpose()?,
            is_dev: written.variant == Some(Variant::Dev),
            is_public: written.entitlement.is_none_or(|entitlement| entitlement == "public"),
            tags: written.tags.value.into_iter().map(tag).collect::<Result<_, _>>()?,
            run_as: written.accounts.number()?,
            user: written.accounts.run_as.value.into(),
            ports: written.ports.unwrap_or_default().into_iter().map(port).collect::<Result<_, _>>()?,
            entrypoint: written.entrypoint.unwrap_or_default(),
            cmd: written.cmd.unwrap_or_default(),
            platforms: written.platforms.map_or_else(
                || PLATFORMS.map(Box::from).into(),
                |platforms| platforms.into_iter().map(architecture).collect(),
            ),
            workdir: written.work_dir.filter(|folder| !folder.is_empty()),
            paths: written.paths.unwrap_or_default(),
            contents: written.contents.unwrap_or_default(),
        })
    }
}

impl Accounts {
    /// Returns the ID of the user that the image runs as.
    fn number(&self) -> Result<u32, (Location, DefinitionProblem)> {
        let written = &*self.run_as.value;
        let named = self.users.iter().flatten().find(|user| *user.name == *written).map(|user| user.uid);
        let root = (written == ROOT).then_some(0);
        named
            .or(root)
            .or_else(|| written.parse().ok())
            .ok_or_else(|| (self.run_as.referenced, DefinitionProblem::User(shown(written))))
    }
}

impl DefinitionError {
    pub(super) fn at(file: &str, location: Location, problem: DefinitionProblem) -> Self {
        let counted = |number| NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN);
        let (line, column) = (counted(location.line()), counted(location.column()));
        Self { file: file.to_owned(), line, column, problem }
    }
}

fn read(text: &str) -> Result<Written, (Location, DefinitionProblem)> {
    serde_saphyr::from_str(text).map_err(|error: serde_saphyr::Error| {
        let error = error.without_snippet();
        let location = error.location().unwrap_or(Location::UNKNOWN);
        (location, problem_of(error, shown(&path_at(text, location.span().byte_offset()))))
    })
}

fn problem_of(error: &serde_saphyr::Error, key: String) -> DefinitionProblem {
    if let serde_saphyr::Error::DuplicateMappingKey { key, .. } = error {
        return DefinitionProblem::KeyTwice(shown(key.as_deref().unwrap_or_default()));
    }
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(&*message, |(text, _)| text);
    let message = if message == "invalid u32" { "must be a number from 0 to 4294967295" } else { message };
    DefinitionProblem::Yaml { key, message: shown(message) }
}

pub(super) fn is_tag(text: &str) -> bool {
    format!("dhi.io/x:{text}").parse::<Reference>().is_ok_and(|reference| reference.tag() == Some(text))
}

pub(super) fn shown(written: &str) -> String {
    printable(written, MAX_SHOWN).into_owned()
}
