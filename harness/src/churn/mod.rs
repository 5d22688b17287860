//! Sessions of nodes: how long they last, which trace they follow, and how they are divided among
//! directors.
//!
//! **Invariant:** nothing here knows a node, an engine or what is looked up.

pub(crate) mod lifetimes;
pub mod session_lengths;
mod share;
pub mod trace;
pub(crate) mod trace_schedule;

pub use self::share::Share;
