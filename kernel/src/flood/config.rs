//! What a flooding peer is built from.

use core::time::Duration;

use crate::flood::message::{MAX_TTL, MAX_WALK};

/// How a query looks for its answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// Everybody within the TTL is asked at once.
    Flood,
    /// With TTL 1, 3, 5 … up to the TTL, until there is an answer.
    ExpandingRing {
        /// The next round begins after this time.
        round_wait: Duration,
    },
    /// Walkers go from neighbor to neighbor at random.
    RandomWalk {
        /// How many; they begin at different neighbors as far as there are enough.
        walkers: u16,
        /// A walker asks after so many steps, at least one, whether it is still wanted.
        check_every: u16,
    },
}

/// The configuration of a [`FloodNode`](crate::flood::FloodNode).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FloodConfig {
    /// How queries travel.
    pub strategy: Strategy,
    /// Transfers of a flooded query, 1 … [`MAX_TTL`].
    pub ttl: u8,
    /// Steps of a walker, 1 … [`MAX_WALK`].
    pub walk_ttl: u16,
    /// Neighbors that a peer looks for. One that starts linked keeps to the number it starts with,
    /// so that a graph keeps its shape.
    pub wanted: u16,
    /// Neighbors that a peer has room for, if it does not start with more.
    pub max_neighbors: u16,
    /// How long a search is known again, and its hits find their way back: longer than queries take.
    pub remember: Duration,
    /// Searches that can be remembered at a time.
    pub room: u32,
    /// Mean time between two pings of all neighbors; `None`: never, and no repair at all.
    pub ping: Option<Duration>,
    /// How long a query may take at all.
    pub deadline: Duration,
}

/// Where the strategy is no random walk, and somebody's walker comes by all the same.
const CHECK_EVERY: u16 = 4;

impl FloodConfig {
    /// Steps after which a walker asks whether to go on.
    pub(crate) fn check_every(&self) -> u16 {
        match self.strategy {
            Strategy::RandomWalk { check_every, .. } => check_every.max(1),
            _ => CHECK_EVERY,
        }
    }

    /// The TTL of this round of a search, and whether it is the last.
    pub(crate) fn ttl_of_round(&self, round: u8) -> (u8, bool) {
        let most = self.ttl();
        let ttl = match self.strategy {
            Strategy::ExpandingRing { .. } => round.saturating_mul(2).saturating_add(1).min(most),
            _ => most,
        };
        (ttl, ttl == most)
    }

    pub(crate) fn ttl(&self) -> u8 {
        self.ttl.clamp(1, MAX_TTL)
    }

    pub(crate) fn walk_ttl(&self) -> u16 {
        self.walk_ttl.clamp(1, MAX_WALK)
    }
}

impl Default for FloodConfig {
    /// Gnutella's TTL, and about the number of neighbors its peers had.
    fn default() -> FloodConfig {
        FloodConfig {
            strategy: Strategy::Flood,
            ttl: 7,
            walk_ttl: 1024,
            wanted: 6,
            max_neighbors: 16,
            remember: Duration::from_secs(20),
            room: 128,
            ping: Some(Duration::from_secs(5)),
            deadline: Duration::from_secs(10),
        }
    }
}
