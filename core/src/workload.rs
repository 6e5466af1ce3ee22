//! The pod specification inside a pod or any workload's template, borrowed from the body.
//!
//! One set of types reads every kind, so that one pass suffices whatever order the fields come in.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::wire::{List, Text, nullable};

/// The annotation of a pod that only shows what a node's static file says.
const MIRROR_POD: &str = "kubernetes.io/config.mirror";
/// Lowers the mode for one object or template.
const MODE: &str = "quench.dev/mode";
/// Names containers that are left alone.
const SKIP: &str = "quench.dev/skip";
/// The record of what the images were.
pub const ORIGINAL_IMAGES: &str = "quench.dev/original-images";

/// A kind of object that has a pod specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are Kubernetes' own")]
pub enum Kind {
    Pod,
    DaemonSet,
    Deployment,
    StatefulSet,
    ReplicaSet,
    Job,
    CronJob,
    ReplicationController,
}

impl Kind {
    /// The kind of that API group, where it has a pod specification.
    pub fn of(group: &str, kind: &str) -> Option<Self> {
        Some(match (group, kind) {
            ("", "Pod") => Self::Pod,
            ("", "ReplicationController") => Self::ReplicationController,
            ("apps", "DaemonSet") => Self::DaemonSet,
            ("apps", "Deployment") => Self::Deployment,
            ("apps", "StatefulSet") => Self::StatefulSet,
            ("apps", "ReplicaSet") => Self::ReplicaSet,
            ("batch", "Job") => Self::Job,
            ("batch", "CronJob") => Self::CronJob,
            _ => return None,
        })
    }

    /// Kubernetes' name of the kind.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pod => "Pod",
            Self::DaemonSet => "DaemonSet",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Job => "Job",
            Self::CronJob => "CronJob",
            Self::ReplicationController => "ReplicationController",
        }
    }

    /// JSON Pointer of the pod specification inside the object.
    pub fn pod_spec(self) -> &'static str {
        match self {
            Self::Pod => "/spec",
            Self::CronJob => "/spec/jobTemplate/spec/template/spec",
            _ => "/spec/template/spec",
        }
    }
}

/// An object with a pod specification, or a template inside one: what all kinds have in common.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Object<'a> {
    /// The metadata at this level; None where it is absent or null.
    #[serde(borrow)]
    pub metadata: Option<Metadata<'a>>,
    #[serde(borrow, deserialize_with = "nullable")]
    spec: PodSpec<'a>,
}

impl<'a> Object<'a> {
    /// The pod inside an object of that kind: the object itself, or its template. None where the template is missing.
    pub fn pod(&self, kind: Kind) -> Option<&Self> {
        match kind {
            Kind::Pod => Some(self),
            Kind::CronJob => self.spec.job_template.as_ref()?.spec.template.as_deref(),
            _ => self.spec.template.as_deref(),
        }
    }

    /// The annotations at this level.
    pub fn annotations(&self) -> Option<&Annotations<'a>> {
        self.metadata.as_ref().map(|metadata| &metadata.annotations)
    }

    /// The pod specification at this level.
    pub fn spec(&self) -> &PodSpec<'a> {
        &self.spec
    }
}

/// Of an object's metadata, what decisions depend on.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Metadata<'a> {
    /// Empty where the API server is to generate one.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// The prefix of a name that the API server generates.
    #[serde(borrow)]
    pub generate_name: Text<'a>,
    /// Set once the object is being deleted.
    #[serde(borrow)]
    pub deletion_timestamp: Text<'a>,
    /// The annotations that mean something here.
    #[serde(borrow)]
    pub annotations: Annotations<'a>,
    #[serde(borrow)]
    owner_references: List<OwnerReference<'a>>,
}

impl<'a> Metadata<'a> {
    /// The owner that manages the object, as `ownerReferences[].controller` tells.
    pub fn controller(&self) -> Option<&OwnerReference<'a>> {
        self.owner_references.iter().find(|owner| owner.controller)
    }
}

/// One entry of `ownerReferences`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference<'a> {
    /// The owner's API group and version.
    #[serde(borrow)]
    pub api_version: Text<'a>,
    /// The owner's kind.
    #[serde(borrow)]
    pub kind: Text<'a>,
    #[serde(deserialize_with = "nullable")]
    controller: bool,
}

/// The annotations that mean something here; the others are passed over.
#[derive(Debug, Default)]
pub struct Annotations<'a> {
    /// Whether the object has annotations at all: a patch must add the parent where it has none.
    pub present: bool,
    /// Whether the kubelet made the pod to show a static one.
    pub mirror_pod: bool,
    /// `quench.dev/mode`.
    pub mode: Option<Text<'a>>,
    /// `quench.dev/skip`.
    pub skip: Option<Text<'a>>,
    /// `quench.dev/original-images`.
    pub original_images: Option<Text<'a>>,
}

impl Annotations<'_> {
    /// Whether the annotations ask to leave the container of that name alone.
    pub fn skips(&self, container: &str) -> bool {
        self.skip.as_deref().is_some_and(|names| names.split(',').any(|name| name.trim() == container))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnnotationsVisitor;

        impl<'de> Visitor<'de> for AnnotationsVisitor {
            type Value = Annotations<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of strings")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Annotations::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut annotations = Annotations { present: true, ..Annotations::default() };
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match &*key {
                        MIRROR_POD => {
                            map.next_value::<IgnoredAny>()?;
                            annotations.mirror_pod = true;
                        }
                        MODE => annotations.mode = map.next_value()?,
                        SKIP => annotations.skip = map.next_value()?,
                        ORIGINAL_IMAGES => annotations.original_images = map.next_value()?,
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(annotations)
            }
        }

        deserializer.deserialize_any(AnnotationsVisitor)
    }
}

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
    template: Option<Box<Object<'a>>>,
    #[serde(borrow)]
    job_template: Option<Box<Object<'a>>>,
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

/// A list of the pod specification that holds images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageList {
    /// `initContainers`, native sidecars among them.
    InitContainers,
    /// `containers`.
    Containers,
    /// `ephemeralContainers`.
    EphemeralContainers,
    /// `volumes[].image`.
    Volumes,
}

impl ImageList {
    const ALL: [Self; 4] = [Self::InitContainers, Self::Containers, Self::EphemeralContainers, Self::Volumes];
}

/// Where an image stands in the pod specification; displayed as JSON Pointer below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The list.
    pub list: ImageList,
    /// The position in it.
    pub index: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (list, field) = match self.list {
            ImageList::InitContainers => ("initContainers", "image"),
            ImageList::Containers => ("containers", "image"),
            ImageList::EphemeralContainers => ("ephemeralContainers", "image"),
            ImageList::Volumes => ("volumes", "image/reference"),
        };
        write!(f, "/{list}/{}/{field}", self.index)
    }
}

/// One image field of a pod.
#[derive(Debug, Clone, Copy)]
pub struct Image<'o, 'a> {
    /// Where it stands.
    pub place: Place,
    /// Name of the container or volume.
    pub name: &'o str,
    /// What is written there.
    pub reference: &'o str,
    /// The container; None for a volume.
    pub container: Option<&'o Container<'a>>,
}

/// A container: what every decision needs as values, what only hazards read as slices of the body.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    image: Text<'a>,
    /// The ports that it says it listens on.
    pub ports: List<Port>,
    /// The settings of its own.
    #[serde(borrow, deserialize_with = "nullable")]
    pub security_context: SecurityContext<'a>,
    #[serde(borrow)]
    command: Option<&'a RawValue>,
    #[serde(borrow)]
    args: Option<&'a RawValue>,
    #[serde(borrow)]
    lifecycle: Option<&'a RawValue>,
    #[serde(borrow)]
    liveness_probe: Option<&'a RawValue>,
    #[serde(borrow)]
    readiness_probe: Option<&'a RawValue>,
    #[serde(borrow)]
    startup_probe: Option<&'a RawValue>,
}

impl Container<'_> {
    /// Whether the command, the arguments, a hook or a probe has `program` as a word.
    ///
    /// Looks at the JSON text: encoders escape only `<`, `>`, `&`, quotes and control characters, none of which a
    /// program's name has.
    pub fn mentions(&self, program: &str) -> bool {
        let part_of_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
        [self.command, self.args, self.lifecycle, self.liveness_probe, self.readiness_probe, self.startup_probe]
            .into_iter()
            .flatten()
            .flat_map(|raw| raw.get().match_indices(program).map(|(at, _)| raw.get().split_at(at)))
            .any(|(before, from)| {
                let after = from.get(program.len()..).unwrap_or_default();
                !before.ends_with(part_of_word) && !after.starts_with(part_of_word)
            })
    }
}

/// An entry of a container's `ports`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Port {
    /// The port inside the pod's network.
    #[serde(deserialize_with = "nullable")]
    pub container_port: i64,
}

/// A container's `securityContext`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
#[expect(missing_docs, reason = "the fields are Kubernetes' own")]
pub struct SecurityContext<'a> {
    pub run_as_non_root: Option<bool>,
    pub run_as_user: Option<i64>,
    #[serde(deserialize_with = "nullable")]
    pub privileged: bool,
    #[serde(borrow, deserialize_with = "nullable")]
    pub capabilities: Capabilities<'a>,
}

/// A container's `securityContext.capabilities`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Capabilities<'a> {
    /// What it has beyond the runtime's default.
    #[serde(borrow)]
    pub add: List<Text<'a>>,
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
    fn finds_the_pod_of_every_kind() {
        let pod = r#"{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}}"#;
        for (kind, json) in [
            (Kind::Pod, pod.to_owned()),
            (Kind::DaemonSet, format!(r#"{{"spec":{{"template":{pod}}}}}"#)),
            (Kind::CronJob, format!(r#"{{"spec":{{"jobTemplate":{{"spec":{{"template":{pod}}}}}}}}}"#)),
        ] {
            let object: Object<'_> = serde_json::from_str(&json).unwrap();
            let image = object.pod(kind).unwrap().spec().image(ImageList::Containers, "c");
            assert_eq!(image, Some("i"), "{kind:?}");
        }
        assert!(Object::default().pod(Kind::Job).is_none());
    }

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
    fn nulls_are_absent_everywhere() {
        let object: Object<'_> = serde_json::from_str(
            r#"{"metadata":{"name":null,"annotations":null,"ownerReferences":null},"spec":{"containers":[{"name":null,"image":null,
                "ports":[{"containerPort":null}],"securityContext":{"capabilities":null,"privileged":null,"runAsUser":null},"command":null}],
                "initContainers":null,"volumes":null,"imagePullSecrets":null,"securityContext":null,"os":null,"nodeSelector":null,
                "hostPID":null,"template":null}}"#,
        )
        .unwrap();
        assert_eq!(object.spec().images().count(), 1);
        assert!(object.spec().image_pull_secrets.is_none() && !object.metadata.unwrap().annotations.present);
    }

    #[test]
    fn mentions_are_whole_words() {
        for (json, mentioned) in [
            (r#"{"command":["nsenter","-t","1"]}"#, true),
            (r#"{"args":["-c","cp x && /usr/bin/nsenter -t 1"]}"#, true),
            (r#"{"lifecycle":{"preStop":{"exec":{"command":["nsenter"]}}}}"#, true),
            (r#"{"livenessProbe":{"exec":{"command":["/bin/nsenter"]}}}"#, true),
            (r#"{"command":["nsenterprise"]}"#, false),
            (r#"{"command":["my-nsenter"]}"#, false),
            (r#"{"env":[{"name":"A","value":"nsenter"}]}"#, false),
        ] {
            let container: Container<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(container.mentions("nsenter"), mentioned, "{json}");
        }
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
