//! The program: its name, its systems and scenarios, its command line.
//!
//! **Invariant:** nothing is run here; commands are.

pub mod cli;
mod documents;
mod out_of_memory;
pub mod plan;
mod program;
mod report;
mod target;
mod values;

pub use self::out_of_memory::ExitWithoutMemory;
pub use self::program::Program;
