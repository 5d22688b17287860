//! The program: its name, its systems and scenarios, its command line.
//!
//! **Invariant:** nothing is run here; commands are.

pub mod cli;
mod program;

pub use self::program::Program;
