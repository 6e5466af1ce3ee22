//! Reloads the policy and the catalog.

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Result;
use quench_core::catalog::Catalog;
use quench_core::policy::{Mode, Policy};

use super::reload::{Refusal, Watched, at_rest};
use super::{Live, Standing, parse_catalog, parse_policy, read};
use crate::telemetry::File;

/// Loads the policy and the catalog, and reloads their files.
#[derive(Debug)]
pub struct Rules {
    policy: Option<Watched<String>>,
    catalog: Option<Watched<String>>,
    /// The mode that replaces the policy's `mode`, from `--mode`.
    mode: Option<Mode>,
    live: Arc<Live>,
}

impl Rules {
    /// Loads the files; without a file, the built-in policy or catalog is used.
    pub fn load(
        policy: Option<&Path>,
        catalog: Option<&Path>,
        standing: &Arc<Standing>,
        now: SystemTime,
    ) -> Result<Self> {
        let (policy, policy_file) = match policy {
            Some(path) => {
                let text = read(path, "policy")?;
                (parse_policy(&text, path)?, Watched::start(File::Policy, path.into(), text, standing, now))
            }
            None => (Policy::default(), None),
        };
        let (catalog, catalog_file) = match catalog {
            Some(path) => {
                let text = read(path, "catalog")?;
                (parse_catalog(&text, path)?, Watched::start(File::Catalog, path.into(), text, standing, now))
            }
            None => (Catalog::embedded(), None),
        };
        let live = Arc::new(Live::new(policy, catalog));
        Ok(Self { policy: policy_file, catalog: catalog_file, mode: None, live })
    }

    /// Replaces the policy's mode by `mode`, also after a reload; `None` keeps the policy's.
    #[must_use]
    pub fn in_mode(mut self, mode: Option<Mode>) -> Self {
        self.mode = mode;
        let policy = Policy::clone(&self.live.load().policy);
        self.live.replace(Some(self.adjusted(policy)), None);
        self
    }

    fn adjusted(&self, mut policy: Policy) -> Policy {
        policy.mode = self.mode.unwrap_or(policy.mode);
        policy
    }

    /// Returns the holder of the policy and catalog in use.
    pub fn live(&self) -> Arc<Live> {
        self.live.clone()
    }

    /// Reports whether there is a file to reload.
    pub(super) fn watch_something(&self) -> bool {
        self.policy.is_some() || self.catalog.is_some()
    }

    /// Checks the files; new and valid content is used, of both files at once if they changed together.
    pub fn check(&mut self, now: SystemTime) {
        let found = at_rest(
            || [read_again(self.policy.as_ref(), "policy"), read_again(self.catalog.as_ref(), "catalog")],
            |[policy, catalog]| is_known(self.policy.as_ref(), policy) && is_known(self.catalog.as_ref(), catalog),
        );
        let Some([policy, catalog]) = found else { return };
        let policy = look(self.policy.as_mut(), policy, now, parse_policy).map(|policy| self.adjusted(policy));
        let catalog = look(self.catalog.as_mut(), catalog, now, parse_catalog);
        let taken = [(policy.is_some(), &mut self.policy), (catalog.is_some(), &mut self.catalog)];
        if policy.is_some() || catalog.is_some() {
            self.live.replace(policy, catalog);
        }
        for (taken, file) in taken {
            if let (true, Some(file)) = (taken, file) {
                file.taken(now);
            }
        }
    }
}

/// The content of a file, or the reason why it cannot be read; `None` if there is no file.
type Found = Option<Result<String, String>>;

fn read_again(file: Option<&Watched<String>>, what: &str) -> Found {
    file.map(|file| read(&file.path, what).map_err(|error| in_one_line(&error)))
}

fn is_known(file: Option<&Watched<String>>, found: &Found) -> bool {
    match (file, found) {
        (Some(file), Some(Ok(found))) => file.seen() == found,
        (_, found) => found.is_none(),
    }
}

fn look<T>(
    file: Option<&mut Watched<String>>,
    found: Found,
    now: SystemTime,
    parse: impl FnOnce(&str, &Path) -> Result<T>,
) -> Option<T> {
    let file = file?;
    let path = file.path.clone();
    file.look(found?, now, |text| parse(text, &path).map_err(|error| Refusal::Final(in_one_line(&error))))
}

/// Joins an error with its causes, separated by colons.
fn in_one_line(error: &anyhow::Error) -> String {
    format!("{error:#}")
}
