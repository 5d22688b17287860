//! What ring nodes send to each other.
//!
//! **Invariant:** plain data. How it looks as bytes is [`wire`](crate::ring::wire)'s business, what it
//! makes a node do is the node's.

use crate::base::{Id, Peer, Peers};
use crate::node::{Cookie, RequestId, Span};

/// Largest hop budget that a lookup may carry.
pub const MAX_HOP_BUDGET: u8 = 200;

/// A message as nodes send and handle it: what it borrows lies in its sender's table or in the datagram
/// it arrived in.
pub type Message<'a> = MessageWith<Peers<'a>, &'a [u8]>;

/// A message at rest: what it borrowed lies in an [`Arena`](crate::node::Arena).
pub type ParkedMessage = MessageWith<Span, Span>;

/// One message, with lists of peers as `L` and payloads as `B`. Replies repeat the [`RequestId`] of
/// what they answer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<L, B> {
    /// Asks whether the receiver is alive.
    Ping {
        /// Named by the sender.
        request: RequestId,
    },
    /// Answers [`MessageWith::Ping`].
    Pong {
        /// Which ping.
        request: RequestId,
    },
    /// Asks for the receiver's predecessor and successor list.
    Neighbors {
        /// Named by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// Stabilize or join.
        purpose: Purpose,
    },
    /// Answers [`MessageWith::Neighbors`] if its cookie was good.
    NeighborsReply {
        /// Which request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
        /// The predecessor, if there is one.
        predecessor: Option<Peer>,
        /// The successor list, nearest first.
        successors: L,
    },
    /// Answers [`MessageWith::Neighbors`] if its cookie was not good: ask again with this one. The
    /// reply proper is longer than the request, so only an address that has shown to receive gets it.
    CookieReply {
        /// Which request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
        /// What to ask with.
        cookie: Cookie,
    },
    /// Says that the sender may be the receiver's predecessor.
    Notify,
    /// Says that a node may be the receiver's successor now.
    Introduce {
        /// The node.
        peer: Peer,
    },
    /// Announces the sender's departure.
    Leave {
        /// The sender's predecessor: for its successor.
        predecessor: Option<Peer>,
        /// The sender's successor list: for its predecessor.
        successors: L,
    },
    /// Asks for the owner of a key, to be told to the origin.
    Lookup {
        /// Named by the previous hop; acknowledged to it.
        request: RequestId,
        /// The lookup itself.
        lookup: Lookup,
    },
    /// Answers [`MessageWith::Lookup`]: the sender has taken the lookup over.
    Ack {
        /// Which request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
    },
    /// Ends a recursive lookup: sent to its origin by the owner's predecessor.
    Answer {
        /// The origin's name for the lookup.
        lookup: RequestId,
        /// As in the lookup.
        purpose: Purpose,
        /// The key's owner.
        owner: Peer,
        /// See [`Lookup::hops`].
        hops: u8,
        /// See [`Lookup::timeouts`].
        timeouts: u8,
    },
    /// One step of an iterative lookup: asks for the closest node before `limit` on the way to `key`.
    FindNext {
        /// Named by the origin.
        request: RequestId,
        /// As in a lookup.
        purpose: Purpose,
        /// The key that is looked up.
        key: Id,
        /// Only nodes before this one: the key itself, or a contact that did not answer.
        limit: Id,
    },
    /// Answers [`MessageWith::FindNext`].
    FindNextReply {
        /// Which request.
        request: RequestId,
        /// As in the request.
        purpose: Purpose,
        /// Where to go on.
        step: Step,
        /// Whether the answering node's own list has the key in one of its gaps.
        knows: bool,
    },
    /// A message for the owner of a key.
    Deliver {
        /// Named by the sender.
        request: RequestId,
        /// The key whose owner is meant.
        key: Id,
        /// Up to [`MAX_PAYLOAD`](crate::node::MAX_PAYLOAD) bytes.
        payload: B,
    },
    /// Answers [`MessageWith::Deliver`]: the owner has it.
    Delivered {
        /// Which request.
        request: RequestId,
    },
}

// A simulator's queue has room for the largest message, whatever the message.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Message<'_>>() <= 80 && size_of::<ParkedMessage>() <= 72);

impl<L, B> MessageWith<L, B> {
    /// The same message with another form of its list or its payload. `with` is handed to the one
    /// function that is called.
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
            M::Introduce { peer } => M::Introduce { peer },
            M::Lookup { request, lookup } => M::Lookup { request, lookup },
            M::Ack { request, purpose } => M::Ack { request, purpose },
            M::Answer { lookup, purpose, owner, hops, timeouts } => {
                M::Answer { lookup, purpose, owner, hops, timeouts }
            }
            M::FindNext { request, purpose, key, limit } => {
                M::FindNext { request, purpose, key, limit }
            }
            M::FindNextReply { request, purpose, step, knows } => {
                M::FindNextReply { request, purpose, step, knows }
            }
            M::Delivered { request } => M::Delivered { request },
        }
    }
}

/// What a lookup is for. Maintenance pays for its own lookups.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Purpose {
    /// The application asked.
    User = 0,
    /// A finger is being refreshed.
    FixFingers = 1,
    /// A joining node looks for its place, or reads the tables it starts from.
    Join = 2,
    /// A node checks its neighbourhood.
    Stabilize = 3,
    /// A layer above the ring looks up an owner for its own upkeep.
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

/// A recursive lookup on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lookup {
    /// Names the lookup at its origin; the [`MessageWith::Answer`] repeats it.
    pub lookup: RequestId,
    /// What it is for.
    pub purpose: Purpose,
    /// The key that is looked up.
    pub key: Id,
    /// The node that gets the answer.
    pub origin: Peer,
    /// Transfers still allowed, 1 … [`MAX_HOP_BUDGET`]; strictly decreases.
    pub budget: u8,
    /// Transfers so far, until a node that knew the answer was reached.
    pub hops: u8,
    /// Contacts that did not answer in time, so far.
    pub timeouts: u8,
    /// Whether a node on the way already knew the answer, so that hops count no more.
    pub known: bool,
}

/// What a node tells the origin of an iterative lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The key's owner.
    Owner(Peer),
    /// The closest preceding node known here.
    Next(Peer),
    /// No node known here is closer.
    Stuck,
}
