//! The items that nodes share, and the queries for them.
//!
//! **Invariant:** a scenario without this section asks for keys, unless its system always has items.

use core::time::Duration;

use hopwise_kernel::node::MAX_PAYLOAD;
use serde::{Deserialize, Serialize};

use super::impossible::{Verdict, is_share, require, require_or_adapt, require_that};
use super::key::{DURATION, Key, PERIOD, PERIOD_MIN};
use super::{Keys, Scenario, Section, duration};

/// Items, at most.
const ITEMS_MAX: u32 = 1_000_000;
/// Copies of items, at most: the harness keeps the holders of each item in tables.
const COPIES_MAX: f64 = 268_435_456.0;
/// References of one word, at most.
const REFERENCES_PER_WORD_MAX: u32 = 65_536;

/// A population of named items: the nodes that hold them, and the queries for them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Items {
    /// Number of items.
    pub population: u32,
    /// Skew of the queries, 0 … 20: a query is for the item of rank k with probability proportional
    /// to k^(−exponent).
    pub exponent: f64,
    /// Holders of an item, on average over all items.
    pub replicas: f64,
    /// Which items have more holders than others.
    pub replication: Replication,
    /// Share of queries that do not name the item exactly, 0 … 1: prefixes, substrings and words,
    /// equally often.
    pub fuzzy: f64,
    /// Size of an item.
    pub bytes: u32,
    /// Whether a node that has found an item fetches it.
    pub fetch: bool,
    /// Period in which a node publishes its items again: an index forgets entries that are not
    /// refreshed.
    #[serde(with = "duration")]
    pub refresh: Duration,
    /// Longest time between joining and first publishing.
    #[serde(with = "duration")]
    pub publish_within: Duration,
    /// Under what a ring keeps references to items.
    pub publish: Publish,
    /// The most references that a node of a ring keeps for one word.
    pub references_per_word: u32,
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
            publish: Publish::Names,
            references_per_word: 512,
        }
    }
}

/// Under what a ring keeps references to items.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Publish {
    /// Under the hash of the name.
    Names,
    /// Under the hash of each of its words as well.
    Words,
}

/// How the number of holders of an item depends on its popularity (Cohen and Shenker, *Replication
/// strategies in unstructured peer-to-peer networks*, SIGCOMM 2002).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replication {
    /// Every item has the same number of holders.
    Uniform,
    /// Proportional to the item's popularity.
    Proportional,
    /// Proportional to the square root of the item's popularity.
    SquareRoot,
}

impl Section for Items {
    const NAME: &'static str = "items";

    const KEYS: &'static [Key] = &[
        Key::table(
            "items",
            "Named items that nodes share and ask for. Without this section, keys are looked up; \
             some systems always have items.",
        ),
        Key::integer("items.population", "a whole number from 1 to 1000000", "Number of items."),
        Key::number(
            "items.exponent",
            "a number from 0 to 20",
            "Skew of the queries: a query is for the item of rank k with probability proportional \
             to k^-exponent. 0 is uniform.",
        ),
        Key::number(
            "items.replicas",
            "a number, at least 1 and at most as many as there are nodes that share",
            "Nodes that hold an item at the start, on average over all items.",
        ),
        Key::word(
            "items.replication",
            &["uniform", "proportional", "square-root"],
            "How many nodes hold an item: uniform, the same for all; proportional to its popularity; \
             or to the square root of its popularity.",
        ),
        Key::share(
            "items.fuzzy",
            "Share of queries for a prefix, a substring or some words of a name instead of an exact \
             name.",
        ),
        Key::integer("items.bytes", "a whole number from 1 to 1024", "Size of an item in bytes."),
        Key::boolean("items.fetch", "Fetch each item that is found."),
        Key::duration(
            "items.refresh",
            PERIOD,
            "Period in which a node publishes its items again. An entry that is not refreshed \
             expires after three periods.",
        ),
        Key::duration(
            "items.publish_within",
            DURATION,
            "Longest time between a node's join and its first publication. The time is random.",
        ),
        Key::word(
            "items.publish",
            &["names", "words"],
            "Under what a ring keeps references to items. names: under the hash of the name, so that \
             only exact names are found. words: under the hash of each word of the name as well, so that \
             queries for words find items; other pieces of names remain unfound. It publishes as many \
             times more, so allow for a longer items.publish_within. The other systems find words in any \
             case.",
        ),
        Key::integer(
            "items.references_per_word",
            "a whole number from 1 to 65536",
            "The most references that a node of a ring keeps for one word, with items.publish = \
             \"words\". Further ones are dropped and counted (word_full).",
        ),
    ];

    fn check(&self, all: &Scenario) -> Verdict {
        let Items { population, exponent, replicas, fuzzy, bytes, refresh, .. } = self;
        require((1..=ITEMS_MAX).contains(population), "items.population")?;
        require((0.0..=20.0).contains(exponent), "items.exponent")?;
        let most = COPIES_MAX / f64::from(*population);
        require_or_adapt(*replicas <= most, "items.replicas", most, || {
            format!("at most {most}, or a smaller items.population: {COPIES_MAX} copies in all")
        })?;
        require(is_share(*fuzzy), "items.fuzzy")?;
        require((1..=MAX_PAYLOAD as u32).contains(bytes), "items.bytes")?;
        require(*refresh >= PERIOD_MIN, "items.refresh")?;
        let most = 1..=REFERENCES_PER_WORD_MAX;
        require(most.contains(&self.references_per_word), "items.references_per_word")?;
        require_that(all.workload.keys == Keys::Uniform, "workload.keys", || {
            "{ distribution = \"uniform\" }, or nothing: lookups ask for items, and items.exponent \
             sets their skew"
                .to_owned()
        })
    }
}

impl Items {
    /// Checks that enough nodes share items: all `nodes` but the server, if the system has one.
    pub(super) fn check_replicas(&self, nodes: u32, has_server: bool) -> Verdict {
        let sharers = nodes - u32::from(has_server);
        let most = f64::from(sharers);
        let path = "items.replicas";
        let accepted = || {
            format!(
                "a number from 1 to {sharers}, as many as there are nodes that share items \
                 (nodes = {nodes})"
            )
        };
        require_that(self.replicas >= 1.0, path, accepted)?;
        require_or_adapt(self.replicas <= most, path, most, accepted)
    }
}
