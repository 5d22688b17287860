//! The messages of flooding peers.
//!
//! **Invariant:** plain data. The encoding is in [`wire`](crate::flood::wire).

use crate::base::Peer;
use crate::items::{self, Hit, Query};
use crate::node::RequestId;

/// Largest TTL of a flooded query and of a [`MessageWith::Seek`].
pub const MAX_TTL: u8 = 32;

/// Maximum number of steps of a random walk.
pub const MAX_WALK: u16 = 4096;

/// A message as nodes send and handle it.
pub type Message<'a> = MessageWith<items::Message<'a>>;

/// A parked message.
pub type ParkedMessage = MessageWith<items::message::ParkedMessage>;

/// A message, with those about items as `I`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<I> {
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
    /// Sender and receiver are not neighbors, or no longer.
    Leave,
    /// A flooded query, from a neighbor.
    Search {
        /// The identifier of the search.
        search: RequestId,
        /// The query.
        query: Query,
        /// Hops still allowed, including this one: 1 … [`MAX_TTL`].
        ttl: u8,
        /// Hops so far, including this one.
        hops: u8,
    },
    /// A walker of a random walk.
    Walk {
        /// The identifier of the search. All its walkers share it.
        search: RequestId,
        /// The walker.
        walk: Walk,
        /// The action of the walker.
        stage: WalkStage,
    },
    /// A hit. It returns along the path of the search.
    SearchHit {
        /// The identifier of the search.
        search: RequestId,
        /// The item and its holder.
        hit: Hit,
        /// Hops of the search up to the holder.
        hops: u16,
    },
    /// An offer to become neighbors.
    Connect {
        /// Chosen by the sender.
        request: RequestId,
    },
    /// Reply to [`MessageWith::Connect`].
    Connected {
        /// As in the request.
        request: RequestId,
        /// Whether the two peers are neighbors now.
        accepted: bool,
    },
    /// A request for a neighbor, forwarded on a random walk. The peer at which the TTL expires
    /// may offer to become one.
    Seek {
        /// The peer that seeks a neighbor.
        origin: Peer,
        /// Hops still allowed, including this one: 1 … [`MAX_TTL`].
        ttl: u8,
    },
    /// A message about items.
    Items(I),
}

impl<I> MessageWith<I> {
    /// Converts a message about items; keeps others.
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
            M::Seek { origin, ttl } => M::Seek { origin, ttl },
        }
    }
}

// Every entry of a simulator's queue is as large as the largest message.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Message<'_>>() <= 80);

/// A walker of a random walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walk {
    /// The query.
    pub query: Query,
    /// The peer that started the search.
    pub origin: Peer,
    /// Steps still allowed, 1 … [`MAX_WALK`]; strictly decreases.
    pub ttl: u16,
    /// Steps so far.
    pub hops: u16,
}

/// The action of a walker at the receiver of its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum WalkStage {
    /// The walker visits the receiver, a neighbor of the sender.
    Step = 0,
    /// The sender holds the walker and asks its origin, the receiver, whether to continue.
    Check = 1,
    /// The origin tells the receiver, which holds the walker, to send it on.
    Resume = 2,
}

impl WalkStage {
    /// The stage with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<WalkStage> {
        match number {
            0 => Some(WalkStage::Step),
            1 => Some(WalkStage::Check),
            2 => Some(WalkStage::Resume),
            _ => None,
        }
    }
}
