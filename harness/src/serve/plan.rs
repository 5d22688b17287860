//! The division of the nodes among threads, and how they are configured.
//!
//! **Invariant:** the same seed gives the same identifiers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use crossbeam_utils::CachePadded;
use hopwise_kernel::node::Secret;
use hopwise_kernel::reactor::Sockets;
use hopwise_kernel::ring::RingConfig;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::store::{Hosts, StoreConfig, StoreLimits};
use hopwise_kernel::{Id, Peer, Rng};

use super::cluster::{PORT_BLOCK, bind_block};
use super::figures::Figures;
use super::options::Options;
use super::shard::Start;
use super::shared::{Mailbox, Shared};
use super::task::CALL_DEADLINE;
use super::users::Users;
use crate::base::descriptors;
use crate::base::random::random;

/// The length of successor lists: enough for one of two processes to be killed, whose nodes lie in random
/// order in the ring.
const SUCCESSORS: u8 = 24;
/// Finger tables suit rings of so many nodes, however many there are at first.
const RING_NODES: usize = 1 << 16;
/// The room for items of one node.
const LIMITS: StoreLimits = StoreLimits { items: 16_384, bytes: 8 << 20 };
/// The most clients.
const MAX_CLIENTS: usize = 10_000;
/// Descriptors for everything but clients and the sockets of nodes.
const SPARE_DESCRIPTORS: u64 = 128;

/// The division of the nodes among threads.
pub(super) struct Plan {
    pub(super) sockets: Vec<Sockets>,
    /// The nodes of each shard, by place.
    pub(super) peers: Vec<Vec<Peer>>,
    max_clients: usize,
}

impl Plan {
    /// Binds the sockets of the nodes, and draws their identifiers from `seed`.
    ///
    /// # Errors
    ///
    /// If the process may not open enough descriptors, or a socket cannot be bound.
    pub(super) fn new(options: &Options, threads: usize, seed: u64) -> Result<Plan, String> {
        let limit = descriptors::limit();
        let needed = SPARE_DESCRIPTORS + threads as u64;
        let max_clients = limit.saturating_sub(needed).min(MAX_CLIENTS as u64) as usize;
        if max_clients == 0 {
            return Err(format!(
                "this process may open only {limit} descriptors (RLIMIT_NOFILE): raise it with \
                 `ulimit -n 20000`"
            ));
        }
        let share = |index: usize| (options.nodes as usize + threads - 1 - index) / threads;
        let counts: Vec<usize> = (0..threads).map(share).collect();
        let sockets = bind_block(options.nodes_at, &counts, &mut Rng::new(random(), 0))
            .map_err(|error| error.to_string())?;
        let mut rng = Rng::new(seed, 0);
        let peers_of = |(sockets, &count): (&Sockets, &usize)| {
            let address_of = |place| sockets.address_of(place);
            (0..count as u32)
                .map(|place| Peer { id: Id::random(&mut rng), address: address_of(place) })
                .collect::<Vec<_>>()
        };
        let peers = sockets.iter().zip(&counts).map(peers_of).collect();
        Ok(Plan { sockets, peers, max_clients })
    }

    /// How the nodes start.
    pub(super) fn start(&self, options: &Options, start_us: u64) -> Start {
        let mut members: Vec<Peer> = self.peers.concat();
        members.sort_unstable_by_key(|peer| peer.id);
        let is_joined = !options.join.is_empty();
        let ring = RingConfig {
            shape: Shape::for_ring(1, RING_NODES.max(options.nodes as usize), SUCCESSORS.into()),
            successors: SUCCESSORS,
            ..RingConfig::default()
        };
        let store = StoreConfig {
            replicas: options.replicas,
            hosts: Hosts::PortBlocks(PORT_BLOCK),
            limits: LIMITS,
            deadline: CALL_DEADLINE,
            start_us,
            // Drawn anew for each process, so that cookies are unpredictable.
            secret: Secret::random(&mut Rng::new(random(), 0)),
            ..StoreConfig::default()
        };
        let ring = RingConfig { deadline: store.deadline, ..ring };
        let members = (!is_joined).then(|| Arc::new(members));
        Start { members, ring: Arc::new(ring), store: Arc::new(store) }
    }

    /// What the shards share.
    pub(super) fn shared(
        &self,
        users: Users,
        threads: usize,
        store: &StoreConfig,
        wire: u8,
    ) -> Shared {
        let port = |sockets: &Sockets| sockets.address_of(0).port;
        Shared {
            mailboxes: (0..threads).map(|_| Mailbox::default()).collect(),
            figures: (0..threads).map(|_| CachePadded::new(Figures::default())).collect(),
            ports: self.sockets.iter().map(port).collect(),
            users: Arc::new(users),
            connections: CachePadded::new(AtomicUsize::new(0)),
            max_connections: self.max_clients,
            is_draining: AtomicBool::new(false),
            replicas: store.replicas,
            wire,
            lifetime: store.lifetime,
            start_ms: store.start_us / 1000,
        }
    }
}
