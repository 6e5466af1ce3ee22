//! Extracts the facts that a catalog file states about a build from its definition.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::definition::Definition;

/// The packages that are shells.
const SHELLS: [&str; 4] = ["bash", "busybox", "dash", "zsh"];
const DIRECTORY: &str = "directory";
/// The kinds of a definition's `paths` that may be programs.
const FILES: [&str; 2] = ["file", "symlink"];

/// Facts by their names in the catalog file. A variant states facts that differ from its image, a version from both.
pub(super) type Sheet = BTreeMap<&'static str, Value>;

impl Definition {
    /// Returns every fact, defaults included, so that two definitions can be compared.
    pub(super) fn sheet(&self) -> Sheet {
        let mut ports = self.ports.clone();
        ports.sort_by_key(|port| (port.first, port.last));
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        [
            ("run_as", json!(self.run_as)),
            ("run_as_name", json!(self.user)),
            ("ports", json!(ports)),
            ("entrypoint", json!(self.entrypoint)),
            ("cmd", json!(self.cmd)),
            ("shell", json!(self.shells())),
            ("platforms", json!(self.platforms)),
            // Without a working directory, a container starts in `/`.
            ("workdir", json!(self.workdir.as_deref().unwrap_or("/"))),
        ]
        .into()
    }

    /// Returns the contents of the image, by their names in the catalog file.
    pub(super) fn contents(&self) -> BTreeMap<&'static str, Value> {
        let packages: Vec<&str> = self.packages().collect();
        let owned: Vec<Value> = self.owned_directories().collect();
        [
            ("programs", json!(self.programs())),
            ("packages", json!(packages)),
            ("owned_directories", json!(owned)),
            ("user", json!(self.user)),
        ]
        .into()
    }

    /// Returns the installed packages, `NAME` or `NAME=VERSION`. Packages that are excluded (`!NAME`) are left out.
    fn packages(&self) -> impl Iterator<Item = &str> {
        self.contents.packages.iter().flatten().map(|package| &**package).filter(|package| !package.starts_with('!'))
    }

    /// Returns the shells that are installed, or copied from another image.
    fn shells(&self) -> BTreeSet<&str> {
        let installed = self.packages().map(|package| package.split_once('=').map_or(package, |(name, _)| name));
        let copied = self.contents.artifacts.iter().flatten().flat_map(|artifact| artifact.includes.iter().flatten());
        let copied = copied.filter_map(|path| program(path));
        installed.chain(copied).filter(|name| SHELLS.contains(name)).collect()
    }

    /// Returns the absolute paths of programs, and of the command that the image starts.
    fn programs(&self) -> BTreeSet<&str> {
        let put = self.paths.iter().filter(|path| FILES.contains(&&*path.kind)).map(|path| &*path.target);
        let files = self.contents.files.iter().flatten().filter_map(|file| file.path.as_deref());
        let outputs = self.contents.builds.iter().flatten().flat_map(|build| build.outputs.iter().flatten());
        let outputs = outputs.filter_map(|output| output.target.as_deref());
        let started = [&self.entrypoint, &self.cmd].into_iter().filter_map(|words| words.first().map(|word| &**word));
        put.chain(files)
            .chain(outputs)
            .filter(|path| program(path).is_some())
            .chain(started)
            .filter(|path| path.starts_with('/'))
            .collect()
    }

    /// Returns the path, owner, group and mode of each directory whose owner or group is not root.
    fn owned_directories(&self) -> impl Iterator<Item = Value> {
        let directories = self.paths.iter().filter(|path| &*path.kind == DIRECTORY);
        let owned = |id: Option<u32>| id.is_some_and(|id| id != 0);
        directories
            .filter(move |path| owned(path.uid) || owned(path.gid))
            .map(|path| json!([path.target, path.uid, path.gid, path.mode]))
    }
}

/// Returns the name of a program at `path`; `None` if the file is not in a folder `bin` or `sbin`.
fn program(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/')?;
    let is_for_programs = ["bin", "sbin"].contains(&folder.rsplit('/').next().unwrap_or(folder));
    (is_for_programs && !name.is_empty()).then_some(name)
}

/// Returns the facts that differ from `base`. A different `run_as` is returned with its `run_as_name`, since the file's
/// readers drop the name of a user whose ID changes.
pub(super) fn differing(sheet: &Sheet, base: &Sheet) -> Sheet {
    let differs = |key: &str| sheet.get(key) != base.get(key);
    let is_stated = |key: &str| differs(key) || key == "run_as_name" && differs("run_as");
    sheet.iter().filter(|(key, _)| is_stated(key)).map(|(key, value)| (*key, value.clone())).collect()
}
