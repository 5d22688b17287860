//! How far the choice of a place is.
//!
//! **Invariant:** plain data.

use crate::store::sum::Range;

/// A choice in progress.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Choice {
    /// Owners that have been asked and have not answered.
    pub(super) in_progress: u8,
    /// Whether an owner has been found.
    pub(super) has_found: bool,
    /// The most items of an owner so far, and the keys in the middle of them.
    pub(super) fullest: Option<(u32, Range)>,
}
