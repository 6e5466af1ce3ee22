//! Finds the hazards of a reference itself, whatever container it is in.

use super::{Counterpart, Hazard};
use crate::read::workload::Composer;
use crate::reference::Reference;

/// The hazards of an image `from` that would become `target`, which has a digest or not. `is_public`: whether
/// hardened images come from the public catalog. `is_unknown`: whether `from` is in hardened form, but not in the catalog.
pub(crate) fn of_reference(
    from: &Reference,
    counterpart: &Counterpart<'_>,
    target: Option<&Reference>,
    is_public: bool,
    is_unknown: bool,
) -> impl Iterator<Item = Hazard<'static>> {
    let has_candidate = target.is_some() || matches!(counterpart, Counterpart::Candidate(_));
    let tag = from.tag().unwrap_or_default();
    let fips = has_candidate && is_public && is_fips(tag);
    let digest = target.is_some_and(|target| target.digest().is_none()) && from.digest().is_some();
    let development = matches!(counterpart, Counterpart::Hardened(_)) && tag.ends_with("-dev");
    [
        fips.then_some(Hazard::FipsUnavailable),
        digest.then_some(Hazard::DigestDropped),
        development.then_some(Hazard::DevVariant),
        is_unknown.then_some(Hazard::HardenedUnknown),
    ]
    .into_iter()
    .flatten()
}

/// Whether a tag asks for a FIPS build.
fn is_fips(tag: &str) -> bool {
    let is_fips = |word: &[u8]| {
        word.get(..4).is_some_and(|name| name.eq_ignore_ascii_case(b"fips"))
            && word.iter().skip(4).all(u8::is_ascii_digit)
    };
    tag.as_bytes().split(|byte| matches!(byte, b'-' | b'.' | b'_')).any(is_fips)
}

/// What an operator sets, and where.
struct Managed {
    composer: Composer,
    /// What the names of the images begin with.
    images: &'static [&'static str],
    setting: &'static str,
}

/// By operator.
const MANAGED: [Managed; 7] = [
    Managed { composer: Composer::Tigera, images: &["calico-"], setting: "`Installation` `spec.registry`" },
    Managed { composer: Composer::Istio, images: &["istio-"], setting: "`global.hub` of Istio" },
    Managed { composer: Composer::Cilium, images: &["cilium"], setting: "the images of its `CiliumConfig`" },
    Managed {
        composer: Composer::Prometheus,
        images: &["alertmanager", "prometheus", "thanos"],
        setting: "`spec.image` of its resource",
    },
    Managed { composer: Composer::OpenTelemetry, images: &["opentelemetry-"], setting: "`spec.image` of its resource" },
    Managed { composer: Composer::Strimzi, images: &["strimzi-"], setting: "the images of its `Kafka`" },
    Managed {
        composer: Composer::Elastic,
        images: &["elasticsearch", "filebeat", "kibana", "logstash"],
        setting: "`spec.image` of its resource",
    },
];

/// An image that its operator composes: what is known by `name` and was made by `composer`.
pub(crate) fn operator_managed(name: &str, composer: impl Fn() -> Option<Composer>) -> Option<Hazard<'static>> {
    let mut rows = MANAGED.iter().filter(|row| row.images.iter().any(|image| name.starts_with(image)));
    let row = rows.find(|row| composer() == Some(row.composer))?;
    Some(Hazard::OperatorManaged { setting: row.setting })
}

#[cfg(test)]
mod tests;
