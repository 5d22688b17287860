//! Saved results, as reports read them: what a path holds, and the parts of each document that a report needs.
//!
//! The commands that write these documents keep their own types; these here read the paths that are promised to all
//! readers. So any report can be made again from a saved result, and a program of another version can say why not.
//!
//! **Invariant:** reads only; a document is either understood or named in an error that says what to do.

pub(crate) mod campaign;
pub(crate) mod compare;
pub(crate) mod diff;
pub(crate) mod origin;
pub(crate) mod plan;
pub(crate) mod run;
pub(crate) mod series;
pub(crate) mod storage;
pub(crate) mod stress;
pub(crate) mod sweep;
pub(crate) mod traces;

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use self::campaign::Campaign;
use self::compare::Comparison;
use self::diff::Diff;
use self::plan::Plan;
use self::run::Run;
use self::storage::StorageComparison;
use self::stress::Stress;
use self::sweep::Sweep;

/// The documents of results, by file name, with what makes them.
const DOCUMENTS: [(&str, &str); 6] = [
    ("outcome.json", "run"),
    ("sweep.json", "sweep"),
    ("campaign.json", "run --seeds"),
    ("compare.json", "compare"),
    ("plan.json", "plan"),
    ("stress.json", "stress"),
];
/// The version of all documents that this program reads.
const SCHEMA_VERSION: u64 = 1;

/// A result.
#[derive(Debug)]
pub(crate) enum Saved {
    Run(Box<Run>),
    Sweep(Sweep),
    Campaign(Campaign),
    Comparison(Comparison),
    Storage(StorageComparison),
    Plan(Box<Plan>),
    Stress(Box<Stress>),
    Diff(Diff),
}

impl Saved {
    /// What it is, for people.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Saved::Run(_) => "a run",
            Saved::Sweep(_) => "a sweep",
            Saved::Campaign(_) => "a campaign",
            Saved::Comparison(_) | Saved::Storage(_) => "a comparison",
            Saved::Plan(_) => "a plan",
            Saved::Stress(_) => "a stress test",
            Saved::Diff(_) => "a diff",
        }
    }
}

/// Reads the results at `path`: a folder of a result, a folder of such folders, or a document. Those of a folder come
/// in the order of their names.
///
/// # Errors
///
/// If there is none, or one is not understood. The message names the file and says what can be done.
pub(crate) fn read(path: &Path) -> Result<Vec<Saved>, String> {
    if path.is_dir() {
        return read_folder(path);
    }
    read_document(path).map(|saved| vec![saved])
}

fn read_folder(path: &Path) -> Result<Vec<Saved>, String> {
    if let Some(document) = document_in(path) {
        return read_document(&document).map(|saved| vec![saved]);
    }
    let entries = fs::read_dir(path).map_err(|error| cannot_read(path, &error))?;
    let mut folders: Vec<PathBuf> =
        entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|it| it.is_dir()).collect();
    folders.sort();
    let documents: Vec<PathBuf> = folders.iter().filter_map(|it| document_in(it)).collect();
    if documents.is_empty() {
        let names: Vec<&str> = DOCUMENTS.iter().map(|(name, _)| *name).collect();
        let path = path.display();
        return Err(format!(
            "{path} has no result, nor has a folder in it: give a folder with {}, or a JSON document",
            names.join(", ")
        ));
    }
    documents.iter().map(|document| read_document(document)).collect()
}

/// The document in a folder of a result.
fn document_in(folder: &Path) -> Option<PathBuf> {
    DOCUMENTS.iter().map(|(name, _)| folder.join(name)).find(|path| path.is_file())
}

fn read_document(path: &Path) -> Result<Saved, String> {
    let text = fs::read_to_string(path).map_err(|error| cannot_read(path, &error))?;
    let at = path.display();
    let document: Value = serde_json::from_str(&text).map_err(|error| {
        let why = if error.is_eof() { "it ends too early: was it cut off?" } else { "" };
        match why {
            "" => format!("{at} is no JSON document ({error}): give a result of hopwise"),
            why => format!("{at}: {why} Make the result again"),
        }
    })?;
    let version = document.get("schema_version").and_then(Value::as_u64);
    let is_diff = document.get("pairs").is_some();
    match version {
        None => {
            return Err(format!(
                "{at} has no schema_version: give a result of hopwise run, sweep, compare, plan, stress or diff"
            ));
        }
        Some(SCHEMA_VERSION) => {}
        Some(other) => {
            return Err(format!(
                "{at} has schema_version {other}; this program reads {SCHEMA_VERSION}: use the report of the \
                 program that wrote it, or make the result again"
            ));
        }
    }
    let has = |name: &str| document.get(name).is_some();
    if has("lookups") {
        return Run::read(path, &text).map(Box::new).map(Saved::Run);
    }
    if has("points") && has("repeat") {
        return parse(path, document).map(Saved::Sweep);
    }
    if has("failing") {
        return parse(path, document).map(Saved::Campaign);
    }
    if has("candidates") {
        return parse(path, document).map(Box::new).map(Saved::Plan);
    }
    if has("steps") && has("level") {
        return parse(path, document).map(Box::new).map(Saved::Stress);
    }
    if is_diff {
        return parse(path, document).map(Saved::Diff);
    }
    if has("rows") && document.get("what").and_then(Value::as_str) == Some("storage") {
        return parse(path, document).map(Saved::Storage);
    }
    if has("rows") && has("growth") {
        return parse(path, document).map(Saved::Comparison);
    }
    Err(format!(
        "{at} is no result that a report knows: give one of hopwise run, sweep, compare, plan, stress or diff"
    ))
}

fn parse<T: DeserializeOwned>(path: &Path, document: Value) -> Result<T, String> {
    serde_path_to_error::deserialize(document).map_err(|error| {
        let (path, place) = (path.display(), error.path());
        format!("{path}: {place}: {}: make the result again with this program", error.inner())
    })
}

fn cannot_read(path: &Path, error: &std::io::Error) -> String {
    format!("cannot read {}: {error}", path.display())
}
