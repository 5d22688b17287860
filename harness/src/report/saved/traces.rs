//! Saved traces of lookups.

use std::path::Path;

use serde_json::Value;

use super::{SCHEMA_VERSION, cannot_read, parse};
use crate::measure::trace::Traces;
use crate::report::files::TRACES;

/// Reads the traces at `path`: a folder of a result, or the document.
///
/// # Errors
///
/// If there are none, or they are not understood. The message says what to do.
pub(crate) fn read(path: &Path) -> Result<Traces, String> {
    let file = if path.is_dir() { path.join(TRACES) } else { path.to_owned() };
    if path.is_dir() && !file.is_file() {
        let folder = path.display();
        return Err(format!(
            "{folder} has no {TRACES}: make it with hopwise run --engine sim --trace-lookups 20 --out {folder}"
        ));
    }
    read_file(&file)
}

/// Reads the traces beside the outcome at `outcome`, if there are any.
pub(super) fn beside(outcome: &Path) -> Result<Option<Traces>, String> {
    let file = outcome.with_file_name(TRACES);
    if file.is_file() { read_file(&file).map(Some) } else { Ok(None) }
}

fn read_file(file: &Path) -> Result<Traces, String> {
    let at = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| cannot_read(file, &error))?;
    let document: Value = serde_json::from_str(&text).map_err(|error| {
        format!(
            "{at} is no JSON document ({error}): make it again with hopwise run --trace-lookups"
        )
    })?;
    let version = document.get("schema_version").and_then(Value::as_u64);
    if document.get("traces").is_none() || version.is_none() {
        return Err(format!(
            "{at} has no traces: give the {TRACES} of hopwise run --trace-lookups"
        ));
    }
    if version != Some(SCHEMA_VERSION) {
        let version = version.unwrap_or_default();
        return Err(format!(
            "{at} has schema_version {version}; this program reads {SCHEMA_VERSION}: make it again with hopwise run \
             --trace-lookups"
        ));
    }
    parse(file, document)
}
