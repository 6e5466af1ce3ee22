//! What a pod's volumes are.

use super::image::{Image, Place};
use crate::wire::{self, List, Raw, Read, Text, fields};

/// The bit of a file's mode that lets others than its owner and group read it.
const OTHERS_READ: i64 = 0o004;
/// What files of Secrets and `ConfigMaps` have where nothing else is said.
const DEFAULT_MODE: i64 = 0o644;

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
    empty_dir: Raw<'a>,
}

fields!(Volume<'a> {
    "name" => name,
    "image" => image,
    "configMap" => config_map,
    "secret" => secret,
    "projected" => projected,
    "hostPath" => host_path,
    "persistentVolumeClaim" => claim,
    "emptyDir" => empty_dir,
});

/// What a volume is made of, as far as it matters who may read and write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VolumeKind {
    /// Files of a `ConfigMap`, a Secret or several of them.
    Files {
        /// Whether the mode of every file lets anybody read it.
        readable: bool,
    },
    /// A folder or file of the node.
    HostPath,
    /// A claim: storage that outlives the pod.
    Claim,
    /// An empty folder that anybody may write to.
    EmptyDir,
    /// An image, a CSI driver, a network file system, an ephemeral claim.
    Other,
}

impl<'a> Volume<'a> {
    pub(super) fn as_image(&self, place: Place) -> Option<Image<'_, 'a>> {
        let source = self.image.as_ref()?;
        Some(Image { place, name: &self.name, reference: &source.reference, container: None })
    }

    pub(crate) fn kind(&self) -> VolumeKind {
        if let Some(files) =
            [self.config_map, self.secret, self.projected].into_iter().find(|source| source.0.is_some())
        {
            let Files { default_mode, items } = lenient(files);
            let modes = items.iter().filter_map(|item| item.mode).chain([default_mode.unwrap_or(DEFAULT_MODE)]);
            return VolumeKind::Files { readable: modes.fold(true, |all, mode| all && mode & OTHERS_READ != 0) };
        }
        match (self.host_path.0, self.claim.0, self.empty_dir.0) {
            (Some(_), ..) => VolumeKind::HostPath,
            (_, Some(_), _) => VolumeKind::Claim,
            (.., Some(_)) => VolumeKind::EmptyDir,
            _ => VolumeKind::Other,
        }
    }
}

fn lenient<'a, T: Read<'a>>(raw: Raw<'a>) -> T {
    raw.0.and_then(|json| wire::read(json).ok()).unwrap_or_default()
}

#[derive(Debug, Default)]
struct ImageSource<'a> {
    reference: Text<'a>,
}

fields!(ImageSource<'a> { "reference" => reference });

/// Of a volume of files, their modes.
#[derive(Debug, Default)]
struct Files {
    default_mode: Option<i64>,
    items: List<Item>,
}

fields!(Files { "defaultMode" => default_mode, "items" => items });

#[derive(Debug, Default)]
struct Item {
    mode: Option<i64>,
}

fields!(Item { "mode" => mode });

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_volumes() {
        for (json, kind) in [
            (r#""configMap":{"name":"x"}"#, VolumeKind::Files { readable: true }),
            (r#""secret":{"secretName":"x","defaultMode":256}"#, VolumeKind::Files { readable: false }),
            (r#""projected":{"defaultMode":420,"sources":[]}"#, VolumeKind::Files { readable: true }),
            (r#""secret":{"items":[{"key":"k","path":"p","mode":256}]}"#, VolumeKind::Files { readable: false }),
            (r#""hostPath":{"path":"/var/log"}"#, VolumeKind::HostPath),
            (r#""persistentVolumeClaim":{"claimName":"x"}"#, VolumeKind::Claim),
            (r#""emptyDir":{}"#, VolumeKind::EmptyDir),
            (r#""nfs":{"server":"x"}"#, VolumeKind::Other),
            (r#""configMap":null"#, VolumeKind::Other),
        ] {
            let json = format!(r#"{{"name":"v",{json}}}"#);
            let volume: Volume<'_> = wire::read(&json).unwrap();
            assert_eq!(volume.kind(), kind, "{json}");
        }
    }
}
