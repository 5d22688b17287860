//! The program: its command line.
//!
//! **Invariant:** nothing is run here.

pub mod cli;
