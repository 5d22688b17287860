//! Reports of results, for people and for other tools.
//!
//! ```text
//! text, files     of one outcome: for the terminal, and as a folder of files
//!
//! saved           results as they are read back         chart     what a chart shows
//! content         what reports say of them              document  what a report says
//! page            a report as one HTML file             paper     charts for a paper
//! traces          paths of lookups, for the terminal
//! fill            documents whose tables and figures are made from CSV files
//! figure          curves on logarithmic axes as SVG
//! ```
//!
//! **Invariant:** a report needs a saved result and nothing else, so it can be made again. A figure needs its
//! values only.

mod chart;
mod content;
mod document;
pub(crate) mod figure;
pub mod files;
pub(crate) mod fill;
pub(crate) mod page;
mod paper;
mod saved;
pub mod text;
mod traces;
pub(crate) mod units;
pub(crate) mod wrap;

use std::path::{Path, PathBuf};

pub(crate) use self::content::in_sentences;
use self::document::Document;
use self::saved::Saved;
pub(crate) use self::saved::traces::read as read_traces;
pub(crate) use self::traces::text as traces_text;

/// A report of results.
#[derive(Debug)]
pub(crate) struct Report(Document);

impl Report {
    /// The report of the results at `paths`: see [`saved::read`].
    ///
    /// # Errors
    ///
    /// If one of them is no result, or if they cannot be shown together. The message says what could be done.
    pub(crate) fn of(paths: &[PathBuf]) -> Result<Report, String> {
        let mut results = Vec::new();
        for path in paths {
            let found = saved::read(path)?;
            results.extend(found.into_iter().map(|saved: Saved| (name_of(path), saved)));
        }
        content::document(&results).map(Report)
    }

    /// The report as one HTML file.
    pub(crate) fn page(&self) -> String {
        page::page(&self.0)
    }

    /// Each chart as SVG for a paper, with a name for its file.
    ///
    /// # Errors
    ///
    /// If one cannot be drawn.
    pub(crate) fn figures(&self) -> Result<Vec<(String, String)>, String> {
        self.0
            .charts()
            .map(|chart| Ok((format!("{}.svg", chart.id()), paper::svg(chart)?)))
            .collect()
    }
}

fn name_of(path: &Path) -> String {
    path.display().to_string()
}
