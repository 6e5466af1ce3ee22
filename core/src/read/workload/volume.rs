//! Reads the volumes of a pod.

use std::sync::OnceLock;

use super::image::{Image, Place};
use crate::read::wire::{List, Raw, Text, fields};

/// The mode bit that lets users other than owner and group read a file.
const OTHERS_READ: i64 = 0o004;
/// The mode of files of Secrets and `ConfigMaps` if none is set.
const DEFAULT_MODE: i64 = 0o644;

/// Files and folders of nodes that every user may read and that containers do not write to.
const FOR_ANYBODY: [&str; 12] = [
    "/etc/ca-certificates",
    "/etc/hosts",
    "/etc/localtime",
    "/etc/machine-id",
    "/etc/os-release",
    "/etc/pki",
    "/etc/resolv.conf",
    "/etc/ssl/certs",
    "/etc/timezone",
    "/lib/modules",
    "/usr/share/ca-certificates",
    "/usr/share/zoneinfo",
];
/// The kernel's folders, which every user may read.
const KERNEL: [&str; 2] = ["/proc", "/sys"];

/// A volume of a pod.
#[derive(Debug, Default)]
pub(crate) struct Volume<'a> {
    pub(crate) name: Text<'a>,
    image: Option<ImageSource<'a>>,
    config_map: Raw<'a>,
    secret: Raw<'a>,
    projected: Raw<'a>,
    host_path: Raw<'a>,
    claim: Raw<'a>,
    share: Raw<'a>,
    empty_dir: Raw<'a>,
    /// The parsed source. It borrows nothing from the volume; a borrow would tie all objects to one lifetime.
    opened: OnceLock<(VolumeKind, NodePath)>,
}

fields!(Volume<'a> {
    "name" => name,
    "image" => image,
    "configMap" => config_map,
    "secret" => secret,
    "projected" => projected,
    "hostPath" => host_path,
    "persistentVolumeClaim" => claim,
    "awsElasticBlockStore" => claim,
    "azureDisk" => claim,
    "cinder" => claim,
    "fc" => claim,
    "flexVolume" => claim,
    "gcePersistentDisk" => claim,
    "iscsi" => claim,
    "photonPersistentDisk" => claim,
    "portworxVolume" => claim,
    "rbd" => claim,
    "scaleIO" => claim,
    "storageos" => claim,
    "vsphereVolume" => claim,
    "azureFile" => share,
    "cephfs" => share,
    "glusterfs" => share,
    "nfs" => share,
    "quobyte" => share,
    "emptyDir" => empty_dir,
});

/// The source of a volume, as far as it decides which users may read and write its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VolumeKind {
    /// Files of a `ConfigMap`, a Secret, or a projection of several.
    Files {
        /// Whether every user may read each file.
        readable: bool,
    },
    /// A file or folder of the node.
    HostPath,
    /// A persistent volume claim, or a disk that the pod names itself.
    Claim,
    /// A network share. It keeps data, and `fsGroup` does not change the owner of its files.
    Share,
    /// An empty folder that every user may write to.
    EmptyDir,
    /// An image, a CSI driver or an ephemeral claim.
    Other,
}

/// The users that may read a file or folder of a node, as far as Linux distributions agree about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodePath {
    /// Every user may read the file or folder, and containers do not write to it.
    Public,
    /// A folder of the kernel, `/proc` or `/sys`, which every user may read.
    Kernel,
    /// Only root, and users that root allows, may read the file or folder.
    Private,
}

impl NodePath {
    fn of(path: &str) -> Self {
        let is_in =
            |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        if FOR_ANYBODY.into_iter().any(is_in) {
            return Self::Public;
        }
        if KERNEL.contains(&path.trim_end_matches('/')) { Self::Kernel } else { Self::Private }
    }
}

impl<'a> Volume<'a> {
    pub(super) fn as_image(&self, place: Place) -> Option<Image<'_, 'a>> {
        let source = self.image.as_ref()?;
        Some(Image { place, name: &self.name, reference: &source.reference, container: None })
    }

    pub(crate) fn kind(&self) -> VolumeKind {
        self.opened().0
    }

    pub(super) fn is_host_path(&self) -> bool {
        self.host_path.0.is_some()
    }

    /// Returns the users that may read a `hostPath` volume; `Private` for other volumes.
    pub(crate) fn node_path(&self) -> NodePath {
        self.opened().1
    }

    /// Returns the source, which is parsed once even if several mounts use the volume.
    fn opened(&self) -> (VolumeKind, NodePath) {
        *self.opened.get_or_init(|| {
            let files = [self.config_map, self.secret, self.projected].into_iter().find(|source| source.0.is_some());
            let kind = match (files, self.host_path.0, self.claim.0, self.empty_dir.0) {
                (Some(files), ..) => VolumeKind::Files { readable: files.opened::<Files>().are_readable() },
                (_, Some(_), ..) => {
                    let path = self.host_path.opened::<HostPath<'_>>().path;
                    return (VolumeKind::HostPath, NodePath::of(&path));
                }
                (_, _, Some(_), _) => VolumeKind::Claim,
                (.., Some(_)) => VolumeKind::EmptyDir,
                _ if self.share.0.is_some() => VolumeKind::Share,
                _ => VolumeKind::Other,
            };
            (kind, NodePath::Private)
        })
    }
}

#[derive(Debug, Default)]
struct ImageSource<'a> {
    reference: Text<'a>,
}

fields!(ImageSource<'a> { "reference" => reference });

#[derive(Debug, Default)]
struct HostPath<'a> {
    path: Text<'a>,
}

fields!(HostPath<'a> { "path" => path });

/// The file modes of a `ConfigMap`, Secret or projected volume.
#[derive(Debug, Default)]
struct Files {
    default_mode: Option<i64>,
    items: List<Item>,
    /// The sources of a projected volume.
    sources: List<Source>,
}

fields!(Files { "defaultMode" => default_mode, "items" => items, "sources" => sources });

impl Files {
    fn are_readable(&self) -> bool {
        let projected = self.sources.iter().flat_map(|source| [&source.config_map, &source.secret, &source.downward]);
        let items = projected.flat_map(|files| &files.items).chain(&self.items);
        let default = self.default_mode.unwrap_or(DEFAULT_MODE);
        items.filter_map(|item| item.mode).chain([default]).all(|mode| mode & OTHERS_READ != 0)
    }
}

/// An entry of a projected volume's `sources`.
#[derive(Debug, Default)]
struct Source {
    config_map: Items,
    secret: Items,
    downward: Items,
}

fields!(Source { "configMap" => config_map, "secret" => secret, "downwardAPI" => downward });

#[derive(Debug, Default)]
struct Items {
    items: List<Item>,
}

fields!(Items { "items" => items });

#[derive(Debug, Default)]
struct Item {
    mode: Option<i64>,
}

fields!(Item { "mode" => mode });

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::wire;

    #[test]
    fn kinds_of_volumes() {
        for (json, kind) in [
            (r#""configMap":{"name":"x"}"#, VolumeKind::Files { readable: true }),
            (r#""secret":{"secretName":"x","defaultMode":256}"#, VolumeKind::Files { readable: false }),
            (r#""projected":{"defaultMode":420,"sources":[]}"#, VolumeKind::Files { readable: true }),
            (r#""secret":{"items":[{"key":"k","path":"p","mode":256}]}"#, VolumeKind::Files { readable: false }),
            (
                r#""projected":{"sources":[{"secret":{"items":[{"key":"k","path":"p","mode":256}]}}]}"#,
                VolumeKind::Files { readable: false },
            ),
            (
                r#""projected":{"sources":[{"serviceAccountToken":{"path":"token"}},{"configMap":{"name":"x"}}]}"#,
                VolumeKind::Files { readable: true },
            ),
            (r#""hostPath":{"path":"/var/log"}"#, VolumeKind::HostPath),
            (r#""persistentVolumeClaim":{"claimName":"x"}"#, VolumeKind::Claim),
            (r#""emptyDir":{}"#, VolumeKind::EmptyDir),
            (r#""nfs":{"server":"x"}"#, VolumeKind::Share),
            (r#""gcePersistentDisk":{"pdName":"x"}"#, VolumeKind::Claim),
            (r#""ephemeral":{}"#, VolumeKind::Other),
            (r#""configMap":null"#, VolumeKind::Other),
        ] {
            let json = format!(r#"{{"name":"v",{json}}}"#);
            let volume: Volume<'_> = wire::read(&json).unwrap();
            assert_eq!(volume.kind(), kind, "{json}");
        }
    }

    #[test]
    fn paths_of_nodes() {
        for (path, is) in [
            ("/etc/localtime", NodePath::Public),
            ("/etc/ssl/certs/", NodePath::Public),
            ("/usr/share/zoneinfo/Europe", NodePath::Public),
            ("/proc", NodePath::Kernel),
            ("/sys/", NodePath::Kernel),
            ("/sys/fs/bpf", NodePath::Private),
            ("/etc", NodePath::Private),
            ("/etc/hosts.allow", NodePath::Private),
            ("/var/log", NodePath::Private),
            ("", NodePath::Private),
        ] {
            let json = format!(r#"{{"name":"v","hostPath":{{"path":"{path}"}}}}"#);
            let volume: Volume<'_> = wire::read(&json).unwrap();
            assert_eq!(volume.node_path(), is, "{path}");
        }
    }
}
