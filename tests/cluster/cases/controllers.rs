//! Pods that Kubernetes' own controllers make.

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
          containers: [{name: cache, image: 'redis:8.10.1'}]
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
                json!("redis:8.10.1"),
                json!("redis:8.10.1"),
                json!("dhi.io/redis:8.10.1"),
                json!([{"name": "dhi-pull-secret"}]),
                json!(r#"{"cache":"redis:8.10.1"}"#),
            ]
        );
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
            "spec": {"containers": [{"name": "web", "image": "nginx:1.31.4", "ports": [{"containerPort": 80}]}]},
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
