//! Starts the machine as a node, and what else all cases share.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;
use std::{env, thread};

use crate::control_plane::ControlPlane;
use crate::kubectl::{Kubectl, eventually};
use crate::registry::Registry;
use crate::{images, quench, registry};

/// What `tests/cluster/build node` made.
const PROGRAMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cluster/bin");

pub(crate) struct Node {
    pub(crate) kubectl: Kubectl,
    pub(crate) dir: PathBuf,
    pub(crate) registry: Registry,
    pub(crate) control_plane: ControlPlane,
    _containerd: Child,
}

/// What `tests/node/within` says about the machine.
fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/node/run"))
}

impl Node {
    /// Everything up, quench installed and in effect. It ends with the machine.
    pub(crate) fn start() -> Self {
        let start = Instant::now();
        let dir = PathBuf::from(setting("NODE_DIR"));
        let address = setting("NODE_ADDRESS");
        let registry = Registry::start(&dir, &address);
        let socket = dir.join("containerd.sock");
        let containerd = start_containerd(&dir, &socket, &registry);
        thread::scope(|scope| {
            scope.spawn(|| images::push_all(&dir));
            for archive in [images::pause(&dir), PathBuf::from(setting("QUENCH_IMAGE"))] {
                ctr(&socket, &["images", "import", archive.to_str().unwrap()]);
            }
        });
        println!("registry, containerd and images ready after {:.1} s", start.elapsed().as_secs_f64());

        let cgroup = setting("NODE_CGROUP");
        let program =
            ["control-plane", "--address", &address, "--runtime", socket.to_str().unwrap(), "--cgroup", &cgroup];
        let control_plane = ControlPlane::start(&dir, program.map(str::to_owned).into());
        let node = Self { kubectl: control_plane.kubectl(), dir, registry, control_plane, _containerd: containerd };
        println!("node ready after {:.1} s", start.elapsed().as_secs_f64());
        quench::install(&node);
        println!("quench in effect after {:.1} s", start.elapsed().as_secs_f64());
        node
    }
}

fn start_containerd(dir: &Path, socket: &Path, registry: &Registry) -> Child {
    let folder = |name: &str| {
        let folder = dir.join(name);
        fs::create_dir_all(&folder).unwrap();
        folder.to_str().unwrap().to_owned()
    };
    let hosts = folder("hosts");
    fs::create_dir_all(format!("{hosts}/{}", registry::HOST)).unwrap();
    fs::write(
        format!("{hosts}/{}/hosts.toml", registry::HOST),
        format!("[host.'https://{}']\nca = '{}'\n", registry::HOST, registry.certificate().display()),
    )
    .unwrap();
    // Neither may pods have a lower score than this machine may give, nor names of the folders be longer than a socket's may.
    let config = format!(
        "version = 3
root = '{root}'
state = '{state}'
[grpc]
address = '{socket}'
[ttrpc]
address = '{socket}.ttrpc'
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = '{pause}'
[plugins.'io.containerd.cri.v1.images'.registry]
config_path = '{hosts}'
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ['/usr/lib/cni']
conf_dir = '{network}'
",
        root = folder("containerd"),
        state = "/run/containerd-state",
        socket = socket.display(),
        pause = images::PAUSE,
        network = folder("cni"),
    );
    fs::write(dir.join("containerd.toml"), config).unwrap();
    // One bridge for all pods; what they send elsewhere leaves in the name of the node.
    let network = r#"{"cniVersion": "0.4.0", "name": "pods", "plugins": [
        {"type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": true, "hairpinMode": true,
         "ipam": {"type": "host-local", "subnet": "10.244.0.0/24", "routes": [{"dst": "0.0.0.0/0"}]}},
        {"type": "portmap", "capabilities": {"portMappings": true}}]}"#;
    fs::write(dir.join("cni/pods.conflist"), network).unwrap();
    let log = File::create(dir.join("containerd.log")).unwrap();
    let containerd = Command::new(format!("{PROGRAMS}/containerd"))
        .arg("--config")
        .arg(dir.join("containerd.toml"))
        .env("PATH", format!("{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"))
        .stdin(Stdio::null())
        .stderr(log.try_clone().unwrap())
        .stdout(log)
        .spawn()
        .unwrap();
    eventually("containerd", || socket.exists().then_some(()));
    containerd
}

/// containerd's own client, among the images of Kubernetes.
fn ctr(socket: &Path, arguments: &[&str]) {
    let said = Command::new(format!("{PROGRAMS}/ctr"))
        .args(["--address", socket.to_str().unwrap(), "--namespace", "k8s.io"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(said.status.success(), "ctr {arguments:?}: {said:?}");
}
