//! Nodes that a pod may run on and that a hardened image has no build for.

use super::{Hazard, Inherited};
use crate::catalog::{Facts, Platform};
use crate::presence::Published;
use crate::read::workload::PodSpec;

/// An architecture of `nodes` that the pod does not rule out and the image lacks. An image whose architectures are unknown has all.
pub(super) fn platform_missing<'p>(
    pod: &'p PodSpec<'_>,
    nodes: &'p [Platform],
    facts: &Facts<'_>,
) -> Option<Hazard<'p>> {
    let built = |architecture: &str| facts.platforms.iter().any(|built| **built == *architecture);
    if facts.platforms.is_empty() { None } else { missing(pod, nodes, built) }
}

/// The same by the platforms that a registry lists.
pub(crate) fn platform_missing_of<'p>(pod: &Inherited<'p>, published: &Published) -> Option<Hazard<'p>> {
    missing(pod.pod, pod.nodes, |architecture| published.has(architecture))
}

fn missing<'p>(pod: &'p PodSpec<'_>, nodes: &'p [Platform], built: impl Fn(&str) -> bool) -> Option<Hazard<'p>> {
    let nodes = nodes.iter().map(Platform::architecture);
    let mut architectures = pod.architecture().into_iter().chain(nodes);
    architectures
        .find(|architecture| !built(architecture) && pod.may_run_on(architecture))
        .map(|architecture| Hazard::PlatformMissing { architecture })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    #[test]
    fn an_architecture_that_nodes_may_have_and_the_image_lacks() {
        let nodes = Policy::default().platforms;
        for (pod, built, missing) in [
            ("{}", &["amd64"][..], Some("arm64")),
            (r#"{"nodeSelector":{"kubernetes.io/arch":"amd64"}}"#, &["amd64"], None),
            (r#"{"nodeSelector":{"kubernetes.io/arch":"amd64"}}"#, &["arm64"], Some("amd64")),
            (r#"{"nodeSelector":{"kubernetes.io/arch":"s390x"}}"#, &["amd64", "arm64"], Some("s390x")),
            (r#"{"nodeSelector":{"kubernetes.io/os":"linux"}}"#, &["amd64"], Some("arm64")),
            (r#"{"affinity":{"nodeAffinity":{}}}"#, &["amd64"], Some("arm64")),
            ("{}", &["amd64", "arm64"], None),
            ("{}", &["amd64", "arm64", "s390x"], None),
            (r#"{"nodeSelector":{"beta.kubernetes.io/arch":"amd64"}}"#, &["amd64"], None),
            // Nothing is known.
            ("{}", &[], None),
        ] {
            let spec: PodSpec<'_> = crate::read::wire::read(pod).unwrap();
            let platforms: Vec<Box<str>> = built.iter().map(|built| Box::from(*built)).collect();
            let facts = Facts { platforms: &platforms, ..crate::hazard::tests::runs_as(65532) };
            let found = platform_missing(&spec, &nodes, &facts);
            assert_eq!(found, missing.map(|architecture| Hazard::PlatformMissing { architecture }), "{pod} {built:?}");
        }
    }
}
