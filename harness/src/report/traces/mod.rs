//! Traces of lookups as people read them: one row for each thing that happens.
//!
//! ```text
//! rows     the steps of a trace as rows: a message that arrives is one row
//! text     for the terminal
//! drawing  for a page
//! ```
//!
//! **Invariant:** made from a trace alone.

mod drawing;
mod rows;
mod text;

pub(crate) use self::drawing::drawing;
pub(crate) use self::text::{plain as plain_text, text};

/// The first digits of an identifier, which tell it from others in a trace.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// How far `key` lies clockwise of `node`, as a share of the ring.
pub(crate) fn distance(node: &str, key: &str) -> Option<f64> {
    let prefix = |id: &str| u64::from_str_radix(id.get(..16)?, 16).ok();
    Some(prefix(key)?.wrapping_sub(prefix(node)?) as f64 / 2_f64.powi(64))
}
