//! When a figure is left out of a document.
//!
//! **Invariant:** only what its reader takes for granted is left out.

/// Whether a count is 0; goes with `default` and `skip_serializing_if`.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}
