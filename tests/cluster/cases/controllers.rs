//! Tests pods that the controllers of Kubernetes create.

use serde_json::json;

use crate::cluster::Cluster;
use crate::kubectl::eventually;
use crate::namespace::Served;

pub(crate) fn a_cronjobs_pods_arrive_hardened(cluster: &Cluster) {
    let every_minute = "
apiVersion: batch/v1
kind: CronJob
metadata: {name: minutely}
spec:
  schedule: '* * * * *'
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: minutely}}
        spec:
          restartPolicy: Never
          containers: [{name: cache, image: 'memcached:1.6.45'}]
";
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        namespace.kubectl.apply(every_minute);
        let pod = eventually("pod of the CronJob", || namespace.kubectl.list(&["pods"]).pop());
        let [cronjob, job] = ["cronjobs", "jobs"].map(|kind| namespace.kubectl.list(&[kind]).pop().unwrap());
        let image = |spec: &serde_json::Value| spec["template"]["spec"]["containers"][0]["image"].clone();
        assert_eq!(
            [
                image(&cronjob["spec"]["jobTemplate"]["spec"]),
                image(&job["spec"]),
                pod["spec"]["containers"][0]["image"].clone(),
                pod["spec"]["imagePullSecrets"].clone(),
                pod["metadata"]["annotations"]["quench.dev/original-images"].clone(),
            ],
            [
                json!("memcached:1.6.45"),
                json!("memcached:1.6.45"),
                json!("dhi.io/memcached:1.6.45"),
                json!([{"name": "dhi-pull-secret"}]),
                json!(r#"{"cache":"memcached:1.6.45"}"#),
            ]
        );
    });
}

/// As `CloudNativePG` does: it compares the images of its pods with the resource's, and replaces a pod whose image is another
/// (its issue 6344). Were the pod rewritten, it would be replaced for ever.
pub(crate) fn an_operator_that_compares_images_is_left_in_peace(cluster: &Cluster) {
    const RESOURCE: &str = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: clusters.postgresql.cnpg.io}
spec:
  group: postgresql.cnpg.io
  names: {kind: Cluster, plural: clusters}
  scope: Namespaced
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
";
    cluster.kubectl.apply(RESOURCE);
    cluster.kubectl.run(&["wait", "--for=condition=Established", "crd/clusters.postgresql.cnpg.io", "--timeout=60s"]);
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let resource = json!({
            "apiVersion": "postgresql.cnpg.io/v1",
            "kind": "Cluster",
            "metadata": {"name": "db"},
            "spec": {"imageName": "memcached:1.6.45"},
        });
        eventually("resource's kind", || {
            let said = namespace.kubectl.try_with(&resource.to_string(), &["apply", "-f", "-"]);
            said.succeeded.then_some(())
        });
        let resource = namespace.kubectl.get(&["clusters.postgresql.cnpg.io", "db"]);
        let image = &resource["spec"]["imageName"];
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "db-1"},
            "spec": {"containers": [{"name": "db", "image": image}]},
        });
        let create = ["create", "-o", "json", "-f", "-"];
        let by_hand = namespace.kubectl.with(&pod.to_string(), &[&create[..], &["--dry-run=server"]].concat());
        assert_eq!(
            by_hand.json()["spec"]["containers"][0]["image"],
            "dhi.io/memcached:1.6.45",
            "it is one that is rewritten"
        );

        pod["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "postgresql.cnpg.io/v1",
            "kind": "Cluster",
            "name": "db",
            "uid": resource["metadata"]["uid"],
            "controller": true,
        }]);
        let mut replaced = 0;
        while namespace.kubectl.with(&pod.to_string(), &create).json()["spec"]["containers"][0]["image"] != *image {
            namespace.kubectl.run(&["delete", "pod", "db-1", "--grace-period=0", "--force"]);
            replaced += 1;
            assert!(replaced < 3, "the operator replaces its pod again and again");
        }
        assert_eq!(replaced, 0);
        let pod = namespace.kubectl.get(&["pod", "db-1"]);
        assert_eq!((&pod["spec"]["imagePullSecrets"], &pod["metadata"]["annotations"]), (&json!(null), &json!(null)));
    });
}

/// As the `ReplicaSet`'s controller, and as a person.
pub(crate) fn pods_of_controllers_warn_nobody(cluster: &Cluster) {
    const CONTROLLER: &str = "--as=system:serviceaccount:kube-system:replicaset-controller";
    cluster.with_temp_ns(Served::ByDefault, |namespace| {
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web"},
            "spec": {"containers": [{"name": "web", "image": "nginx:1.31.4", "ports": [{"containerPort": 8080}]}]},
        });
        let create = ["create", "--dry-run=server", "-o", "jsonpath={.spec.containers[*].image}", "-f", "-"];
        let person = namespace.kubectl.with(&pod.to_string(), &create);
        pod["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "7d6b", "controller": true,
        }]);
        let controller = namespace.kubectl.with(&pod.to_string(), &[&create[..], &[CONTROLLER]].concat());
        assert_eq!([&*person.stdout, &*controller.stdout], ["dhi.io/nginx:1.31.4"; 2]);
        assert_eq!((person.warnings().is_empty(), controller.warnings()), (false, vec![]));
    });
}
