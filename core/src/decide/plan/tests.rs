use super::*;
use crate::presence::Existing;

const POLICY: &str = "apiVersion: quench.dev/v1alpha1
kind: Policy
hazards: {missing-nonroot: ignore}
mirrors: [{from: ghcr.io, to: mirror.example.com/ghcr}]
owners: {tolerate: [argoproj.io/Workflow]}
pullSecrets: [{name: dhi, registries: [dhi.io]}, {name: dhi-too, registries: [dhi.io]}, {name: m, registries: [mirror.example.com/ghcr/closed]}]
";

/// Returns the code of the hazard that keeps the first container's image, if any, and the reference that it becomes.
fn decided(
    kind: Kind,
    operation: Operation,
    object: &str,
    old: Option<&str>,
) -> (Option<&'static str>, Option<String>) {
    let (policy, catalog) = (Policy::parse(POLICY, "policy.yaml").unwrap(), Catalog::embedded());
    let read = |json: &str| -> Object<'static> {
        crate::read::wire::read(Box::leak(json.to_owned().into_boxed_str()))
            .unwrap_or_else(|error| panic!("{json}: {error}"))
    };
    let (object, old) = (read(object), old.map(read));
    let request = Request {
        absent_secrets: &[],
        object: &object,
        old: old.as_ref(),
        kind,
        operation,
        ephemeral: false,
        mode: Mode::Enforce,
        purpose: Purpose::Review,
    };
    let plan = plan(&request, &policy, &catalog);
    let code =
        plan.findings.iter().find(|finding| finding.action >= Action::Keep).map(|finding| finding.hazard.code().name());
    let outcome = plan.settle(&Existing::declared());
    let to = outcome.changes().iter().find_map(|change| match change {
        crate::answer::outcome::Change::SetImage { to, .. } => Some(to.to_string()),
        _ => None,
    });
    (code, to)
}

#[test]
fn controllers_that_compare_images_keep_them() {
    let nginx = Some("dhi.io/nginx:1.31.4".to_owned());
    let owner = |api_version: &str, kind: &str, controller: bool| {
        format!(r#"{{"apiVersion":"{api_version}","kind":"{kind}","name":"o","uid":"u","controller":{controller}}}"#)
    };
    let foreign = Some("foreign-owner");
    for (image, owners, code, to) in [
        ("nginx:1.31.4", owner("postgresql.cnpg.io/v1", "Cluster", true), foreign, None),
        ("nginx:1.31.4", owner("core.strimzi.io/v1beta2", "StrimziPodSet", true), foreign, None),
        ("nginx:1.31.4", owner("tekton.dev/v1", "TaskRun", true), foreign, None),
        // A mirror's image has another reference as well, which the controller would see.
        ("ghcr.io/acme/app:1", owner("postgresql.cnpg.io/v1", "Cluster", true), foreign, None),
        ("nginx:1.31.4", owner("apps.kruise.io/v1alpha1", "StatefulSet", true), foreign, None),
        ("nginx:1.31.4", String::new(), None, nginx.clone()),
        ("nginx:1.31.4", owner("apps/v1", "ReplicaSet", true), None, nginx.clone()),
        ("nginx:1.31.4", owner("batch/v1", "Job", true), None, nginx.clone()),
        ("nginx:1.31.4", owner("argoproj.io/v1alpha1", "Workflow", true), None, nginx.clone()),
        // The pod has a controller that does not compose its images.
        ("nginx:1.31.4", owner("example.com/v1", "Lease", false), None, nginx),
        ("registry.example.com/app:1", owner("postgresql.cnpg.io/v1", "Cluster", true), None, None),
    ] {
        let object = format!(
            r#"{{"metadata":{{"name":"p","ownerReferences":[{owners}]}},"spec":{{"containers":[{{"name":"c","image":"{image}"}}]}}}}"#
        );
        assert_eq!(decided(Kind::Pod, Operation::Create, &object, None), (code, to), "{object}");
    }
}

#[test]
fn pods_that_exist_are_given_no_secret() {
    let pod = |image: &str, secrets: &str| {
        format!(r#"{{"spec":{{"containers":[{{"name":"c","image":"{image}"}}],"imagePullSecrets":[{secrets}]}}}}"#)
    };
    let (nginx, missing) = (Some("dhi.io/nginx:1.31.4".to_owned()), Some("pull-secret-missing"));
    let (open, closed) = ("mirror.example.com/ghcr/acme/app:1", "mirror.example.com/ghcr/closed/app:1");
    let (create, update) = (Operation::Create, Operation::Update);
    for (operation, image, secrets, code, to) in [
        (update, "nginx:1.31.4", "", missing, None),
        (update, "nginx:1.31.4", r#"{"name":"other"}"#, missing, None),
        (update, "nginx:1.31.4", r#"{"name":"m"}"#, missing, None),
        (update, "ghcr.io/closed/app:1", r#"{"name":"dhi"}"#, missing, None),
        (update, "nginx:1.31.4", r#"{"name":"dhi"}"#, None, nginx.clone()),
        // Any pull secret for the registry is enough.
        (update, "nginx:1.31.4", r#"{"name":"other"},{"name":"dhi-too"}"#, None, nginx.clone()),
        (update, "ghcr.io/closed/app:1", r#"{"name":"m"}"#, None, Some(closed.to_owned())),
        (update, "ghcr.io/acme/app:1", "", None, Some(open.to_owned())),
        (create, "nginx:1.31.4", "", None, nginx),
        (update, "registry.example.com/app:1", "", None, None),
    ] {
        let old = (operation == update).then(|| pod("busybox", secrets));
        let found = decided(Kind::Pod, operation, &pod(image, secrets), old.as_deref());
        assert_eq!(found, (code, to), "{operation:?} {image} {secrets}");
    }
}
