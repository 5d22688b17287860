//! What requests of a central server and its peers are about, those about items aside.
//!
//! **Invariant:** plain data.

use crate::node::RequestKind;

/// A request in flight.
pub(super) type Request = crate::node::Request<Kind>;

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The server asks a peer that is said to leave whether it is still there.
    Probe,
    /// A peer that joins asks the server whether it is there.
    Greet,
}

impl RequestKind for Kind {}
