//! The load: when lookups begin, what they ask for, and whether the answer is right.
//!
//! **Invariant:** the truth is known from what happened to nodes, never from what nodes say.

pub mod arrivals;
pub mod items;
pub mod judge;
pub mod keys;
mod question;
pub mod truth;

pub use self::question::Question;
