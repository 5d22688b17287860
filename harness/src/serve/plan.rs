//! The division of the nodes among threads, and how they are configured.
//!
//! **Invariant:** the same options give the same identifiers.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use crossbeam_utils::CachePadded;
use hopwise_kernel::node::Secret;
use hopwise_kernel::reactor::{Layout, Sockets};
use hopwise_kernel::ring::RingConfig;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::store::{StoreConfig, StoreLimits};
use hopwise_kernel::{Id, Peer, Rng};

use super::figures::Figures;
use super::options::Options;
use super::shard::Start;
use super::shared::{Mailbox, Shared};
use super::users::Users;
use crate::base::descriptors;

/// The length of successor lists, in a network that is large enough.
const SUCCESSORS: u32 = 16;
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
    /// Binds the sockets of the nodes, and draws their identifiers.
    ///
    /// # Errors
    ///
    /// If the process may not open enough descriptors, or a socket cannot be bound.
    pub(super) fn new(options: &Options, threads: usize) -> Result<Plan, String> {
        let limit = descriptors::limit();
        let needed = SPARE_DESCRIPTORS + threads as u64;
        let max_clients = limit.saturating_sub(needed).min(MAX_CLIENTS as u64) as usize;
        if max_clients == 0 {
            return Err(format!(
                "this process may open only {limit} descriptors (RLIMIT_NOFILE): raise it with \
                 `ulimit -n 20000`"
            ));
        }
        let mut rng = Rng::new(options.seed, 0);
        let (mut all_sockets, mut peers) = (Vec::new(), Vec::new());
        for index in 0..threads {
            let count = (options.nodes as usize + threads - 1 - index) / threads;
            let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
            let sockets =
                Sockets::bind(Layout::PerCore, any, count).map_err(|error| error.to_string())?;
            let peer =
                |place| Peer { id: Id::random(&mut rng), address: sockets.address_of(place) };
            peers.push((0..count as u32).map(peer).collect::<Vec<_>>());
            all_sockets.push(sockets);
        }
        Ok(Plan { sockets: all_sockets, peers, max_clients })
    }

    /// How the nodes start.
    pub(super) fn start(&self, options: &Options, start_us: u64) -> Start {
        let mut members: Vec<Peer> = self.peers.concat();
        members.sort_unstable_by_key(|peer| peer.id);
        let successors = SUCCESSORS.min(options.nodes.saturating_sub(1)).max(1);
        let ring = RingConfig {
            shape: Shape::for_ring(1, options.nodes as usize, successors as usize),
            successors: successors as u8,
            ..RingConfig::default()
        };
        let store = StoreConfig {
            replicas: options.replicas,
            limits: LIMITS,
            start_us,
            // Drawn anew for each process, so that nobody can foretell the cookies.
            secret: Secret::random(&mut Rng::new(random(), 0)),
            ..StoreConfig::default()
        };
        let ring = RingConfig { deadline: store.deadline, ..ring };
        Start { members: Arc::new(members), ring: Arc::new(ring), store: Arc::new(store) }
    }

    /// What the shards share.
    pub(super) fn shared(&self, users: Users, threads: usize, store: &StoreConfig) -> Shared {
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
            lifetime: store.lifetime,
            start_ms: store.start_us / 1000,
        }
    }
}

/// A number that nobody can foretell.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds it from the operating system.
    std::hash::RandomState::new().build_hasher().finish()
}
