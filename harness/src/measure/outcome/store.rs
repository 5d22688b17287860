//! Figures of reads and writes of values, and of what nodes store.
//!
//! **Invariant:** units are in the names, and every figure is 0 where nothing was counted.

use serde::{Deserialize, Serialize};

use super::statistics::{nearest_rank_of, per};
use crate::measure::stored::{Contents, NodeLoad, ValueVerdicts};
use crate::measure::value_tally::ValueTally;

/// Reads and writes of values, and what nodes did for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Store {
    /// Operations of the measured phase.
    pub operations: Operations,
    /// Reads of the measured phase, those before a write of the same key included.
    pub reads: Reads,
    /// Writes of the measured phase, those after a read of the same key included.
    pub writes: Writes,
    /// Operations of the measured phase that failed, by reason.
    pub failures: Failures,
    /// Acknowledged values at the end of the run.
    pub durability: Durability,
    /// What nodes did in the measured phase to keep copies the same, those that departed included.
    pub upkeep: Upkeep,
    /// Items of each member at the end of the run, with the values that it provides itself.
    pub items: PerNode,
    /// Bytes of values of each member at the end of the run.
    pub bytes: PerNode,
    /// Reads and writes that each member at the end of the run answered, and requests for values
    /// that it provides, since it was built.
    pub requests: PerNode,
    /// Bytes of the messages that operations caused in the measured phase, per operation that was
    /// answered or failed, IPv4 and UDP headers of each message included; 0 in results that lack it.
    #[serde(default)]
    pub bytes_per_operation: f64,
}

/// Operations that were answered or failed. Shed and orphaned ones do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operations {
    /// Reads.
    pub reads: u64,
    /// Writes.
    pub writes: u64,
    /// Reads followed by a write of the same key.
    pub modifications: u64,
}

/// What reads returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    /// A value.
    pub found: u64,
    /// That there is none.
    pub absent: u64,
    /// A reference to a value that was gone, because the node that had written it had left or failed.
    #[serde(default)]
    pub not_provided: u64,
    /// A value that had been overwritten before the read began, without an excuse.
    pub stale: u64,
    /// Nothing, though a value had been acknowledged before the read began, without an excuse.
    pub lost: u64,
    /// A value that no write had begun to write when the read ended, or damaged bytes.
    pub phantom: u64,
    /// An overwritten value or nothing, after all holders of the newest value were gone within 5 s of
    /// each other.
    pub excused: u64,
    /// Reads of popular values that holders answered instead of the owner, as these count them.
    pub by_holders: u64,
}

/// How writes ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writes {
    /// The owner and all holders have the value.
    pub acknowledged: u64,
    /// The value that was read before was no longer there. Nothing was written.
    pub condition_failed: u64,
    /// Not confirmed: the write may have taken effect, or may do so later.
    pub unknown: u64,
    /// Versions that won over one that their writer had not seen, as holders count them.
    pub conflicts: u64,
}

/// Why operations failed. The failed ones of [`Lookups`](super::Lookups) are these and the unknown
/// [writes](Writes::unknown).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failures {
    /// No owner answered in time.
    pub unreachable: u64,
    /// The owner had too many operations in progress.
    pub overloaded: u64,
    /// The owner had no room.
    pub full: u64,
    /// Other refusals.
    pub refused: u64,
}

/// What became of acknowledged values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Durability {
    /// Keys with an acknowledged value that has not expired.
    pub keys: u64,
    /// Keys of these whose newest acknowledged version no member holds. Copies are looked for within 32
    /// mean arcs after the key; no lookup would find one that is farther away.
    pub lost: u64,
    /// Lost keys whose holders at the time of acknowledgement were gone within 5 s of each other, so
    /// perhaps before one of them could copy the value on.
    pub excused: u64,
    /// The number of keys whose holders all crash within 5 s of each other, to be expected from the
    /// crashes of the run: the sum over all crashes of k (r / N) C(c, r - 1) / C(N - 1, r - 1), with k keys, r
    /// holders of each, N live nodes, and c crashes within 5 s after this one. Some of them are written
    /// again afterwards, and then not lost.
    pub excused_expected: f64,
}

/// Per live node-second.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Upkeep {
    /// Copies sent to mend a holder, or to hand items over.
    pub repairs_per_node_s: f64,
    /// Bytes of keys, versions and values in these copies.
    pub repair_bytes_per_node_s: f64,
    /// Bytes of the messages that compare copies.
    pub digest_bytes_per_node_s: f64,
}

/// A count per node. With virtual nodes: per host, the sum of its ring nodes. Percentiles use the nearest rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PerNode {
    /// Mean.
    pub mean: f64,
    /// 1st percentile.
    pub p1: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Maximum.
    pub max: u64,
    /// The maximum divided by the mean.
    pub max_per_mean: f64,
}

impl Store {
    /// Summarizes the operations in `tally`, `verdicts` about them, and the `contents` of nodes over
    /// `node_s` node-seconds. `bytes` are those of all messages that operations caused.
    #[must_use]
    pub fn new(
        tally: &ValueTally,
        contents: &Contents,
        verdicts: &ValueVerdicts,
        bytes: u64,
        node_s: f64,
    ) -> Store {
        let ValueTally { reads, writes, modifications, .. } = *tally;
        let ValueVerdicts { stale, lost, phantom, excused, .. } = *verdicts;
        let counts = contents.counts;
        let each = |count: fn(&NodeLoad) -> u64| PerNode::new(contents.hosts.iter().map(count));
        Store {
            operations: Operations { reads, writes, modifications },
            reads: Reads {
                found: tally.found,
                absent: tally.absent,
                not_provided: verdicts.not_provided,
                stale,
                lost,
                phantom,
                excused,
                by_holders: counts.reads_as_holder,
            },
            writes: Writes {
                acknowledged: tally.acknowledged,
                condition_failed: tally.condition_failed,
                unknown: tally.unknown,
                conflicts: counts.conflicts,
            },
            failures: Failures {
                unreachable: tally.unreachable,
                overloaded: tally.overloaded,
                full: tally.full,
                refused: tally.refused,
            },
            durability: Durability {
                keys: verdicts.keys,
                lost: verdicts.lost_for_good,
                excused: verdicts.excused_for_good,
                excused_expected: verdicts.expected,
            },
            upkeep: Upkeep {
                repairs_per_node_s: per(counts.repairs as f64, node_s),
                repair_bytes_per_node_s: per(counts.repair_bytes as f64, node_s),
                digest_bytes_per_node_s: per(counts.digest_bytes as f64, node_s),
            },
            items: each(|node| node.items),
            bytes: each(|node| node.bytes),
            requests: each(|node| node.requests),
            bytes_per_operation: per(bytes as f64, (reads + writes + modifications) as f64),
        }
    }

    /// The fraction of reads that found a value; `None` if none was answered.
    #[must_use]
    pub fn found_share(&self) -> Option<f64> {
        let asked = self.operations.reads + self.operations.modifications;
        (asked > 0).then(|| self.reads.found as f64 / asked as f64)
    }

    /// Everything that should not be, without what failures excuse: stale, lost and phantom reads, and
    /// values lost for good.
    #[must_use]
    pub const fn anomalies(&self) -> u64 {
        let Reads { stale, lost, phantom, .. } = self.reads;
        stale + lost + phantom + self.durability.lost.saturating_sub(self.durability.excused)
    }
}

impl PerNode {
    pub(super) fn new(counts: impl Iterator<Item = u64>) -> PerNode {
        let mut sorted: Vec<u64> = counts.collect();
        sorted.sort_unstable();
        let mean = per(sorted.iter().sum::<u64>() as f64, sorted.len() as f64);
        let max = sorted.last().copied().unwrap_or(0);
        let rank = |percent| nearest_rank_of(&sorted, percent).unwrap_or(0);
        let max_per_mean = per(max as f64, mean);
        PerNode { mean, p1: rank(1), p50: rank(50), p99: rank(99), max, max_per_mean }
    }
}
