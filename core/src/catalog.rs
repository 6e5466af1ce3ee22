//! Describes the hardened images: the upstream repositories that they replace, their tags, and how they run.
//!
//! ```
//! use quench_core::catalog::{Catalog, Class};
//!
//! let catalog = Catalog::embedded();
//! let resolution = catalog.resolve(&"nginx:1.31.4-bookworm".parse()?);
//! assert_eq!((resolution.class, resolution.tag.as_deref()), (Class::Exact, Some("1.31.4-debian12")));
//! # Ok::<(), quench_core::reference::ParseError>(())
//! ```

mod declared;
mod facts;
pub(crate) mod format;
mod image;
mod matched;
mod pattern;
mod platform;
pub(crate) mod read;
mod registries;
mod resolution;
mod start;
pub mod tag;
mod vendor;

use std::collections::HashMap;

pub(crate) use self::declared::COMPAT;
pub use self::declared::Declared;
pub use self::facts::{BuildId, Contents, Facts, NoPort, OwnedDirectory, Port, Protocol};
pub use self::image::{Image, Role, Upstream};
pub use self::matched::Match;
pub use self::platform::Platform;
pub use self::resolution::{Class, Reason, Resolution};
pub use self::start::{
    Arguments, BuildStart, ChangedDefault, Condition, ConditionError, Data, Effect, FirstWord, Folders, Form, Passing,
    Pattern, Place, Root, Start, StartProblem, Sure, UpstreamStart, User, Variables, Word,
};
pub use self::tag::Newest;
pub use self::vendor::Vendor;

pub(crate) use self::image::Build;

use self::registries::Registries;
use crate::reference::{ParseError, Reference};

/// The packed catalog file `data/catalog.json`.
const PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/catalog.deflate"));

/// A catalog of hardened images, indexed by name and by upstream repository.
#[derive(Debug)]
pub struct Catalog {
    /// The hardened images, sorted by name.
    images: Vec<Image>,
    /// The hardened images for each upstream repository, such as `docker.io/library/nginx`.
    upstreams: HashMap<Box<str>, Vec<Source>>,
    /// The hardened images for repositories in Amazon's regional registries; the keys have no registry.
    amazon: HashMap<Box<str>, Vec<Source>>,
    registries: Registries,
    vendor: Option<Vendor>,
}

/// An entry of an image's list of upstream repositories: the index of the image and of the entry.
#[derive(Debug, Clone, Copy)]
struct Source {
    image: usize,
    upstream: usize,
}

/// The error of a text that is not a valid catalog file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The text is not JSON, or a field has the wrong type.
    #[error("the catalog is not JSON in the `{}` format; docs/catalog.md says what writes it", format::SCHEMA)]
    Format(#[from] serde_json::Error),
    /// The file has a format that this version of quench does not support.
    #[error("`schema` must be `{}`; take a program or a catalog of the same age: {written}", format::SCHEMA)]
    Schema {
        /// The value of `schema` in the file.
        written: Box<str>,
    },
    /// The name of an image cannot be a component of a repository.
    #[error("`name` must be one component of a repository, such as `nginx`: {0}")]
    Name(Box<str>),
    /// Two images have the same name.
    #[error("two images have the same `name`; leave one of them out: {0}")]
    Duplicate(Box<str>),
    /// The `ref` of an upstream repository is not a registry and a repository.
    #[error("image `{image}`: `upstream[].ref` must be a registry and a repository, without a tag: {reference}")]
    Upstream {
        /// The hardened image.
        image: Box<str>,
        /// The value of `ref` in the file.
        reference: Box<str>,
        /// The parse error; `None` if `ref` is a reference with a tag or digest.
        source: Option<ParseError>,
    },
    /// A `tag_match` is not one of the supported forms of patterns.
    #[error("image `{image}`: `tag_match` must be a word, with `^` or `$` at its ends, or `^(?!.*word).*$`: {pattern}")]
    TagMatch {
        /// The hardened image.
        image: Box<str>,
        /// The pattern in the file.
        pattern: Box<str>,
    },
    /// A part of a tag (stem, suffix or flavor) has characters that are not allowed in tags.
    #[error("image `{image}`: a part of a tag may have letters, digits, `_`, `.` and `-`: {part}")]
    Tag {
        /// The hardened image.
        image: Box<str>,
        /// The part of the tag in the file.
        part: Box<str>,
    },
    /// A port of an image is invalid.
    #[error("image `{image}`: `ports` must be like `8080/tcp`: {port}")]
    Port {
        /// The hardened image.
        image: Box<str>,
        /// The port in the file.
        port: Box<str>,
    },
    /// The facts about an image's start (`start`) are invalid.
    #[error("image `{image}`: `start` must be as docs/starts.md says")]
    Start {
        /// The hardened image.
        image: Box<str>,
        /// The error in the facts.
        source: serde_json::Error,
    },
    /// The `vendor` of the catalog is invalid.
    #[error("`vendor` must be as docs/catalog.md says")]
    Vendor(#[source] serde_json::Error),
}

impl Catalog {
    /// Parses the catalog that is embedded in the program.
    #[expect(clippy::missing_panics_doc, reason = "a test parses it, and it cannot change after that")]
    pub fn embedded() -> Self {
        Self::parse(&Self::embedded_text()).expect("a test parses the embedded catalog")
    }

    /// Returns the text of the embedded catalog file, a snapshot of the public catalog.
    #[expect(clippy::missing_panics_doc, reason = "a test unpacks it, and it cannot change after that")]
    pub fn embedded_text() -> String {
        let bytes = miniz_oxide::inflate::decompress_to_vec(PACKED).expect("the build script packed it");
        String::from_utf8(bytes).expect("the build script packed a text")
    }

    /// Parses a catalog file: JSON in the format `dhi-images/1`. Unknown fields are ignored; absent and null fields
    /// have defaults.
    pub fn parse(json: &str) -> Result<Self, CatalogError> {
        let file: format::File = serde_json::from_str(json)?;
        if let Some(schema) = file.schema.filter(|schema| **schema != *format::SCHEMA) {
            return Err(CatalogError::Schema { written: schema });
        }
        let mut images = file.images.0?;
        images.sort_unstable_by(|a, b| a.name().cmp(b.name()));
        let same = images.iter().zip(images.iter().skip(1)).find(|(image, next)| image.name() == next.name());
        if let Some((image, _)) = same {
            return Err(CatalogError::Duplicate(image.name().into()));
        }
        let registries = Registries::new(file.copies, file.amazon_accounts)?;
        let vendor =
            file.vendor.map(|raw| serde_json::from_str(raw.get())).transpose().map_err(CatalogError::Vendor)?;
        Ok(Self { vendor, ..Self::index(images, registries) })
    }

    fn index(images: Vec<Image>, registries: Registries) -> Self {
        let mut catalog = Self { images, upstreams: HashMap::new(), amazon: HashMap::new(), registries, vendor: None };
        for (at, image) in catalog.images.iter().enumerate() {
            for (upstream, source) in image.upstreams().iter().enumerate() {
                let (registry, repository) = source.name().split_once('/').unwrap_or_default();
                let (map, key) = if catalog.registries.is_amazon(registry) {
                    (&mut catalog.amazon, repository)
                } else {
                    (&mut catalog.upstreams, source.name())
                };
                map.entry(key.into()).or_default().push(Source { image: at, upstream });
            }
        }
        catalog
    }

    /// Returns the hardened image with a name, such as `nginx`.
    pub fn get(&self, name: &str) -> Option<&Image> {
        let at = self.images.binary_search_by(|image| image.name().cmp(name)).ok()?;
        self.images.get(at)
    }

    /// Returns the publisher of the images; `None` if the catalog does not state it.
    pub fn vendor(&self) -> Option<&Vendor> {
        self.vendor.as_ref()
    }

    /// Returns the mistakes in the facts about starts, such as a flavor that no build has, with the images' names.
    pub fn start_problems(&self) -> impl Iterator<Item = (&str, StartProblem)> {
        let with_facts = self.images.iter().filter_map(|image| Some((image, image.start()?)));
        with_facts.flat_map(|(image, start)| start.problems(image).into_iter().map(|problem| (image.name(), problem)))
    }

    /// Returns all hardened images, sorted by name.
    pub fn images(&self) -> impl ExactSizeIterator<Item = &Image> {
        self.images.iter()
    }

    /// Returns the hardened image that replaces an upstream repository. Of several, an image whose `tag_match` fits the
    /// tag is preferred to an image without `tag_match`.
    pub(crate) fn upstream(&self, reference: &Reference) -> Option<(&Image, &Upstream)> {
        let sources = self.sources(reference.name(), reference).or_else(|| {
            let original = self.registries.original(reference)?;
            self.sources(&original, reference)
        })?;
        let named = sources.iter().filter_map(|source| {
            let image = self.images.get(source.image)?;
            Some((image, image.upstreams().get(source.upstream)?))
        });
        named.filter(|(_, upstream)| upstream.answers(reference.tag())).min_by_key(|(_, upstream)| {
            (upstream.role() == Role::Substitute, upstream.tag_match.is_none(), upstream.role())
        })
    }

    fn sources(&self, name: &str, reference: &Reference) -> Option<&[Source]> {
        let amazon =
            || self.amazon.get(reference.repository()).filter(|_| self.registries.is_amazon(reference.registry()));
        self.upstreams.get(name).or_else(amazon).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests;
