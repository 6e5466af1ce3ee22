//! Converts the parsed policy file to a policy, and checks the value of each key.

use std::collections::HashSet;

use serde_saphyr::Spanned;

use super::glob::{Glob, GlobError};
use super::maps::RawWorkloads;
use super::owners::GroupKind;
use super::problem::{Misplaced, PolicyError, Problem, shown};
use super::raw::{RawHardened, RawMapping, RawNamespace, RawOwners, RawPolicy, RawRule, RuleAction};
use super::secret::check_secret;
use super::shadowed::Earlier;
use super::syntax;
use super::{Effect, Mapping, NamespaceMode, Owners, Policy, Prefix, Replacement, Repository, Rule, Verify};
use crate::catalog::{Class, Platform};

const API_VERSION: &str = "quench.dev/v1alpha1";

impl Policy {
    /// Parses a policy file; `file` is the file's name in errors.
    pub fn parse(text: &str, file: &str) -> Result<Self, PolicyError> {
        let read = || {
            let mut policy = Self::default();
            policy.take(syntax::read(text)?)?;
            Ok(policy)
        };
        read().map_err(|misplaced| PolicyError::at(file, misplaced))
    }

    /// Applies the keys of the parsed file to this policy.
    pub(super) fn take(&mut self, written: RawPolicy) -> Result<(), Misplaced> {
        for (key, field, expected) in
            [("apiVersion", written.api_version, API_VERSION), ("kind", written.kind, "Policy")]
        {
            if field.value != expected {
                return Err((field.referenced, Problem::NotAPolicy { key, expected, found: shown(&field.value) }));
            }
        }
        self.verify = written.verify.map(Verify::check).transpose()?;
        self.mode = written.mode.unwrap_or(self.mode);
        self.opt_out = written.opt_out.unwrap_or(self.opt_out);
        self.take_hardened(written.hardened.unwrap_or_default())?;
        self.rules = check_rules(written.rules.unwrap_or_default())?;
        self.mirrors = check_mappings("mirrors", written.mirrors)?;
        self.aliases = check_mappings("aliases", written.aliases)?;
        if let Some(secrets) = written.pull_secrets {
            self.pull_secrets = secrets.into_iter().map(check_secret).collect::<Result<_, _>>()?;
        }
        self.take_workloads(written.workloads.unwrap_or_default());
        for (code, setting) in written.hazards.unwrap_or_default().0 {
            self.set_hazard(code, setting);
        }
        self.namespaces = check_namespaces(written.namespaces.unwrap_or_default())?;
        self.owners = check_owners(written.owners.unwrap_or_default())?;
        Ok(())
    }

    fn take_hardened(&mut self, written: RawHardened) -> Result<(), Misplaced> {
        if let Some(repository) = written.repository {
            let written = repository.value;
            self.repository = Repository::parse(&written)
                .map_err(|source| (repository.referenced, Problem::Repository { written: shown(&written), source }))?;
        }
        let asks = self.verify.is_some();
        match written.matches {
            Some(matches) => {
                self.matches = matches.iter().map(|written| check_match(written, asks)).collect::<Result<_, _>>()?;
            }
            None if asks => self.matches.extend([Class::Past, Class::Unlisted]),
            None => {}
        }
        if let Some(platforms) = written.platforms {
            let check = |written: Spanned<String>| {
                Platform::parse(&written.value).ok_or((written.referenced, Problem::Platform(shown(&written.value))))
            };
            self.platforms = platforms.into_iter().map(check).collect::<Result<_, _>>()?;
        }
        self.compat = written.compat.unwrap_or(self.compat);
        self.misspelt = written.misspelt.unwrap_or(self.misspelt);
        self.digest = written.digest.map_or(self.digest, |digest| digest.value);
        Ok(())
    }

    fn take_workloads(&mut self, written: RawWorkloads) {
        for (kind, treatment) in written.kinds {
            self.workloads.set(kind, treatment);
        }
        self.workloads.gitops = written.gitops.unwrap_or(self.workloads.gitops);
    }
}

/// Checks one entry of `matches`: `unlisted` needs `verify`, since only a registry knows such tags.
fn check_match(written: &Spanned<Class>, asks: bool) -> Result<Class, Misplaced> {
    match written.value {
        Class::Unlisted if !asks => Err((written.referenced, Problem::Unlisted)),
        class => Ok(class),
    }
}

fn check_rules(written: Vec<RawRule>) -> Result<Vec<Rule>, Misplaced> {
    let mut rules: Vec<Rule> = Vec::with_capacity(written.len());
    let mut earlier = Earlier::default();
    for rule in written {
        let location = rule.repositories.referenced;
        let rule = check_rule(rule)?;
        if let Some(earlier) = earlier.covering(&rule.repositories, rule.tags.as_ref()).and_then(|at| rules.get(at)) {
            let [earlier, later] = [earlier, &rule].map(|rule| shown(&rule.to_string()));
            return Err((location, Problem::RuleCovered { earlier, later }));
        }
        earlier.push(&rule.repositories, rule.tags.as_ref());
        rules.push(rule);
    }
    Ok(rules)
}

fn check_rule(written: RawRule) -> Result<Rule, Misplaced> {
    let pattern = |key, written: &Spanned<String>, glob: fn(&str) -> Result<Glob, GlobError>| {
        glob(&written.value).map_err(|source| {
            (written.referenced, Problem::RulePattern { key, written: shown(&written.value), source })
        })
    };
    let repositories = pattern("match", &written.repositories, Glob::of_repositories)?;
    let tags = written.tag.as_ref().map(|tag| pattern("tag", tag, Glob::of_tags)).transpose()?;
    let misplaced = |problem: fn(String) -> Problem| {
        Err((written.repositories.referenced, problem(shown(&written.repositories.value))))
    };
    let effect =
        match (written.action, written.replace) {
            (Some(RuleAction::Keep), None) => Effect::Keep,
            (None, Some(replace)) => {
                let found = Replacement::parse(&replace.value);
                Effect::Replace(found.map_err(|source| {
                    (replace.referenced, Problem::Replace { written: shown(&replace.value), source })
                })?)
            }
            (None, None) => return misplaced(Problem::RuleWithoutEffect),
            (Some(_), Some(_)) => return misplaced(Problem::RuleWithTwoEffects),
        };
    Ok(Rule { repositories, tags, effect })
}

fn check_mappings(key: &'static str, written: Option<Vec<RawMapping>>) -> Result<Vec<Mapping>, Misplaced> {
    let mut mappings: Vec<Mapping> = Vec::new();
    let mut seen = HashSet::new();
    for RawMapping { from, to } in written.into_iter().flatten() {
        let location = from.referenced;
        let [from, to] = [from, to].map(|end| {
            Prefix::parse(&end.value).ok_or((end.referenced, Problem::MappingEnd { key, written: shown(&end.value) }))
        });
        let (from, to) = (from?, to?);
        if from == to {
            return Err((location, Problem::MappingToItself { key, from }));
        }
        if !seen.insert(from.clone()) {
            return Err((location, Problem::MappingTwice { key, from }));
        }
        mappings.push(Mapping { from, to });
    }
    Ok(mappings)
}

fn check_namespaces(written: Vec<RawNamespace>) -> Result<Vec<NamespaceMode>, Misplaced> {
    let mut namespaces: Vec<NamespaceMode> = Vec::with_capacity(written.len());
    let mut earlier = Earlier::default();
    for RawNamespace { names: Spanned { value, referenced, .. }, mode } in written {
        let names = match Glob::of_namespaces(&value) {
            Ok(names) => names,
            Err(source) => return Err((referenced, Problem::NamespacePattern { written: shown(&value), source })),
        };
        if let Some(earlier) = earlier.covering(&names, None).and_then(|at| namespaces.get(at)) {
            let [earlier, later] = [&earlier.names, &names].map(|names| shown(&names.to_string()));
            return Err((referenced, Problem::NamespaceCovered { earlier, later }));
        }
        earlier.push(&names, None);
        namespaces.push(NamespaceMode { names, mode });
    }
    Ok(namespaces)
}

fn check_owners(written: RawOwners) -> Result<Owners, Misplaced> {
    let tolerated = written
        .tolerate
        .into_iter()
        .flatten()
        .map(|owner| GroupKind::parse(&owner.value).ok_or((owner.referenced, Problem::Owner(shown(&owner.value)))));
    Ok(Owners::new(tolerated.collect::<Result<_, _>>()?))
}

#[cfg(test)]
mod tests;
