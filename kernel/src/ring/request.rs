//! What requests of ring nodes are about.
//!
//! **Invariant:** plain data, as small as the largest of them: a table of requests has room for each.

use crate::base::{Id, Peer, Time};
use crate::node::{Cookie, PayloadHandle, RequestKind};
use crate::ring::failed_contacts::FailedContacts;
use crate::ring::message::{Lookup, Purpose};

/// A request in flight.
pub type Request = crate::node::Request<Kind>;

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// A ping.
    Probe(Probe),
    /// `to` was asked for its neighbors.
    Neighbors {
        /// Why.
        reason: Ask,
        /// The cookie it was asked with.
        cookie: Cookie,
    },
    /// A lookup was handed on and is to be acknowledged.
    Forward {
        /// As it arrived here.
        lookup: Lookup,
    },
    /// A recursive lookup of this node's own.
    Origin(OwnLookup),
    /// An iterative lookup of this node's own: `to` has been asked for the next step.
    Iterate(Iteration),
    /// A payload was sent to the owner.
    Deliver(OwnLookup),
}

impl RequestKind for Kind {
    fn payload(&self) -> Option<PayloadHandle> {
        match self {
            Kind::Origin(own) | Kind::Deliver(own) | Kind::Iterate(Iteration { own, .. }) => {
                own.payload
            }
            Kind::Probe(_) | Kind::Neighbors { .. } | Kind::Forward { .. } => None,
        }
    }
}

/// Why a peer is pinged, and so what its reply means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Probe {
    /// It did not answer something else: it may be dead.
    Suspect,
    /// It may become this node's predecessor.
    Rectify,
    /// It is the predecessor; if it is dead, the candidate may follow it.
    Predecessor(Peer),
    /// It may become a finger.
    Finger,
}

/// Why a node is asked for its neighbors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// It is the first successor: the periodic check.
    Stabilize,
    /// It may have come between this node and its first successor.
    Candidate,
    /// It is to be this node's predecessor: joining.
    Join,
}

impl Ask {
    /// What the request is accounted to.
    pub(crate) const fn purpose(self) -> Purpose {
        match self {
            Ask::Stabilize | Ask::Candidate => Purpose::Stabilize,
            Ask::Join => Purpose::Join,
        }
    }
}

/// A lookup at its origin.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OwnLookup {
    /// The caller's name for it.
    pub token: u64,
    /// The key that is looked up.
    pub key: Id,
    /// What it is for.
    pub purpose: Purpose,
    /// When it fails.
    pub deadline: Time,
    /// How many contacts did not answer.
    pub timeouts: u8,
    /// The latest of these.
    pub failed: FailedContacts,
    /// Where the payload for the owner lies, if this is on the way to a delivery.
    pub payload: Option<PayloadHandle>,
}

/// How far an iterative lookup has come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Iteration {
    /// The lookup.
    pub own: OwnLookup,
    /// The node that named the one that is asked now.
    pub previous: Peer,
    /// Hops so far.
    pub hops: u8,
    /// Whether a node on the way already knew the answer.
    pub known: bool,
    /// Steps still allowed.
    pub budget: u8,
}
