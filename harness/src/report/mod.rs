//! What people read of a result.
//!
//! **Invariant:** a report is made from an [`Outcome`](crate::measure::outcome::Outcome) and nothing else,
//! so that it can be made again from a saved one.

pub mod files;
pub mod text;
pub(crate) mod units;
