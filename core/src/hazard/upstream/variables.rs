//! `variable-ignored`: a variable that only upstream's start reads.

use super::situation::Situation;
use super::{Truth, Weight, certainty, worst};
use crate::catalog::{Condition, Variables};
use crate::hazard::{Certainty, Hazard, owned};
use crate::read::workload::Variable;

/// The worst of the container's variables that the hardened image does not read; else that an `envFrom` may bring one.
pub(super) fn ignored<'c>(situation: &Situation<'_, 'c, '_>) -> Option<Hazard<'c>> {
    let rows = &situation.start.variables;
    let has_env_from = situation.candidate.container.has_env_from();
    if rows.is_empty() || !has_env_from && situation.env().is_empty() {
        return None;
    }
    let set = rows.iter().enumerate().filter_map(|(at, row)| {
        let (variable, is_known) = find(situation.env(), rows, at)?;
        let holds = situation.all(&row.conditions).min(if is_known { Truth::Yes } else { Truth::Unknown });
        let certainty = certainty(row.effect, row.sure, holds)?;
        Some(((certainty, row.effect), variable))
    });
    if let Some((certainty, variable)) = worst(set) {
        return Some(Hazard::VariableIgnored { name: owned(&variable.name), env_from: false, certainty });
    }
    let brought = rows.iter().filter(|_| has_env_from).filter_map(|row| {
        let certainty = certainty(row.effect, row.sure, holds_beside_variables(situation, row))?;
        Some((Weight::from((certainty, row.effect)), row.names.first()?))
    });
    let (_, name) = worst(brought)?;
    Some(Hazard::VariableIgnored { name: owned(name.as_str()), env_from: true, certainty: Certainty::Possible })
}

/// The first variable that a row is about, and whether it is known to have a value that matters. No row with a longer name has it.
fn find<'v, 'c>(env: &'v [Variable<'c>], rows: &[Variables], at: usize) -> Option<(&'v Variable<'c>, bool)> {
    let row = rows.get(at)?;
    let longest = |row: &Variables, name: &str| {
        row.names.iter().filter(|pattern| pattern.matches(name)).map(|pattern| pattern.as_str().len()).max()
    };
    let mine = env.iter().filter(|variable| variable.is_set()).filter(|variable| {
        let length = longest(row, &variable.name);
        length.is_some() && !rows.iter().any(|other| longest(other, &variable.name) > length)
    });
    let matters = |variable: &&Variable<'_>| {
        variable.is_from_elsewhere() || !row.fine.iter().any(|value| **value == *variable.value)
    };
    let variable = mine.into_iter().find(matters)?;
    Some((variable, row.fine.is_empty() || !variable.is_from_elsewhere()))
}

/// Whether a row's conditions hold, apart from those about variables.
fn holds_beside_variables(situation: &Situation<'_, '_, '_>, row: &Variables) -> Truth {
    let is_about_variables = |condition: &&Condition| {
        matches!(condition, Condition::Variable(_) | Condition::NoVariable(_) | Condition::Value(..))
    };
    let others = row.conditions.iter().filter(|condition| !is_about_variables(condition));
    others.map(|condition| situation.all(std::slice::from_ref(condition))).min().unwrap_or(Truth::Yes)
}
