//! The program: its name, its systems and scenarios, its command line.
//!
//! **Invariant:** nothing is run here; commands are.

pub mod cli;
pub mod compare;
pub mod diff;
mod documents;
mod out_of_memory;
pub mod plan;
mod program;
pub mod report;
pub mod run;
pub mod serve;
pub mod stress;
pub mod sweep;
mod target;
pub mod trace;
pub mod user;
mod values;

pub use self::out_of_memory::ExitWithoutMemory;
pub use self::program::Program;
