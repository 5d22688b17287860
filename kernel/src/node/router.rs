//! The interface of a routing overlay to the layer above it, for instance a store.
//!
//! **Invariant:** a router knows nothing of what is stored.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::node::Node;
use crate::node::context::Context;
use crate::node::protocol::EventOf;

/// The most bootstraps of one join. Further ones are ignored.
pub const MAX_BOOTSTRAPS: usize = 8;

/// A node whose timer fires later than this was stopped. Others take it for dead by then, unless they
/// were stopped, too.
pub const ABSENCE: Duration = Duration::from_secs(5);

/// A node that finds the owners of keys: a ring, or another structured overlay.
pub trait Router: Node {
    /// Whether the node is a member of its overlay.
    fn is_member(&self) -> bool;

    /// The member that owns the keys just before this node's, if the overlay has an order and the
    /// member is known.
    fn predecessor(&self) -> Option<Peer>;

    /// The members that take over this node's keys if it fails, in this order. Replicas go there.
    fn replicas(&self) -> &[Peer];

    /// Whether `node`, whose predecessor is `predecessor`, owns `key`.
    #[must_use]
    fn owns(key: Id, node: Peer, predecessor: Peer) -> bool {
        node.id.owns(key, predecessor.id)
    }

    /// Starts a lookup of the owner of `key`. It ends, by `deadline` and possibly during this call,
    /// with an event with `token` that [`lookup_end`](Router::lookup_end) recognizes. Returns
    /// whether the lookup was started.
    fn look_up(
        &mut self,
        cx: &mut Context<'_, Self::Protocol>,
        key: Id,
        token: u64,
        purpose: LookupPurpose,
        deadline: Time,
    ) -> bool;

    /// The end of a lookup, if `event` reports one.
    #[must_use]
    fn lookup_end(event: &EventOf<Self::Protocol>) -> Option<LookupEnd>;

    /// Tells the router that `peer` did not answer.
    fn suspect(&mut self, cx: &mut Context<'_, Self::Protocol>, peer: Peer);

    /// Tells the router that `peer` has proved that it leaves the overlay.
    fn remove_departed(&mut self, cx: &mut Context<'_, Self::Protocol>, peer: Peer) {
        self.suspect(cx, peer);
    }

    /// Finds the owners of `samples` random keys, through one of `bootstraps`, for a node that is not a
    /// member. Each of them is reported as the end of a lookup with the token 0. If there is none, a failed
    /// join is reported. Returns false if the router cannot do that.
    fn sample(
        &mut self,
        _cx: &mut Context<'_, Self::Protocol>,
        _bootstraps: &[Peer],
        _samples: u8,
    ) -> bool {
        false
    }

    /// Whether [`sample`](Router::sample) is in progress.
    fn is_sampling(&self) -> bool {
        false
    }
}

/// What a lookup is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupPurpose {
    /// A request of the application.
    User,
    /// Maintenance of the layer above the router.
    Maintenance,
}

/// How a lookup ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LookupEnd {
    /// The owner was found.
    Done(LookupDone),
    /// The deadline passed without an answer.
    Failed {
        /// The caller's token for the lookup.
        token: u64,
        /// Contacts that did not answer, as far as the origin knows.
        timeouts: u8,
    },
}

impl LookupEnd {
    /// The caller's token for the lookup.
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
    /// The caller's token for the lookup.
    pub token: u64,
    /// The key that was looked up.
    pub key: Id,
    /// The key's owner.
    pub owner: Peer,
    /// Hops between live nodes, from the origin to the node that answered.
    pub hops: u8,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
    /// The owner answered for its predecessor, which did not answer and would own the key.
    pub under_suspicion: bool,
}
