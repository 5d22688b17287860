//! State shared by the shards and the control thread: a few atomics, a bounded queue, a few rarely
//! used slots per shard, and where the busiest node is.
//!
//! **Invariant:** not used on the way of a message.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use hopwise_kernel::Time;
use parking_lot::Mutex;

use super::scan::Scanned;
use crate::measure::metrics::Metrics;
use crate::workload::Workload;
use crate::workload::judge::Record;

/// Capacity for batches of records on their way to the judge.
const BATCHES: usize = 1024;

/// Shared by all threads of a run.
#[derive(Debug)]
pub(super) struct Shared<W: Workload> {
    /// Start and end of the measured phase; [`Time::NEVER`] until they are known.
    pub(super) measure_from: CachePadded<AtomicU64>,
    pub(super) measure_to: CachePadded<AtomicU64>,
    /// Start of the calibration; [`Time::NEVER`] until it is known.
    pub(super) calibrate_from: CachePadded<AtomicU64>,
    /// The capacity that it found: the bits of a number of lookups per second. Set before
    /// `measure_from`.
    pub(super) capacity_per_s: CachePadded<AtomicU64>,
    pub(super) stop: AtomicBool,
    /// Whether lookups in progress at the stop are orphaned. Set before `stop`.
    pub(super) is_interrupted: AtomicBool,
    pub(super) records: ArrayQueue<Vec<Record<W>>>,
    pub(super) shards: Vec<ShardStatus>,
    pub(super) busiest: BusiestShards,
}

/// What one shard shows to the control thread.
#[derive(Debug, Default)]
pub(super) struct ShardStatus {
    pub(super) live: CachePadded<AtomicUsize>,
    /// Lookups of the measured phase that have not ended.
    pub(super) outstanding: CachePadded<AtomicUsize>,
    /// Lookups issued in the measured phase.
    pub(super) issued: CachePadded<AtomicU64>,
    /// All lookups that have not ended.
    pub(super) in_progress: CachePadded<AtomicUsize>,
    /// Lookups completed while the calibration counted them.
    pub(super) calibrated: CachePadded<AtomicU64>,
    /// Messages of its busiest node, while a fault may ask for it.
    pub(super) busiest: CachePadded<AtomicU64>,
    /// Whether it has issued all lookups of the measured phase, which is over.
    pub(super) has_issued_all: AtomicBool,
    /// Once a second: bytes of maintenance that it has sent.
    pub(super) maintenance_bytes: CachePadded<AtomicU64>,
    /// Once a second: lookups since the last time.
    pub(super) recent: Mutex<Option<Box<Metrics>>>,
    /// Once a second: its members and their tables.
    pub(super) scanned: Mutex<Option<Box<Scanned>>>,
}

/// The shards of the busiest nodes, by the number of the fault that asks. Whichever shard asks first
/// decides for all.
#[derive(Debug, Default)]
pub(super) struct BusiestShards {
    /// `None` if no node has received any message.
    by_fault: Mutex<BTreeMap<u32, Option<usize>>>,
}

impl BusiestShards {
    /// The shard that has the busiest node, for `fault`. Ties go to the first shard.
    pub(super) fn shard_for(&self, fault: u32, shards: &[ShardStatus]) -> Option<usize> {
        let most = || {
            let counts = shards.iter().map(|shard| shard.busiest.load(Ordering::Relaxed));
            let most = counts.zip((0..shards.len()).map(Reverse)).max()?;
            (most.0 > 0).then_some(most.1.0)
        };
        *self.by_fault.lock().entry(fault).or_insert_with(most)
    }
}

impl<W: Workload> Shared<W> {
    pub(super) fn new(shards: usize) -> Shared<W> {
        Shared {
            measure_from: CachePadded::new(AtomicU64::new(u64::MAX)),
            measure_to: CachePadded::new(AtomicU64::new(u64::MAX)),
            calibrate_from: CachePadded::new(AtomicU64::new(u64::MAX)),
            capacity_per_s: CachePadded::new(AtomicU64::new(0)),
            stop: AtomicBool::new(false),
            is_interrupted: AtomicBool::new(false),
            records: ArrayQueue::new(BATCHES),
            shards: (0..shards).map(|_| ShardStatus::default()).collect(),
            busiest: BusiestShards::default(),
        }
    }

    pub(super) fn from(&self) -> Time {
        Time::from_ns(self.measure_from.load(Ordering::Acquire))
    }

    pub(super) fn to(&self) -> Time {
        Time::from_ns(self.measure_to.load(Ordering::Acquire))
    }

    pub(super) fn calibrate_from(&self) -> Time {
        Time::from_ns(self.calibrate_from.load(Ordering::Acquire))
    }

    pub(super) fn capacity_per_s(&self) -> f64 {
        f64::from_bits(self.capacity_per_s.load(Ordering::Acquire))
    }

    pub(super) fn live(&self) -> usize {
        self.shards.iter().map(|shard| shard.live.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(counts: [u64; 3]) -> Vec<ShardStatus> {
        let shard = |count| {
            let shard = ShardStatus::default();
            shard.busiest.store(count, Ordering::Relaxed);
            shard
        };
        counts.map(shard).into()
    }

    #[test]
    fn all_shards_agree_on_the_shard_of_the_busiest_node() {
        let busiest = BusiestShards::default();
        assert_eq!(busiest.shard_for(0, &shards([5, 9, 9])), Some(1));
        let later = shards([10, 9, 9]);
        assert_eq!(busiest.shard_for(0, &later), Some(1), "decided");
        assert_eq!(busiest.shard_for(3, &later), Some(0), "another fault");
        assert_eq!(busiest.shard_for(4, &shards([0; 3])), None);
    }
}
