//! The configuration of flooding peers.

use core::time::Duration;

use crate::flood::message::{MAX_TTL, MAX_WALK};

/// How queries search the overlay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Strategy {
    /// Floods all peers within the TTL at once.
    Flood,
    /// Floods with TTL 1, 3, 5 … up to the TTL, until there is an answer.
    ExpandingRing {
        /// The next round starts after this time.
        round_wait: Duration,
    },
    /// Sends walkers from neighbor to neighbor at random.
    RandomWalk {
        /// The number of walkers. They start at different neighbors as far as there are enough.
        walkers: u16,
        /// A walker asks the origin after this many steps, at least one, whether to continue.
        check_every: u16,
    },
}

/// The configuration of a [`FloodNode`](crate::flood::FloodNode).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FloodConfig {
    /// How queries search the overlay.
    pub strategy: Strategy,
    /// Maximum number of hops of a flooded query, 1 … [`MAX_TTL`].
    pub ttl: u8,
    /// Maximum number of steps of a walker, 1 … [`MAX_WALK`].
    pub walk_ttl: u16,
    /// The number of neighbors that a peer tries to have. A peer that starts linked tries to keep
    /// its initial number instead, so that the graph keeps its shape.
    pub target_neighbors: u16,
    /// Maximum number of neighbors, unless a peer starts with more.
    pub max_neighbors: u16,
    /// How long a peer remembers a search, to recognize repetitions and to route hits back. Must be
    /// longer than queries take.
    pub remember: Duration,
    /// Maximum number of searches that are remembered at a time: at least twice as many as are expected; see
    /// [`seen`](crate::flood::seen).
    pub max_searches: u32,
    /// Mean time between two pings of all neighbors; `None` turns off all repair.
    pub ping: Option<Duration>,
    /// A query without an answer fails after this time.
    pub deadline: Duration,
}

/// For walkers of other peers, if this peer's own strategy is not the random walk.
const CHECK_EVERY: u16 = 4;

impl FloodConfig {
    /// A walker asks its origin after this many steps whether to continue.
    pub(crate) fn check_every(&self) -> u16 {
        match self.strategy {
            Strategy::RandomWalk { check_every, .. } => check_every.max(1),
            _ => CHECK_EVERY,
        }
    }

    /// The TTL of a round of a search, and whether it is the last round.
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
    /// The TTL of Gnutella, and about the number of neighbors of its peers.
    fn default() -> FloodConfig {
        FloodConfig {
            strategy: Strategy::Flood,
            ttl: 7,
            walk_ttl: 1024,
            target_neighbors: 6,
            max_neighbors: 16,
            remember: Duration::from_secs(20),
            max_searches: 128,
            ping: Some(Duration::from_secs(5)),
            deadline: Duration::from_secs(10),
        }
    }
}
