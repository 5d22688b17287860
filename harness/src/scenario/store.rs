//! The store of values, and the reads and writes of its load.
//!
//! In TOML the popularity of keys is a table; [`PopularityForm`] is that table as it is written.
//!
//! **Invariant:** a scenario without this section stores no values.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::impossible::{Verdict, is_share, require, require_or_adapt, require_that};
use super::key::{Key, Kind, PERIOD_MIN, PERIOD_OR_OFF};
use super::{Keys, Scenario, Section, Start, duration};

/// Keys, at most: the harness keeps a history of each.
const POPULATION_MAX: u32 = 1_000_000;
/// Items of a node, at most.
const ROOM_MAX: u32 = 1 << 24;
/// Share of reads of a mix by default.
const READS: f64 = 0.5;
/// The skew of popular keys by default: that of YCSB.
const EXPONENT: f64 = 0.99;

/// A population of keys with values, and how nodes keep, read and write them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// Where values are kept.
    pub kind: StoreKind,
    /// What lookups do.
    pub operations: Operations,
    /// Share of reads; goes with [`Operations::Mix`]. See [`Store::read_share`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reads: Option<f64>,
    /// Number of keys.
    pub population: u32,
    /// Size of a value.
    pub value_bytes: u32,
    /// How long a value lives after it was written.
    #[serde(with = "duration")]
    pub lifetime: Duration,
    /// Whether all keys have a value at the start.
    pub preload: bool,
    /// Reads per second at its owner that make a value popular; 0: none is.
    pub popular_reads_per_s: u32,
    /// Mean time between two comparisons of copies; `None` ("off"): never.
    #[serde(with = "duration::or_off")]
    pub repair: Option<Duration>,
    /// Bytes that a node sends per second to mend copies, at most.
    pub repair_bytes_per_s: u32,
    /// Room of a node for items; `None`: as the population needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_items: Option<u32>,
    /// Room of a node for the bytes of values; `None`: for that many items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_bytes: Option<u32>,
    /// Which keys are read and written most.
    pub keys: Popularity,
}

impl Default for Store {
    fn default() -> Store {
        Store {
            kind: StoreKind::Direct,
            operations: Operations::Mix,
            reads: None,
            population: 10_000,
            value_bytes: 100,
            lifetime: Duration::from_secs(3600),
            preload: true,
            popular_reads_per_s: 100,
            repair: Some(Duration::from_secs(10)),
            repair_bytes_per_s: 1 << 20,
            node_items: None,
            node_bytes: None,
            keys: Popularity::Uniform,
        }
    }
}

/// Where values are kept (Wehrle, Götz and Rieche, *Distributed Hash Tables*, 2005).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreKind {
    /// At the owner of the key and its holders.
    Direct,
    /// At the node that wrote the value. The owner and its holders keep a reference to it.
    Reference,
}

/// What lookups do. The letters are the core workloads of YCSB (Cooper et al., *Benchmarking cloud
/// serving systems with YCSB*, SoCC 2010).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operations {
    /// Only reads.
    Get,
    /// Only writes.
    Put,
    /// A share of reads; the others are writes.
    Mix,
    /// Half reads, half writes.
    YcsbA,
    /// 95 % reads, 5 % writes.
    YcsbB,
    /// Only reads.
    YcsbC,
    /// 95 % reads, 5 % writes of new keys.
    YcsbD,
    /// 95 % scans, 5 % writes of new keys.
    YcsbE,
    /// Half reads, half reads followed by a write of the same key.
    YcsbF,
}

/// Which keys are read and written most. In TOML a table: `{ distribution = "uniform" }`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "PopularityForm", into = "PopularityForm")]
pub enum Popularity {
    /// All keys the same.
    Uniform,
    /// The key of rank k with probability proportional to k^(−exponent).
    Zipf {
        /// The skew, 0 … 20.
        exponent: f64,
    },
    /// As [`Popularity::Zipf`], but the newest key has rank 1.
    Latest {
        /// The skew, 0 … 20.
        exponent: f64,
    },
}

impl Store {
    /// The share of reads of [`Operations::Mix`].
    #[must_use]
    pub fn read_share(&self) -> f64 {
        self.reads.unwrap_or(READS)
    }
}

impl Operations {
    /// Whether keys are added to the population.
    #[must_use]
    pub const fn inserts(self) -> bool {
        matches!(self, Operations::YcsbD | Operations::YcsbE)
    }
}

impl Section for Store {
    const NAME: &'static str = "store";

    const KEYS: &'static [Key] = &[
        Key::table(
            "store",
            "Values that nodes keep under keys, read and write. Without this section, nothing is \
             stored. ring.replicas is the number of copies. Not with items.",
        ),
        Key::word(
            "store.kind",
            &["direct", "reference"],
            "Where values are kept. direct: at the owner of the key and its holders. reference: at \
             the node that wrote the value; the owner and its holders keep a reference to it, and a \
             read fetches the value from there. The value is gone when that node leaves or fails.",
        ),
        Key::word(
            "store.operations",
            &[
                "get", "put", "mix", "ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-e", "ycsb-f",
            ],
            "What lookups do. get: read. put: write. mix: both, see store.reads. The others are the \
             core workloads of YCSB. a: half reads, half writes. b: 95 % reads. c: only reads. d: \
             95 % reads, 5 % writes of new keys. e: 95 % scans, 5 % writes of new keys; a hash table \
             has no order of keys, so a scan reads its first record only. f: half reads, half reads \
             followed by a write of the same key on condition that nobody wrote it in between.",
        ),
        Key::share("store.reads", "Share of reads, 0.5 unless set; the others are writes.")
            .only_with("operations", &["mix"]),
        Key::integer("store.population", "a whole number from 1 to 1000000", "Number of keys."),
        Key::integer(
            "store.value_bytes",
            "a whole number from 16 to 1000",
            "Size of a value in bytes.",
        ),
        Key::duration(
            "store.lifetime",
            "a duration from \"1s\" to \"720h\"",
            "How long a value lives after it was written.",
        ),
        Key::boolean(
            "store.preload",
            "All keys have a value at the start, at their owners and holders. With start = \
             \"joined\" it is false.",
        ),
        Key::integer(
            "store.popular_reads_per_s",
            "a whole number; 0 for never",
            "A value that is read so many times per second at its owner is popular: its holders answer \
             reads of it, too.",
        ),
        Key::new(
            "store.repair",
            Kind::DurationOr("off"),
            PERIOD_OR_OFF,
            "Time between two comparisons of an owner's items with each holder. off: never.",
        ),
        Key::integer(
            "store.repair_bytes_per_s",
            "a whole number, at least 1",
            "Bytes that a node sends per second to mend copies, at most.",
        ),
        Key::integer(
            "store.node_items",
            "a whole number from 1 to 16777216",
            "Room of a node for items, and again for values that it provides itself with store.kind = \
             \"reference\". Unless set, it follows from store.population, ring.replicas \
             and nodes: one of a hundred systems that have lost a third of their nodes needs more. \
             With writes of new keys, there is room for as many again.",
        ),
        Key::integer(
            "store.node_bytes",
            "a whole number, at least 1",
            "Room of a node for the bytes of all its values. Unless set, there is room for node_items values and, while \
             they are overwritten, a quarter more.",
        ),
        Key::new(
            "store.keys",
            Kind::Table,
            "a table such as { distribution = \"uniform\" }",
            "Which keys are read and written most.",
        ),
        Key::word(
            "store.keys.distribution",
            &["uniform", "zipf", "latest"],
            "uniform: all the same. zipf: a few keys are popular. latest: the newest keys are popular.",
        ),
        Key::number(
            "store.keys.exponent",
            "a number from 0 to 20",
            "The skew: the key of rank k is asked for with probability proportional to k^-exponent.",
        )
        .only_with("distribution", &["zipf", "latest"]),
    ];

    fn check(&self, all: &Scenario) -> Verdict {
        let Store { population, value_bytes, lifetime, node_items, node_bytes, .. } = self;
        require(self.reads.is_none_or(is_share), "store.reads")?;
        require((1..=POPULATION_MAX).contains(population), "store.population")?;
        require((16..=1000).contains(value_bytes), "store.value_bytes")?;
        let days = Duration::from_secs(30 * 24 * 3600);
        require((Duration::from_secs(1)..=days).contains(lifetime), "store.lifetime")?;
        let is_linked = all.start == Start::Linked;
        require_or_adapt(is_linked || !self.preload, "store.preload", false, || {
            "false, or start = \"linked\": nodes that join get their items from others".to_owned()
        })?;
        require(self.repair.is_none_or(|it| it >= PERIOD_MIN), "store.repair")?;
        require(self.repair_bytes_per_s >= 1, "store.repair_bytes_per_s")?;
        let is_room = |items: u32| (1..=ROOM_MAX).contains(&items);
        require(node_items.is_none_or(is_room), "store.node_items")?;
        require(node_bytes.is_none_or(|bytes| bytes >= 1), "store.node_bytes")?;
        match self.keys {
            Popularity::Uniform => {}
            Popularity::Zipf { exponent } | Popularity::Latest { exponent } => {
                require((0.0..=20.0).contains(&exponent), "store.keys.exponent")?;
            }
        }
        require_that(all.workload.keys == Keys::Uniform, "workload.keys", || {
            "{ distribution = \"uniform\" }, or nothing: store.keys says which keys are asked for"
                .to_owned()
        })?;
        require_that(all.items.is_none(), "items", || {
            "nothing, or leave [store] out: nodes share items or store values".to_owned()
        })
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Distribution {
    #[default]
    Uniform,
    Zipf,
    Latest,
}

/// [`Popularity`] as it is written.
#[derive(Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PopularityForm {
    distribution: Distribution,
    #[serde(skip_serializing_if = "Option::is_none")]
    exponent: Option<f64>,
}

impl From<PopularityForm> for Popularity {
    fn from(form: PopularityForm) -> Popularity {
        let exponent = form.exponent.unwrap_or(EXPONENT);
        match form.distribution {
            Distribution::Uniform => Popularity::Uniform,
            Distribution::Zipf => Popularity::Zipf { exponent },
            Distribution::Latest => Popularity::Latest { exponent },
        }
    }
}

impl From<Popularity> for PopularityForm {
    fn from(popularity: Popularity) -> PopularityForm {
        let (distribution, exponent) = match popularity {
            Popularity::Uniform => (Distribution::Uniform, None),
            Popularity::Zipf { exponent } => (Distribution::Zipf, Some(exponent)),
            Popularity::Latest { exponent } => (Distribution::Latest, Some(exponent)),
        };
        PopularityForm { distribution, exponent }
    }
}
