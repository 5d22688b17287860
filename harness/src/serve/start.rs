//! Starting and stopping a server.
//!
//! **Invariant:** when a server has started, it accepts clients, and its nodes are members.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use crossbeam_utils::CachePadded;
use hopwise_kernel::node::Secret;
use hopwise_kernel::reactor::{Clock, Layout, Shard, Sockets, available_cores, pin_to};
use hopwise_kernel::ring::RingConfig;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::store::{StoreConfig, StoreLimits};
use hopwise_kernel::{Id, Peer, Rng};

use super::figures::{Figure, Figures};
use super::metrics;
use super::options::Options;
use super::shard::{Listener, NodeShard, Open, Server, Start};
use super::shared::{Letter, Mailbox, Shared};
use super::users::{self, Checker, Users};
use crate::base::wall_clock::WallClock;

/// Requests in flight per shard.
const REQUESTS: usize = 65_536;
/// The largest datagram: one that fits into an Ethernet frame.
const DATAGRAM_BYTES: usize = 1472;
/// The length of successor lists, in a network that is large enough.
const SUCCESSORS: u32 = 16;
/// The room for items of one node.
const LIMITS: StoreLimits = StoreLimits { items: 16_384, bytes: 8 << 20 };
/// The most clients.
const MAX_CLIENTS: usize = 10_000;
/// Descriptors for everything but clients and the sockets of nodes.
const SPARE_DESCRIPTORS: u64 = 128;
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
        let plan = Plan::new(options, threads)?;
        let wall = WallClock::start();
        let clock = Clock::start();
        let start_us = wall.started_at().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let start_us = u64::try_from(start_us).unwrap_or(u64::MAX);
        let start = plan.start(options, start_us);
        let shared = Arc::new(plan.shared(users, threads, &start.store));
        let checker = shared.users.is_closed().then(|| checker(&shared)).transpose();
        let checker = checker.map_err(StartError::broken)?;
        let page = options.metrics.map(|address| metrics::serve(address, Arc::clone(&shared)));
        let metrics = page.transpose().map_err(StartError::Request)?;
        let has_started =
            Arc::new((0..threads).map(|_| AtomicBool::new(false)).collect::<Vec<_>>());
        let mut listener = Some(listener);
        let mut handles = Vec::new();
        for (index, (sockets, peers)) in plan.sockets.into_iter().zip(plan.peers).enumerate() {
            let core = cores[index % cores.len()];
            let (shared, start, checker) = (shared.clone(), start.clone(), checker.clone());
            let (listener, has_started) = (listener.take(), has_started.clone());
            let rng = Rng::new(options.seed, index as u64 + 1);
            let run = move || {
                let is_pinned = pin_to(core);
                let count = peers.len();
                let mut shard: NodeShard =
                    Shard::new(sockets, count, REQUESTS, DATAGRAM_BYTES, clock, rng)?;
                for (place, me) in (0..).zip(peers) {
                    start.start(&mut shard, place, me);
                }
                let figures = &shared.figures[index];
                figures.publish(Figure::Nodes, count as u64);
                let mut server =
                    Server::new(&shard, shared.clone(), index, count as u32, checker, listener)?;
                has_started[index].store(true, Ordering::Release);
                shard.run(&mut server)?;
                Ok(Ended { open: server.open(), is_pinned })
            };
            let thread = thread::Builder::new().name(format!("shard-{index}"));
            handles.push(thread.spawn(run).map_err(StartError::broken)?);
        }
        let nodes = options.nodes;
        let running = Running { shared, threads: handles, address, metrics, nodes };
        while !has_started.iter().all(|it| it.load(Ordering::Acquire)) {
            running.check().map_err(StartError::Broken)?;
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
    fn new(options: &Options, threads: usize) -> Result<Plan, StartError> {
        let limit = crate::base::descriptors::limit();
        let needed = SPARE_DESCRIPTORS + threads as u64;
        let max_clients = limit.saturating_sub(needed).min(MAX_CLIENTS as u64) as usize;
        if max_clients == 0 {
            return Err(StartError::Request(format!(
                "this process may open only {limit} descriptors (RLIMIT_NOFILE): raise it with \
                 `ulimit -n 20000`"
            )));
        }
        let mut rng = Rng::new(options.seed, 0);
        let (mut all_sockets, mut peers) = (Vec::new(), Vec::new());
        for index in 0..threads {
            let count = (options.nodes as usize + threads - 1 - index) / threads;
            let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
            let sockets = Sockets::bind(Layout::PerCore, any, count).map_err(StartError::broken)?;
            let peer =
                |place| Peer { id: Id::random(&mut rng), address: sockets.address_of(place) };
            peers.push((0..count as u32).map(peer).collect::<Vec<_>>());
            all_sockets.push(sockets);
        }
        Ok(Plan { sockets: all_sockets, peers, max_clients })
    }

    /// How the nodes start.
    fn start(&self, options: &Options, start_us: u64) -> Start {
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
