//! Counters of reads and writes of values.
//!
//! **Invariant:** recording never allocates, never fails and never reads a clock.

/// Counters of the operations of one shard in one period. Shed and orphaned ones do not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ValueTally {
    /// Reads that were answered or failed.
    pub reads: u64,
    /// Writes that were answered or failed.
    pub writes: u64,
    /// Reads followed by a write of the same key that were answered or failed.
    pub modifications: u64,
    /// Reads that found a value.
    pub found: u64,
    /// Reads that found none.
    pub absent: u64,
    /// Reads that found a reference, but not the value.
    pub not_provided: u64,
    /// Writes that were acknowledged, those after reads included.
    pub acknowledged: u64,
    /// Writes after reads that changed nothing: another write came in between.
    pub condition_failed: u64,
    /// Writes that may have taken effect, or may do so later.
    pub unknown: u64,
    /// Operations that no owner answered in time.
    pub unreachable: u64,
    /// Operations that the owner refused because it had too many in progress.
    pub overloaded: u64,
    /// Writes that the owner refused for want of room.
    pub full: u64,
    /// Operations that were refused for another reason.
    pub refused: u64,
}

impl ValueTally {
    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: ValueTally) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.modifications += other.modifications;
        self.found += other.found;
        self.absent += other.absent;
        self.not_provided += other.not_provided;
        self.acknowledged += other.acknowledged;
        self.condition_failed += other.condition_failed;
        self.unknown += other.unknown;
        self.unreachable += other.unreachable;
        self.overloaded += other.overloaded;
        self.full += other.full;
        self.refused += other.refused;
    }
}
