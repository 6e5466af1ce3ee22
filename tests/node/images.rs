//! Builds small images that are like hardened ones to a pod: path of the entrypoint, user, and no shell.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use serde_json::json;

use crate::oci::{File, Image};
use crate::registry;

/// What holds a pod's namespaces.
pub(crate) const PAUSE: &str = "node.test/pause:1";
/// Statically linked, so that it runs on nothing.
const BUSYBOX: &str = "/bin/busybox";

/// An image of the catalog, as a stand-in: it says who it runs as, and waits.
pub(crate) struct Hardened {
    /// `NAME:TAG`
    pub(crate) name: &'static str,
    user: &'static str,
    entrypoint: &'static [&'static str],
    /// A program that says that all is well.
    probe: Option<&'static str>,
}

/// A version that the catalog does not know.
pub(crate) const UNLISTED: &str = "karpenter:1.14.99";

/// What the five guides are about, by what the catalog says of them, and one that many pods can share.
pub(crate) const HARDENED: &[Hardened] = &[
    Hardened {
        name: "k8s-sidecar:2.10.1",
        user: "65532",
        entrypoint: &["/app/.venv/bin/python", "-u", "-m", "sidecar"],
        probe: None,
    },
    Hardened { name: "karpenter:1.14.1", user: "65532", entrypoint: &["/usr/local/bin/controller"], probe: None },
    Hardened { name: UNLISTED, user: "65532", entrypoint: &["/usr/local/bin/controller"], probe: None },
    Hardened {
        name: "cilium-startup-script:0.20260701",
        user: "65532",
        entrypoint: &["/usr/bin/manage-startup-script.sh"],
        probe: None,
    },
    Hardened {
        name: "calico-kube-controllers:3.31.7",
        user: "999",
        entrypoint: &["/usr/local/bin/calico-kube-controllers"],
        probe: Some("/usr/bin/check-status"),
    },
    Hardened {
        name: "cilium-operator-generic:1.19.7",
        user: "65532",
        entrypoint: &["/usr/bin/cilium-operator-generic"],
        probe: None,
    },
];

/// What every stand-in does. The path is its own, since a hardened image has no shell at /bin/sh.
const PROGRAM: &str = "#!/busybox sh
echo \"$0\" \"$@\" as \"$(/busybox id -u)\"
trap 'exit 0' TERM
while :; do /busybox sleep 0.2; done
";

impl Hardened {
    fn archive(&self, dir: &Path) -> PathBuf {
        let mut files = vec![File::program("busybox", busybox()), File::folder("tmp", 0o1777)];
        let programs = self.entrypoint.iter().take(1).map(|path| (*path, PROGRAM));
        for (path, text) in programs.chain(self.probe.map(|path| (path, "#!/busybox true\n"))) {
            let path = path.trim_start_matches('/');
            let parents: Vec<_> = Path::new(path).ancestors().skip(1).filter_map(Path::to_str).collect();
            files.extend(parents.iter().rev().filter(|path| !path.is_empty()).map(|path| File::folder(path, 0o755)));
            files.push(File::program(path, text.into()));
        }
        write(dir, self.name, self.user, self.entrypoint, files)
    }
}

pub(crate) fn pause(dir: &Path) -> PathBuf {
    write(dir, PAUSE, "65535", &["/busybox", "sleep", "1000000"], vec![File::program("busybox", busybox())])
}

/// Into `dhi/` of the registry.
pub(crate) fn push_all(dir: &Path) {
    thread::scope(|scope| {
        for image in HARDENED {
            scope.spawn(|| registry::push(&image.archive(dir), &format!("dhi/{}", image.name)));
        }
    });
}

fn busybox() -> Vec<u8> {
    fs::read(BUSYBOX).unwrap_or_else(|error| panic!("{BUSYBOX}: {error}: run tests/node/setup"))
}

fn write(dir: &Path, name: &str, user: &str, entrypoint: &[&str], files: Vec<File>) -> PathBuf {
    let config = json!({"User": user, "Entrypoint": entrypoint});
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let image = Image { architecture, created: 0, config, files };
    let archive = dir.join(format!("{}.tar", name.replace(['/', ':'], "-")));
    fs::write(&archive, image.archive(name).unwrap()).unwrap();
    archive
}
