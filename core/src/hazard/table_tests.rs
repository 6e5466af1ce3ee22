//! What the tables of hazards have in common.

use std::sync::LazyLock;

use super::{Counterpart, Hazard, Inherited, of_container};
use crate::answer::warning::line;
use crate::catalog::{BuildId, Catalog, Facts, Image as CatalogImage};
use crate::decide::plan::{Purpose, Request, plan};
use crate::policy::{Mode, Policy};
use crate::presence::Existing;
use crate::read::review::Operation;
use crate::read::workload::{Kind, Object, PodSpec};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::embedded);

/// The codes of a container that could become the image `name` with these facts, and what the catalog knows of its start: from the rest of its fields, and those of its pod.
pub(crate) fn codes(container: &str, pod: &str, facts: Facts<'_>, name: &str) -> Vec<&'static str> {
    let comma = if pod.is_empty() { "" } else { "," };
    let json = format!(r#"{{"containers":[{{"name":"c","image":"{name}:1"{container}}}]{comma}{pod}}}"#);
    let spec: PodSpec<'_> = crate::read::wire::read(&json).unwrap_or_else(|error| panic!("{json}: {error}"));
    let image = spec.images().find(|image| image.container.is_some()).unwrap();
    let start = CATALOG.get(name).and_then(CatalogImage::start);
    let facts = Facts { start, build: BuildId { os: "debian-13", ..BuildId::default() }, ..facts };
    let (inherited, counterpart) = (Inherited::of(&spec, &[]), Counterpart::Candidate(facts));
    let found = of_container(image.container.unwrap(), &inherited, &counterpart);
    found.map(|hazard| hazard.code().name()).filter(|code| *code != "missing-nonroot").collect()
}

/// `warnings` of an object with real images, and how many images are rewritten; `hazards` is that part of the policy.
pub(crate) fn settled(kind: Kind, object: &str, hazards: &str) -> (Vec<String>, Option<String>, usize) {
    let policy = format!(
        "apiVersion: quench.dev/v1alpha1\nkind: Policy\nhazards: {{missing-nonroot: ignore, {hazards}}}\nworkloads: {{StatefulSet: rewrite}}"
    );
    let policy = Policy::parse(&policy, "policy.yaml").unwrap();
    let catalog = Catalog::embedded();
    let object: Object<'_> = crate::read::wire::read(object).unwrap_or_else(|error| panic!("{object}: {error}"));
    let (operation, mode, purpose) = (Operation::Create, Mode::Enforce, Purpose::Review);
    let request =
        Request { object: &object, old: None, kind, operation, ephemeral: false, mode, purpose, absent_secrets: &[] };
    let outcome = plan(&request, &policy, &catalog).settle(&Existing::declared());
    let patch = outcome.patch_text();
    (outcome.warnings().to_vec(), outcome.denial().map(str::to_owned), patch.matches("/image\"").count())
}

/// The codes of a pod with real images.
pub(crate) fn warned(spec: &str) -> Vec<String> {
    let (warnings, _, _) = settled(Kind::Pod, &format!(r#"{{"metadata":{{"name":"p"}},"spec":{spec}}}"#), "");
    let code = |line: &str| line.rsplit_once('[').map_or("", |(_, code)| code.trim_end_matches(']')).to_owned();
    warnings.iter().map(|line| code(line)).collect()
}

/// The line that people read is whole, also behind a name that is cut.
pub(crate) fn assert_fits(hazard: &Hazard<'_>) {
    let name = "a-name-that-is-longer-than-twenty";
    let json = format!(r#"{{"containers":[{{"name":"{name}","image":"i"}}]}}"#);
    let spec: PodSpec<'_> = crate::read::wire::read(&json).unwrap();
    let line = line(&spec.images().next().unwrap(), hazard, Some(hazard.code()));
    assert!(line.contains(&hazard.to_string()), "{line}");
}
