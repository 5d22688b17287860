//! The result of a comparison of both ways to store a value, as one document.
//!
//! **Invariant:** it holds everything that the table and the verdicts need.

use serde::{Deserialize, Serialize};

use super::super::execute::Circumstances;
use super::plan::{Case, GONE_PERCENT, Planned, WAYS, way_name};
use crate::measure::outcome::{Outcome, Store};

/// The version of the document that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    /// `storage`.
    pub what: String,
    /// When, where and how the runs took place.
    #[serde(flatten)]
    pub circumstances: Circumstances,
    /// By way, then by size of values.
    pub rows: Vec<Row>,
    /// One line per way.
    pub verdicts: Vec<String>,
}

/// One way with values of one size. A figure is absent if its run has no result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// `direct`: the values are at the owners of their keys and their holders. `reference`: they are at the
    /// nodes that wrote them, and the store keeps references.
    pub way: String,
    /// The size of a value in bytes.
    pub value_bytes: u32,
    /// Nodes at the start.
    pub nodes: u32,
    /// Keys with a value.
    pub keys: u32,
    /// Puts, with all nodes there.
    pub put: Option<Operation>,
    /// Gets, with all nodes there.
    pub get: Option<Gets>,
    /// Bytes of values and references that a node keeps, with all nodes there: the mean.
    pub stored_bytes_mean: Option<f64>,
    /// The 99th percentile of the same.
    pub stored_bytes_p99: Option<u64>,
    /// Gets after shares of the nodes have left, announced.
    pub left: Vec<Departed>,
    /// Gets after shares of the nodes have crashed.
    pub crashed: Vec<Departed>,
}

/// The cost of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Bytes of all messages that it caused, with the IPv4 and UDP header of each.
    pub bytes: f64,
    /// Median time from its start to its end, in microseconds.
    pub latency_p50_us: f64,
    /// The 99th percentile of the same.
    pub latency_p99_us: f64,
    /// The share that ended without failing.
    pub completed: f64,
}

/// What gets found, and what nodes did meanwhile to keep copies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gets {
    /// Their cost.
    pub operation: Operation,
    /// The share of gets that found the value.
    pub found: f64,
    /// Gets that found a reference to a value that was gone with its writer.
    pub not_provided: u64,
    /// Gets that found nothing, or an old value, after all holders were gone within 5 s of each other.
    pub excused: u64,
    /// Gets that found nothing, or an old value, without such a reason.
    pub lost_or_stale: u64,
    /// Bytes of copies that nodes sent to mend or to hand over, per live node and second.
    pub repair_bytes_per_node_s: f64,
    /// Bytes of messages that compare copies, per live node and second.
    pub digest_bytes_per_node_s: f64,
}

/// Gets after a share of the nodes has departed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Departed {
    /// The share, in percent.
    pub percent: u32,
    /// The gets.
    pub gets: Gets,
}

impl Operation {
    fn of(outcome: &Outcome, store: &Store) -> Operation {
        let lookups = &outcome.lookups;
        let counted = lookups.counted();
        Operation {
            bytes: store.bytes_per_operation,
            latency_p50_us: lookups.latency_us.p50,
            latency_p99_us: lookups.latency_us.p99,
            completed: lookups.completed as f64 / counted.max(1) as f64,
        }
    }
}

impl Gets {
    fn of(outcome: &Outcome) -> Option<Gets> {
        let store = outcome.store.as_ref()?;
        Some(Gets {
            operation: Operation::of(outcome, store),
            found: store.found_share()?,
            not_provided: store.reads.not_provided,
            excused: store.reads.excused,
            lost_or_stale: store.reads.lost + store.reads.stale,
            repair_bytes_per_node_s: store.upkeep.repair_bytes_per_node_s,
            digest_bytes_per_node_s: store.upkeep.digest_bytes_per_node_s,
        })
    }
}

/// The share of gets that found the value after so many percent had departed.
pub(super) fn found_after(departed: &[Departed], percent: u32) -> Option<f64> {
    departed.iter().find(|it| it.percent == percent).map(|it| it.gets.found)
}

/// A row for each way and size of values of which a run has a result.
#[must_use]
pub(super) fn rows(ended: &[(&Planned, Outcome)], sizes: &[u32]) -> Vec<Row> {
    let mut rows = Vec::new();
    for way in WAYS {
        for &value_bytes in sizes {
            let its = |(planned, _): &&(&Planned, Outcome)| {
                (planned.way, planned.value_bytes) == (way, value_bytes)
            };
            let its: Vec<&(&Planned, Outcome)> = ended.iter().filter(its).collect();
            let Some((first, _)) = its.first() else { continue };
            let of = |case: Case| {
                let found = its.iter().find(|(planned, _)| planned.case == case);
                found.map(|(_, outcome)| outcome)
            };
            let departed = |case: fn(u32) -> Case| {
                let gets =
                    |percent| Some(Departed { percent, gets: Gets::of(of(case(percent))?)? });
                GONE_PERCENT.into_iter().filter_map(gets).collect()
            };
            let put = of(Case::Put).and_then(|it| Some(Operation::of(it, it.store.as_ref()?)));
            let stored = of(Case::Get).and_then(|it| it.store.as_ref());
            rows.push(Row {
                way: way_name(way).to_owned(),
                value_bytes,
                nodes: first.scenario.nodes,
                keys: first.scenario.store.as_ref().map_or(0, |store| store.population),
                put,
                get: of(Case::Get).and_then(Gets::of),
                stored_bytes_mean: stored.map(|store| store.bytes.mean),
                stored_bytes_p99: stored.map(|store| store.bytes.p99),
                left: departed(Case::Left),
                crashed: departed(Case::Crashed),
            });
        }
    }
    rows
}

#[cfg(test)]
pub(super) mod example {
    use super::*;

    /// Rows as a run may give them.
    pub(in super::super) fn rows() -> Vec<Row> {
        let row = |way: &str, value_bytes: u32| {
            let size = f64::from(value_bytes);
            let is_direct = way == "direct";
            let copied = if is_direct { size } else { 36.0 };
            let operation = |bytes: f64| Operation {
                bytes,
                latency_p50_us: if is_direct { 4e5 } else { 5e5 },
                latency_p99_us: 1e6,
                completed: 1.0,
            };
            let gets = |found: f64| Gets {
                operation: operation(900.0 + size + if is_direct { 0.0 } else { 200.0 }),
                found,
                not_provided: 0,
                excused: 0,
                lost_or_stale: 0,
                repair_bytes_per_node_s: copied,
                digest_bytes_per_node_s: 50.0,
            };
            let departed = |percent: u32| {
                let found = if is_direct { 1.0 } else { 1.0 - f64::from(percent) / 100.0 };
                Departed { percent, gets: gets(found) }
            };
            Row {
                way: way.to_owned(),
                value_bytes,
                nodes: 1000,
                keys: 2000,
                put: Some(operation(1000.0 + 3.0 * copied)),
                get: Some(gets(1.0)),
                stored_bytes_mean: Some(2.0 * (3.0 * copied + if is_direct { 0.0 } else { size })),
                stored_bytes_p99: Some(20 * value_bytes as u64),
                left: GONE_PERCENT.map(departed).to_vec(),
                crashed: GONE_PERCENT.map(departed).to_vec(),
            }
        };
        let sizes = [16, 64, 256, 1000];
        ["direct", "reference"]
            .into_iter()
            .flat_map(|way| sizes.map(|size| row(way, size)))
            .collect()
    }
}
