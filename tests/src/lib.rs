//! Shared set-up of the whole-system tests.
//!
//! **Invariant:** uses nothing of the system but its public interfaces.

pub mod memory;

pub use memory::Memory;
