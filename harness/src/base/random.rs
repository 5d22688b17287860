//! Unpredictable numbers.
//!
//! **Invariant:** nothing that a seed is to repeat depends on them.

use std::hash::{BuildHasher, Hasher, RandomState};

/// An unpredictable number.
pub(crate) fn random() -> u64 {
    // The standard library seeds it from the operating system.
    RandomState::new().build_hasher().finish()
}
