//! Churn models: session lengths, traces, and the division of nodes among directors.
//!
//! **Invariant:** knows no node, no engine and no lookup.

pub(crate) mod lifetimes;
pub mod session_lengths;
mod share;
pub mod trace;
pub(crate) mod trace_schedule;

pub use self::share::Share;
