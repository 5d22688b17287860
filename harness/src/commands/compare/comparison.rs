//! What came of a comparison, as one document: all that its table, its figure and its verdict read.
//!
//! **Invariant:** a saved comparison holds everything they need.

use serde::{Deserialize, Serialize};

use super::fit;
use crate::measure::outcome::Outcome;
use crate::measure::provenance::{Build, Machine};
use crate::scenario::System;

/// The version of the document that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The systems side by side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// Seconds it took.
    pub wall_s: f64,
    /// The machine it ran on.
    pub machine: Machine,
    /// The program that ran it.
    pub build: Build,
    /// Whether it was stopped before all runs were done.
    pub interrupted: bool,
    /// What all runs have in common, every value resolved.
    pub scenario: toml::Table,
    /// By system, then by number of nodes.
    pub rows: Vec<Row>,
    /// How figures grow with the number of nodes.
    pub growth: Vec<Growth>,
    /// One line per system.
    pub verdicts: Vec<String>,
}

/// One system of one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub system: System,
    /// Nodes at the start.
    pub nodes: u32,
    /// Entries that a node keeps about others: peers, and who holds what.
    pub state: Spread,
    /// Memory of a node as built.
    pub bytes: Spread,
    /// Messages that the busiest node received.
    pub busiest_messages: u64,
    /// All messages that queries caused, per query.
    pub messages_per_query: f64,
    /// From asking to the first answer, median, in microseconds.
    pub latency_p50_us: f64,
    /// The same, 99th percentile.
    pub latency_p99_us: f64,
    /// Share of queries for an exact name that ended with the item at who asked.
    pub success: Option<f64>,
    /// The same, of those for a prefix, a piece or some words of a name.
    pub fuzzy_success: Option<f64>,
    /// Like `success`, once the busiest node has crashed.
    pub success_busiest_crashed: Option<f64>,
    /// Like `success`, once a third of all nodes have crashed.
    pub success_third_crashed: Option<f64>,
}

/// Over all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// The most at one node.
    pub max: f64,
}

/// How one figure of one system grows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Which system.
    pub system: System,
    /// Which figure.
    pub figure: Figure,
    /// What the literature says.
    pub expected: String,
    /// The exponent b of a · N^b, fitted.
    pub exponent: f64,
    /// How well a + b · log2 N accounts for it: R².
    pub log_r2: f64,
    /// That b: how much the figure grows each time the nodes double.
    pub per_doubling: f64,
}

/// A figure that grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Entries at the node that keeps most: the server, where there is one.
    StateMax,
    /// Entries at a node, on average.
    StateMean,
    /// Messages per query.
    MessagesPerQuery,
}

impl Figure {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Figure::StateMax => "state of the fullest node",
            Figure::StateMean => "state of a node",
            Figure::MessagesPerQuery => "messages per query",
        }
    }

    const fn of(self, row: &Row) -> f64 {
        match self {
            Figure::StateMax => row.state.max,
            Figure::StateMean => row.state.mean,
            Figure::MessagesPerQuery => row.messages_per_query,
        }
    }
}

/// How a figure grows that grows with the logarithm of the number of nodes.
pub(super) const LOGARITHMIC: &str = "O(log N)";

/// What the first table of Wehrle, Götz and Rieche, *Distributed Hash Tables* (2005), says.
const EXPECTED: [(System, Figure, &str); 6] = [
    (System::Central, Figure::StateMax, "O(N)"),
    (System::Central, Figure::MessagesPerQuery, "O(1)"),
    (System::Flood, Figure::StateMean, "O(1)"),
    (System::Flood, Figure::MessagesPerQuery, "O(N)"),
    (System::Ring, Figure::StateMean, LOGARITHMIC),
    (System::Ring, Figure::MessagesPerQuery, LOGARITHMIC),
];

impl Row {
    /// The row of a run in peace. What happens after crashes is entered later.
    #[must_use]
    pub fn of(system: System, nodes: u32, outcome: &Outcome) -> Row {
        let items = outcome.items.as_ref();
        Row {
            system,
            nodes,
            state: Spread {
                mean: outcome.state.entries_mean,
                max: outcome.state.entries_max as f64,
            },
            bytes: Spread {
                mean: outcome.state.bytes_per_node as f64,
                max: outcome.state.bytes_max as f64,
            },
            busiest_messages: outcome.load.as_ref().map_or(0, |load| load.messages_max),
            messages_per_query: outcome.lookups.messages.mean,
            latency_p50_us: outcome.lookups.latency_us.p50,
            latency_p99_us: outcome.lookups.latency_us.p99,
            success: success(outcome),
            fuzzy_success: items.and_then(|items| items.fuzzy.success()),
            success_busiest_crashed: None,
            success_third_crashed: None,
        }
    }
}

/// The share of queries for an exact name that ended with the item at who asked.
pub(super) fn success(outcome: &Outcome) -> Option<f64> {
    outcome.items.as_ref().and_then(|items| items.exact.success())
}

/// The growth of every figure for which the literature says how it grows, where `rows` has at least
/// two sizes.
#[must_use]
pub(super) fn growth(rows: &[Row]) -> Vec<Growth> {
    let fitted = |&(system, figure, expected): &(System, Figure, &str)| {
        let rows = rows.iter().filter(|row| row.system == system);
        let points: Vec<_> = rows.map(|row| (f64::from(row.nodes), figure.of(row))).collect();
        let (power, logarithm) = (fit::power(&points)?, fit::logarithm(&points)?);
        Some(Growth {
            system,
            figure,
            expected: expected.to_owned(),
            exponent: power.slope,
            log_r2: logarithm.r2,
            per_doubling: logarithm.slope,
        })
    };
    EXPECTED.iter().filter_map(fitted).collect()
}

#[cfg(test)]
pub(super) mod example {
    use super::*;

    /// Rows that grow as the literature says.
    pub(in super::super) fn rows() -> Vec<Row> {
        let row = |system, nodes: u32| {
            let n = f64::from(nodes);
            let (mean, max, messages_per_query) = match system {
                System::Central => (5.0, 4.0 * n, 2.0),
                System::Flood => (6.0, 14.0, 5.0 * n + 1.0),
                System::Ring => (12.0 + n.log2(), 90.0, 3.0 + 1.5 * n.log2()),
            };
            let served = if system == System::Central { 0.0 } else { 0.995 };
            let fuzzy = if system == System::Ring { 0.0 } else { 1.0 };
            Row {
                system,
                nodes,
                state: Spread { mean, max },
                bytes: Spread { mean: 900.0, max: 1e6 },
                busiest_messages: 1000,
                messages_per_query,
                latency_p50_us: 2e5,
                latency_p99_us: 9e5,
                success: Some(1.0),
                fuzzy_success: Some(fuzzy),
                success_busiest_crashed: Some(served),
                success_third_crashed: Some(0.5),
            }
        };
        let sizes = [256, 1024, 4096, 16384];
        System::ALL.into_iter().flat_map(|system| sizes.map(|nodes| row(system, nodes))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_as_expected_is_fitted_so() {
        let growth = growth(&example::rows());
        assert_eq!(growth.len(), EXPECTED.len());
        for fit in growth {
            match fit.expected.as_str() {
                "O(1)" => assert!(fit.exponent.abs() < 0.01, "{fit:?}"),
                "O(N)" => assert!((fit.exponent - 1.0).abs() < 0.01, "{fit:?}"),
                _ => assert!(fit.log_r2 > 0.9999 && fit.per_doubling >= 1.0, "{fit:?}"),
            }
        }
    }

    #[test]
    fn one_size_grows_not_at_all() {
        let rows: Vec<Row> = example::rows().into_iter().filter(|row| row.nodes == 256).collect();
        assert!(growth(&rows).is_empty());
    }
}
