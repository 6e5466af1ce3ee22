//! `arguments-differ`: arguments that upstream's start takes in a way that the hardened one does not.

use super::situation::Situation;
use super::{certainty, worst};
use crate::catalog::{Arguments, BuildStart, FirstWord, Form};
use crate::hazard::start::{base_name, is_known_program};
use crate::hazard::{Hazard, owned};

/// The worst of the forms that the container's arguments have.
pub(super) fn differ<'c>(situation: &Situation<'_, 'c, '_>) -> Option<Hazard<'c>> {
    let first = situation.words().first().filter(|first| !first.is_empty())?;
    let build = situation.start.builds.get(situation.candidate.facts.build.flavor);
    let rows = &situation.start.arguments;
    let found = rows.iter().filter(|row| is_form(row, rows, first, build)).filter_map(|row| {
        let certainty = certainty(row.effect, row.sure, situation.all(&row.conditions))?;
        Some(((certainty, row.effect), row))
    });
    let (certainty, row) = worst(found)?;
    let cure = row.cure.as_deref().unwrap_or(match row.form {
        Form::NameFirst => "leave it out",
        Form::OtherProgramFirst | Form::PathFirst | Form::FlagsFirst | Form::Subcommand => "set `command`",
    });
    Some(Hazard::ArgumentsDiffer { word: owned(first), cure, certainty })
}

fn is_form(row: &Arguments, rows: &[Arguments], first: &str, build: Option<&BuildStart>) -> bool {
    let is_flag = first.starts_with('-');
    match row.form {
        Form::FlagsFirst => is_flag,
        Form::Subcommand => true,
        Form::NameFirst => is_name(row, first),
        Form::PathFirst => !is_flag && is_file(first),
        Form::OtherProgramFirst => {
            let is_named = rows.iter().any(|other| other.form == Form::NameFirst && is_name(other, first));
            !is_flag && !is_named && is_program(row, first, build)
        }
    }
}

/// Whether a word is the program's own name, or a path to it.
fn is_name(row: &Arguments, first: &str) -> bool {
    row.example.first().is_some_and(|name| base_name(first) == base_name(name))
}

/// Whether a word is a path, or the name of a file: `server.js`.
fn is_file(first: &str) -> bool {
    let has_extension =
        || first.rsplit_once('.').is_some_and(|(stem, extension)| !stem.is_empty() && !extension.is_empty());
    first.contains('/') || has_extension()
}

/// Whether upstream's start takes a word for a program: anything that the program itself takes for nothing.
fn is_program(row: &Arguments, first: &str, build: Option<&BuildStart>) -> bool {
    let is_known = || row.example.first().is_some_and(|name| **name == *first) || is_known_program(base_name(first));
    match build.and_then(|build| Some((build.first_word?, &build.subcommands))) {
        Some((FirstWord::Subcommand, known)) if known.is_empty() => first.contains('/') || is_known(),
        Some((FirstWord::Subcommand, known)) => !known.iter().any(|known| **known == *first),
        Some((FirstWord::File, _)) => is_known(),
        Some((FirstWord::Never | FirstWord::Ignored | FirstWord::Only | FirstWord::Program, _)) | None => true,
    }
}
