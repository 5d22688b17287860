//! The kinds of requests of flooding peers, besides those about items.
//!
//! **Invariant:** plain data.

use crate::base::Time;
use crate::items::Query;
use crate::node::{RequestId, RequestKind};

/// A request in flight.
pub type Request = crate::node::Request<Kind>;

/// The kind of a request.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// A ping; waits for the pong.
    Probe(Probe),
    /// An offer to become neighbors; waits for the reply.
    Connect,
    /// A round of a search that this peer has started; waits for a hit. `to` is the peer itself.
    Search(PendingSearch),
}

impl RequestKind for Kind {}

/// The reason for a ping, which decides what its reply means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Probe {
    /// The periodic check of a neighbor.
    Neighbor,
    /// The peer offers to become a neighbor, in the request with this identifier.
    Candidate(RequestId),
}

/// A search at its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingSearch {
    /// The caller's token for the query.
    pub token: u64,
    /// The query.
    pub query: Query,
    /// The time at which the search fails.
    pub deadline: Time,
    /// The number of earlier rounds of an expanding ring.
    pub round: u8,
}
