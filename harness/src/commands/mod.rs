//! The commands of the program: from a scenario to a result in files and on the screen.
//!
//! **Invariant:** results go to standard output, everything else to standard error.

pub mod campaign;
pub mod compare;
mod concurrency;
pub mod options;
pub mod run;
pub mod sweep;
