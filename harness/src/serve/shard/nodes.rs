//! The nodes of a shard, as the origins of calls.
//!
//! **Invariant:** the only file of this room that calls a node.

use std::sync::Arc;

use hopwise_kernel::node::LookupEnd;
use hopwise_kernel::reactor::Shard;
use hopwise_kernel::ring::{self, Ring, RingConfig, RingNode};
use hopwise_kernel::store::operation::listed;
use hopwise_kernel::store::{self, StoreCodec, StoreConfig, StoreNode};
use hopwise_kernel::{Id, Peer};

use super::owners::Owners;
use crate::serve::task::{Call, End, Nodes};

/// The nodes of the server.
pub(crate) type Node = StoreNode<RingNode>;
/// How their messages are written.
pub(crate) type Codec = StoreCodec<Ring>;
/// A shard of them.
pub(crate) type NodeShard = Shard<Node, Codec>;
/// What they report.
pub(super) type Event = store::Event<ring::Event>;

/// How nodes start.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// All members, sorted by identifier, if they begin a ring; `None` if they join one.
    pub(crate) members: Option<Arc<Vec<Peer>>>,
    /// The configuration of the ring.
    pub(crate) ring: Arc<RingConfig>,
    /// The configuration of the store.
    pub(crate) store: Arc<StoreConfig>,
}

impl Start {
    /// Puts a node into place `place`, as a member if they begin a ring.
    pub(crate) fn start(&self, shard: &mut NodeShard, place: u32, me: Peer) {
        let router = RingNode::new(me, self.ring.clone(), shard.rng());
        let node = StoreNode::new(router, self.store.clone());
        shard.insert(place, node);
        if let Some(members) = &self.members {
            shard.with(place, |node, cx| {
                node.with_router(cx, |ring, cx| ring.start_linked(cx, members));
            });
        }
    }
}

/// Nodes that are tried for a call before it is refused.
const ORIGINS_TRIED: usize = 4;

/// The live nodes of a shard. Each call starts at one of them, drawn at random.
pub(super) struct Origins<'s> {
    pub(super) shard: &'s mut NodeShard,
    /// Their places.
    pub(super) live: &'s [u32],
    pub(super) owners: &'s Owners,
}

impl Nodes for Origins<'_> {
    fn start(&mut self, call: Call<'_>, token: u64) -> Option<u32> {
        // A node that has lost all its contacts refuses.
        (0..ORIGINS_TRIED).find_map(|_| self.start_at_any(call, token))
    }
}

impl Origins<'_> {
    fn start_at_any(&mut self, call: Call<'_>, token: u64) -> Option<u32> {
        let count = self.live.len() as u64;
        let at = if count == 0 { 0 } else { self.shard.rng().below(count) };
        let place = *self.live.get(at as usize)?;
        let has_started = self.shard.with(place, |node, cx| match call {
            Call::Read(name) => match self.owners.of(name.key) {
                Some(owner) => node.read_from(cx, owner, name, token),
                None => node.read(cx, name, token),
            },
            Call::Write(write, value) => node.write(cx, &write, value, token),
            Call::List(key) => node.list(cx, key, token),
            Call::Lookup(key) => node.with_router(cx, |ring, cx| ring.lookup(cx, key, token)),
            Call::Send(key, message) => {
                node.with_router(cx, |ring, cx| ring.send_to_key(cx, key, message, token))
            }
        });
        (has_started == Some(true)).then_some(place)
    }
}

/// What an event of a node means here.
pub(super) enum News {
    /// The call with this token has ended.
    End(u64, End),
    /// A join has ended: the node is a member, or not.
    JoinEnd(bool),
    /// A message to a key has arrived at its owner.
    Message(Id, Arc<[u8]>),
    /// Nothing.
    Nothing,
}

/// Translates an event of a node.
pub(super) fn translate(event: Event, payload: &[u8]) -> News {
    match event {
        store::Event::Read(end) => News::End(end.token, End::Read(end.outcome, payload.to_vec())),
        store::Event::Wrote(end) => News::End(end.token, End::Wrote(end.outcome)),
        store::Event::Listed(end) => {
            News::End(end.token, End::Listed(end.outcome, listed(payload).collect()))
        }
        store::Event::LookupEnded(LookupEnd::Done(done)) => {
            News::End(done.token, End::Found(done.owner, done.hops))
        }
        store::Event::LookupEnded(LookupEnd::Failed { token, .. })
        | store::Event::Router(ring::Event::SendFailed { token }) => News::End(token, End::Failed),
        store::Event::Router(ring::Event::Sent { token, .. }) => News::End(token, End::Sent),
        store::Event::Router(ring::Event::Received { key, .. }) => {
            News::Message(key, payload.into())
        }
        store::Event::Router(ring::Event::Joined) => News::JoinEnd(true),
        store::Event::Router(ring::Event::JoinFailed) => News::JoinEnd(false),
        _ => News::Nothing,
    }
}
