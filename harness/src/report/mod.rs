//! Reports of a result, for people and for other tools.
//!
//! **Invariant:** a report needs an [`Outcome`](crate::measure::outcome::Outcome) and nothing else, so
//! it can be written again from a saved one. A figure needs its values only.

pub(crate) mod figure;
pub mod files;
pub mod text;
pub(crate) mod units;
pub(crate) mod wrap;
