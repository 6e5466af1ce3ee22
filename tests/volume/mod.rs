//! Replaces several files at once, as Kubernetes does in the volume of a Secret.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// `FILE -> ..data/FILE`, and `..data -> ..N`, which is what changes.
pub(crate) struct Volume {
    directory: TempDir,
    generation: usize,
}

impl Volume {
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let mut volume = Self { directory: tempfile::tempdir().unwrap(), generation: 0 };
        volume.swap(files);
        volume
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Replaces all files by `files`.
    pub(crate) fn swap(&mut self, files: &[(&str, &str)]) {
        let before = format!("..{}", self.generation);
        self.generation += 1;
        let data = format!("..{}", self.generation);
        fs::create_dir(self.path(&data)).unwrap();
        for (name, content) in files {
            fs::write(self.path(&data).join(name), content).unwrap();
        }
        let next = self.path("..data_tmp");
        symlink(&data, &next).unwrap();
        fs::rename(next, self.path("..data")).unwrap();
        for (name, _) in files {
            if !self.path(name).is_symlink() {
                symlink(Path::new("..data").join(name), self.path(name)).unwrap();
            }
        }
        let _ = fs::remove_dir_all(self.path(&before));
    }
}
