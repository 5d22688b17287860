//! Starting and stopping a server.
//!
//! **Invariant:** when a server has started, it accepts clients, and its nodes are members.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use hopwise_kernel::reactor::{Clock, Shard, Sockets, available_cores, pin_to};
use hopwise_kernel::{Peer, Rng};

use super::figures::Figure;
use super::metrics;
use super::options::Options;
use super::plan::Plan;
use super::shard::{Listener, NodeShard, Open, Server, Start};
use super::shared::{Letter, Shared};
use super::users::{self, Checker, Users};
use crate::base::wall_clock::WallClock;

/// Requests in flight per shard.
const REQUESTS: usize = 65_536;
/// The largest datagram: one that fits into an Ethernet frame.
const DATAGRAM_BYTES: usize = 1472;
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
    threads: Vec<thread::JoinHandle<io::Result<Open>>>,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    nodes: u32,
    /// Threads that could not be pinned to their cores.
    unpinned: usize,
}

/// What the thread of a shard is made of.
struct Parts {
    index: usize,
    sockets: Sockets,
    /// The nodes, by place.
    peers: Vec<Peer>,
    clock: Clock,
    rng: Rng,
    start: Start,
    shared: Arc<Shared>,
    checker: Option<Checker>,
    listener: Option<Listener>,
}

impl Parts {
    /// Runs the shard to its end.
    fn run(self, started: &Started) -> io::Result<Open> {
        let Parts { index, sockets, peers, clock, rng, start, shared, checker, listener } = self;
        let count = peers.len();
        let mut shard: NodeShard =
            Shard::new(sockets, count, REQUESTS, DATAGRAM_BYTES, clock, rng)?;
        for (place, me) in (0..).zip(peers) {
            start.start(&mut shard, place, me);
        }
        shared.figures[index].publish(Figure::Nodes, count as u64);
        let mut server = Server::new(&shard, shared, index, count as u32, checker, listener)?;
        started.shards.fetch_add(1, Ordering::Release);
        shard.run(&mut server)?;
        Ok(server.open())
    }
}

/// How far the threads are.
#[derive(Debug, Default)]
struct Started {
    shards: AtomicUsize,
    unpinned: AtomicUsize,
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
        let plan = Plan::new(options, threads).map_err(StartError::Request)?;
        let wall = WallClock::start();
        let clock = Clock::start();
        let start_us = wall.started_at().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let start = plan.start(options, u64::try_from(start_us).unwrap_or(u64::MAX));
        let shared = Arc::new(plan.shared(users, threads, &start.store));
        let checker = shared.users.is_closed().then(|| checker(&shared)).transpose();
        let checker = checker.map_err(StartError::broken)?;
        let page = options.metrics.map(|address| metrics::serve(address, Arc::clone(&shared)));
        let metrics = page.transpose().map_err(StartError::Request)?;
        let started = Arc::new(Started::default());
        let mut listener = Some(listener);
        let mut running = Running {
            shared,
            threads: Vec::new(),
            address,
            metrics,
            nodes: options.nodes,
            unpinned: 0,
        };
        for (index, (sockets, peers)) in plan.sockets.into_iter().zip(plan.peers).enumerate() {
            let parts = Parts {
                index,
                sockets,
                peers,
                clock,
                rng: Rng::new(options.seed, index as u64 + 1),
                start: start.clone(),
                shared: running.shared.clone(),
                checker: checker.clone(),
                listener: listener.take(),
            };
            let (core, started) = (cores[index % cores.len()], started.clone());
            let run = move || {
                let is_unpinned = !pin_to(core);
                started.unpinned.fetch_add(usize::from(is_unpinned), Ordering::Relaxed);
                parts.run(&started)
            };
            let thread = thread::Builder::new().name(format!("shard-{index}"));
            running.threads.push(thread.spawn(run).map_err(StartError::broken)?);
        }
        while started.shards.load(Ordering::Acquire) < threads {
            running.check().map_err(StartError::Broken)?;
            thread::sleep(Duration::from_millis(1));
        }
        running.unpinned = started.unpinned.load(Ordering::Relaxed);
        Ok(running)
    }

    /// Threads that could not be pinned to their cores.
    pub(crate) fn unpinned(&self) -> usize {
        self.unpinned
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
            let open = ended.map_err(|error| format!("a shard stopped: {error}"))?;
            drained.connections += open.connections;
            drained.commands += open.commands;
            drained.unfinished += open.unfinished;
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
