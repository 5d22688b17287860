//! What a store node has done.
//!
//! **Invariant:** plain data.

/// Counts since the node was built.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct StoreCounts {
    /// Reads answered.
    pub reads: u64,
    /// Reads of popular values answered as a holder.
    pub reads_as_holder: u64,
    /// Writes carried out as owner.
    pub writes: u64,
    /// Requests for values that the node provides.
    pub fetches: u64,
    /// Versions that won over one that their writer had not seen.
    pub conflicts: u64,
    /// Copies sent to mend a holder, or to hand items over.
    pub repairs: u64,
    /// Bytes of keys, versions and values in these copies.
    pub repair_bytes: u64,
    /// Bytes of the messages that compare ranges.
    pub digest_bytes: u64,
    /// Items refused for want of room.
    pub full: u64,
}
