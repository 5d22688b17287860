//! What a store needs of whatever routes below it.
//!
//! **Invariant:** a router knows nothing of what is stored.

use crate::base::{Id, Peer, Time};
use crate::node::Node;
use crate::node::context::Context;
use crate::node::protocol::EventOf;

/// A node that finds the owners of keys: a ring, or another structured overlay.
pub trait Router: Node {
    /// Whether it is a member of its overlay.
    fn is_member(&self) -> bool;

    /// The member whose keys end where this node's begin, if the overlay has an order and this node
    /// knows it.
    fn predecessor(&self) -> Option<Peer>;

    /// The members that take over this node's keys if it fails, first come first: where replicas go.
    fn replicas(&self) -> &[Peer];

    /// Whether `key` belongs to `node` and not to `predecessor`, which comes before it.
    #[must_use]
    fn owns(key: Id, node: Peer, predecessor: Peer) -> bool {
        node.id.owns(key, predecessor.id)
    }

    /// Looks up the owner of `key`. Ends in an event that [`ended`](Router::ended) recognises, with
    /// `token`, at `deadline` at the latest; possibly at once. Returns whether the lookup was begun.
    fn look_up(
        &mut self,
        cx: &mut Context<'_, Self::Protocol>,
        key: Id,
        token: u64,
        purpose: LookupPurpose,
        deadline: Time,
    ) -> bool;

    /// How a lookup ended, if that is what `event` tells.
    #[must_use]
    fn ended(event: &EventOf<Self::Protocol>) -> Option<LookupEnd>;

    /// Treats `peer` as one that did not answer.
    fn suspect(&mut self, cx: &mut Context<'_, Self::Protocol>, peer: Peer);
}

/// On whose account a lookup is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupPurpose {
    /// The application's.
    User,
    /// The upper layer's, for its own upkeep.
    Upkeep,
}

/// How a lookup ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupEnd {
    /// With an answer.
    Done(LookupDone),
    /// Without one, by its deadline.
    Failed {
        /// The caller's name for the lookup.
        token: u64,
        /// Contacts that did not answer, as far as the origin knows.
        timeouts: u8,
    },
}

impl LookupEnd {
    /// The caller's name for the lookup.
    #[must_use]
    pub const fn token(self) -> u64 {
        match self {
            LookupEnd::Done(done) => done.token,
            LookupEnd::Failed { token, .. } => token,
        }
    }
}

/// The answer to a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LookupDone {
    /// The caller's name for the lookup.
    pub token: u64,
    /// The key that was looked up.
    pub key: Id,
    /// The key's owner.
    pub owner: Peer,
    /// Transfers between live nodes from the origin to the first node that knew the answer.
    pub hops: u8,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
}
