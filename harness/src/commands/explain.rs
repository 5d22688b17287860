//! `hopwise explain`: the meaning, the accepted values and the default of each key.
//!
//! Meanings, types and defaults all come from the schema, so that this agrees with what a run reads.
//!
//! **Invariant:** every key of the schema is explained, and no other.

use std::fmt::{self, Display};

use console::Term;

use super::Environment;
use super::options::Exit;
use crate::report::wrap::{COLUMNS, push_wrapped};
use crate::scenario::{Key, Kind, Schema, ends_in, is_within, quoted, shortened, without_indices};

/// The least width of a meaning in columns, even on a narrow terminal.
const MEANING_MIN: usize = 30;

/// Explains `key`, and all keys below it if it is a table; without one, lists all keys.
#[must_use]
pub fn explain(env: &Environment, key: Option<&str>) -> Exit {
    let terminal = Term::stdout().size_checked();
    let columns = terminal.map_or(COLUMNS, |(_, columns)| usize::from(columns).min(COLUMNS));
    match text(env.registry.schema(), key, columns) {
        Ok(text) => env.print(&text),
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
            "there is no key {}: did you mean {nearest}? Omit the key to list all keys",
            shortened(written)
        )
    }
}

/// The text to print, wrapped at `columns`. Longer words are not broken.
fn text(schema: &Schema, key: Option<&str>, columns: usize) -> Result<String, UnknownKey> {
    let Some(written) = key else { return Ok(overview(schema, columns)) };
    let path = without_indices(&schema.meant(written));
    let Some(key) = schema.find_key(&path).or_else(|| find_by_end(schema, &path)) else {
        return Err(UnknownKey { nearest: schema.nearest_key(&path), written: written.to_owned() });
    };
    let with_those_below = schema.keys().filter(|other| is_within(other.path, key.path));
    let texts: Vec<String> = with_those_below.map(|key| in_full(schema, key, columns)).collect();
    Ok(texts.join("\n"))
}

/// The only key whose path ends in these words.
fn find_by_end(schema: &Schema, words: &str) -> Option<&'static Key> {
    let words = &*words.to_ascii_lowercase();
    let mut found = schema.keys().filter(|key| ends_in(key.path, words));
    found.next().filter(|_| found.next().is_none())
}

/// All keys by section.
fn overview(schema: &Schema, columns: usize) -> String {
    let (sections, general): (Vec<&Key>, Vec<&Key>) = schema
        .keys()
        .filter(|key| !key.path.contains('.'))
        .partition(|key| schema.keys().any(|other| is_below(other, key.path)));
    let mut text = String::new();
    push_lines(&mut text, schema, &general, columns);
    for section in sections {
        let bracketed = match section.kind {
            Kind::Tables => format!("[[{}]]", section.path),
            _ => format!("[{}]", section.path),
        };
        text.push('\n');
        push_below(&mut text, &format!("{bracketed}  "), section.meaning, columns);
        let keys: Vec<&Key> = schema.keys().filter(|key| is_below(key, section.path)).collect();
        push_lines(&mut text, schema, &keys, columns);
    }
    text
}

/// `ring.successors = 16  What it means.` for each key.
fn push_lines(text: &mut String, schema: &Schema, keys: &[&Key], columns: usize) {
    let heads: Vec<String> = keys
        .iter()
        .map(|key| match default_of(schema, key) {
            Some(value) => format!("{} = {value}", key.path),
            None => key.path.to_owned(),
        })
        .collect();
    let width = heads.iter().map(|head| head.chars().count()).max().unwrap_or(0);
    for (key, head) in keys.iter().zip(&heads) {
        push_below(text, &format!("  {head:width$}  "), key.meaning, columns);
    }
}

/// The full explanation of one key.
fn in_full(schema: &Schema, key: &Key, columns: usize) -> String {
    let mut text = format!("{}\n", key.path);
    push_below(&mut text, "  ", key.meaning, columns);
    text.push('\n');
    let mut push_line = |name, value: &str| push_below(&mut text, name, value, columns);
    push_line("  Type:    ", type_of(key.kind));
    if !matches!(key.kind, Kind::Table | Kind::Tables) {
        push_line("  Takes:   ", &schema.accepted(key));
        push_line("  Default: ", default_of(schema, key).as_deref().unwrap_or("none"));
    }
    if let Some(choice) = key.detail_of {
        push_line("  Only if: ", &format!("{} = {}", choice.name, quoted(choice.words)));
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
        Kind::Numbers => "list of numbers",
        Kind::Rate => "number or multiple",
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

/// Appends `head` and `body`. Wrapped lines of `body` are indented below its first line.
fn push_below(text: &mut String, head: &str, body: &str, columns: usize) {
    let indent = head.chars().count();
    push_wrapped(text, &format!("{head}{body}"), indent, columns.max(indent + MEANING_MIN), &[]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::Registry;

    fn explained(key: Option<&str>) -> String {
        text(Registry::built_in().schema(), key, COLUMNS).expect("there is such a key")
    }

    /// The text in one line, with single spaces.
    fn unwrapped(text: &str) -> String {
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_key_is_listed_and_explained() {
        let registry = Registry::built_in();
        let all = unwrapped(&explained(None));
        for key in registry.schema().keys() {
            assert!(!key.meaning.is_empty(), "{}", key.path);
            assert!(all.contains(key.path) && all.contains(key.meaning), "{}", key.path);
            let text = explained(Some(key.path));
            assert!(unwrapped(&text).contains(key.meaning), "{text}");
            assert!(!text.contains("Takes:   \n"), "{text}");
        }
    }

    #[test]
    fn lines_fit_the_terminal() {
        let schema = Registry::built_in().schema().clone();
        for columns in [80, 100, COLUMNS] {
            let sections = schema.keys().filter(|key| !key.path.contains('.'));
            let keys = sections.map(|key| Some(key.path)).chain([None]);
            for text in keys.map(|key| text(&schema, key, columns).expect("a key")) {
                let widest = text.lines().max_by_key(|line| line.chars().count()).expect("lines");
                assert!(widest.chars().count() <= columns, "{columns}: {widest}");
            }
        }
        let narrow = text(&schema, None, 10).expect("no key");
        assert_eq!(unwrapped(&narrow), unwrapped(&explained(None)), "no terminal is too narrow");
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
                Kind::Numbers => value.is_array(),
                Kind::Number | Kind::Rate => value.is_integer() || value.is_float(),
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
        let section = explained(Some("ring"));
        assert!(section.starts_with("ring\n") && section.contains(&text), "{section}");
        assert_eq!(explained(Some("ring.successors")), explained(Some("successors")));
        assert_eq!(explained(Some("latency.model")), explained(Some("network.latency.model")));
    }

    #[test]
    fn the_error_for_an_unknown_key_names_the_nearest_key() {
        let registry = Registry::built_in();
        let unknown =
            text(registry.schema(), Some("ring.sucessors"), COLUMNS).expect_err("misspelt");
        assert!(unknown.to_string().contains("did you mean ring.successors?"), "{unknown}");
    }
}
