//! Deliberate defects of the store, for tests: a check of its answers must catch each of them.
//!
//! **Invariant:** compiled only with the feature `defects`, which only tests enable.

/// A deliberate violation of the store's promises.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreDefect {
    /// A round commits once a majority of the copies exists, the owner's among them. Rule, commit: once all holders
    /// have the version or a later one.
    MajoritySuffices,
    /// An arrival ends once the first source has sent what it has. Rule, arrival: once all holders have, so long as
    /// none had every write that was acknowledged.
    FirstSourceSuffices,
    /// A node removes its deletions when it begins its repairs. Rule, soft state: a deletion is kept
    /// until no copy of what it deletes is left.
    DeletionsPurged,
    /// An owner carries out a write again when another attempt at it arrives. Rule: all attempts at an operation
    /// have one name, and the owner recognizes a write that it has carried out.
    RepeatedWrite,
}

impl StoreDefect {
    /// All defects.
    pub const ALL: [StoreDefect; 4] = [
        StoreDefect::MajoritySuffices,
        StoreDefect::FirstSourceSuffices,
        StoreDefect::DeletionsPurged,
        StoreDefect::RepeatedWrite,
    ];
}
