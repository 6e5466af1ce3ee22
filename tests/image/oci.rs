//! Writes OCI images with one layer as archives; the same input gives the same bytes.

use std::io::Write;

use anyhow::Result;
use aws_lc_rs::digest::{SHA256, digest};
use flate2::{Compression, GzBuilder};
use serde_json::{Map, Value, json};

/// What goes into an image.
pub(crate) struct Image {
    pub(crate) architecture: &'static str,
    /// Seconds since 1970: when it was made, and the time of its files.
    pub(crate) created: u64,
    /// `User`, `Entrypoint` and the like, as the image specification names them.
    pub(crate) config: Value,
    /// In the order of the layer; folders before what is in them.
    pub(crate) files: Vec<File>,
}

/// A file or a folder, of root.
pub(crate) struct File {
    path: String,
    mode: u32,
    content: Content,
}

enum Content {
    Bytes(Vec<u8>),
    Folder,
}

impl File {
    /// Everybody may run it.
    pub(crate) fn program(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), mode: 0o755, content: Content::Bytes(bytes) }
    }

    pub(crate) fn folder(path: &str, mode: u32) -> Self {
        Self { path: path.to_owned(), mode, content: Content::Folder }
    }
}

/// A blob, and how others refer to it.
struct Blob {
    bytes: Vec<u8>,
    media_type: &'static str,
    digest: String,
}

impl Blob {
    fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        let digest = sha256(&bytes);
        Self { bytes, media_type, digest }
    }

    fn json(media_type: &'static str, value: &Value) -> Self {
        Self::new(media_type, value.to_string().into_bytes())
    }

    fn descriptor(&self) -> Map<String, Value> {
        let size = self.bytes.len();
        let fields = [
            ("mediaType", json!(self.media_type)),
            ("digest", json!(format!("sha256:{}", self.digest))),
            ("size", json!(size)),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Image {
    /// An OCI layout in a tar file. Container runtimes import it under the name, `skopeo` copies it anywhere.
    pub(crate) fn archive(&self, name: &str) -> Result<Vec<u8>> {
        let layer = self.layer()?;
        let packed = Blob::new("application/vnd.oci.image.layer.v1.tar+gzip", gzip(&layer)?);
        let created =
            humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + std::time::Duration::from_secs(self.created))
                .to_string();
        let config = Blob::json(
            "application/vnd.oci.image.config.v1+json",
            &json!({
                "architecture": self.architecture, "os": "linux", "created": created, "config": self.config,
                "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))]},
                "history": [{"created": created, "created_by": "COPY"}],
            }),
        );
        let manifest = Blob::json(
            "application/vnd.oci.image.manifest.v1+json",
            &json!({
                "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "config": config.descriptor(), "layers": [packed.descriptor()],
            }),
        );
        let tag = name.rsplit_once(':').map_or("latest", |(_, tag)| tag);
        let mut described = manifest.descriptor();
        described.insert("platform".to_owned(), json!({"architecture": self.architecture, "os": "linux"}));
        let names = json!({"io.containerd.image.name": name, "org.opencontainers.image.ref.name": tag});
        described.insert("annotations".to_owned(), names);
        let index = json!({"schemaVersion": 2, "manifests": [described]});

        let mut archive = tar::Builder::new(Vec::new());
        let mut add = |path: &str, bytes: &[u8]| append(&mut archive, path, 0o644, 0, tar::EntryType::Regular, bytes);
        add("oci-layout", json!({"imageLayoutVersion": "1.0.0"}).to_string().as_bytes())?;
        add("index.json", index.to_string().as_bytes())?;
        for blob in [&config, &manifest, &packed] {
            add(&format!("blobs/sha256/{}", blob.digest), &blob.bytes)?;
        }
        Ok(archive.into_inner()?)
    }

    fn layer(&self) -> Result<Vec<u8>> {
        let mut layer = tar::Builder::new(Vec::new());
        for File { path, mode, content } in &self.files {
            let (kind, bytes): (_, &[u8]) = match content {
                Content::Bytes(bytes) => (tar::EntryType::Regular, bytes),
                Content::Folder => (tar::EntryType::Directory, &[]),
            };
            append(&mut layer, path, *mode, self.created, kind, bytes)?;
        }
        Ok(layer.into_inner()?)
    }
}

fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    path: &str,
    mode: u32,
    modified: u64,
    kind: tar::EntryType,
    bytes: &[u8],
) -> Result<()> {
    let mut header = header(mode, modified, kind, bytes.len());
    Ok(tar.append_data(&mut header, path, bytes)?)
}

fn header(mode: u32, modified: u64, kind: tar::EntryType, size: usize) -> tar::Header {
    let mut header = tar::Header::new_ustar();
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(modified);
    header.set_entry_type(kind);
    header.set_size(size as u64);
    header
}

/// Without the time and the name that a gzip header may have.
fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = GzBuilder::new().write(Vec::new(), Compression::default());
    packed.write_all(bytes)?;
    Ok(packed.finish()?)
}

fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    digest(&SHA256, bytes).as_ref().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}
