//! The arguments of `hopwise report`.
//!
//! **Invariant:** nothing is read here.

use std::path::PathBuf;

use clap::Args;

use crate::commands::report::Request;

/// `hopwise report`.
#[derive(Args, Debug)]
pub struct Report {
    /// Folders of results, or JSON documents: one of any kind, or several runs, which lie over each other
    #[arg(value_name = "RESULT", required = true)]
    results: Vec<PathBuf>,
    /// The file of the page [default: report.html in the folder of the result; in the current one for several]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write each figure as SVG, sized for a column of a paper, into this folder
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
    /// Do not say what was written
    #[arg(long)]
    quiet: bool,
}

impl Report {
    /// What was asked for.
    #[must_use]
    pub fn request(self) -> Request {
        let Report { results, out, figures, force, open, quiet } = self;
        Request { results, out, figures, force, open, quiet }
    }
}
