//! The parameters of a director, and its counters.
//!
//! **Invariant:** plain data.

use std::sync::Arc;

use hopwise_kernel::Peer;

use super::Agreement;
use crate::churn::NodesPerHost;
use crate::churn::trace::Trace;
use crate::live::Feed;

/// The parameters of a director.
#[derive(Clone, Debug)]
pub struct Setup<'a, W> {
    /// The number of places for hosts. All are empty.
    pub places: usize,
    /// The number of nodes that each host runs.
    pub per_host: NodesPerHost,
    /// The number of hosts that join through the protocol during bring-up.
    pub to_join: usize,
    /// What all directors of the run agree on.
    pub agreement: Arc<Agreement>,
    /// Members of the start that joining nodes may contact, in the order of their hosts. The first of
    /// them are the well-known bootstraps, if the scenario has any.
    pub seeds: Arc<Vec<Peer>>,
    /// The trace to follow, if there is one.
    pub trace: Option<&'a Trace>,
    /// The workload.
    pub workload: W,
    /// Whether the node of the first host is a server for all others. It starts no lookups, and
    /// only faults remove it.
    pub has_server: bool,
    /// Whether nodes that join with new identifiers choose these.
    pub chooses_place: bool,
    /// Whether the identifier of a node belongs to its address.
    pub binds_ids: bool,
    /// How many lookups are admitted. The director admits fewer if they take too long. `None`: any
    /// number, because nodes are never busy.
    pub admitted: Option<Admitted>,
    /// The most lookups of an open loop that start in one turn: a turn over UDP must be short.
    pub starts_per_turn: usize,
    /// Whether the driver counts what each lookup costs, and
    /// [enters](super::Director::enter_costs) it.
    pub knows_costs: bool,
    /// Whether there is a log, which needs more records than the judge does.
    pub is_logged: bool,
    /// The feed of a live page, if there is one.
    pub feed: Option<Arc<Feed>>,
}

/// Lookups of an open loop in progress at a time.
#[derive(Clone, Copy, Debug)]
pub struct Admitted {
    /// The most at first.
    pub first: usize,
    /// The most later on, as far as there is memory for them.
    pub max: usize,
}

impl Admitted {
    /// At most `max` later on. At first 1,024, or as many as there are places for nodes, if that is
    /// more.
    #[must_use]
    pub fn up_to(max: usize, places: usize) -> Admitted {
        const AT_LEAST: usize = 1024;
        Admitted { first: places.max(AT_LEAST), max }
    }
}

/// Joins and departures of hosts in the measured phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MembershipChanges {
    /// Hosts that joined through the protocol.
    pub joins: u64,
    /// Announced departures.
    pub leaves: u64,
    /// Crashes.
    pub crashes: u64,
}
