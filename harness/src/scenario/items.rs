//! What is said of the items that nodes share.
//!
//! **Invariant:** as of every [`Scenario`](super::Scenario), a value of each key that is not written.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// A population of named items: who holds them, and how they are asked for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Items {
    /// How many there are.
    pub population: u32,
    /// How skewed queries are, 0 … 20: the item of rank k is asked for with probability proportional
    /// to k^(−exponent).
    pub exponent: f64,
    /// Holders of an item, on average over all items.
    pub replicas: f64,
    /// Who has more of them than others.
    pub replication: Replication,
    /// Share of queries that do not name the item exactly, 0 … 1: prefixes, substrings and words,
    /// equally often.
    pub fuzzy: f64,
    /// Size of an item.
    pub bytes: u32,
    /// Whether who has found an item fetches it.
    pub fetch: bool,
    /// How often what is published is published again: it is soft state.
    #[serde(with = "duration")]
    pub refresh: Duration,
    /// How long after it has joined a node takes, at most, to begin to publish what it holds.
    #[serde(with = "duration")]
    pub publish_within: Duration,
}

impl Default for Items {
    fn default() -> Items {
        Items {
            population: 1000,
            exponent: 1.0,
            replicas: 4.0,
            replication: Replication::Uniform,
            fuzzy: 0.5,
            bytes: 1024,
            fetch: true,
            refresh: Duration::from_secs(60),
            publish_within: Duration::from_secs(1),
        }
    }
}

/// How many holders an item has, by its popularity (Cohen and Shenker, *Replication strategies in
/// unstructured peer-to-peer networks*, SIGCOMM 2002).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replication {
    /// As many as any other.
    Uniform,
    /// In proportion to how often it is asked for.
    Proportional,
    /// In proportion to the square root of that.
    SquareRoot,
}
