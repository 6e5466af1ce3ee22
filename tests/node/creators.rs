//! Creates many pods from several clients, as in a busy cluster.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::json;
use tokio::time::sleep;

use crate::namespace::Namespace;
use crate::node::Node;

/// How many create at a time.
const CLIENTS: usize = 4;
/// How long each rests between two pods: the pods have to last as long as what happens to quench.
const PAUSE: Duration = Duration::from_millis(60);
const UPSTREAM: &str = "public.ecr.aws/karpenter/controller:1.14.1";
const HARDENED: &str = "registry.test:5000/dhi/karpenter:1.14.1";

/// What became of the pods.
#[derive(Debug, Default)]
pub(crate) struct Created {
    pub(crate) rewritten: usize,
    /// Admitted as they were.
    pub(crate) untouched: usize,
    pub(crate) refused: Vec<Refused>,
}

/// A pod that was not admitted.
#[derive(Debug)]
#[expect(dead_code, reason = "what it is, is for the message of a failed test")]
pub(crate) struct Refused {
    /// Since the start.
    pub(crate) at: Duration,
    pod: usize,
    why: String,
}

impl Created {
    pub(crate) fn total(&self) -> usize {
        self.rewritten + self.untouched + self.refused.len()
    }
}

/// Creates at least so many pods in the namespace, and goes on until `meanwhile` is over. None of them runs: no scheduler has their name.
pub(crate) fn create(
    node: &Node,
    namespace: &Namespace,
    start: Instant,
    at_least: usize,
    meanwhile: impl FnOnce(),
) -> Created {
    let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (over, count) = (&over, &count);
    thread::scope(|scope| {
        let creators: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    runtime.block_on(async {
                        let pods: Api<Pod> = Api::namespaced(client(&node.dir).await, &namespace.name);
                        let mut created = Created::default();
                        loop {
                            let number = count.fetch_add(1, Ordering::Relaxed);
                            if number >= at_least && over.load(Ordering::Relaxed) {
                                return created;
                            }
                            match pods.create(&PostParams::default(), &pod(number)).await {
                                Ok(pod) if image(&pod) == HARDENED => created.rewritten += 1,
                                Ok(_) => created.untouched += 1,
                                Err(error) => {
                                    let why = error.to_string();
                                    created.refused.push(Refused { at: start.elapsed(), pod: number, why });
                                }
                            }
                            sleep(PAUSE).await;
                        }
                    })
                })
            })
            .collect();
        // Over also when it fails: the creators have to end.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        over.store(true, Ordering::Relaxed);
        let all = creators.into_iter().map(|creator| creator.join().unwrap());
        let created = all.fold(Created::default(), |mut sum, one| {
            sum.rewritten += one.rewritten;
            sum.untouched += one.untouched;
            sum.refused.extend(one.refused);
            sum
        });
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
        created
    })
}

async fn client(dir: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(dir.join("pki/admin.kubeconfig")).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

fn pod(number: usize) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": format!("pod-{number}")},
        "spec": {"schedulerName": "nobody", "containers": [{"name": "c", "image": UPSTREAM}]},
    }))
    .unwrap()
}

fn image(pod: &Pod) -> &str {
    let containers = pod.spec.as_ref().map(|spec| &*spec.containers).unwrap_or_default();
    containers.first().and_then(|container| container.image.as_deref()).unwrap_or_default()
}
