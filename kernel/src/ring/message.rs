//! The messages of ring nodes.
//!
//! **Invariant:** plain data. The encoding is in [`wire`](crate::ring::wire), the behavior in the
//! node.

use crate::base::{Id, Peer, Peers};
use crate::node::{Cookie, RequestId, Span};

/// Largest hop budget of a lookup.
pub const MAX_HOP_BUDGET: u8 = 200;

/// Entries of its successor list that a node names when it leaves. The first one may follow it, and a
/// second one tells that there is another node.
pub const HANDED_OVER: usize = 2;

/// A message as nodes send and handle it. It borrows from its sender's tables or from the datagram
/// it arrived in.
pub type Message<'a> = MessageWith<Peers<'a>, &'a [u8]>;

/// A parked message: its borrowed data lies in an [`Arena`](crate::node::Arena).
pub type ParkedMessage = MessageWith<Span, Span>;

/// A message, with lists of peers as `L` and payloads as `B`. A reply repeats the [`RequestId`] of
/// its request.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<L, B> {
    /// Asks whether the receiver is alive.
    Ping {
        /// Chosen by the sender.
        request: RequestId,
    },
    /// Reply to [`MessageWith::Ping`].
    Pong {
        /// As in the ping.
        request: RequestId,
    },
    /// Asks for the receiver's predecessor and successor list.
    Neighbors {
        /// Chosen by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// Stabilize or join.
        purpose: Purpose,
    },
    /// Reply to [`MessageWith::Neighbors`] with a valid cookie.
    ///
    /// A node that leaves sends it unasked to its neighbors: the request is then the
    /// [number that proves a departure](Cookie::departure).
    NeighborsReply {
        /// As in the request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
        /// The predecessor, if there is one.
        predecessor: Option<Peer>,
        /// The successor list, nearest first.
        successors: L,
    },
    /// Reply to [`MessageWith::Neighbors`] without a valid cookie: the sender must repeat the
    /// request with this one. A [`MessageWith::NeighborsReply`] is longer than the request, so it
    /// goes only to an address that has proved to receive messages.
    CookieReply {
        /// As in the request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
        /// The cookie to use.
        cookie: Cookie,
    },
    /// The sender may be the receiver's predecessor.
    Notify,
    /// The sender has taken the receiver as its predecessor.
    Adopted,
    /// A node may be the receiver's new successor.
    Introduce {
        /// The node.
        peer: Peer,
    },
    /// The sender leaves the ring. This proves nothing, so the receiver asks the sender whether it is
    /// still there. It is sent beside the [`MessageWith::NeighborsReply`] that proves the departure, for
    /// receivers that cannot check the proof.
    Leave {
        /// The sender's predecessor, for its successor.
        predecessor: Option<Peer>,
        /// The sender's successor list, for its predecessor.
        successors: L,
    },
    /// A recursive lookup: the owner of the key answers the origin.
    Lookup {
        /// Chosen by the previous hop, which waits for an [`MessageWith::Ack`].
        request: RequestId,
        /// The lookup.
        lookup: Lookup,
    },
    /// Reply to [`MessageWith::Lookup`]: the sender has taken over the lookup.
    Ack {
        /// As in the request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
    },
    /// The answer to a recursive lookup, sent to its origin by the last hop.
    Answer {
        /// The origin's identifier of the lookup.
        lookup: RequestId,
        /// As in the lookup.
        purpose: Purpose,
        /// The key's owner: the sender itself, unless
        /// [`AnswerRule::Predecessor`](crate::ring::AnswerRule::Predecessor) applies.
        owner: Peer,
        /// The sender answers for its predecessor, which is silent and would own the key.
        under_suspicion: bool,
        /// See [`Lookup::hops`].
        hops: u8,
        /// See [`Lookup::timeouts`].
        timeouts: u8,
    },
    /// One step of an iterative lookup: asks for the closest node before `limit` on the way to
    /// `key`.
    FindNext {
        /// Chosen by the origin.
        request: RequestId,
        /// The purpose of the lookup.
        purpose: Purpose,
        /// The key that is looked up.
        key: Id,
        /// Where to look: before this point for a closer node, at or after the key and after this
        /// point for the owner. The key itself, or a contact that did not answer.
        limit: Id,
        /// As [`Lookup::stage`].
        stage: Stage,
    },
    /// Reply to [`MessageWith::FindNext`].
    FindNextReply {
        /// As in the request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
        /// The next step.
        step: Step,
        /// How the next node is to be asked.
        stage: Stage,
        /// As in [`MessageWith::Answer`].
        under_suspicion: bool,
    },
    /// A payload for the owner of a key.
    Deliver {
        /// Chosen by the sender.
        request: RequestId,
        /// The key.
        key: Id,
        /// Up to [`MAX_PAYLOAD`](crate::node::MAX_PAYLOAD) bytes.
        payload: B,
    },
    /// Reply to [`MessageWith::Deliver`]: the owner has received the payload.
    Delivered {
        /// As in the request.
        request: RequestId,
    },
}

// Every entry of a simulator's queue is as large as the largest message.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Message<'_>>() <= 80 && size_of::<ParkedMessage>() <= 72);

impl<L, B> MessageWith<L, B> {
    /// Converts the list or the payload of the message. `with` is passed to the function that is
    /// called.
    #[inline]
    pub fn map<W, L2, B2>(
        self,
        with: W,
        list: impl FnOnce(W, L) -> L2,
        bytes: impl FnOnce(W, B) -> B2,
    ) -> MessageWith<L2, B2> {
        use MessageWith as M;
        match self {
            M::NeighborsReply { request, purpose, predecessor, successors } => M::NeighborsReply {
                request,
                purpose,
                predecessor,
                successors: list(with, successors),
            },
            M::Leave { predecessor, successors } => {
                M::Leave { predecessor, successors: list(with, successors) }
            }
            M::Deliver { request, key, payload } => {
                M::Deliver { request, key, payload: bytes(with, payload) }
            }
            M::Ping { request } => M::Ping { request },
            M::Pong { request } => M::Pong { request },
            M::Neighbors { request, cookie, purpose } => M::Neighbors { request, cookie, purpose },
            M::CookieReply { request, purpose, cookie } => {
                M::CookieReply { request, purpose, cookie }
            }
            M::Notify => M::Notify,
            M::Adopted => M::Adopted,
            M::Introduce { peer } => M::Introduce { peer },
            M::Lookup { request, lookup } => M::Lookup { request, lookup },
            M::Ack { request, purpose } => M::Ack { request, purpose },
            M::Answer { lookup, purpose, owner, under_suspicion, hops, timeouts } => {
                M::Answer { lookup, purpose, owner, under_suspicion, hops, timeouts }
            }
            M::FindNext { request, purpose, key, limit, stage } => {
                M::FindNext { request, purpose, key, limit, stage }
            }
            M::FindNextReply { request, purpose, step, stage, under_suspicion } => {
                M::FindNextReply { request, purpose, step, stage, under_suspicion }
            }
            M::Delivered { request } => M::Delivered { request },
        }
    }
}

/// What a lookup or a request for neighbors is for. Decides the traffic class of its messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// A request of the application.
    User = 0,
    /// Refreshing a finger.
    FixFingers = 1,
    /// Joining: finding the position in the ring and the first successor list. A member asks a lost contact
    /// for its position in the contact's ring.
    Join = 2,
    /// Maintaining the neighborhood.
    Stabilize = 3,
    /// Maintenance of the layer above the ring.
    UpperLayer = 4,
}

impl Purpose {
    /// The purpose with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Purpose> {
        match number {
            0 => Some(Purpose::User),
            1 => Some(Purpose::FixFingers),
            2 => Some(Purpose::Join),
            3 => Some(Purpose::Stabilize),
            4 => Some(Purpose::UpperLayer),
            _ => None,
        }
    }
}

/// A recursive lookup in flight.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lookup {
    /// The origin's identifier of the lookup; the [`MessageWith::Answer`] repeats it.
    pub lookup: RequestId,
    /// What the lookup is for.
    pub purpose: Purpose,
    /// The key that is looked up.
    pub key: Id,
    /// The node that gets the answer.
    pub origin: Peer,
    /// Hops still allowed, 1 … [`MAX_HOP_BUDGET`]; strictly decreases.
    pub budget: u8,
    /// Hops so far. With [`AnswerRule::Predecessor`](crate::ring::AnswerRule::Predecessor), up to the
    /// first node that knew the answer.
    pub hops: u8,
    /// Contacts so far that did not answer in time.
    pub timeouts: u8,
    /// How the receiver is asked. With
    /// [`AnswerRule::Predecessor`](crate::ring::AnswerRule::Predecessor), [`Stage::Owner`] means that a
    /// node on the way knew the answer, so that further hops do not count.
    pub stage: Stage,
    /// Milliseconds until the origin gives up. Nodes estimate what a transfer takes.
    pub left_ms: u16,
}

/// How the receiver of a lookup is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Stage {
    /// As a node on the way. It may send the lookup straight to the owner if its successor list covers
    /// the key.
    Route = 0,
    /// As a node on the way to the last node before the key. The owner seems to be silent, or the list
    /// that named it was too old. The last node before the key has the latest news of who comes next.
    RouteExact = 1,
    /// As the owner, by the sender's successor list.
    Owner = 2,
    /// As the owner, by the last node before the key.
    OwnerExact = 3,
}

impl Stage {
    /// The stage with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Stage> {
        match number {
            0 => Some(Stage::Route),
            1 => Some(Stage::RouteExact),
            2 => Some(Stage::Owner),
            3 => Some(Stage::OwnerExact),
            _ => None,
        }
    }

    /// Whether the receiver is asked as the owner.
    #[must_use]
    pub const fn is_owner(self) -> bool {
        matches!(self, Stage::Owner | Stage::OwnerExact)
    }
}

/// The next step of a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The key's owner. With [`AnswerRule::Owner`](crate::ring::AnswerRule::Owner) it is the responder
    /// itself.
    Owner(Peer),
    /// The next node to ask.
    Next(Peer),
    /// The responder knows no node to ask.
    Stuck,
}
