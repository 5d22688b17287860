//! The result of a comparison as one document.
//!
//! **Invariant:** it holds everything that the table, the figure and the verdicts need.

use serde::{Deserialize, Serialize};

use super::execute::Circumstances;
use super::regression;
use super::runs::Contender;
use crate::measure::growth::{Figure, Law};
use crate::measure::outcome::Outcome;

/// The version of the document that this program writes.
pub const SCHEMA_VERSION: u32 = 1;

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    /// When, where and how the runs took place.
    #[serde(flatten)]
    pub circumstances: Circumstances,
    /// Whether lookups asked for items; if not, for keys.
    #[serde(default = "yes")]
    pub items: bool,
    /// By system, then by number of nodes.
    pub rows: Vec<Row>,
    /// How figures grow with the number of nodes.
    pub growth: Vec<Growth>,
    /// One line per system.
    pub verdicts: Vec<String>,
}

fn yes() -> bool {
    true
}

/// One system at one size.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The system.
    pub system: String,
    /// Nodes at the start.
    pub nodes: u32,
    /// Entries in the tables of a node: peers and references to items.
    pub state: Spread,
    /// Memory of a node.
    pub bytes: Spread,
    /// Messages that the busiest node received.
    pub busiest_messages: u64,
    /// All messages that queries caused, per query.
    pub messages_per_query: f64,
    /// Median time from a query to its first answer, in microseconds.
    pub latency_p50_us: f64,
    /// The 99th percentile of the same.
    pub latency_p99_us: f64,
    /// Fraction of queries for an exact name after which the requester obtained the item, or of
    /// lookups of keys that were answered correctly.
    pub success: Option<f64>,
    /// The same for queries for a prefix, a substring or words of a name.
    pub fuzzy_success: Option<f64>,
    /// The same for queries for words alone.
    #[serde(default)]
    pub words_success: Option<f64>,
    /// The same for queries for a prefix or a substring alone.
    #[serde(default)]
    pub pieces_success: Option<f64>,
    /// Traffic for maintenance and for publishing, in bytes per node and second.
    #[serde(default)]
    pub upkeep_bytes_per_node_s: f64,
    /// Like `success`, after the busiest node crashed.
    pub success_busiest_crashed: Option<f64>,
    /// Like `success`, after a third of all nodes crashed.
    pub success_third_crashed: Option<f64>,
}

/// The spread of a value over all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// Maximum over nodes.
    pub max: f64,
}

/// The growth of one figure of one system with the number of nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The system.
    pub system: String,
    /// The figure.
    pub figure: Figure,
    /// The growth that the literature states.
    pub expected: String,
    /// The exponent b of the fit a · N^b.
    pub exponent: f64,
    /// R² of the fit a + b · log2 N.
    pub log_r2: f64,
    /// The coefficient b of that fit: the increase per doubling of N.
    pub per_doubling: f64,
}

/// The value of a figure in a row.
const fn value(figure: Figure, row: &Row) -> f64 {
    match figure {
        Figure::StateMax => row.state.max,
        Figure::StateMean => row.state.mean,
        Figure::MessagesPerQuery => row.messages_per_query,
    }
}

impl Row {
    /// The row of a run without crashes. The success rates after crashes are added later.
    #[must_use]
    pub fn of(system: &str, nodes: u32, outcome: &Outcome) -> Row {
        let items = outcome.items.as_ref();
        Row {
            system: system.to_owned(),
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
            words_success: items.and_then(|items| items.words.success()),
            pieces_success: items.and_then(|items| items.words.rest_of(&items.fuzzy).success()),
            upkeep_bytes_per_node_s: outcome.maintenance.bytes_per_node_s
                + items.map_or(0.0, |items| items.publishing.bytes_per_node_s),
            success_busiest_crashed: None,
            success_third_crashed: None,
        }
    }
}

/// The fraction of queries for an exact name after which the requester obtained the item, or of
/// lookups of keys that were answered correctly.
pub(super) fn success(outcome: &Outcome) -> Option<f64> {
    let lookups = &outcome.lookups;
    match &outcome.items {
        Some(items) => items.exact.success(),
        None => (lookups.counted() > 0).then(|| lookups.correct as f64 / lookups.counted() as f64),
    }
}

/// Fits the growth of every figure for which the literature states one, if `rows` has at least two
/// sizes.
#[must_use]
pub(super) fn growth(rows: &[Row], systems: &[Contender]) -> Vec<Growth> {
    let expected = systems
        .iter()
        .flat_map(|system| system.growth.iter().map(|&(figure, law)| (system.name, figure, law)));
    let fitted = |(system, figure, law): (&str, Figure, Law)| {
        let rows = rows.iter().filter(|row| row.system == system);
        let points: Vec<_> = rows.map(|row| (f64::from(row.nodes), value(figure, row))).collect();
        let (power, logarithm) = (regression::power(&points)?, regression::logarithm(&points)?);
        Some(Growth {
            system: system.to_owned(),
            figure,
            expected: law.name().to_owned(),
            exponent: power.slope,
            log_r2: logarithm.r2,
            per_doubling: logarithm.slope,
        })
    };
    expected.filter_map(fitted).collect()
}

#[cfg(test)]
pub(super) mod example {
    use super::*;
    use crate::commands::compare::runs::contenders;
    use crate::systems::Registry;

    /// Rows that grow as the literature states.
    pub(in super::super) fn rows() -> Vec<Row> {
        let row = |system: &str, nodes: u32| {
            let n = f64::from(nodes);
            let (mean, max, messages_per_query) = match system {
                "central" => (5.0, 4.0 * n, 2.0),
                "flood" => (6.0, 14.0, 5.0 * n + 1.0),
                _ => (12.0 + n.log2(), 90.0, 3.0 + 1.5 * n.log2()),
            };
            let served = if system == "central" { 0.0 } else { 0.995 };
            let fuzzy = if system == "ring" { 0.0 } else { 1.0 };
            Row {
                system: system.to_owned(),
                nodes,
                state: Spread { mean, max },
                bytes: Spread { mean: 900.0, max: 1e6 },
                busiest_messages: 1000,
                messages_per_query,
                latency_p50_us: 2e5,
                latency_p99_us: 9e5,
                success: Some(1.0),
                fuzzy_success: Some(fuzzy),
                words_success: Some(fuzzy),
                pieces_success: Some(fuzzy),
                upkeep_bytes_per_node_s: 1500.0,
                success_busiest_crashed: Some(served),
                success_third_crashed: Some(0.5),
            }
        };
        let sizes = [256, 1024, 4096, 16384];
        systems().iter().flat_map(|system| sizes.map(|nodes| row(system.name, nodes))).collect()
    }

    /// The systems of these rows.
    pub(in super::super) fn systems() -> Vec<Contender> {
        let registry = Registry::built_in();
        contenders(&registry, &["central", "flood", "ring"].map(str::to_owned))
            .expect("all three can be compared")
            .0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_growth_is_fitted() {
        let growth = growth(&example::rows(), &example::systems());
        assert_eq!(growth.len(), 6);
        for fit in growth {
            match fit.expected.as_str() {
                "O(1)" => assert!(fit.exponent.abs() < 0.01, "{fit:?}"),
                "O(N)" => assert!((fit.exponent - 1.0).abs() < 0.01, "{fit:?}"),
                _ => assert!(fit.log_r2 > 0.9999 && fit.per_doubling >= 1.0, "{fit:?}"),
            }
        }
    }

    #[test]
    fn one_size_is_not_fitted() {
        let rows: Vec<Row> = example::rows().into_iter().filter(|row| row.nodes == 256).collect();
        assert!(growth(&rows, &example::systems()).is_empty());
    }
}
