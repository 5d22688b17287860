//! From TOML text and overrides to a scenario, or to the one message that says what is wrong.
//!
//! The text becomes a tree, overrides are laid on top, keys are checked against the table of known
//! ones, and only then are the types read. So every complaint can name a full path, and from it a
//! line. Paths are dotted, with indices: `fault.0.at`.
//!
//! **Invariant:** no value is read from a key that the table of known keys does not list.

use serde_path_to_error::{Path, Segment};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::check::{self, Impossible};
use super::keys::{self, ALTERNATIVES, KEYS, last};
use super::{Scenario, ScenarioError, System};

/// Reads `text` (from `file`, if it is one), called `name` unless it says otherwise, with
/// `overrides` on top.
pub(super) fn parse(
    text: &str,
    file: Option<&str>,
    name: &str,
    overrides: &[(String, String)],
) -> Result<Scenario, ScenarioError> {
    let mut tree: Table = text.parse().map_err(|error| syntax_error(text, file, &error))?;
    tree.entry("name").or_insert_with(|| name.into());
    resolve(tree.into(), overrides).map_err(|problem| {
        let overridden = overrides.iter().any(|(key, _)| is_within(&problem.path, key));
        let place = file.filter(|_| !overridden).map(|file| place_of(&problem.path, text, file));
        ScenarioError::new(place, problem.message)
    })
}

/// What is wrong, and where.
struct Problem {
    path: String,
    message: String,
}

impl Problem {
    fn not_accepted(path: &str, value: Option<&Value>, accepted: &str) -> Problem {
        let value = value.map(|value| format!(" = {value}")).unwrap_or_default();
        let message = format!("{path}{value} is not accepted: write {accepted}");
        Problem { path: path.to_owned(), message }
    }

    fn unknown(path: &str, value: &Value) -> Problem {
        let nearest = keys::nearest(&without_indices(path));
        let message = format!("{path} = {value}: there is no such key: the nearest is {nearest}");
        Problem { path: path.to_owned(), message }
    }
}

type Verdict = Result<(), Problem>;

fn resolve(mut tree: Value, overrides: &[(String, String)]) -> Result<Scenario, Problem> {
    for (key, value) in overrides {
        check_override(key, value)?;
        make_room(&mut tree, key, value);
    }
    for (key, value) in overrides {
        put(&mut tree, key, value_of(value))?;
    }
    let mut entries = Vec::new();
    collect_entries(&tree, "", &mut entries);
    entries.iter().try_for_each(check_known)?;
    entries.iter().try_for_each(|entry| check_alternatives(entry, &tree))?;
    entries.iter().try_for_each(check_complete)?;
    entries.iter().try_for_each(|entry| check_detail(entry, &tree))?;
    let mut scenario = read(&tree)?;
    if scenario.system != System::Ring {
        scenario.items.get_or_insert_default();
    }
    check::check(&scenario).map_err(|wrong| explain(&wrong, &scenario))?;
    Ok(scenario)
}

fn check_override(key: &str, value: &str) -> Verdict {
    let known = keys::find(&without_indices(key));
    known.map(|_| ()).ok_or_else(|| Problem::unknown(key, &value_of(value)))
}

/// Removes what an override replaces without naming it: the alternatives of its key, and the
/// details of the choice that it changes.
fn make_room(tree: &mut Value, key: &str, value: &str) {
    let known = without_indices(key);
    let alternatives = alternatives_of(&known);
    let details = KEYS.iter().filter(|other| {
        let is_lost = |choice: &keys::Choice| {
            choice.name == last(&known) && !choice.values.contains(&value.trim_matches('"'))
        };
        parent(other.path) == parent(&known) && other.detail_of.as_ref().is_some_and(is_lost)
    });
    let replaced: Vec<&str> = alternatives.chain(details.map(|key| key.path)).collect();
    if let Some(siblings) = at_mut(tree, parent(key)).and_then(Value::as_table_mut) {
        siblings.retain(|name, _| !replaced.iter().any(|path| last(path) == name));
    }
}

/// Reads TOML, or takes the text as it is: `500ms` and `iterative` need no quotes.
pub(crate) fn value_of(text: &str) -> Value {
    text.parse().unwrap_or_else(|_| text.into())
}

/// Sets the value at a known key, making the tables on the way. An index may be one past the end of
/// its list, which makes a new entry.
fn put(tree: &mut Value, key: &str, value: Value) -> Verdict {
    let mut slot = tree;
    for word in words(key) {
        slot = if let Ok(index) = word.parse::<usize>() {
            let list = list_of(slot);
            let length = list.len();
            if index == length {
                list.push(Table::new().into());
            }
            let accepted = format!("an index from 0 to {length}");
            list.get_mut(index)
                .ok_or_else(|| Problem::not_accepted(key, Some(&value), &accepted))?
        } else {
            table_of(slot).entry(word).or_insert_with(|| Table::new().into())
        };
    }
    *slot = value;
    Ok(())
}

/// The list that `value` is, or is made.
fn list_of(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut().expect("it was just made a list")
}

/// The table that `value` is, or is made.
fn table_of(value: &mut Value) -> &mut Table {
    if !value.is_table() {
        *value = Value::Table(Table::new());
    }
    value.as_table_mut().expect("it was just made a table")
}

/// A value anywhere in the tree.
struct Entry<'a> {
    path: String,
    value: &'a Value,
}

fn collect_entries<'a>(value: &'a Value, path: &str, entries: &mut Vec<Entry<'a>>) {
    let mut collect = |word: &str, value: &'a Value| {
        let path = join(path, word);
        entries.push(Entry { path: path.clone(), value });
        collect_entries(value, &path, entries);
    };
    match value {
        Value::Table(table) => table.iter().for_each(|(name, value)| collect(name, value)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(index, value)| collect(&index.to_string(), value));
        }
        _ => (),
    }
}

fn check_known(Entry { path, value }: &Entry<'_>) -> Verdict {
    match keys::find(&without_indices(path)) {
        Some(_) => Ok(()),
        None => Err(Problem::unknown(path, value)),
    }
}

fn check_alternatives(Entry { path, value }: &Entry<'_>, tree: &Value) -> Verdict {
    let known = without_indices(path);
    for other in alternatives_of(&known) {
        let other = join(parent(path), last(other));
        if let Some(other_value) = at(tree, &other) {
            let message =
                format!("{path} = {value} contradicts {other} = {other_value}: write one of them");
            return Err(Problem { path: path.clone(), message });
        }
    }
    Ok(())
}

fn check_detail(Entry { path, value }: &Entry<'_>, tree: &Value) -> Verdict {
    let Some(choice) = keys::find(&without_indices(path)).and_then(|key| key.detail_of.as_ref())
    else {
        return Ok(());
    };
    let chooser = join(parent(path), choice.name);
    let chosen = match at(tree, &chooser) {
        None => choice.default,
        Some(Value::String(chosen)) => chosen,
        // The wrong type of the chooser is the better complaint, and comes when types are read.
        Some(_) => return Ok(()),
    };
    if choice.values.contains(&chosen) {
        return Ok(());
    }
    let values = choice.values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>();
    let message = format!(
        "{path} = {value} has no meaning with {chooser} = {chosen:?}: write {chooser} = {}, or \
         leave it out",
        values.join(" or "),
    );
    Err(Problem { path: path.clone(), message })
}

/// Faults have no default kind or amount.
fn check_complete(Entry { path, value }: &Entry<'_>) -> Verdict {
    let Value::Table(fault) = value else { return Ok(()) };
    if parent(path) != "fault" {
        return Ok(());
    }
    for (names, keys) in [(&["kind"][..], "kind"), (&["fraction", "count"], "fraction or count")] {
        if !names.iter().any(|name| fault.contains_key(*name)) {
            let accepted = keys::find(&join("fault", names[0])).map_or("", |key| key.accepted);
            let message = format!("{path} lacks {keys}: write {} = {accepted}", names[0]);
            return Err(Problem { path: path.clone(), message });
        }
    }
    Ok(())
}

fn read(tree: &Value) -> Result<Scenario, Problem> {
    serde_path_to_error::deserialize(tree.clone()).map_err(|error| {
        let path = dotted(error.path());
        match keys::find(&without_indices(&path)) {
            Some(key) => Problem::not_accepted(&path, at(tree, &path), key.accepted),
            None => Problem { message: error.inner().message().to_owned(), path },
        }
    })
}

fn explain(wrong: &Impossible, scenario: &Scenario) -> Problem {
    let resolved = Value::try_from(scenario).ok();
    let value = resolved.as_ref().and_then(|tree| at(tree, &wrong.path));
    let always = keys::find(&without_indices(&wrong.path)).map_or("", |key| key.accepted);
    Problem::not_accepted(&wrong.path, value, wrong.accepted.as_deref().unwrap_or(always))
}

fn syntax_error(text: &str, file: Option<&str>, error: &toml::de::Error) -> ScenarioError {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    let place = format!("{}:{line}", file.unwrap_or("TOML"));
    ScenarioError::new(Some(place), format!("not TOML: {}", error.message()))
}

/// The file, and the line of the path's deepest word that is in it.
fn place_of(path: &str, text: &str, file: &str) -> String {
    let offset = DeTable::parse(text).ok().and_then(|root| {
        let mut offset = None;
        let mut here = DeValue::Table(root.into_inner());
        for word in words(path) {
            let (start, next) = match here {
                DeValue::Table(table) => table
                    .into_iter()
                    .find(|(name, _)| name.get_ref() == word)
                    .map(|(name, value)| (name.span().start, value.into_inner())),
                DeValue::Array(list) => word
                    .parse()
                    .ok()
                    .and_then(|index: usize| list.into_iter().nth(index))
                    .map(|value| (value.span().start, value.into_inner())),
                _ => None,
            }?;
            offset = Some(start);
            here = next;
        }
        offset
    });
    offset.map_or(file.to_owned(), |offset| format!("{file}:{}", line_of(text, offset)))
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

// Dotted paths.

fn words(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|word| !word.is_empty())
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

fn join(parent: &str, word: &str) -> String {
    if parent.is_empty() { word.to_owned() } else { format!("{parent}.{word}") }
}

fn is_within(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The path as the table of known keys has it.
fn without_indices(path: &str) -> String {
    let is_index = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    words(path).filter(|word| !is_index(word)).collect::<Vec<_>>().join(".")
}

fn dotted(path: &Path) -> String {
    path.iter().fold(String::new(), |path, segment| match segment {
        Segment::Map { key } => join(&path, key),
        Segment::Seq { index } => join(&path, &index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => path,
    })
}

fn alternatives_of(known: &str) -> impl Iterator<Item = &'static str> {
    let group = ALTERNATIVES.iter().find(|group| group.contains(&known));
    group.into_iter().flat_map(|group| group.iter().copied()).filter(move |path| *path != known)
}

fn at<'a>(tree: &'a Value, path: &str) -> Option<&'a Value> {
    words(path).try_fold(tree, |value, word| match word.parse::<usize>() {
        Ok(index) => value.get(index),
        Err(_) => value.get(word),
    })
}

fn at_mut<'a>(tree: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    words(path).try_fold(tree, |value, word| match word.parse::<usize>() {
        Ok(index) => value.get_mut(index),
        Err(_) => value.get_mut(word),
    })
}
