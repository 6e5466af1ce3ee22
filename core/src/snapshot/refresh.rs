//! Updates a catalog file to the tags that registries list.
//!
//! ```
//! use std::collections::BTreeMap;
//! use quench_core::catalog::Catalog;
//! use quench_core::snapshot::{Answer, Tags, refresh};
//!
//! let catalog = r#"{"images": [{"name": "lighthouse", "variants": [{"os": "debian-13", "lines": [["2.4.1", "2.4"]]}]}]}"#;
//! let tags = Tags::of(["2.4.0", "2.4.2", "2.4", "2.5.0"]);
//! let refreshed = refresh(catalog, &BTreeMap::from([("lighthouse".into(), Answer::Tags(tags))]), "dhi.io/{name}", "2026-11-21")?;
//! let catalog = Catalog::parse(&refreshed.text)?;
//! let lighthouse = catalog.get("lighthouse").unwrap();
//! let tags: Vec<String> = lighthouse.tags().map(|tag| tag.to_string()).collect();
//! // `2.4` now means 2.4.2, and 2.4.1 is not listed. 2.5.0 is left out, since no build of the line 2.5 is known.
//! assert_eq!(tags, ["2.4.2", "2.4", "2.4.0"]);
//! assert_eq!(lighthouse.past_versions().count(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod image;
#[cfg(test)]
mod tests;
mod variant;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use self::image::Refreshing;
use super::definition::is_tag;
use super::{Fields, file_text, object};
use crate::catalog::format::Ordered;
use crate::catalog::{Catalog, CatalogError, Image};

/// A registry's answer about one image of the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The registry lists these tags.
    Tags(Tags),
    /// The registry has no such repository.
    Absent,
}

/// The tags that a registry lists for one repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    tags: BTreeSet<Box<str>>,
    /// The number of tags that are signatures or attestations.
    signatures: usize,
}

/// An updated catalog file, and how it differs from the previous one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Refreshed {
    /// The file's text.
    pub text: String,
    /// The number of runtime tags that only the new file declares.
    pub new: usize,
    /// The number of declared runtime tags that the registry does not list.
    pub gone: usize,
    /// The images that the file leaves out, since the registry does not have them or lists no known tag of them.
    pub absent: Vec<Box<str>>,
    /// The number of listed tags of development builds, which the file does not declare.
    pub development: usize,
    /// The number of listed tags that are signatures or attestations.
    pub signatures: usize,
    /// The number of other listed tags that the file does not declare, since no known build gives their facts.
    pub unknown: usize,
}

/// The top level of a catalog file.
#[derive(Deserialize)]
struct File {
    source: Option<Box<RawValue>>,
    copies: Option<Box<RawValue>>,
    amazon_accounts: Option<Box<RawValue>>,
    vendor: Option<Box<RawValue>>,
    images: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Named {
    name: Box<str>,
}

impl Tags {
    /// Collects the tags that a registry lists; texts that cannot be tags are skipped.
    pub fn of<T: AsRef<str>>(listed: impl IntoIterator<Item = T>) -> Self {
        let mut tags = Self::default();
        for tag in listed {
            let tag = tag.as_ref();
            if is_signature(tag) {
                tags.signatures += 1;
            } else if is_tag(tag) {
                tags.tags.insert(tag.into());
            }
        }
        tags
    }
}

impl Refreshed {
    /// Counts how the declared tags of an image changed.
    fn count(&mut self, before: &Image, after: Option<&Image>, tags: &Tags) {
        let declared = |image: &Image| image.tags().map(|tag| tag.to_string()).collect::<BTreeSet<_>>();
        let (before, after) = (declared(before), after.map(declared).unwrap_or_default());
        self.new += after.difference(&before).count();
        self.gone += before.difference(&after).count();
        self.signatures += tags.signatures;
        for tag in tags.tags.iter().filter(|tag| !after.contains(&***tag)) {
            if tag.ends_with("-dev") {
                self.development += 1;
            } else {
                self.unknown += 1;
            }
        }
    }
}

/// Updates a catalog file by the answers of a registry. Images without an answer stay as they are.
///
/// Of the other images, the new file declares only tags that the registry lists. A listed tag is declared if a known
/// build gives its facts: another patch of the same line, for the same operating system and flavor. Past versions are
/// listed versions without a known build. The file records `repository`, such as `dhi.io/{name}`, and `date`.
pub fn refresh(
    catalog: &str,
    answers: &BTreeMap<Box<str>, Answer>,
    repository: &str,
    date: &str,
) -> Result<Refreshed, CatalogError> {
    let before = Catalog::parse(catalog)?;
    let file: File = serde_json::from_str(catalog)?;
    let mut refreshed = Refreshed::default();
    let mut lines = Vec::with_capacity(file.images.len());
    for raw in &file.images {
        let Named { name } = serde_json::from_str(raw.get())?;
        let line = match answers.get(&name) {
            None => Some(raw.get().to_owned()),
            Some(Answer::Absent) => None,
            Some(Answer::Tags(tags)) => Refreshing::read(raw)?.by(&tags.tags)?,
        };
        match line {
            Some(line) => lines.push(line),
            None => refreshed.absent.push(name),
        }
    }
    let record = json!({"repository": repository, "date": date}).to_string();
    refreshed.text = written(&file, &record, &lines);
    let after = Catalog::parse(&refreshed.text)?;
    for (name, answer) in answers {
        let Some(image) = before.get(name) else { continue };
        let none = Tags::default();
        let tags = if let Answer::Tags(tags) = answer { tags } else { &none };
        refreshed.count(image, after.get(name), tags);
    }
    Ok(refreshed)
}

fn written(file: &File, record: &str, images: &[String]) -> String {
    let mut source = file.source.as_deref().map(fields).unwrap_or_default();
    // This record replaces the record of the previous refresh.
    source.retain(|(key, _)| &**key != "refreshed");
    source.push(("refreshed".into(), record.to_owned()));
    let kept = [&file.copies, &file.amazon_accounts, &file.vendor];
    file_text(object(&source), kept.map(Option::as_deref), images)
}

/// Reports whether a tag is made from a digest, as signatures and attestations are (referrers tag schema of the OCI
/// distribution specification, and cosign).
fn is_signature(tag: &str) -> bool {
    tag.starts_with("sha256-") || tag.starts_with("sha512-")
}

/// Returns the fields of a JSON object as written; another value becomes the single field `carried_over`.
fn fields(raw: &RawValue) -> Fields {
    match serde_json::from_str::<Ordered<Box<RawValue>>>(raw.get()) {
        Ok(fields) => fields.0.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect(),
        Err(_) => vec![("carried_over".into(), raw.get().to_owned())],
    }
}
