//! Options and exit statuses that all commands share.
//!
//! **Invariant:** knows no command.

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
    /// Standard output, written `-`.
    Stdout,
    /// A file.
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

/// The exit status of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Every expectation held.
    Success = 0,
    /// The run failed.
    Failure = 1,
    /// The request was invalid. The message says what to write instead.
    BadRequest = 2,
    /// An expectation or a comparison did not hold.
    Unmet = 3,
    /// The load generator could not keep its schedule.
    LoadTooHigh = 4,
    /// The user ended it with Ctrl-C.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
