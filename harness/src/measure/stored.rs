//! What nodes store, what they did for it, and what the truth found out about it.
//!
//! **Invariant:** plain data; the order in which parts are merged does not matter.

use hopwise_kernel::store::{StoreCounts, Version};

/// What the nodes of a run store.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// What nodes did in the measured phase, also those that departed.
    pub counts: StoreCounts,
    /// The load of each host that is a member at the end of the run.
    pub hosts: Vec<NodeLoad>,
    /// By number of the key: the highest version that a member holds at the end;
    /// [`Version::NONE`] if no member holds one.
    pub versions: Vec<Version>,
}

/// What the nodes of one host store, and how often they were asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NodeLoad {
    /// Items.
    pub items: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Reads and writes that they answered, and requests for values that they provide, since they
    /// were built.
    pub requests: u64,
}

/// What the truth of a run found out about values.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ValueVerdicts {
    /// Reads of the measured phase that returned a value that had been overwritten before.
    pub stale: u64,
    /// Reads of the measured phase that found nothing where a value had been acknowledged before.
    pub lost: u64,
    /// Reads of the measured phase that returned what no write had written.
    pub phantom: u64,
    /// Reads of the measured phase that were stale or lost because all holders of the newest
    /// acknowledged value were gone.
    pub excused: u64,
    /// Reads of the measured phase that found a reference whose provider had left or failed.
    pub not_provided: u64,
    /// Keys with an acknowledged value at the end of the run.
    pub keys: u64,
    /// Keys whose newest acknowledged version no member holds at the end.
    pub lost_for_good: u64,
    /// Keys of these whose holders were gone before one could copy the version on.
    pub excused_for_good: u64,
    /// The number of keys whose holders all crash before one can copy the version on, to be expected
    /// from the crashes of the run.
    pub expected: f64,
}

impl Contents {
    /// Begins with another host: what is [added](Self::add) next is on it.
    pub fn begin_host(&mut self) {
        self.hosts.push(NodeLoad::default());
    }

    /// Adds the load of a node of the present host.
    pub fn add(&mut self, load: NodeLoad) {
        if self.hosts.is_empty() {
            self.begin_host();
        }
        if let Some(host) = self.hosts.last_mut() {
            host.items += load.items;
            host.bytes += load.bytes;
            host.requests += load.requests;
        }
    }

    /// Records that a member holds `version` of the key with this number.
    pub fn hold(&mut self, key: u32, version: Version) {
        let key = key as usize;
        if self.versions.len() <= key {
            self.versions.resize(key + 1, Version::NONE);
        }
        self.versions[key] = self.versions[key].max(version);
    }

    /// The highest version of a key that a member holds.
    #[must_use]
    pub fn version_of(&self, key: u32) -> Version {
        self.versions.get(key as usize).copied().unwrap_or(Version::NONE)
    }

    /// Adds what other nodes store.
    pub fn merge(&mut self, other: &Contents) {
        self.counts = sum(self.counts, other.counts);
        self.hosts.extend_from_slice(&other.hosts);
        (0..).zip(&other.versions).for_each(|(key, &version)| self.hold(key, version));
    }
}

/// The sums of two counts.
#[must_use]
pub fn sum(a: StoreCounts, b: StoreCounts) -> StoreCounts {
    each(a, b, |a, b| a + b)
}

/// What was counted since `before`.
#[must_use]
pub fn since(now: StoreCounts, before: StoreCounts) -> StoreCounts {
    each(now, before, u64::saturating_sub)
}

fn each(a: StoreCounts, b: StoreCounts, f: impl Fn(u64, u64) -> u64) -> StoreCounts {
    StoreCounts {
        reads: f(a.reads, b.reads),
        reads_as_holder: f(a.reads_as_holder, b.reads_as_holder),
        writes: f(a.writes, b.writes),
        fetches: f(a.fetches, b.fetches),
        conflicts: f(a.conflicts, b.conflicts),
        repairs: f(a.repairs, b.repairs),
        repair_bytes: f(a.repair_bytes, b.repair_bytes),
        digest_bytes: f(a.digest_bytes, b.digest_bytes),
        full: f(a.full, b.full),
    }
}
