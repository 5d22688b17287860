//! `hopwise report`: one HTML page, and figures for a paper, from saved results.
//!
//! **Invariant:** a report replaces no file without `--force`.

use std::fs;
use std::path::{Path, PathBuf};

use super::Environment;
use super::options::Exit;
use crate::base::whole_file::write_whole;
use crate::report::Report;

/// The name of a page, in a folder.
pub(super) const PAGE: &str = "report.html";

/// What to make of which results.
#[derive(Clone, Debug)]
pub struct Request {
    /// Folders of results and documents, at least one.
    pub results: Vec<PathBuf>,
    /// The file of the page; `None`: `report.html` in the folder of the result, or in the current folder if there are
    /// several.
    pub out: Option<PathBuf>,
    /// The folder for the figures, if they are wanted.
    pub figures: Option<PathBuf>,
    /// Whether files may be replaced.
    pub force: bool,
    /// Whether the page is opened in the user's browser.
    pub open: bool,
    /// Whether nothing is said of what was written.
    pub quiet: bool,
}

/// Makes a report.
#[must_use]
pub fn report(env: &Environment, request: &Request) -> Exit {
    let report = match Report::of(&request.results) {
        Ok(report) => report,
        Err(why) => return env.refuse(why),
    };
    let page = request.out.clone().unwrap_or_else(|| place(&request.results));
    let figures = match request.figures.as_ref().map(|_| report.figures()).transpose() {
        Ok(figures) => figures.unwrap_or_default(),
        Err(why) => {
            env.tell(why);
            return Exit::Failure;
        }
    };
    let folder = request.figures.clone().unwrap_or_default();
    let files: Vec<(PathBuf, String)> = std::iter::once((page.clone(), report.page()))
        .chain(figures.into_iter().map(|(name, svg)| (folder.join(name), svg)))
        .collect();
    if let Some((path, _)) = files.iter().find(|(path, _)| path.is_file() && !request.force) {
        let path = path.display();
        return env.refuse(format!(
            "{path} is there already: add --force to replace it, or --out with another file"
        ));
    }
    for (path, text) in &files {
        if let Err(why) = write(path, text) {
            env.tell(why);
            return Exit::Failure;
        }
    }
    if !request.quiet {
        let text: String = files.iter().map(|(path, _)| format!("{}\n", path.display())).collect();
        let exit = env.print(&text);
        if exit != Exit::Success {
            return exit;
        }
    }
    if request.open
        && let Err(error) = open::that_detached(&page)
    {
        env.tell(format_args!("cannot open {}: {error}", page.display()));
        return Exit::Failure;
    }
    Exit::Success
}

/// Writes the page of the result in `folder`, and returns its path.
///
/// # Errors
///
/// If it cannot be made or written.
pub(super) fn write_page(folder: &Path) -> Result<PathBuf, String> {
    let page = folder.join(PAGE);
    write(&page, &Report::of(&[folder.to_owned()])?.page())?;
    Ok(page)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        let failed = |error| format!("cannot create {}: {error}", folder.display());
        fs::create_dir_all(folder).map_err(failed)?;
    }
    write_whole(path, text).map_err(|error| error.to_string())
}

/// Where the page goes unless the user says so.
fn place(results: &[PathBuf]) -> PathBuf {
    match results {
        [one] if one.is_dir() => one.join(PAGE),
        [one] => one.with_file_name(PAGE),
        _ => PathBuf::from(PAGE),
    }
}
