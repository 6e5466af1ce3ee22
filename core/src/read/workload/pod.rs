//! Reads the specification of a pod.

use std::sync::OnceLock;

use super::Object;
use super::container::Container;
use super::image::{Image, ImageList, Place};
use super::node::{NodeSelector, affinity_allows};
use super::volume::Volume;
use crate::read::wire::{self, List, Raw, Text, fields};

/// The number of volumes up to which they are searched one by one; more are sorted by name first.
const FEW: usize = 16;

/// The `spec` of a pod, or the `spec` of a workload that contains a pod template.
#[derive(Debug, Default)]
pub struct PodSpec<'a> {
    containers: List<Container<'a>>,
    init_containers: List<Container<'a>>,
    ephemeral_containers: List<Container<'a>>,
    volumes: List<Volume<'a>>,
    /// The positions of the volumes, sorted by name.
    volumes_by_name: OnceLock<Vec<usize>>,
    has_host_paths: OnceLock<bool>,
    /// The pull secrets; `None` if absent or null.
    pub image_pull_secrets: Option<List<LocalReference<'a>>>,
    /// The security settings that containers inherit.
    pub security_context: PodSecurityContext<'a>,
    /// Whether the pod's containers see each other's processes (`shareProcessNamespace`).
    pub share_process_namespace: bool,
    /// Whether the pod uses the node's network (`hostNetwork`).
    pub host_network: bool,
    service_account: Text<'a>,
    os: OperatingSystem<'a>,
    node_selector: NodeSelector<'a>,
    affinity: Raw<'a>,
    pub(super) template: Option<Box<Object<'a>>>,
    pub(super) job_template: Option<Box<Object<'a>>>,
}

fields!(PodSpec<'a> {
    "containers" => containers,
    "initContainers" => init_containers,
    "ephemeralContainers" => ephemeral_containers,
    "volumes" => volumes,
    "imagePullSecrets" => image_pull_secrets,
    "securityContext" => security_context,
    "shareProcessNamespace" => share_process_namespace,
    "hostNetwork" => host_network,
    "serviceAccountName" => service_account,
    "os" => os,
    "nodeSelector" => node_selector,
    "affinity" => affinity,
    "template" => template,
    "jobTemplate" => job_template,
});

impl<'a> PodSpec<'a> {
    /// Returns the images of init containers, containers, ephemeral containers and image volumes, in this order.
    pub fn images(&self) -> impl Iterator<Item = Image<'_, 'a>> {
        ImageList::ALL.into_iter().flat_map(|list| self.images_of(list))
    }

    /// Returns the image at a place; `None` if the pod has no container or image volume there.
    pub fn image_at(&self, place: Place) -> Option<Image<'_, 'a>> {
        if place.list == ImageList::Volumes {
            return self.volumes.get(place.index)?.as_image(place);
        }
        Some(self.containers_of(place.list).get(place.index)?.as_image(place))
    }

    /// Returns the volume of a name; `None` if the pod has none, as when a claim template of a `StatefulSet`
    /// provides it.
    pub(crate) fn volume(&self, name: &str) -> Option<&Volume<'a>> {
        if self.volumes.len() <= FEW {
            return self.volumes.iter().find(|volume| *volume.name == *name);
        }
        let name_at = |at: usize| self.volumes.get(at).map_or("", |volume| &*volume.name);
        let sorted = self.volumes_by_name.get_or_init(|| {
            let mut positions: Vec<usize> = (0..self.volumes.len()).collect();
            positions.sort_by_key(|at| name_at(*at));
            positions
        });
        let first = sorted.partition_point(|at| name_at(*at) < name);
        self.volumes.get(*sorted.get(first)?).filter(|volume| *volume.name == *name)
    }

    /// Reports whether any volume is a file or folder of the node (`hostPath`).
    pub(crate) fn has_host_paths(&self) -> bool {
        *self.has_host_paths.get_or_init(|| self.volumes.iter().any(Volume::is_host_path))
    }

    /// Returns the user that the specification sets for a container: the container's own, else the pod's.
    pub(crate) fn user_of(&self, container: &Container<'_>) -> Option<i64> {
        container.security_context.run_as_user.or(self.security_context.run_as_user)
    }

    /// Returns the pod's service account; empty if it names none.
    pub fn service_account(&self) -> &str {
        &self.service_account
    }

    /// Returns the number of containers, init containers and ephemeral containers.
    pub fn container_count(&self) -> usize {
        self.containers.len() + self.init_containers.len() + self.ephemeral_containers.len()
    }

    /// Reports whether the pod can run on Windows nodes only.
    pub fn is_windows(&self) -> bool {
        &*self.os.name == "windows" || &*self.node_selector.os == "windows"
    }

    /// Returns the architecture that the node selector requires; `None` if it requires none.
    pub(crate) fn architecture(&self) -> Option<&str> {
        Some(&*self.node_selector.architecture).filter(|architecture| !architecture.is_empty())
    }

    /// Reports whether nodes of an architecture satisfy the node selector and the required node affinity.
    pub fn may_run_on(&self, architecture: &str) -> bool {
        let selected = &self.node_selector.architecture;
        (selected.is_empty() || **selected == *architecture) && affinity_allows(self.affinity, architecture)
    }

    fn images_of(&self, list: ImageList) -> impl Iterator<Item = Image<'_, 'a>> {
        let place = move |index| Place { list, index };
        let volumes: &[Volume<'a>] = if list == ImageList::Volumes { &self.volumes } else { &[] };
        let containers = self.containers_of(list).iter().enumerate();
        let volumes = volumes.iter().enumerate().filter_map(move |(index, volume)| volume.as_image(place(index)));
        containers.map(move |(index, container)| container.as_image(place(index))).chain(volumes)
    }

    fn containers_of(&self, list: ImageList) -> &[Container<'a>] {
        match list {
            ImageList::InitContainers => &self.init_containers,
            ImageList::Containers => &self.containers,
            ImageList::EphemeralContainers => &self.ephemeral_containers,
            ImageList::Volumes => &[],
        }
    }
}

/// A pod's `securityContext`.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are Kubernetes' own")]
pub struct PodSecurityContext<'a> {
    pub run_as_non_root: Option<bool>,
    pub run_as_user: Option<i64>,
    pub run_as_group: Option<i64>,
    pub fs_group: Option<i64>,
    supplemental_groups: Raw<'a>,
    pub sysctls: List<Sysctl<'a>>,
}

fields!(PodSecurityContext<'a> {
    "runAsNonRoot" => run_as_non_root,
    "runAsUser" => run_as_user,
    "runAsGroup" => run_as_group,
    "fsGroup" => fs_group,
    "supplementalGroups" => supplemental_groups,
    "sysctls" => sysctls,
});

impl PodSecurityContext<'_> {
    /// Reports whether `supplementalGroups` lists any group.
    pub(crate) fn has_supplemental_groups(&self) -> bool {
        let groups = self.supplemental_groups.0.and_then(|json| wire::read::<List<i64>>(json).ok());
        groups.is_some_and(|groups| !groups.is_empty())
    }
}

/// A kernel parameter of the pod (`securityContext.sysctls`).
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "the fields are Kubernetes' own")]
pub struct Sysctl<'a> {
    pub name: Text<'a>,
    pub value: Text<'a>,
}

fields!(Sysctl<'a> { "name" => name, "value" => value });
/// A reference to an object of the same namespace, such as a pull secret.
#[derive(Debug, Default)]
pub struct LocalReference<'a> {
    /// The object's name.
    pub name: Text<'a>,
}

fields!(LocalReference<'a> { "name" => name });

#[derive(Debug, Default)]
struct OperatingSystem<'a> {
    name: Text<'a>,
}

fields!(OperatingSystem<'a> { "name" => name });

#[cfg(test)]
mod tests {
    use super::super::volume::VolumeKind;
    use super::*;

    #[test]
    fn images_have_places() {
        let spec: PodSpec<'_> = crate::read::wire::read(
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
    fn volumes_have_names() {
        for count in [3, 100] {
            let volumes: Vec<String> =
                (0..count).rev().map(|n| format!(r#"{{"name":"v{n}","emptyDir":{{}}}}"#)).collect();
            let json = format!(r#"{{"volumes":[{},{{"name":"v1","hostPath":{{}}}}]}}"#, volumes.join(","));
            let spec: PodSpec<'_> = crate::read::wire::read(&json).unwrap();
            for (name, is) in [("v0", true), ("v1", true), ("v2", true), ("v", false), ("w", false), ("", false)] {
                let found = spec.volume(name);
                assert_eq!(found.map(|volume| &*volume.name), is.then_some(name), "{count}");
                // The first of several volumes with the same name is found.
                assert!(found.is_none_or(|volume| volume.kind() == VolumeKind::EmptyDir), "{count} {name}");
            }
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
            assert_eq!(crate::read::wire::read::<PodSpec<'_>>(json).unwrap().is_windows(), windows, "{json}");
        }
    }
}
