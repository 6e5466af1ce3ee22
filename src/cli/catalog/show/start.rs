//! Prints the facts about an image's start as text.

use std::fmt::Display;
use std::io::{self, Write};

use quench_core::catalog::{Condition, Effect, Form, Pattern, Root, Start, Sure};

/// Writes the differences between the start of the upstream image and of the hardened one; JSON output has more.
pub(super) fn write(start: &Start, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "upstream's start")?;
    let mut field = |name: &str, value: &dyn Display| writeln!(out, "  {name:<12} {value}");
    let words = [&start.upstream.entrypoint[..], &start.upstream.arguments[..]].concat();
    if !words.is_empty() {
        field("starts", &words.join(" "))?;
    }
    let users = [start.upstream.user, start.upstream.drops_to].into_iter().flatten().map(|user| user.to_string());
    let users: Vec<String> = users.collect();
    if !users.is_empty() {
        field("runs as", &users.join(", then "))?;
    }
    if let Some(counterpart) = &start.counterpart {
        field("counterpart", counterpart)?;
    }
    for path in &start.gone {
        field("gone", path)?;
    }
    for row in &start.variables {
        let names: Vec<&str> = row.names.iter().map(Pattern::as_str).collect();
        field("ignores", &row_of(&names.join(" "), row.effect, row.sure, &row.conditions))?;
    }
    for row in &start.folders {
        let instead = row.instead.as_deref().map(|instead| format!(", but {instead}")).unwrap_or_default();
        let paths = format!("{}{instead}", row.paths.join(" "));
        field("ignores", &row_of(&paths, row.effect, row.sure, &row.conditions))?;
    }
    for row in &start.arguments {
        let form = match row.form {
            Form::NameFirst => "its own name first",
            Form::OtherProgramFirst => "another program first",
            Form::PathFirst => "a path first",
            Form::FlagsFirst => "flags first",
            Form::Subcommand => "a subcommand",
        };
        let form = format!("{form}: {}", row.example.join(" "));
        field("arguments", &row_of(&form, row.effect, row.sure, &row.conditions))?;
    }
    for row in &start.defaults {
        let text = format!("{}; {}", row.hardened, row.cure);
        let unless: Vec<String> = row.unless.iter().map(ToString::to_string).collect();
        let unless = if unless.is_empty() { String::new() } else { format!(", unless {}", unless.join(" or ")) };
        field("defaults", &format_args!("{}{unless}", row_of(&text, row.effect, row.sure, &row.conditions)))?;
    }
    if let Some(user) = &start.user {
        let mut needs = Vec::new();
        needs.extend(user.root.map(|root| match root {
            Root::Refused => "must not be root".to_owned(),
            Root::Required => "must be root".to_owned(),
        }));
        needs.extend(user.listed.then(|| "must be in /etc/passwd".to_owned()));
        needs.extend((!user.writes.is_empty()).then(|| format!("writes {}", user.writes.join(" "))));
        field("user", &needs.join("; "))?;
    }
    for row in &start.data {
        let moved = row.moved_to.as_deref().map(|to| format!(", hardened {to}")).unwrap_or_default();
        let user = row.user.map(|user| format!(", uid {user}")).unwrap_or_default();
        field("data", &format_args!("{}{moved}{user}", row.path))?;
    }
    Ok(())
}

/// Formats a row: its subject, what is lost, how certain this is, and the conditions.
fn row_of(what: &str, effect: Effect, sure: Sure, conditions: &[Condition]) -> String {
    let sure = if sure == Sure::Likely { ", likely" } else { "" };
    let conditions: Vec<String> = conditions.iter().map(ToString::to_string).collect();
    let conditions = if conditions.is_empty() { String::new() } else { format!(", if {}", conditions.join(" and ")) };
    format!("{what} ({}{sure}{conditions})", effect.name())
}
