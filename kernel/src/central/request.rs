//! The kinds of requests of a central server and its peers, besides those about items.
//!
//! **Invariant:** plain data.

use crate::node::RequestKind;

/// A request in flight.
pub(super) type Request = crate::node::Request<Kind>;

/// The kind of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The server pings a peer after the announcement that it leaves.
    Probe,
    /// A joining peer pings the server.
    JoinPing,
}

impl RequestKind for Kind {}
