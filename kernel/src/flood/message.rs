//! What flooding peers say to each other.
//!
//! **Invariant:** plain data. How it looks as bytes is `wire`'s business.

use crate::base::Peer;
use crate::items::{self, Hit, Query};
use crate::node::RequestId;

/// Largest TTL of a flooded query, and of a [`MessageWith::Meet`].
pub const MAX_TTL: u8 = 32;

/// Most steps of a random walk.
pub const MAX_WALK: u16 = 4096;

/// A message as nodes send and handle it.
pub type Message<'a> = MessageWith<items::Message<'a>>;

/// A message at rest.
pub type ParkedMessage = MessageWith<items::message::ParkedMessage>;

/// One message, with those about items as `I`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<I> {
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
    /// Says that sender and receiver are no neighbors, or no longer.
    Leave,
    /// A flooded query, from a neighbor.
    Search {
        /// Names the search, to know it again.
        search: RequestId,
        /// What is searched for.
        query: Query,
        /// Transfers still allowed, this one counted: 1 … [`MAX_TTL`].
        ttl: u8,
        /// Transfers so far, this one counted.
        hops: u8,
    },
    /// A walker of a random walk.
    Walk {
        /// Names the search, which all its walkers share.
        search: RequestId,
        /// The walker.
        walk: Walk,
        /// What it does here.
        stage: WalkStage,
    },
    /// A holder of what is searched for; goes back the way the search came.
    SearchHit {
        /// Which search.
        search: RequestId,
        /// What was found, and where.
        hit: Hit,
        /// Transfers of the search until it was found.
        hops: u16,
    },
    /// Offers to be a neighbor.
    Connect {
        /// Named by the sender.
        request: RequestId,
    },
    /// Answers [`MessageWith::Connect`].
    Connected {
        /// Which request.
        request: RequestId,
        /// Whether the two are neighbors now.
        accepted: bool,
    },
    /// A request for neighbors, forwarded on a random walk. The peer at which the TTL expires may offer
    /// to be one.
    Meet {
        /// The peer that looks for neighbors.
        origin: Peer,
        /// Transfers still allowed, this one counted: 1 … [`MAX_TTL`].
        ttl: u8,
    },
    /// A message about items.
    Items(I),
}

impl<I> MessageWith<I> {
    /// The same message with another form of what is about items.
    #[inline]
    pub(crate) fn map<I2>(self, change: impl FnOnce(I) -> I2) -> MessageWith<I2> {
        use MessageWith as M;
        match self {
            M::Items(message) => M::Items(change(message)),
            M::Ping { request } => M::Ping { request },
            M::Pong { request } => M::Pong { request },
            M::Leave => M::Leave,
            M::Search { search, query, ttl, hops } => M::Search { search, query, ttl, hops },
            M::Walk { search, walk, stage } => M::Walk { search, walk, stage },
            M::SearchHit { search, hit, hops } => M::SearchHit { search, hit, hops },
            M::Connect { request } => M::Connect { request },
            M::Connected { request, accepted } => M::Connected { request, accepted },
            M::Meet { origin, ttl } => M::Meet { origin, ttl },
        }
    }
}

// A simulator's queue has room for the largest message, whatever the message.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Message<'_>>() <= 80);

/// A walker of a random walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walk {
    /// What is searched for.
    pub query: Query,
    /// The peer that searches.
    pub origin: Peer,
    /// Steps still allowed, 1 … [`MAX_WALK`]; strictly decreases.
    pub ttl: u16,
    /// Steps so far.
    pub hops: u16,
}

/// What a walker does at the peer that receives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WalkStage {
    /// It takes a step: from neighbor to neighbor.
    Steps = 0,
    /// It asks its origin whether to go on.
    Asks = 1,
    /// Its origin sends it on, from where it asked.
    GoesOn = 2,
}

impl WalkStage {
    /// The stage with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<WalkStage> {
        match number {
            0 => Some(WalkStage::Steps),
            1 => Some(WalkStage::Asks),
            2 => Some(WalkStage::GoesOn),
            _ => None,
        }
    }
}
