//! Checks the facts about starts against the images of their catalog.

use std::fmt::Write as _;

use super::{Condition, Start};
use crate::catalog::Image;

/// A mistake in the facts about an image's start. The facts are used nevertheless, since a build that has left the
/// catalog does not make the other facts wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartProblem {
    /// The facts name a flavor that no build has.
    #[error("`{at}` names the flavor `{flavor}`, which no build has")]
    Flavor {
        /// The field and row of the mistake, such as `folders[2]`.
        at: Box<str>,
        /// The flavor.
        flavor: Box<str>,
    },
    /// The facts name a version that no build has or had.
    #[error("`{at}` names version {version}, which no build has")]
    Version {
        /// The field and row of the mistake, such as `folders[2]`.
        at: Box<str>,
        /// The version.
        version: Box<str>,
    },
    /// The facts name a distribution that no build is based on.
    #[error("`{at}` names {os}, which no build is made for")]
    Os {
        /// The field and row of the mistake, such as `folders[2]`.
        at: Box<str>,
        /// The distribution.
        os: Box<str>,
    },
    /// A path does not begin with `/`.
    #[error("`{at}`: a path begins with `/`: {path}")]
    Path {
        /// The field and row of the mistake, such as `folders[2]`.
        at: Box<str>,
        /// The path.
        path: Box<str>,
    },
    /// A row lacks its names, paths, example or texts.
    #[error("`{at}` names nothing")]
    Empty {
        /// The field and row of the mistake, such as `folders[2]`.
        at: Box<str>,
    },
    /// A row occurs twice.
    #[error("`{at}` says the same as an earlier row")]
    Twice {
        /// The field and row of the mistake, such as `folders[2]`.
        at: Box<str>,
    },
}

impl Start {
    /// Returns the mistakes in the facts about an image's start.
    pub fn problems(&self, image: &Image) -> Vec<StartProblem> {
        let mut check = Check { image, problems: Vec::new() };
        check.paths("gone", &self.gone);
        for flavor in self.builds.keys().chain(&self.counterpart) {
            check.flavor("builds", flavor);
        }
        check.rows("variables", &self.variables, |row| (&row.conditions, row.names.is_empty()));
        check.rows("folders", &self.folders, |row| (&row.conditions, row.paths.is_empty()));
        check.rows("arguments", &self.arguments, |row| (&row.conditions, row.example.is_empty()));
        check.rows("defaults", &self.defaults, |row| (&row.conditions, row.hardened.is_empty() || row.cure.is_empty()));
        check.rows("data", &self.data, |row| (&row.conditions, false));
        for (at, rows) in [("config", &self.config), ("sockets", &self.sockets)] {
            check.rows(at, rows, |row| (&row.conditions, false));
            for row in rows {
                check.paths(at, [&row.path].into_iter().chain(&row.moved_to));
            }
        }
        for row in &self.folders {
            check.paths("folders", row.paths.iter().chain(&row.instead));
        }
        for row in &self.data {
            check.paths("data", [&row.path].into_iter().chain(&row.moved_to));
        }
        for (at, row) in self.defaults.iter().enumerate() {
            check.conditions(&format!("defaults[{at}]"), &row.unless);
        }
        if let Some(user) = &self.user {
            check.conditions("user", &user.conditions);
            check.paths("user", &user.writes);
        }
        check.problems
    }
}

struct Check<'i> {
    image: &'i Image,
    problems: Vec<StartProblem>,
}

impl Check<'_> {
    fn rows<R: PartialEq>(&mut self, at: &str, rows: &[R], of: impl Fn(&R) -> (&[Condition], bool)) {
        for (index, row) in rows.iter().enumerate() {
            let mut name = at.to_owned();
            // Writing to memory does not fail.
            let _ = write!(name, "[{index}]");
            let (conditions, is_empty) = of(row);
            self.conditions(&name, conditions);
            if is_empty {
                self.problems.push(StartProblem::Empty { at: name.as_str().into() });
            }
            if rows.iter().take(index).any(|earlier| earlier == row) {
                self.problems.push(StartProblem::Twice { at: name.into() });
            }
        }
    }

    fn conditions(&mut self, at: &str, conditions: &[Condition]) {
        for condition in conditions {
            match condition {
                Condition::Flavor(flavor) => self.flavor(at, flavor),
                Condition::Since(version) if !self.has_version(version) => {
                    self.problems.push(StartProblem::Version { at: at.into(), version: version.clone() });
                }
                Condition::Os(os) if !self.image.builds.iter().any(|build| build.os.starts_with(&**os)) => {
                    self.problems.push(StartProblem::Os { at: at.into(), os: os.clone() });
                }
                _ => {}
            }
        }
    }

    fn flavor(&mut self, at: &str, flavor: &str) {
        let has = self.image.builds.iter().any(|build| build.flavor.as_deref().unwrap_or_default() == flavor);
        if !has {
            self.problems.push(StartProblem::Flavor { at: at.into(), flavor: flavor.into() });
        }
    }

    /// Reports whether the catalog declares, or declared earlier, a version or one of its line (`1.31.4` of `1.31`).
    fn has_version(&self, version: &str) -> bool {
        let is = |known: &str| {
            known.strip_prefix(version).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '-']))
        };
        self.image.tags().any(|tag| is(tag.version())) || self.image.past_versions().any(is)
    }

    fn paths<'p>(&mut self, at: &str, paths: impl IntoIterator<Item = &'p Box<str>>) {
        let wrong = paths.into_iter().filter(|path| !path.starts_with('/'));
        self.problems.extend(wrong.map(|path| StartProblem::Path { at: at.into(), path: path.clone() }));
    }
}
