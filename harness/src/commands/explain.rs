//! The keys of a scenario: what each means, what may be written there and what holds if nothing is.
//!
//! Meanings, types and defaults all come from the schema, so that this agrees with what a run reads.
//!
//! **Invariant:** every key of the schema is explained, and no other.

use std::fmt::{self, Display, Write as _};

use super::Environment;
use super::options::Exit;
use crate::scenario::{Key, Kind, Schema, is_within, quoted, without_indices};

/// Explains `key`, or all keys below it if it is a table; without one, lists all keys.
#[must_use]
pub fn explain(env: &Environment, key: Option<&str>) -> Exit {
    match text(env.registry.schema(), key) {
        Ok(text) => {
            print!("{text}");
            Exit::Success
        }
        Err(unknown) => {
            env.tell(unknown);
            Exit::BadRequest
        }
    }
}

/// A key that does not exist.
#[derive(Debug)]
struct UnknownKey {
    written: String,
    nearest: &'static str,
}

/// `there is no key ring.sucessors: did you mean ring.successors? ...`
impl Display for UnknownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnknownKey { written, nearest } = self;
        write!(
            f,
            "there is no key {written}: did you mean {nearest}? Without a key, all are listed"
        )
    }
}

/// What is printed.
fn text(schema: &Schema, key: Option<&str>) -> Result<String, UnknownKey> {
    let Some(written) = key else { return Ok(overview(schema)) };
    let path = without_indices(written);
    let Some(key) = schema.find_key(&path) else {
        return Err(UnknownKey { nearest: schema.nearest_key(&path), written: written.to_owned() });
    };
    let mut text = in_full(schema, key);
    let below: Vec<&Key> = schema.keys().filter(|other| is_below(other, &path)).collect();
    if !below.is_empty() {
        text.push('\n');
        push_lines(&mut text, schema, &below);
    }
    Ok(text)
}

/// All keys by section, a line each.
fn overview(schema: &Schema) -> String {
    let (sections, general): (Vec<&Key>, Vec<&Key>) = schema
        .keys()
        .filter(|key| !key.path.contains('.'))
        .partition(|key| schema.keys().any(|other| is_below(other, key.path)));
    let mut text = String::new();
    push_lines(&mut text, schema, &general);
    for section in sections {
        let bracketed = match section.kind {
            Kind::Tables => format!("[[{}]]", section.path),
            _ => format!("[{}]", section.path),
        };
        push(&mut text, format_args!("\n{bracketed}  {}\n", section.meaning));
        let keys: Vec<&Key> = schema.keys().filter(|key| is_below(key, section.path)).collect();
        push_lines(&mut text, schema, &keys);
    }
    text
}

/// `ring.successors = 16  What it means.`, one line for each key.
fn push_lines(text: &mut String, schema: &Schema, keys: &[&Key]) {
    let heads: Vec<String> = keys
        .iter()
        .map(|key| match default_of(schema, key) {
            Some(value) => format!("{} = {value}", key.path),
            None => key.path.to_owned(),
        })
        .collect();
    let width = heads.iter().map(|head| head.chars().count()).max().unwrap_or(0);
    for (key, head) in keys.iter().zip(&heads) {
        push(text, format_args!("  {head:width$}  {}\n", key.meaning));
    }
}

/// All that is known of one key.
fn in_full(schema: &Schema, key: &Key) -> String {
    let mut text = format!("{}\n  {}\n\n", key.path, key.meaning);
    push(&mut text, format_args!("  Type:    {}\n", type_of(key.kind)));
    if !matches!(key.kind, Kind::Table | Kind::Tables) {
        let default = default_of(schema, key).unwrap_or_else(|| "none".to_owned());
        push(&mut text, format_args!("  Takes:   {}\n", schema.accepted(key)));
        push(&mut text, format_args!("  Default: {default}\n"));
    }
    if let Some(choice) = key.detail_of {
        push(&mut text, format_args!("  Only if: {} = {}\n", choice.name, quoted(choice.words)));
    }
    text
}

fn type_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Table => "table",
        Kind::TableOr(_) => "table or word",
        Kind::Tables => "any number of tables",
        Kind::Word(_) => "word",
        Kind::Text => "text",
        Kind::Path => "path of a file",
        Kind::Boolean => "true or false",
        Kind::Integer => "whole number",
        Kind::Number => "number",
        Kind::Duration => "duration",
        Kind::DurationOr(_) => "duration or word",
    }
}

/// The default of a single value, as TOML.
fn default_of(schema: &Schema, key: &Key) -> Option<String> {
    let value = schema.default_of(key.path)?;
    (!value.is_table() && !value.is_array()).then(|| value.to_string())
}

fn is_below(key: &Key, path: &str) -> bool {
    key.path != path && is_within(key.path, path)
}

fn push(text: &mut String, arguments: fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::Registry;

    fn explained(key: Option<&str>) -> String {
        text(Registry::built_in().schema(), key).expect("there is such a key")
    }

    #[test]
    fn every_key_is_listed_and_explained() {
        let registry = Registry::built_in();
        let all = explained(None);
        for key in registry.schema().keys() {
            assert!(!key.meaning.is_empty(), "{}", key.path);
            assert!(all.contains(key.path) && all.contains(key.meaning), "{}", key.path);
            let text = explained(Some(key.path));
            assert!(text.contains(key.meaning), "{text}");
            assert!(!text.contains("Takes:   \n"), "{text}");
        }
    }

    #[test]
    fn defaults_have_the_types_that_are_explained() {
        let registry = Registry::built_in();
        for key in registry.schema().keys() {
            let Some(text) = default_of(registry.schema(), key) else { continue };
            let value: toml::Value = text.parse().expect("a default is TOML");
            let fits = match key.kind {
                Kind::Table | Kind::Tables => false,
                Kind::TableOr(word) => value.as_str() == Some(word),
                Kind::Word(words) => value.as_str().is_some_and(|value| words.contains(&value)),
                Kind::Text | Kind::Path => value.is_str(),
                Kind::Boolean => value.is_bool(),
                Kind::Integer => value.is_integer(),
                Kind::Number => value.is_integer() || value.is_float(),
                Kind::Duration => is_duration(&value),
                Kind::DurationOr(word) => value.as_str() == Some(word) || is_duration(&value),
            };
            assert!(fits, "{} = {text} is no {}", key.path, type_of(key.kind));
        }
    }

    fn is_duration(value: &toml::Value) -> bool {
        value.as_str().is_some_and(|text| humantime::parse_duration(text).is_ok())
    }

    #[test]
    fn one_key_is_explained_in_full() {
        let text = explained(Some("ring.successors"));
        for part in
            ["Type:    whole number\n", "Takes:   a whole number, at least 1", "Default: 16\n"]
        {
            assert!(text.contains(part), "{text}");
        }
        let detail = explained(Some("network.latency.one_way"));
        assert!(detail.contains("Default: \"50ms\"\n"), "what holds with the model: {detail}");
        assert!(explained(Some("fault.0.at")).starts_with("fault.at\n"));
        assert!(explained(Some("ring")).contains("ring.successors = 16"));
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let registry = Registry::built_in();
        let unknown = text(registry.schema(), Some("ring.sucessors")).expect_err("misspelt");
        assert!(unknown.to_string().contains("did you mean ring.successors?"), "{unknown}");
    }
}
