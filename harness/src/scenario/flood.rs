//! What is said of peers that flood.
//!
//! **Invariant:** as of every [`Scenario`](super::Scenario), a value of each key that is not written.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// How flooding peers are connected, and how they search.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Flood {
    /// Who is whose neighbour at the start.
    pub graph: Graph,
    /// Graphs `random` and `power-law`: neighbours of a peer, on average.
    pub degree: f64,
    /// Graph `file`: the path of the list of edges, from the folder that the run is started in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Transfers that a query may make, 1 … 32.
    pub ttl: u8,
    /// How a peer searches.
    pub strategy: Strategy,
    /// Strategy `expanding-ring`: how long a peer waits before it searches farther.
    #[serde(with = "duration")]
    pub round_wait: Duration,
    /// Strategy `random-walk`: walkers of one query.
    pub walkers: u32,
    /// Strategy `random-walk`: transfers that each of them may make, 1 … 4,096.
    pub walk_ttl: u16,
    /// Strategy `random-walk`: after so many transfers a walker asks whether it is still wanted.
    pub check_every: u16,
    /// Mean period in which a peer finds out whether its neighbours are still there.
    #[serde(with = "duration")]
    pub ping: Duration,
    /// How long a peer knows a query again that it has seen.
    #[serde(with = "duration")]
    pub remember: Duration,
    /// Queries that it knows again, at most.
    pub remember_room: u32,
}

impl Default for Flood {
    fn default() -> Flood {
        Flood {
            graph: Graph::Random,
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

/// Who is whose neighbour at the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Graph {
    /// Any two peers alike.
    Random,
    /// A few have many neighbours, as was measured of Gnutella.
    PowerLaw,
    /// As a file says.
    File,
}

/// How a peer searches.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Every peer passes a query on to all its neighbours (Gnutella 0.4).
    Flood,
    /// So too, but first not far, and farther only while nothing is found (Lv et al., *Search and
    /// replication in unstructured peer-to-peer networks*, ICS 2002).
    ExpandingRing,
    /// Walkers each go from neighbour to neighbour, and ask from time to time whether they are still
    /// wanted (the same).
    RandomWalk,
}
