//! Reads the last stage of a Dockerfile as the configuration of an image.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

/// One stage `FROM scratch` that copies one program.
pub(crate) struct Stage {
    /// The `config` of the OCI image configuration.
    pub(crate) config: Value,
    /// Where the program is copied to, without the first slash.
    pub(crate) program: String,
}

impl Stage {
    /// The stage after the last `FROM`. An instruction that is not understood is an error: the image would be another one.
    pub(crate) fn last(dockerfile: &str) -> Result<Self> {
        let joined = dockerfile.replace("\\\n", " ");
        let lines = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let instructions: Vec<_> = lines.map(|line| line.split_once(' ').unwrap_or((line, ""))).collect();
        let from = instructions.iter().rposition(|(name, _)| *name == "FROM").context("no FROM")?;
        let mut config = Map::new();
        let mut program = None;
        for &(name, rest) in instructions.iter().skip(from) {
            match name {
                "FROM" if rest == "scratch" => {}
                "USER" => drop(config.insert("User".to_owned(), json!(rest))),
                "ENTRYPOINT" => drop(config.insert("Entrypoint".to_owned(), exec_form(rest)?)),
                "CMD" => drop(config.insert("Cmd".to_owned(), exec_form(rest)?)),
                "LABEL" => drop(config.insert("Labels".to_owned(), labels(rest)?)),
                "EXPOSE" => {
                    let ports = rest.split_whitespace().map(|port| (port.to_owned(), json!({})));
                    config.insert("ExposedPorts".to_owned(), ports.collect());
                }
                "COPY" if program.is_none() => {
                    let (_, to) = rest.rsplit_once(' ').context("COPY needs a source")?;
                    program = Some(to.trim_start_matches('/').to_owned());
                }
                _ => bail!("not understood: {name} {rest}"),
            }
        }
        Ok(Self { config: config.into(), program: program.context("no COPY")? })
    }
}

fn exec_form(text: &str) -> Result<Value> {
    let words: Vec<String> = serde_json::from_str(text).with_context(|| format!("not in exec form: {text}"))?;
    Ok(json!(words))
}

/// `name="value"`, each in its quotes.
fn labels(text: &str) -> Result<Value> {
    let mut labels = Map::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"").with_context(|| format!("no label: {rest}"))?;
        let (value, after) = after.split_once('"').with_context(|| format!("no end of the label {name}"))?;
        labels.insert(name.to_owned(), json!(value));
        rest = after.trim_start();
    }
    Ok(labels.into())
}
