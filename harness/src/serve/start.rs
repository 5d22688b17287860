//! Starting and stopping a server.
//!
//! **Invariant:** when a server has started, it accepts clients, and its nodes are members.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use hopwise_kernel::reactor::{Clock, available_cores, pin_to};
use hopwise_kernel::ring::Ring;
use hopwise_kernel::store::Stored;
use hopwise_kernel::{Protocol, Rng};

use super::cluster::{Introduction, introduce, read_key};
use super::figures::Figure;
use super::metrics;
use super::options::Options;
use super::plan::Plan;
use super::shard::{Listener, Open, Parts};
use super::shared::{Letter, Shared};
use super::users::{self, Checker, Users};
use super::watched::Watched;
use crate::base::random::random;
use crate::base::wall_clock::WallClock;
use crate::live::Feed;

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
    threads: Vec<thread::JoinHandle<io::Result<Open>>>,
    address: SocketAddr,
    metrics: Option<SocketAddr>,
    nodes: u32,
    /// Threads that could not be pinned to their cores.
    unpinned: usize,
    watched: Option<Watched>,
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
    /// Starts a server, and feeds a live page if there is one.
    ///
    /// # Errors
    ///
    /// If the options are wrong, or the operating system refuses.
    pub(crate) fn start(
        options: &Options,
        feed: Option<&Arc<Feed>>,
    ) -> Result<Running, StartError> {
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
        let introduction = introduction(options).map_err(StartError::Request)?;
        let key = options.cluster_key.as_deref().map(read_key).transpose();
        let key = key.map_err(StartError::Request)?;
        // Two processes of one ring must not have the same identifiers.
        let seed = options.seed.unwrap_or_else(random);
        let plan = Plan::new(options, threads, seed).map_err(StartError::Request)?;
        let wall = WallClock::start();
        let clock = Clock::start();
        let start_us = wall.started_at().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros();
        let start_us = u64::try_from(start_us).unwrap_or(u64::MAX);
        let start = plan.start(options, start_us);
        let bootstraps = Arc::new(introduction.map_or(Vec::new(), |it| it.peers));
        let shared = Arc::new(plan.shared(users, threads, &start.store, options.wire));
        let checker = shared.users.is_closed().then(|| checker(&shared)).transpose();
        let checker = checker.map_err(StartError::broken)?;
        let page = options.metrics.map(|address| metrics::serve(address, Arc::clone(&shared)));
        let metrics = page.transpose().map_err(StartError::Request)?;
        let has_started: Vec<Arc<AtomicBool>> = (0..threads).map(|_| Arc::default()).collect();
        let unpinned = Arc::new(AtomicUsize::new(0));
        let mut listener = Some(listener);
        let (threads, nodes) = (Vec::new(), options.nodes);
        if let Some(feed) = feed {
            feed.expect(options.nodes as usize);
            feed.begin(Stored::<Ring>::CLASSES, true);
        }
        let watched = feed.map(|feed| Watched::new(feed.clone(), clock));
        let mut running =
            Running { shared, threads, address, metrics, nodes, unpinned: 0, watched };
        for (index, (sockets, peers)) in plan.sockets.into_iter().zip(plan.peers).enumerate() {
            let parts = Parts {
                index,
                sockets,
                peers,
                clock,
                rng: Rng::new(seed, index as u64 + 1),
                key,
                start: start.clone(),
                bootstraps: bootstraps.clone(),
                has_started: has_started[index].clone(),
                shared: running.shared.clone(),
                checker: checker.clone(),
                listener: listener.take(),
                feed: feed.cloned(),
            };
            let (core, unpinned) = (cores[index % cores.len()], unpinned.clone());
            let run = move || {
                unpinned.fetch_add(usize::from(!pin_to(core)), Ordering::Relaxed);
                parts.run()
            };
            let thread = thread::Builder::new().name(format!("shard-{index}"));
            running.threads.push(thread.spawn(run).map_err(StartError::broken)?);
        }
        let is_started = || has_started.iter().all(|it| it.load(Ordering::Acquire));
        running.wait_for_members(&clock, options, is_started)?;
        running.unpinned = unpinned.load(Ordering::Relaxed);
        Ok(running)
    }

    /// Waits until all nodes are members.
    fn wait_for_members(
        &self,
        clock: &Clock,
        options: &Options,
        is_started: impl Fn() -> bool,
    ) -> Result<(), StartError> {
        let begun = clock.now();
        while !is_started() {
            self.check().map_err(StartError::Broken)?;
            let is_lonely = self.shared.sum(Figure::Nodes) == 0;
            if is_lonely && clock.now().since(begun) > JOIN_PATIENCE {
                let through: Vec<String> = options.join.iter().map(ToString::to_string).collect();
                return Err(StartError::Broken(format!(
                    "--join {}: no node could join within {} s; do both processes have the same --cluster-key, \
                     and can they reach each other over UDP?",
                    through.join(","),
                    JOIN_PATIENCE.as_secs()
                )));
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
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
    pub(crate) fn wait(&mut self, is_over: impl Fn() -> bool) -> Result<(), String> {
        while !is_over() {
            self.check()?;
            if let Some(watched) = &mut self.watched {
                watched.turn(&self.shared);
            }
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

/// The members of the ring to join, which a running process names; `None` if no ring is joined.
fn introduction(options: &Options) -> Result<Option<Introduction>, String> {
    let mut silent: Vec<String> = Vec::new();
    let answer = |&at: &SocketAddr| {
        let introduction = introduce(at)?;
        introduction.check_wire(options.wire).map_err(|why| format!("--join {at}: {why}"))?;
        Ok(introduction)
    };
    let mut answers = options.join.iter().map(answer);
    let introduction = loop {
        match answers.next() {
            Some(Ok(introduction)) => break introduction,
            Some(Err(why)) => silent.push(why),
            None if silent.is_empty() => return Ok(None),
            None => return Err(silent.join("\n")),
        }
    };
    let (own, theirs) = (options.replicas, introduction.replicas);
    if own != theirs {
        return Err(format!(
            "--replicas {own}: the nodes that are joined keep {theirs} copies; write --replicas {theirs}"
        ));
    }
    Ok(Some(introduction))
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
