//! Reads the format `dhi-images/1` of catalog files (docs/catalog.md). Unknown fields are ignored; a null field counts
//! as absent.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::CatalogError;
use super::facts::{Contents, OwnedDirectory, Sheet};
use super::registries::Copied;

/// The value of `schema` in a catalog file.
pub(crate) const SCHEMA: &str = "dhi-images/1";

#[derive(Deserialize)]
pub(crate) struct File {
    pub(crate) schema: Option<Box<str>>,
    pub(crate) images: Images,
    pub(super) copies: Option<Vec<Copied>>,
    pub(crate) amazon_accounts: Option<Vec<Box<str>>>,
    pub(super) vendor: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
pub(crate) struct Image {
    pub(crate) name: Box<str>,
    pub(crate) upstream: Option<Vec<Upstream>>,
    pub(crate) default: Option<Default>,
    pub(crate) variants: Option<Vec<Variant>>,
    pub(crate) past_versions: Option<Vec<Box<str>>>,
    pub(crate) scheme: Option<Box<str>>,
    pub(crate) contents: Option<Ordered<PartialContents>>,
    /// The facts about the start, parsed later so that an error can name the image.
    pub(super) start: Option<Box<RawValue>>,
    pub(super) repository: Option<Box<str>>,
    has_shell: Option<bool>,
    run_as: Option<u32>,
    run_as_name: Option<Box<str>>,
    ports: Option<Vec<Box<str>>>,
    entrypoint: Option<Vec<Box<str>>>,
    cmd: Option<Vec<Box<str>>>,
    shell: Option<Vec<Box<str>>>,
    platforms: Option<Vec<Box<str>>>,
    workdir: Option<Box<str>>,
}

#[derive(Deserialize)]
pub(crate) struct Upstream {
    #[serde(rename = "ref")]
    pub(crate) reference: Box<str>,
    pub(crate) role: Option<Box<str>>,
    pub(crate) confidence: Option<Box<str>>,
    pub(crate) tag_match: Option<Box<str>>,
    pub(crate) flavor: Option<Box<str>>,
    pub(crate) note: Option<Box<str>>,
}

#[derive(Deserialize)]
pub(crate) struct Default {
    pub(crate) os: Option<Box<str>>,
    pub(crate) version: Option<Box<str>>,
}

/// The builds of several version lines for one operating system and flavor.
#[derive(Deserialize)]
pub(crate) struct Variant {
    pub(crate) os: Option<Box<str>>,
    pub(crate) flavor: Option<Box<str>>,
    pub(crate) dev: Option<Box<str>>,
    pub(crate) suffix: Option<Vec<Box<str>>>,
    pub(crate) lines: Option<Vec<Vec<Box<str>>>>,
    pub(crate) bare_only: Option<Vec<Box<str>>>,
    has_shell: Option<bool>,
    run_as: Option<u32>,
    run_as_name: Option<Box<str>>,
    ports: Option<Vec<Box<str>>>,
    entrypoint: Option<Vec<Box<str>>>,
    cmd: Option<Vec<Box<str>>>,
    shell: Option<Vec<Box<str>>>,
    platforms: Option<Vec<Box<str>>>,
    workdir: Option<Box<str>>,
    suffix_by_line: ByLine<Vec<Box<str>>>,
    has_shell_by_line: ByLine<bool>,
    run_as_by_line: ByLine<u32>,
    run_as_name_by_line: ByLine<Box<str>>,
    ports_by_line: ByLine<Vec<Box<str>>>,
    entrypoint_by_line: ByLine<Vec<Box<str>>>,
    cmd_by_line: ByLine<Vec<Box<str>>>,
    shell_by_line: ByLine<Vec<Box<str>>>,
    platforms_by_line: ByLine<Vec<Box<str>>>,
    workdir_by_line: ByLine<Box<str>>,
}

/// The values of a fact for some lines, by the full version of the line.
type ByLine<T> = Option<HashMap<Box<str>, T>>;

/// The contents of a build, as far as they differ from the default build's.
#[derive(Default, Clone, Deserialize)]
pub(crate) struct PartialContents {
    programs: Option<Vec<Box<str>>>,
    packages: Option<Vec<Box<str>>>,
    owned_directories: Option<Vec<Owned>>,
    pub(crate) user: Option<Box<str>>,
}

/// A directory: its path, owner, group and permissions.
type Owned = (Box<str>, Option<u32>, Option<u32>, Option<Box<str>>);

impl Image {
    /// Returns the facts of the whole image; the error is the first invalid port.
    pub(super) fn sheet(&mut self) -> Result<Sheet, Box<str>> {
        Ok(Sheet {
            run_as: self.run_as,
            run_as_name: self.run_as_name.take(),
            ports: ports(self.ports.take())?,
            entrypoint: self.entrypoint.take(),
            cmd: self.cmd.take(),
            shell: shell(self.shell.take(), self.has_shell),
            platforms: self.platforms.take(),
            workdir: self.workdir.take(),
        })
    }
}

impl Variant {
    /// Returns the variant's facts, as far as they differ from the image's; the error is the first invalid port.
    pub(super) fn sheet(&mut self) -> Result<Sheet, Box<str>> {
        Ok(Sheet {
            run_as: self.run_as,
            run_as_name: self.run_as_name.take(),
            ports: ports(self.ports.take())?,
            entrypoint: self.entrypoint.take(),
            cmd: self.cmd.take(),
            shell: shell(self.shell.take(), self.has_shell),
            platforms: self.platforms.take(),
            workdir: self.workdir.take(),
        })
    }

    /// Returns the facts of one line, as far as they differ from the variant's; the error is the first invalid port.
    pub(super) fn sheet_of(&mut self, version: &str) -> Result<Sheet, Box<str>> {
        fn take<T>(facts: &mut ByLine<T>, version: &str) -> Option<T> {
            facts.as_mut()?.remove(version)
        }
        let has_shell = take(&mut self.has_shell_by_line, version);
        Ok(Sheet {
            run_as: take(&mut self.run_as_by_line, version),
            run_as_name: take(&mut self.run_as_name_by_line, version),
            ports: ports(take(&mut self.ports_by_line, version))?,
            entrypoint: take(&mut self.entrypoint_by_line, version),
            cmd: take(&mut self.cmd_by_line, version),
            shell: shell(take(&mut self.shell_by_line, version), has_shell),
            platforms: take(&mut self.platforms_by_line, version),
            workdir: take(&mut self.workdir_by_line, version),
        })
    }

    pub(crate) fn suffixes_of(&mut self, version: &str) -> Option<Vec<Box<str>>> {
        self.suffix_by_line.as_mut()?.remove(version)
    }
}

impl PartialContents {
    /// Returns the contents of a build; absent fields are taken from the default build.
    pub(crate) fn over(self, default: Option<&Contents>) -> Contents {
        let owned = |(path, uid, gid, mode)| OwnedDirectory { path, uid, gid, mode };
        Contents {
            programs: self.programs.or_else(|| Some(default?.programs.clone())).unwrap_or_default(),
            packages: self.packages.or_else(|| Some(default?.packages.clone())).unwrap_or_default(),
            owned_directories: match self.owned_directories {
                Some(directories) => directories.into_iter().map(owned).collect(),
                None => default.map(|default| default.owned_directories.clone()).unwrap_or_default(),
            },
            user: self.user.or_else(|| default?.user.clone()),
        }
    }
}

fn ports(ports: Option<Vec<Box<str>>>) -> Result<Option<Vec<super::facts::Port>>, Box<str>> {
    ports.map(|ports| ports.into_iter().map(|port| port.parse().map_err(|_| port)).collect()).transpose()
}

/// Returns the names of the shells; `sh` if the file only states that the image has a shell.
fn shell(shell: Option<Vec<Box<str>>>, has_shell: Option<bool>) -> Option<Vec<Box<str>>> {
    shell.or_else(|| Some(if has_shell? { vec!["sh".into()] } else { Vec::new() }))
}

/// The images of a catalog file. Each is converted before the next one is read, which halves the memory.
pub(crate) struct Images(pub(super) Result<Vec<super::Image>, CatalogError>);

impl<'de> Deserialize<'de> for Images {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneByOne;
        impl<'de> Visitor<'de> for OneByOne {
            type Value = Images;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of images")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Images, A::Error> {
                let mut images = Ok(Vec::new());
                while let Some(image) = list.next_element::<Image>()? {
                    images = images.and_then(|mut images: Vec<_>| {
                        images.push(super::Image::read(image)?);
                        Ok(images)
                    });
                }
                Ok(Images(images))
            }
        }
        deserializer.deserialize_seq(OneByOne)
    }
}

/// A JSON object whose keys keep the order of the file.
pub(crate) struct Ordered<T>(pub(crate) Vec<(Box<str>, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Ordered<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}
