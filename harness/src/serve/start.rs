//! Starting and stopping a server.
//!
//! **Invariant:** when a server has started, it accepts clients, and its nodes are members.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use crossbeam_utils::CachePadded;
use hopwise_kernel::node::Secret;
use hopwise_kernel::reactor::{Clock, Shard, Sockets, available_cores, pin_to};
use hopwise_kernel::ring::RingConfig;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::store::{Hosts, StoreConfig, StoreLimits};
use hopwise_kernel::{Id, Peer, Rng};

use super::cluster::{PORT_BLOCK, bind_block, introduce, read_key};
use super::figures::{Figure, Figures};
use super::metrics;
use super::options::Options;
use super::shard::{Joins, Listener, NodeShard, Open, Server, Start};
use super::shared::{Letter, Mailbox, Shared};
use super::users::{self, Checker, Users};
use crate::base::wall_clock::WallClock;

/// Requests in flight per shard.
const REQUESTS: usize = 65_536;
/// The largest datagram: one that fits into an Ethernet frame.
const DATAGRAM_BYTES: usize = 1472;
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
/// A process of which no node has joined after this time gives up.
const JOIN_PATIENCE: Duration = Duration::from_secs(20);
/// How often the threads are looked at.
const TURN: Duration = Duration::from_millis(20);

/// Why a server does not start.
#[derive(Debug)]
pub(crate) enum StartError {
    /// What was asked for is wrong.
    Request(String),
    /// The operating system refuses.
    Broken(String),
}

impl StartError {
    fn broken(error: impl std::fmt::Display) -> StartError {
        StartError::Broken(error.to_string())
    }
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Running {
    shared: Arc<Shared>,
    threads: Vec<thread::JoinHandle<io::Result<Ended>>>,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    nodes: u32,
}

/// The end of the thread of a shard.
#[derive(Clone, Copy, Debug)]
struct Ended {
    open: Open,
    is_pinned: bool,
}

/// What was open when a server was stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Drained {
    /// Connections.
    pub(crate) connections: usize,
    /// Commands in progress.
    pub(crate) commands: usize,
    /// Commands that had not ended when the server ended.
    pub(crate) unfinished: usize,
    /// Shards whose threads could not be pinned.
    pub(crate) unpinned: usize,
}

impl Running {
    /// Starts a server.
    ///
    /// # Errors
    ///
    /// If the options are wrong, or the operating system refuses.
    pub(crate) fn start(options: &Options) -> Result<Running, StartError> {
        let cores = available_cores();
        let threads = options.thread_count(cores.len());
        options.check(threads).map_err(StartError::Request)?;
        let users = match &options.users {
            Some(path) => Users::of(users::read(path).map_err(StartError::Request)?),
            None => Users::open(),
        };
        let listener = Listener::bind(options.listen).map_err(|error| {
            let address = options.listen;
            StartError::Request(format!(
                "--listen {address}: {error}; choose another port, or port 0"
            ))
        })?;
        let address = listener.address().map_err(StartError::broken)?;
        let introduction = options.join.map(introduce).transpose().map_err(StartError::Request)?;
        let replicas = introduction.as_ref().map_or(options.replicas, |it| it.replicas);
        if replicas != options.replicas {
            return Err(StartError::Request(format!(
                "--replicas {}: the nodes that are joined keep {replicas} copies; write --replicas {replicas}",
                options.replicas
            )));
        }
        let key = options.cluster_key.as_deref().map(read_key).transpose();
        let key = key.map_err(StartError::Request)?;
        // Two processes of one ring must not have the same identifiers.
        let seed = options.seed.unwrap_or_else(random);
        let plan = Plan::new(options, threads, seed)?;
        let wall = WallClock::start();
        let clock = Clock::start();
        let start_us = wall.started_at().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let start_us = u64::try_from(start_us).unwrap_or(u64::MAX);
        let start = plan.start(options, start_us);
        let bootstraps = Arc::new(introduction.map_or(Vec::new(), |it| it.peers));
        let shared = Arc::new(plan.shared(users, threads, &start.store));
        let checker = shared.users.is_closed().then(|| checker(&shared)).transpose();
        let checker = checker.map_err(StartError::broken)?;
        let page = options.metrics.map(|address| metrics::serve(address, Arc::clone(&shared)));
        let metrics = page.transpose().map_err(StartError::Request)?;
        let has_started: Vec<Arc<AtomicBool>> = (0..threads).map(|_| Arc::default()).collect();
        let mut listener = Some(listener);
        let mut handles = Vec::new();
        for (index, (sockets, peers)) in plan.sockets.into_iter().zip(plan.peers).enumerate() {
            let core = cores[index % cores.len()];
            let (shared, start, checker) = (shared.clone(), start.clone(), checker.clone());
            let (listener, has_started) = (listener.take(), has_started[index].clone());
            let (bootstraps, rng) = (bootstraps.clone(), Rng::new(seed, index as u64 + 1));
            let run = move || {
                let is_pinned = pin_to(core);
                let count = peers.len();
                let mut shard: NodeShard =
                    Shard::new(sockets, count, REQUESTS, DATAGRAM_BYTES, clock, rng)?;
                if let Some(key) = key {
                    shard.seal(key);
                }
                for (place, &me) in (0..).zip(&peers) {
                    start.start(&mut shard, place, me);
                }
                let is_member = start.members.is_some();
                let waiting =
                    if is_member { Vec::new() } else { (0..count as u32).rev().collect() };
                let members = if is_member { count as u64 } else { 0 };
                shared.figures[index].publish(Figure::Nodes, members);
                let joins = Joins::new(waiting, bootstraps, has_started);
                let mut server =
                    Server::new(&shard, shared.clone(), index, peers, joins, checker, listener)?;
                shard.run(&mut server)?;
                Ok(Ended { open: server.open(), is_pinned })
            };
            let thread = thread::Builder::new().name(format!("shard-{index}"));
            handles.push(thread.spawn(run).map_err(StartError::broken)?);
        }
        let nodes = options.nodes;
        let running = Running { shared, threads: handles, address, metrics, nodes };
        let begun = clock.now();
        while !has_started.iter().all(|it| it.load(Ordering::Acquire)) {
            running.check().map_err(StartError::Broken)?;
            let is_lonely = running.shared.sum(Figure::Nodes) == 0;
            if is_lonely && clock.now().since(begun) > JOIN_PATIENCE {
                let from =
                    options.join.map_or(String::new(), |address| format!("--join {address}: "));
                return Err(StartError::Broken(format!(
                    "{from}no node could join within {} s; do both processes have the same --cluster-key, \
                     and can they reach each other over UDP?",
                    JOIN_PATIENCE.as_secs()
                )));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(running)
    }

    /// The line that says that clients may connect.
    pub(crate) fn ready_line(&self) -> String {
        let (address, nodes, replicas) = (self.address, self.nodes, self.shared.replicas);
        let metrics = self.metrics.map_or(String::new(), |at| format!(", metrics at http://{at}/"));
        let threads = match self.threads.len() {
            1 => "1 thread".to_owned(),
            threads => format!("{threads} threads"),
        };
        format!("ready at {address}: {nodes} nodes, {replicas} replicas, {threads}{metrics}\n")
    }

    /// Runs until `is_over` says so, or a thread stops.
    ///
    /// # Errors
    ///
    /// If a thread stops by itself.
    pub(crate) fn wait(&self, is_over: impl Fn() -> bool) -> Result<(), String> {
        while !is_over() {
            self.check()?;
            thread::sleep(TURN);
        }
        Ok(())
    }

    /// Stops: accepts no more clients, ends what is in progress, within 2 s.
    ///
    /// # Errors
    ///
    /// If a thread has failed.
    pub(crate) fn drain(self) -> Result<Drained, String> {
        self.shared.drain();
        let mut drained = Drained::default();
        for thread in self.threads {
            let ended = thread.join().map_err(|_| "the thread of a shard panicked".to_owned())?;
            let Ended { open, is_pinned } =
                ended.map_err(|error| format!("a shard stopped: {error}"))?;
            drained.connections += open.connections;
            drained.commands += open.commands;
            drained.unfinished += open.unfinished;
            drained.unpinned += usize::from(!is_pinned);
        }
        Ok(drained)
    }

    fn check(&self) -> Result<(), String> {
        if self.threads.iter().any(thread::JoinHandle::is_finished) {
            return Err("the thread of a shard stopped".to_owned());
        }
        Ok(())
    }
}

/// The division of the nodes among threads.
struct Plan {
    sockets: Vec<Sockets>,
    /// The nodes of each shard, by place.
    peers: Vec<Vec<Peer>>,
    max_clients: usize,
}

impl Plan {
    fn new(options: &Options, threads: usize, seed: u64) -> Result<Plan, StartError> {
        let limit = crate::base::descriptors::limit();
        let needed = SPARE_DESCRIPTORS + threads as u64;
        let max_clients = limit.saturating_sub(needed).min(MAX_CLIENTS as u64) as usize;
        if max_clients == 0 {
            return Err(StartError::Request(format!(
                "this process may open only {limit} descriptors (RLIMIT_NOFILE): raise it with \
                 `ulimit -n 20000`"
            )));
        }
        let share = |index: usize| (options.nodes as usize + threads - 1 - index) / threads;
        let counts: Vec<usize> = (0..threads).map(share).collect();
        let sockets = bind_block(options.nodes_at, &counts, &mut Rng::new(random(), 0))
            .map_err(StartError::broken)?;
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
    fn start(&self, options: &Options, start_us: u64) -> Start {
        let mut members: Vec<Peer> = self.peers.concat();
        members.sort_unstable_by_key(|peer| peer.id);
        let is_joined = options.join.is_some();
        let ring = RingConfig {
            shape: Shape::for_ring(1, RING_NODES.max(options.nodes as usize), SUCCESSORS.into()),
            successors: SUCCESSORS,
            ..RingConfig::default()
        };
        let store = StoreConfig {
            replicas: options.replicas,
            hosts: Hosts::PortBlocks(PORT_BLOCK),
            limits: LIMITS,
            start_us,
            // Drawn anew for each process, so that nobody can foretell the cookies.
            secret: Secret::random(&mut Rng::new(random(), 0)),
            ..StoreConfig::default()
        };
        let ring = RingConfig { deadline: store.deadline, ..ring };
        let members = (!is_joined).then(|| Arc::new(members));
        Start { members, ring: Arc::new(ring), store: Arc::new(store) }
    }

    fn shared(&self, users: Users, threads: usize, store: &StoreConfig) -> Shared {
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

/// Starts the thread that checks passwords. It answers through the mailboxes.
fn checker(shared: &Arc<Shared>) -> io::Result<Checker> {
    let (users, shared) = (shared.users.clone(), shared.clone());
    Checker::start(users, move |job, user| {
        let mut letter = Letter::Verdict(job.connection, user);
        // The client waits for this letter, so it is sent until there is room.
        while let Err(returned) = shared.mailboxes[job.shard].send(letter) {
            if shared.is_draining.load(Ordering::Acquire) {
                return;
            }
            letter = returned;
            thread::sleep(Duration::from_millis(1));
        }
    })
}

/// A number that nobody can foretell.
fn random() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds it from the operating system.
    std::hash::RandomState::new().build_hasher().finish()
}
