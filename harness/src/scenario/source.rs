//! The origin of scenario values: which ones the user wrote, and the folder of relative paths.
//!
//! **Invariant:** a value is the user's if and only if a file or an override of the user's has it.

use std::collections::{HashMap, HashSet};
use std::path::{Path, absolute};

use toml::Value;

use super::key::Kind;
use super::schema::Schema;
use super::tree::{entries, is_within, join, parent, value_of, without_indices};

/// Where the text of a scenario comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    /// A scenario that comes with the program.
    Named,
    /// A file of the user's.
    File(&'a str),
    /// Text passed by the caller.
    Text,
}

impl<'a> Source<'a> {
    /// The file, if it is one.
    pub(super) fn file(self) -> Option<&'a str> {
        match self {
            Source::File(file) => Some(file),
            Source::Named | Source::Text => None,
        }
    }
}

/// The paths of all values that the user wrote, in a file or on the command line.
#[derive(Debug)]
pub(super) struct Written(HashSet<String>);

impl Written {
    /// The paths of `tree`, which comes from `source`, and of `overrides`.
    pub(super) fn new(tree: &Value, source: Source<'_>, overrides: &[(String, String)]) -> Written {
        let mut paths = HashSet::new();
        if !matches!(source, Source::Named) {
            paths.extend(entries(tree, "").into_iter().map(|entry| entry.path));
        }
        for (key, value) in overrides {
            let value = value_of(value);
            paths.extend(entries(&value, key).into_iter().map(|entry| entry.path));
            // With `fault.0.at`, `fault.0` and `fault` are written too.
            let mut path = key.as_str();
            while !path.is_empty() {
                paths.insert(path.to_owned());
                path = parent(path);
            }
        }
        Written(paths)
    }

    /// Whether the user wrote the value at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        self.0.contains(path)
    }
}

/// Rewrites values as their keys take them: counts such as `1e6` become whole numbers, and paths
/// become absolute. A path in a file is relative to that file, any other to the working directory.
pub(super) fn normalize(
    tree: &mut Value,
    schema: &Schema,
    source: Source<'_>,
    overrides: &[(String, String)],
) {
    let folder = source.file().and_then(|file| Path::new(file).parent());
    let mut kinds = HashMap::new();
    visit(tree, "", &mut |path, value| {
        // Only these are rewritten; a list may have very many values.
        if !matches!(value, Value::Float(_) | Value::String(_)) {
            return;
        }
        let key_path = without_indices(path);
        let key = *kinds.entry(key_path).or_insert_with_key(|path| schema.find_key(path));
        let Some(key) = key else { return };
        match (key.kind, &*value) {
            (Kind::Integer, Value::Float(number)) => {
                if let Some(count) = whole(*number) {
                    *value = count.into();
                }
            }
            (Kind::Path, Value::String(file)) if !file.is_empty() => {
                let is_overridden = overrides.iter().any(|(key, _)| is_within(path, key));
                let folder = folder.filter(|_| !is_overridden).unwrap_or(Path::new(""));
                let file = folder.join(file);
                // TOML holds no working directory that is not UTF-8: the path stays relative to it.
                let file =
                    absolute(&file).ok().filter(|file| file.to_str().is_some()).unwrap_or(file);
                if let Some(file) = file.to_str() {
                    *value = file.into();
                }
            }
            _ => {}
        }
    });
}

/// Parses a whole number as in a scenario, where `1e4` is one.
pub(crate) fn count_of(text: &str) -> Option<i64> {
    match value_of(text) {
        Value::Integer(count) => Some(count),
        Value::Float(number) => whole(number),
        _ => None,
    }
}

/// Converts `number` to a whole number, if that is exact.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

/// Calls `f` with every value below `value`, which is at `path`, and its path.
fn visit(value: &mut Value, path: &str, f: &mut impl FnMut(&str, &mut Value)) {
    let mut go = |word: &str, value: &mut Value| {
        let path = join(path, word);
        f(&path, value);
        visit(value, &path, f);
    };
    match value {
        Value::Table(table) => {
            table.iter_mut().for_each(|(name, value)| go(name, value));
        }
        Value::Array(list) => {
            list.iter_mut().enumerate().for_each(|(index, value)| go(&index.to_string(), value));
        }
        _ => {}
    }
}
