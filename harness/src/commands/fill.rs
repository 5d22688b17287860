//! `hopwise report --fill`: the tables and figures of documents, from committed CSV files.
//!
//! **Invariant:** if one marker is wrong, no file is written.

use std::path::PathBuf;

use super::Environment;
use super::options::Exit;
use crate::base::whole_file::write_whole;
use crate::report::fill::{self, Filled};

/// Which documents to fill.
#[derive(Clone, Debug)]
pub struct Request {
    /// Markdown documents, at least one.
    pub documents: Vec<PathBuf>,
    /// Whether differences are reported, and nothing is written.
    pub check: bool,
    /// Whether nothing is said of what was written.
    pub quiet: bool,
}

/// Makes the tables and figures of documents anew, or checks them.
#[must_use]
pub fn fill(env: &Environment, request: &Request) -> Exit {
    let (filled, faults): (Vec<_>, Vec<_>) =
        request.documents.iter().map(|path| fill::fill(path)).partition(Result::is_ok);
    let faults: Vec<String> = faults.into_iter().filter_map(Result::err).flatten().collect();
    if !faults.is_empty() {
        faults.iter().for_each(|fault| env.tell(fault));
        return Exit::BadRequest;
    }
    let filled: Vec<Filled> = filled.into_iter().filter_map(Result::ok).collect();
    if request.check { check(env, request, &filled) } else { write(env, request, &filled) }
}

fn check(env: &Environment, request: &Request, filled: &[Filled]) -> Exit {
    let differences: Vec<&String> = filled.iter().flat_map(|it| &it.differences).collect();
    if differences.is_empty() {
        return Exit::Success;
    }
    differences.iter().for_each(|difference| env.tell(difference));
    let documents: Vec<String> =
        request.documents.iter().map(|path| path.display().to_string()).collect();
    let (program, documents) = (&env.program.name, documents.join(" "));
    env.tell(format_args!("to make them anew: {program} report --fill {documents}"));
    Exit::Unmet
}

fn write(env: &Environment, request: &Request, filled: &[Filled]) -> Exit {
    let files = || filled.iter().flat_map(|it| &it.files);
    for (path, text) in files() {
        if let Err(why) = write_whole(path, text) {
            env.tell(why);
            return Exit::Failure;
        }
    }
    if request.quiet {
        return Exit::Success;
    }
    env.print(&files().map(|(path, _)| format!("{}\n", path.display())).collect::<String>())
}
