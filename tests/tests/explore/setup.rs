//! What is explored: a small ring, the nodes that join it, and the bounds of the search.
//!
//! **Invariant:** plain data.

use std::time::Duration;

use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{Defect, RingConfig};
use hopwise_kernel::{Address, Id, Peer};

/// r, the length of a successor list.
pub(crate) const SUCCESSORS: usize = 2;
/// The most nodes of a ring, joining ones included: their identifiers differ in the top three bits.
const MAX_NODES: usize = 8;
/// Members may begin any number of rounds, but none while a request for neighbors of the last one is in flight.
pub(crate) const ANY_ROUNDS: u8 = u8::MAX;
/// The timer of a node is always due: the search decides when it fires.
const PERIOD: Duration = Duration::from_nanos(1);

/// A ring and the bounds of its exploration.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    /// The nodes clockwise: `o` is a member of the linked ring at the start, `+` a node that joins it.
    pub(crate) ring: &'static str,
    /// Nodes that may fail.
    pub(crate) failures: u8,
    /// Rounds of stabilize that members may begin, all together, or [`ANY_ROUNDS`].
    pub(crate) rounds: u8,
    /// Messages that may arrive twice.
    pub(crate) repeats: u8,
    /// What arrives at once, when it is sent.
    pub(crate) at_once: AtOnce,
    /// A deliberate defect of all nodes.
    pub(crate) defect: Option<Defect>,
}

/// The messages that arrive in the step in which they are sent, if their receiver lives. The others arrive in
/// every order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum AtOnce {
    /// None.
    Nothing,
    /// The lookup of a join, on its way and back.
    Lookups,
    /// Besides lookups, pings and requests for neighbors. The replies do not.
    Requests,
}

impl Setup {
    /// `ring` with these failures and rounds. No message is repeated, no node has a defect.
    pub(crate) const fn of(ring: &'static str, failures: u8, rounds: u8) -> Setup {
        Setup { ring, failures, rounds, repeats: 0, at_once: AtOnce::Lookups, defect: None }
    }

    /// The nodes, by place: clockwise.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        assert!(self.ring.len() <= MAX_NODES, "identifiers have room for the ring");
        let peer = |place: usize| Peer {
            id: Id::from_parts((place as u64) << 61 | 1 << 40, Id::ZERO.tail()),
            address: Address::new([127, 0, 0, 1], 4000, place as u16),
        };
        (0..self.ring.len()).map(peer).collect()
    }

    /// Whether the node at `place` is a member at the start.
    pub(crate) fn is_member(&self, place: usize) -> bool {
        self.ring.as_bytes()[place] == b'o'
    }

    /// The configuration of all nodes. Fingers are not refreshed.
    pub(crate) fn config(&self) -> RingConfig {
        RingConfig {
            shape: Shape::new(1, 1),
            successors: SUCCESSORS as u8,
            stabilize: Some(PERIOD),
            fix_fingers: None,
            defect: self.defect,
            ..RingConfig::default()
        }
    }
}
