//! Reads the pod specification of a pod or of a workload's template; its texts borrow from the HTTP body.
//!
//! One set of types serves every kind: the body is read only once, and the kind may be written after the object.

mod container;
mod image;
mod metadata;
mod node;
mod parsed_container;
mod pod;
mod volume;

pub use self::container::{Capabilities, Container, Port, SecurityContext};
pub use self::image::{Image, ImageList, Place};
pub(crate) use self::metadata::Composer;
pub use self::metadata::{Annotations, Metadata, OwnerReference};
pub(crate) use self::parsed_container::{Handler, Mount, ParsedContainer, Variable, is_below};
pub use self::pod::{LocalReference, PodSecurityContext, PodSpec, Sysctl};
pub(crate) use self::volume::{NodePath, Volume, VolumeKind};
use crate::read::wire::fields;

/// The annotation in which quench records the images that it replaced.
pub const ORIGINAL_IMAGES: &str = "quench.dev/original-images";

/// Returns the group of an `apiVersion`: `apps` of `apps/v1`, empty for `v1`.
pub(crate) fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

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
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Pod,
        Self::DaemonSet,
        Self::Deployment,
        Self::StatefulSet,
        Self::ReplicaSet,
        Self::Job,
        Self::CronJob,
        Self::ReplicationController,
    ];

    /// Returns the kind by API group and name; `None` if objects of that kind have no pod specification.
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

    /// Returns the name that Kubernetes uses, such as `Pod`.
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

    /// Returns the JSON Pointer of the pod specification inside the object.
    pub fn pod_spec(self) -> &'static str {
        match self {
            Self::Pod => "/spec",
            Self::CronJob => "/spec/jobTemplate/spec/template/spec",
            _ => "/spec/template/spec",
        }
    }
}

/// An object with a pod specification, or the template inside one.
#[derive(Debug, Default)]
pub struct Object<'a> {
    /// The metadata of this object or template; `None` if absent or null.
    pub metadata: Option<Metadata<'a>>,
    spec: PodSpec<'a>,
}

fields!(Object<'a> { "metadata" => metadata, "spec" => spec });

impl<'a> Object<'a> {
    /// Returns the pod of an object of this kind: the object itself or its pod template; `None` if it has no template.
    pub fn pod(&self, kind: Kind) -> Option<&Self> {
        match kind {
            Kind::Pod => Some(self),
            Kind::CronJob => self.spec.job_template.as_ref()?.spec.template.as_deref(),
            _ => self.spec.template.as_deref(),
        }
    }

    /// Returns the annotations of this object or template; `None` if it has no metadata.
    pub fn annotations(&self) -> Option<&Annotations<'a>> {
        self.metadata.as_ref().map(|metadata| &metadata.annotations)
    }

    /// Returns the `spec` of this object or template.
    pub fn spec(&self) -> &PodSpec<'a> {
        &self.spec
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
            let object: Object<'_> = crate::read::wire::read(&json).unwrap();
            let place = Place { list: ImageList::Containers, index: 0 };
            let image = object.pod(kind).unwrap().spec().image_at(place).map(|image| (image.name, image.reference));
            assert_eq!(image, Some(("c", "i")), "{kind:?}");
        }
        assert!(Object::default().pod(Kind::Job).is_none());
    }

    #[test]
    fn nulls_are_absent_everywhere() {
        let object: Object<'_> = crate::read::wire::read(
            r#"{"metadata":{"name":null,"annotations":null,"ownerReferences":null},"spec":{"containers":[{"name":null,"image":null,
                "ports":[{"containerPort":null}],"securityContext":{"capabilities":null,"privileged":null,"runAsUser":null},"command":null}],
                "initContainers":null,"volumes":null,"imagePullSecrets":null,"securityContext":null,"os":null,"nodeSelector":null,
                "hostPID":null,"template":null}}"#,
        )
        .unwrap();
        assert_eq!(object.spec().images().count(), 1);
        assert!(object.spec().image_pull_secrets.is_none() && !object.metadata.unwrap().annotations.present);
    }
}
