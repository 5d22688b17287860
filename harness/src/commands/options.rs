//! What every command takes and how it ends.
//!
//! **Invariant:** no command is known here.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::Args;

/// What to do with the result.
#[derive(Args, Clone, PartialEq, Eq, Debug, Default)]
pub struct RunOptions {
    /// Write the outcome as JSON to a file, or with - to standard output instead of the report
    #[arg(long, value_name = "FILE | -")]
    pub json: Option<JsonTarget>,
    /// The folder for the results [default: results/runs/TIME-SCENARIO]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Show no progress and no report
    #[arg(long)]
    pub quiet: bool,
}

/// Where the outcome is written as JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum JsonTarget {
    /// `-`.
    Stdout,
    /// Anything else.
    File(PathBuf),
}

impl FromStr for JsonTarget {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<JsonTarget, Infallible> {
        Ok(match text {
            "-" => JsonTarget::Stdout,
            path => JsonTarget::File(path.into()),
        })
    }
}

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Ran, and every stated expectation held.
    Success = 0,
    /// Could not run to the end.
    Failure = 1,
    /// The request was wrong, and the message says what to write instead.
    BadRequest = 2,
    /// An expectation or a comparison did not hold.
    Unmet = 3,
    /// The load generator could not keep its own schedule.
    LoadTooHigh = 4,
    /// Ended by Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
