//! The specification of a pod.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::Object;
use super::container::Container;
use super::image::{Image, ImageList, Place};
use crate::wire::{List, Text, nullable};

/// A pod specification; or that of a workload, which holds it in a template.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec<'a> {
    #[serde(borrow)]
    containers: List<Container<'a>>,
    #[serde(borrow)]
    init_containers: List<Container<'a>>,
    #[serde(borrow)]
    ephemeral_containers: List<Container<'a>>,
    #[serde(borrow)]
    volumes: List<Volume<'a>>,
    /// None where the field is absent or null.
    #[serde(borrow)]
    pub image_pull_secrets: Option<List<LocalReference<'a>>>,
    /// The settings that containers inherit.
    #[serde(borrow, deserialize_with = "nullable")]
    pub security_context: PodSecurityContext<'a>,
    /// Whether the pod sees the node's processes.
    #[serde(rename = "hostPID", deserialize_with = "nullable")]
    pub host_pid: bool,
    #[serde(borrow, deserialize_with = "nullable")]
    os: OperatingSystem<'a>,
    node_selector: NodeSelector,
    #[serde(borrow)]
    pub(super) template: Option<Box<Object<'a>>>,
    #[serde(borrow)]
    pub(super) job_template: Option<Box<Object<'a>>>,
}

impl<'a> PodSpec<'a> {
    /// Every image of the pod: init containers, containers, ephemeral containers, image volumes.
    pub fn images(&self) -> impl Iterator<Item = Image<'_, 'a>> {
        ImageList::ALL.into_iter().flat_map(|list| self.images_of(list))
    }

    /// The image of that name in that list.
    pub fn image(&self, list: ImageList, name: &str) -> Option<&str> {
        self.images_of(list).find(|image| image.name == name).map(|image| image.reference)
    }

    /// How many containers the pod has, of any sort.
    pub fn container_count(&self) -> usize {
        self.containers.len() + self.init_containers.len() + self.ephemeral_containers.len()
    }

    /// Whether the pod can only run on Windows nodes.
    pub fn is_windows(&self) -> bool {
        &*self.os.name == "windows" || self.node_selector.windows
    }

    fn images_of(&self, list: ImageList) -> impl Iterator<Item = Image<'_, 'a>> {
        let containers: &[Container<'a>] = match list {
            ImageList::InitContainers => &self.init_containers,
            ImageList::Containers => &self.containers,
            ImageList::EphemeralContainers => &self.ephemeral_containers,
            ImageList::Volumes => &[],
        };
        let volumes: &[Volume<'a>] = if list == ImageList::Volumes { &self.volumes } else { &[] };
        let containers = containers.iter().enumerate().map(move |(index, container)| Image {
            place: Place { list, index },
            name: &container.name,
            reference: &container.image,
            container: Some(container),
        });
        let volumes = volumes.iter().enumerate().filter_map(move |(index, volume)| {
            let source = volume.image.as_ref()?;
            Some(Image {
                place: Place { list, index },
                name: &volume.name,
                reference: &source.reference,
                container: None,
            })
        });
        containers.chain(volumes)
    }
}

/// A pod's `securityContext`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are Kubernetes' own")]
pub struct PodSecurityContext<'a> {
    pub run_as_non_root: Option<bool>,
    pub run_as_user: Option<i64>,
    #[serde(borrow)]
    pub sysctls: List<Sysctl<'a>>,
}

/// A kernel parameter of the pod.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are Kubernetes' own")]
pub struct Sysctl<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow)]
    pub value: Text<'a>,
}
/// A reference to an object of the same namespace.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct LocalReference<'a> {
    /// Its name.
    #[serde(borrow)]
    pub name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OperatingSystem<'a> {
    #[serde(borrow)]
    name: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Volume<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    image: Option<ImageSource<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ImageSource<'a> {
    #[serde(borrow)]
    reference: Text<'a>,
}

/// Of a node selector, whether it asks for Windows.
#[derive(Debug, Default)]
struct NodeSelector {
    windows: bool,
}

impl<'de> Deserialize<'de> for NodeSelector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeSelectorVisitor;

        impl<'de> Visitor<'de> for NodeSelectorVisitor {
            type Value = NodeSelector;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(NodeSelector::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut selector = NodeSelector::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    let value: Text<'de> = map.next_value()?;
                    selector.windows |=
                        matches!(&*key, "kubernetes.io/os" | "beta.kubernetes.io/os") && &*value == "windows";
                }
                Ok(selector)
            }
        }

        deserializer.deserialize_any(NodeSelectorVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_places() {
        let spec: PodSpec<'_> = serde_json::from_str(
            r#"{"containers":[null,{"name":"b","image":"i1"}],"initContainers":[{"name":"s","image":"i2","restartPolicy":"Always"}],
                "ephemeralContainers":[{"name":"e","image":"i3"}],
                "volumes":[{"name":"x","emptyDir":{}},{"name":"v","image":{"reference":"i4"}},{"name":"n","image":null}]}"#,
        )
        .unwrap();
        let found: Vec<_> = spec.images().map(|image| (image.place.to_string(), image.name, image.reference)).collect();
        let place = |path: &str| path.to_owned();
        assert_eq!(
            found,
            [
                (place("/initContainers/0/image"), "s", "i2"),
                (place("/containers/0/image"), "", ""),
                (place("/containers/1/image"), "b", "i1"),
                (place("/ephemeralContainers/0/image"), "e", "i3"),
                (place("/volumes/1/image/reference"), "v", "i4"),
            ]
        );
    }

    #[test]
    fn windows_by_any_of_its_names() {
        for (json, windows) in [
            (r#"{"os":{"name":"windows"}}"#, true),
            (r#"{"nodeSelector":{"kubernetes.io/os":"windows"}}"#, true),
            (r#"{"nodeSelector":{"beta.kubernetes.io/os":"windows"}}"#, true),
            (r#"{"os":{"name":"linux"},"nodeSelector":{"kubernetes.io/os":"linux"}}"#, false),
        ] {
            assert_eq!(serde_json::from_str::<PodSpec<'_>>(json).unwrap().is_windows(), windows, "{json}");
        }
    }
}
