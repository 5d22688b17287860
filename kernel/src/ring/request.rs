//! The kinds of requests of ring nodes.
//!
//! **Invariant:** plain data. Every entry of the request table is as large as the largest kind.

use crate::base::{Id, Peer, Time};
use crate::node::{Cookie, PayloadHandle, RequestKind};
use crate::ring::doubts::DoubtNumber;
use crate::ring::failed_contacts::FailedContacts;
use crate::ring::message::{Lookup, Purpose, Stage};

/// A request in flight.
pub type Request = crate::node::Request<Kind>;

/// The kind of a request.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// A ping; waits for the pong.
    Probe(Probe),
    /// A request for the neighbors of `to`.
    Neighbors {
        /// The reason for the request.
        reason: NeighborsReason,
        /// The cookie that was sent.
        cookie: Cookie,
        /// The number of cookies that the peer has sent so far.
        cookies: u8,
    },
    /// A forwarded lookup; waits for the acknowledgement.
    Forward {
        /// The lookup as it arrived here.
        lookup: Lookup,
        /// How the next node was asked.
        stage: Stage,
    },
    /// A recursive lookup at its origin; waits for the answer.
    Origin(PendingLookup),
    /// An iterative lookup at its origin; waits for the next step from `to`.
    Iterate(Iteration),
    /// A payload sent to the owner; waits for the acknowledgement.
    Deliver(PendingLookup),
    /// A visit of this node; waits for its samples.
    Visit(Visit),
}

impl RequestKind for Kind {
    fn payload(&self) -> Option<PayloadHandle> {
        match self {
            Kind::Origin(pending)
            | Kind::Deliver(pending)
            | Kind::Iterate(Iteration { pending, .. }) => pending.payload,
            Kind::Probe(_) | Kind::Neighbors { .. } | Kind::Forward { .. } | Kind::Visit(_) => None,
        }
    }

    fn is_contact(&self) -> bool {
        let purpose = match self {
            Kind::Forward { lookup, .. } => lookup.purpose,
            Kind::Iterate(iteration) => iteration.pending.purpose,
            Kind::Probe(_)
            | Kind::Neighbors { .. }
            | Kind::Origin(_)
            | Kind::Deliver(_)
            | Kind::Visit(_) => return false,
        };
        purpose == Purpose::User
    }
}

/// The reason for a ping, which decides what its reply means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Probe {
    /// The peer did not answer another request and may be dead.
    Suspect,
    /// The node before the peer in the successor list is silent. Neighbors may have failed together.
    NextSuccessor,
    /// The peer may become this node's predecessor.
    Rectify,
    /// The peer is the predecessor. If it is dead, the candidate named here may replace it. If it is
    /// alive, the candidate does not know of it.
    Predecessor(Option<Peer>),
    /// The peer is said to leave. If it is the predecessor, the node named here may replace it.
    Leaving(Option<Peer>),
    /// The peer may become a finger.
    Finger,
    /// The peer was declared dead, and has a last chance to refute it.
    Departed,
}

/// The reason for a request for neighbors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NeighborsReason {
    /// Stabilize: the peer is the first successor.
    Stabilize,
    /// The peer may lie between this node and its first successor; or it is a finger of a node that has lost
    /// all successors.
    Candidate,
    /// Join: the peer is to become this node's predecessor.
    Join,
}

impl NeighborsReason {
    /// The purpose that decides the traffic class of the request.
    pub(crate) const fn purpose(self) -> Purpose {
        match self {
            NeighborsReason::Stabilize | NeighborsReason::Candidate => Purpose::Stabilize,
            NeighborsReason::Join => Purpose::Join,
        }
    }
}

/// A lookup at its origin.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PendingLookup {
    /// The caller's token for the lookup. That of a sample is the identifier of the visit; that of a question
    /// to a lost contact, the top 64 bits of the contact's identifier.
    pub token: u64,
    /// The key that is looked up.
    pub key: Id,
    /// What the lookup is for.
    pub purpose: Purpose,
    /// The time at which it fails.
    pub deadline: Time,
    /// The number of contacts that did not answer.
    pub timeouts: u8,
    /// The most recent contacts that did not answer.
    pub failed: FailedContacts,
    /// The payload for the owner, if the lookup is part of a delivery.
    pub payload: Option<PayloadHandle>,
    /// Its [doubt](crate::ring::doubts), if it is in one.
    pub doubt: DoubtNumber,
}

/// The state of an iterative lookup.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Iteration {
    /// The lookup.
    pub pending: PendingLookup,
    /// The hop before the current one, or the origin if there is none to return to.
    pub previous: Peer,
    /// How the previous hop was asked.
    pub previous_stage: Stage,
    /// The limit of the step; see
    /// [`FindNext`](crate::ring::message::MessageWith::FindNext).
    pub limit: Id,
    /// Hops so far.
    pub hops: u8,
    /// How the current hop is asked.
    pub stage: Stage,
    /// Steps still allowed.
    pub budget: u8,
    /// Steps so far from a node that was asked as the owner back to its predecessor.
    pub backward: u8,
    /// Whether the previous hop has named silent contacts.
    pub chance: Chance,
}

/// How often the hop before has named a silent contact.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Chance {
    /// Never.
    #[default]
    First,
    /// Once, and it is asked again now.
    Second,
    /// Once, and has named the current hop instead.
    Last,
}

/// A node's visit to a ring of which it is not a member; see [`visit`](crate::ring::visit).
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Visit {
    /// What it is for.
    pub aim: Aim,
    /// The number of samples.
    pub samples: u8,
    /// Samples that begin once the bootstrap has answered.
    pub to_begin: u8,
    /// Samples in progress.
    pub in_progress: u8,
    /// The bootstrap.
    pub contact: Peer,
    /// Whether the bootstrap has answered.
    pub has_contact: bool,
    /// Whether a sample has been answered.
    pub has_found: bool,
    /// The longest arc so far: the identifiers of the nodes before and at its end.
    pub longest: Option<(Id, Id)>,
}

/// What a visit is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Aim {
    /// To find the longest arc.
    #[default]
    HalveLongest,
    /// To name the owners of random keys to the layer above.
    NameOwners,
}
