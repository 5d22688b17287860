//! The commands of the program: each turns scenarios into files, a report and an exit status.
//!
//! **Invariant:** results go to standard output, everything else to standard error.

pub mod assertion;
pub mod campaign;
pub mod compare;
mod destination;
pub mod diff;
mod environment;
mod expectations;
pub mod explain;
mod failures;
pub mod fill;
pub mod list;
mod live_page;
pub mod options;
mod parallel_runs;
pub mod plan;
pub mod report;
mod result_folder;
pub mod run;
pub mod serve;
pub(crate) mod standard_output;
pub mod stress;
pub mod sweep;
pub mod trace;
pub mod user;

pub use self::environment::Environment;
