//! What requests of flooding peers are about, those about items aside.
//!
//! **Invariant:** plain data.

use crate::base::Time;
use crate::items::Query;
use crate::node::{RequestId, RequestKind};

/// A request in flight.
pub type Request = crate::node::Request<Kind>;

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// A ping.
    Probe(Probe),
    /// A peer was asked to be a neighbor.
    Connect,
    /// A search of this peer's own is out among its neighbors; `to` is this peer itself.
    Search(OwnSearch),
}

impl RequestKind for Kind {}

/// Why a peer is pinged, and so what its reply means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// It is a neighbor: the periodic check.
    Neighbor,
    /// It asks to be a neighbor, in a request of this name.
    Candidate(RequestId),
}

/// A search among neighbors, at the peer that searches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnSearch {
    /// The caller's name for it.
    pub token: u64,
    /// What is searched for.
    pub query: Query,
    /// When it fails.
    pub deadline: Time,
    /// Rounds before this one, where the search widens.
    pub round: u8,
}
