//! The arguments of `hopwise report`.
//!
//! **Invariant:** nothing is read here.

use std::path::PathBuf;

use clap::Args;

use crate::commands::{fill, report};
use crate::report::fill::SYNTAX;

/// `hopwise report`.
#[derive(Args, Debug)]
#[command(after_long_help = SYNTAX)]
pub struct Report {
    /// Folders of results, or JSON documents: one of any kind, or several runs, which lie over each other. With --fill:
    /// Markdown documents
    #[arg(value_name = "RESULT | FILE.md", required = true)]
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
    /// Make the tables and figures of Markdown documents anew from CSV files, instead of a page; --help shows how a document
    /// says from which
    #[arg(long, conflicts_with_all = ["out", "figures", "force", "open"])]
    fill: bool,
    /// With --fill: write nothing, name each table and figure that differs, and end with status 3 if one does
    #[arg(long, requires = "fill")]
    check: bool,
    /// Do not say what was written
    #[arg(long)]
    quiet: bool,
}

/// What was asked for.
#[derive(Debug)]
pub enum Request {
    /// A page, and perhaps figures.
    Page(report::Request),
    /// The tables and figures of documents.
    Fill(fill::Request),
}

impl Report {
    /// What was asked for.
    #[must_use]
    pub fn request(self) -> Request {
        let Report { results, out, figures, force, open, fill, check, quiet } = self;
        if fill {
            Request::Fill(fill::Request { documents: results, check, quiet })
        } else {
            Request::Page(report::Request { results, out, figures, force, open, quiet })
        }
    }
}
