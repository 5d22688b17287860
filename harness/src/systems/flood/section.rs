//! `[flood]`: how flooding peers are connected, and how they search.
//!
//! **Invariant:** values that the chosen graph or strategy does not use are kept and have no effect.

use core::time::Duration;

use hopwise_kernel::flood::message::{MAX_TTL, MAX_WALK};
use serde::{Deserialize, Serialize};

use crate::scenario::{
    Impossible, Key, PERIOD, PERIOD_MIN, Scenario, Section, Start, duration, require,
    require_or_adapt, require_that,
};

/// Searches that a flooding peer remembers, at most.
const SEARCHES_MAX: u32 = 1 << 16;

/// How flooding peers are connected, and how they search.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flood {
    /// Which peers are neighbours at the start.
    pub graph: GraphModel,
    /// Graphs `random` and `power-law`: neighbours of a peer, on average.
    pub degree: f64,
    /// Graph `file`: the path of the list of edges. One in a scenario file is relative to that
    /// file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Hops that a query may make, 1 … 32.
    pub ttl: u8,
    /// How a peer searches.
    pub strategy: Strategy,
    /// Strategy `expanding-ring`: how long a peer waits before it searches farther.
    #[serde(with = "duration")]
    pub round_wait: Duration,
    /// Strategy `random-walk`: number of walkers per query.
    pub walkers: u32,
    /// Strategy `random-walk`: hops that each walker may make, 1 … 4,096.
    pub walk_ttl: u16,
    /// Strategy `random-walk`: hops after which a walker asks the origin whether to continue.
    pub check_every: u16,
    /// Mean period in which a peer checks that its neighbours are alive.
    #[serde(with = "duration")]
    pub ping: Duration,
    /// How long a peer remembers a query that it has seen.
    #[serde(with = "duration")]
    pub remember: Duration,
    /// Queries that it remembers, at most.
    pub remember_room: u32,
}

impl Default for Flood {
    fn default() -> Flood {
        Flood {
            graph: GraphModel::Random,
            degree: 6.0,
            file: None,
            ttl: 7,
            strategy: Strategy::Flood,
            round_wait: Duration::from_secs(1),
            walkers: 16,
            walk_ttl: 1024,
            check_every: 4,
            ping: Duration::from_secs(30),
            remember: Duration::from_secs(5),
            remember_room: 1024,
        }
    }
}

/// Which peers are neighbours at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GraphModel {
    /// Any two peers with equal probability.
    Random,
    /// A few peers have many neighbours, as measured in Gnutella.
    PowerLaw,
    /// Those that a file lists.
    File,
}

/// How a peer searches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Every peer passes a query on to all its neighbours (Gnutella 0.4).
    Flood,
    /// Floods with growing TTL, as long as nothing is found (Lv et al., *Search and replication in
    /// unstructured peer-to-peer networks*, ICS 2002).
    ExpandingRing,
    /// Walkers go from neighbour to neighbour, and regularly ask the origin whether to continue
    /// (Lv et al.).
    RandomWalk,
}

impl Section for Flood {
    const NAME: &'static str = "flood";

    const KEYS: &'static [Key] = &[
        Key::table("flood", "Flooding (Gnutella): how peers are connected, and how they search."),
        Key::word(
            "flood.graph",
            &["random", "power-law", "file"],
            "Which peers are neighbours at the start. random: any two with equal probability. \
             power-law: a few have many neighbours. file: those in a list of edges.",
        ),
        Key::number(
            "flood.degree",
            "a number, at least 1 and less than nodes",
            "Graphs random and power-law: neighbours of a peer, on average.",
        ),
        Key::path(
            "flood.file",
            "the path of a text file with an edge per line: two peers, from 0",
            "Graph file: the list of edges.",
        ),
        Key::integer("flood.ttl", "a whole number from 1 to 32", "Hops that a query may make."),
        Key::word(
            "flood.strategy",
            &["flood", "expanding-ring", "random-walk"],
            "How a peer searches. flood: every peer passes a query on to all its neighbours. \
             expanding-ring: floods with growing TTL until something is found. random-walk: walkers \
             go from neighbour to neighbour.",
        ),
        Key::duration(
            "flood.round_wait",
            PERIOD,
            "Strategy expanding-ring: how long a peer waits for answers before it searches farther.",
        ),
        Key::integer(
            "flood.walkers",
            "a whole number, at least 1 and at most nodes",
            "Strategy random-walk: number of walkers per query.",
        ),
        Key::integer(
            "flood.walk_ttl",
            "a whole number from 1 to 4096",
            "Strategy random-walk: hops that each walker may make.",
        ),
        Key::integer(
            "flood.check_every",
            "a whole number from 1 to 65535",
            "Strategy random-walk: hops after which a walker asks the origin whether to continue.",
        ),
        Key::duration(
            "flood.ping",
            PERIOD,
            "Mean period in which a peer checks that its neighbours are alive.",
        ),
        Key::duration(
            "flood.remember",
            PERIOD,
            "How long a peer remembers a query, so as to pass it on only once.",
        ),
        Key::integer(
            "flood.remember_room",
            "a whole number from 1 to 65536",
            "Queries that a peer remembers, at most.",
        ),
    ];

    fn check(&self, all: &Scenario) -> Result<(), Impossible> {
        let Flood { graph, degree, file, ttl, strategy, round_wait, walkers, .. } = self;
        let Flood { walk_ttl, check_every, ping, remember, remember_room, .. } = self;
        let nodes = all.nodes;
        require(*graph != GraphModel::File || file.is_some(), "flood.file")?;
        require_that(*graph != GraphModel::File || all.start == Start::Linked, "start", || {
            "\"linked\", or another flood.graph: a graph file lists the links at the start"
                .to_owned()
        })?;
        let all_up = *graph != GraphModel::File || all.churn.availability_at_start() >= 1.0;
        require_or_adapt(all_up, "churn.start", "all-up", || {
            "\"all-up\", or another flood.graph: a graph file lists all peers".to_owned()
        })?;
        // A peer that starts alone has no neighbours yet.
        let most = f64::from((nodes - 1).max(1));
        let accepted = || format!("a number from 1 to {most} (less than nodes = {nodes})");
        let is_used = *graph != GraphModel::File;
        require_that(!is_used || *degree >= 1.0, "flood.degree", accepted)?;
        require_or_adapt(!is_used || *degree <= most, "flood.degree", most, accepted)?;
        require((1..=MAX_TTL).contains(ttl), "flood.ttl")?;
        require(*round_wait >= PERIOD_MIN, "flood.round_wait")?;
        require(*walkers >= 1, "flood.walkers")?;
        let walks = *strategy == Strategy::RandomWalk;
        require_or_adapt(!walks || *walkers <= nodes, "flood.walkers", nodes, || {
            format!(
                "a whole number from 1 to {nodes}, as many as there are peers (nodes = {nodes})"
            )
        })?;
        require((1..=MAX_WALK).contains(walk_ttl), "flood.walk_ttl")?;
        require(*check_every >= 1, "flood.check_every")?;
        require(*ping >= PERIOD_MIN, "flood.ping")?;
        require(*remember >= PERIOD_MIN, "flood.remember")?;
        require((1..=SEARCHES_MAX).contains(remember_room), "flood.remember_room")
    }
}
