//! A saved run: its outcome, and the time series beside it.
//!
//! **Invariant:** an outcome without a series is whole; a series without an outcome is nothing.

use std::path::Path;

use super::cannot_read;
use super::series::{self, SeriesRow};
use super::traces;
use crate::measure::outcome::Outcome;
use crate::measure::trace::Traces;
use crate::report::files::SERIES;

/// A run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    /// Its time series; empty if there is none beside the outcome.
    pub(crate) series: Vec<SeriesRow>,
    /// Traces of its lookups, if there are any beside the outcome.
    pub(crate) traces: Option<Traces>,
}

impl Run {
    /// Reads the outcome `text` of the file at `path`, and the series in the same folder.
    pub(super) fn read(path: &Path, text: &str) -> Result<Run, String> {
        let outcome =
            Outcome::from_json(text).map_err(|error| format!("{}: {error}", path.display()))?;
        let is_in_folder =
            path.file_name().is_some_and(|name| name == crate::report::files::OUTCOME);
        let beside = path.with_file_name(SERIES);
        let series = if is_in_folder && beside.is_file() {
            let csv =
                std::fs::read_to_string(&beside).map_err(|error| cannot_read(&beside, &error))?;
            series::parse(&csv).map_err(|why| format!("{}: {why}", beside.display()))?
        } else {
            Vec::new()
        };
        let traces = if is_in_folder { traces::beside(path)? } else { None };
        Ok(Run { outcome, series, traces })
    }
}
