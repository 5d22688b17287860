//! What a shard is made of, and its life from the first node to the last turn.
//!
//! **Invariant:** runs on the thread of the shard, from start to end.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hopwise_kernel::codec::OLDEST_VERSION;
use hopwise_kernel::reactor::{Clock, ClusterKey, Shard, Sockets};
use hopwise_kernel::{Peer, Rng};

use super::joins::Joins;
use super::listener::Listener;
use super::nodes::{Codec, NodeShard, Start};
use super::{Open, Server};
use crate::live::Feed;
use crate::serve::figures::Figure;
use crate::serve::shared::Shared;
use crate::serve::users::Checker;

/// Requests in flight per shard.
const REQUESTS: usize = 65_536;
/// The largest datagram: one that fits into an Ethernet frame.
const DATAGRAM_BYTES: usize = 1472;

/// What a shard is made of.
pub(crate) struct Parts {
    /// The number of the shard.
    pub(crate) index: usize,
    /// The sockets of its nodes.
    pub(crate) sockets: Sockets,
    /// Its nodes, by place.
    pub(crate) peers: Vec<Peer>,
    /// The clock of the process.
    pub(crate) clock: Clock,
    /// Its random numbers.
    pub(crate) rng: Rng,
    /// The key of the cluster.
    pub(crate) key: Option<ClusterKey>,
    /// How its nodes start.
    pub(crate) start: Start,
    /// Members of the ring that its nodes join.
    pub(crate) bootstraps: Arc<Vec<Peer>>,
    /// Set once all its nodes are members.
    pub(crate) has_started: Arc<AtomicBool>,
    /// What all shards share.
    pub(crate) shared: Arc<Shared>,
    /// The thread that checks passwords.
    pub(crate) checker: Option<Checker>,
    /// Where clients connect, if this shard accepts them.
    pub(crate) listener: Option<Listener>,
    /// The feed of a live page, if there is one.
    pub(crate) feed: Option<Arc<Feed>>,
}

impl Parts {
    /// Runs the shard until the server stops. Returns what was open then.
    ///
    /// # Errors
    ///
    /// The error of the operating system if polling fails.
    pub(crate) fn run(self) -> io::Result<Open> {
        let Parts { index, peers, start, shared, .. } = self;
        let count = peers.len();
        let mut shard: NodeShard =
            Shard::new(self.sockets, count, REQUESTS, DATAGRAM_BYTES, self.clock, self.rng)?;
        if let Some(codec) = Codec::up_to(shared.wire) {
            shard.speak(codec);
        }
        if shared.wire > OLDEST_VERSION {
            shard.tell_versions_apart();
        }
        if let Some(key) = self.key {
            shard.seal(key);
        }
        for (place, &me) in (0..).zip(&peers) {
            start.start(&mut shard, place, me);
        }
        let is_member = start.members.is_some();
        let waiting = if is_member { Vec::new() } else { (0..count as u32).rev().collect() };
        shared.figures[index].publish(Figure::Nodes, if is_member { count as u64 } else { 0 });
        let joins = Joins::new(waiting, self.bootstraps, self.has_started);
        let mut server =
            Server::new(&shard, shared, index, peers, joins, self.checker, self.listener)?;
        if let Some(feed) = self.feed {
            server.show_on(feed);
        }
        shard.run(&mut server)?;
        Ok(server.open())
    }
}
