//! Trees of TOML values and the dotted paths into them, with indices: `fault.0.at`.
//!
//! **Invariant:** knows no key.

use std::rc::Rc;

use serde_path_to_error::{Path, Segment};
use toml::{Table, Value};

/// A value anywhere in a tree.
pub(super) struct Entry<'a> {
    pub(super) path: String,
    /// The path without indices, as a key has it.
    pub(super) key_path: Rc<str>,
    pub(super) value: &'a Value,
}

/// The path of every value below `value`, which is at `path`, and `path`.
pub(crate) fn paths_of(value: &Value, path: &str) -> Vec<String> {
    let below = entries(value, path).into_iter().map(|entry| entry.path);
    below.chain([path.to_owned()]).collect()
}

/// All values below `value`, which is at `path`.
pub(super) fn entries<'a>(value: &'a Value, path: &str) -> Vec<Entry<'a>> {
    let mut entries = Vec::new();
    collect_entries(value, path, &without_indices(path).into(), &mut entries);
    entries
}

fn collect_entries<'a>(
    value: &'a Value,
    path: &str,
    key_path: &Rc<str>,
    entries: &mut Vec<Entry<'a>>,
) {
    let mut collect = |word: &str, key_path: Rc<str>, value: &'a Value| {
        let path = join(path, word);
        entries.push(Entry { path: path.clone(), key_path: key_path.clone(), value });
        collect_entries(value, &path, &key_path, entries);
    };
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(name, value)| collect(name, join_key(key_path, name), value));
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                collect(&index.to_string(), key_path.clone(), value);
            }
        }
        _ => (),
    }
}

/// The path of the key `word` below `parent`, as [`without_indices`] gives it.
fn join_key(parent: &Rc<str>, word: &str) -> Rc<str> {
    without_indices(&join(parent, word)).into()
}

/// The value at a path.
pub(super) fn at<'a>(tree: &'a Value, path: &str) -> Option<&'a Value> {
    words(path).try_fold(tree, |value, word| match index_of(word) {
        Some(index) => value.get(index),
        None => value.get(word),
    })
}

/// The value at a path, to be changed.
pub(super) fn at_mut<'a>(tree: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    words(path).try_fold(tree, |value, word| match index_of(word) {
        Some(index) => value.get_mut(index),
        None => value.get_mut(word),
    })
}

/// Sets the value at a path, making the tables on the way. An index may be one past the end of its
/// list, which makes a new entry.
///
/// # Errors
///
/// The length of a list that is too short.
pub(super) fn put(tree: &mut Value, path: &str, value: Value) -> Result<(), usize> {
    let mut slot = tree;
    for word in words(path) {
        slot = if let Some(index) = index_of(word) {
            let list = list_of(slot);
            let length = list.len();
            if index == length {
                list.push(Table::new().into());
            }
            list.get_mut(index).ok_or(length)?
        } else {
            table_of(slot).entry(word).or_insert_with(|| Table::new().into())
        };
    }
    *slot = value;
    Ok(())
}

/// Returns the list in `value`. Replaces any other value with an empty list.
fn list_of(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = Value::Array(Vec::new());
    }
    value.as_array_mut().expect("it was just made a list")
}

/// Returns the table in `value`. Replaces any other value with an empty table.
fn table_of(value: &mut Value) -> &mut Table {
    if !value.is_table() {
        *value = Value::Table(Table::new());
    }
    value.as_table_mut().expect("it was just made a table")
}

/// Reads TOML, or takes the text as it is: `500ms` and `iterative` need no quotes.
pub(crate) fn value_of(text: &str) -> Value {
    text.parse().unwrap_or_else(|_| text.into())
}

/// The words of a path.
pub(super) fn words(path: &str) -> impl Iterator<Item = &str> {
    path.split('.').filter(|word| !word.is_empty())
}

/// The index that a word is, if it is one. One that is too large for any list is the largest.
pub(super) fn index_of(word: &str) -> Option<usize> {
    let is_index = word.bytes().all(|byte| byte.is_ascii_digit());
    is_index.then(|| word.parse().unwrap_or(usize::MAX))
}

/// The path without its last word.
pub(super) fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// The path of `word` below `parent`.
pub(super) fn join(parent: &str, word: &str) -> String {
    match (parent, word) {
        ("", _) => word.to_owned(),
        (_, "") => parent.to_owned(),
        _ => format!("{parent}.{word}"),
    }
}

/// Whether `path` is `ancestor` or below it.
pub(crate) fn is_within(path: &str, ancestor: &str) -> bool {
    path.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Whether the last words of `path`, but not all of them, are `words`.
pub(crate) fn ends_in(path: &str, words: &str) -> bool {
    path.strip_suffix(words).is_some_and(|rest| rest.ends_with('.'))
}

/// The path without the indices of lists.
pub(crate) fn without_indices(path: &str) -> String {
    words(path).filter(|word| index_of(word).is_none()).collect::<Vec<_>>().join(".")
}

/// The path that serde reports, dotted.
pub(super) fn dotted(path: &Path) -> String {
    path.iter().fold(String::new(), |path, segment| match segment {
        Segment::Map { key } => join(&path, key),
        Segment::Seq { index } => join(&path, &index.to_string()),
        Segment::Enum { .. } | Segment::Unknown => path,
    })
}
