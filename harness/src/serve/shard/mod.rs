//! A shard of the server: the nodes and the connections of one core.
//!
//! ```text
//!   one turn   letters → ends of calls → crashes → joins → clients → tasks → renewals → replies → figures
//!              → spare memory → live page
//! ```
//!
//! One shard accepts connections and gives them to all in turn. (A listening socket per shard would
//! leave the distribution to a hash of addresses, which is uneven when there are few clients.)
//!
//! **Invariant:** nothing here blocks; the work of a turn is bounded.

mod accept;
mod answer;
mod clients;
mod crash;
mod figures;
mod joins;
mod leave;
mod letters;
mod listener;
mod nodes;
mod owners;
mod parts;
mod receivers;
mod spare_memory;
mod watched;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hopwise_kernel::reactor::{APPLICATION_TOKENS, Application, FIRST_APPLICATION_TOKEN, Turn};
use hopwise_kernel::store::{self, ReadOutcome};
use hopwise_kernel::{Id, Peer, Time};
use mio::event::Event as Readiness;
use mio::{Token, Waker};

use self::crash::Crashes;
use self::joins::Joins;
use self::leave::Leaves;
pub(crate) use self::listener::Listener;
use self::nodes::Origins;
pub(crate) use self::nodes::Start;
use self::nodes::{Codec, Node, NodeShard};
use self::owners::Owners;
pub(crate) use self::parts::Parts;
use self::receivers::Receivers;
use self::spare_memory::SpareMemory;
use self::watched::Watched;
use super::connection::Connection;
use super::ledger::{Change, Ledger};
use super::shared::{Letter, Shared};
use super::slab::Slab;
use super::task::{End, Tasks};
use super::users::Checker;

/// The token of the waker, of the listener, and of the first connection.
const WAKER: Token = FIRST_APPLICATION_TOKEN;
const LISTENER: Token = Token(FIRST_APPLICATION_TOKEN.0 + 1);
const FIRST_CONNECTION: usize = FIRST_APPLICATION_TOKEN.0 + 2;
/// The most connections of a shard.
const MAX_CONNECTIONS: usize = APPLICATION_TOKENS - 2;
/// The most bytes to read at a time.
const READ_BYTES: usize = 16 << 10;
/// While more bytes than this wait for all clients of a shard, those that are behind ask for nothing new.
const MAX_OUTPUT_OF_ALL: usize = 128 << 20;
/// How long the shard waits for what it cannot be told of.
const PAUSE: Duration = Duration::from_millis(1);
/// The time from the order to stop until no command is waited for any longer.
pub(crate) const DRAIN: Duration = Duration::from_secs(2);

/// A shard of the server.
pub(crate) struct Server {
    shared: Arc<Shared>,
    /// The number of this shard.
    index: usize,
    checker: Option<Checker>,
    listener: Option<Listener>,
    connections: Slab<Connection>,
    /// The number of the next connection.
    next_number: u64,
    /// Connections that have something to do, each once.
    queue: VecDeque<u64>,
    tasks: Tasks,
    /// Calls that have ended, and messages that have arrived, in this turn.
    ends: Vec<(u64, End)>,
    arrived: Vec<(Id, Arc<[u8]>)>,
    /// The nodes of all places.
    peers: Vec<Peer>,
    /// The places of the live nodes that are members.
    live: Vec<u32>,
    owners: Owners,
    joins: Joins,
    /// Bytes that wait for clients, as of their last flush.
    output_bytes: usize,
    /// The read buffer, shared by all connections.
    read_buffer: Box<[u8]>,
    ledger: Ledger,
    /// Letters for which there was no room. While there are some, no command begins.
    unsent: VecDeque<(usize, Letter)>,
    receivers: Receivers,
    crashes: Crashes,
    published: figures::Published,
    spare_memory: SpareMemory,
    watched: Watched,
    /// When the connections are looked through next.
    sweep_at: Time,
    draining_since: Option<Time>,
    /// The departures of the nodes, once they have begun.
    leaves: Option<Leaves>,
    /// What was open when the shard was told to stop.
    open: Open,
}

/// What was open when a shard was told to stop.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Open {
    /// Connections.
    pub(crate) connections: usize,
    /// Commands in progress.
    pub(crate) commands: usize,
    /// Commands that did not end before the shard stopped.
    pub(crate) unfinished: usize,
}

impl Server {
    /// The server of shard `index`, whose nodes are `peers`. Those that `joins` does not name are members.
    ///
    /// # Errors
    ///
    /// The error of the operating system if the waker or the listener cannot be registered.
    pub(crate) fn new(
        shard: &NodeShard,
        shared: Arc<Shared>,
        index: usize,
        peers: Vec<Peer>,
        joins: Joins,
        checker: Option<Checker>,
        mut listener: Option<Listener>,
    ) -> io::Result<Server> {
        shared.mailboxes[index].open(Waker::new(shard.registry(), WAKER)?);
        if let Some(listener) = &mut listener {
            listener.register(shard.registry(), LISTENER)?;
        }
        Ok(Server {
            ledger: Ledger::new(shared.lifetime),
            shared,
            index,
            checker,
            listener,
            connections: Slab::default(),
            next_number: index as u64,
            queue: VecDeque::new(),
            tasks: Tasks::default(),
            ends: Vec::new(),
            arrived: Vec::new(),
            live: (0..peers.len() as u32).filter(|place| !joins.waiting.contains(place)).collect(),
            peers,
            owners: Owners::default(),
            joins,
            output_bytes: 0,
            read_buffer: vec![0; READ_BYTES].into(),
            unsent: VecDeque::new(),
            receivers: Receivers::default(),
            crashes: Crashes::default(),
            published: figures::Published::default(),
            spare_memory: SpareMemory::default(),
            watched: Watched::default(),
            sweep_at: Time::ZERO,
            draining_since: None,
            leaves: None,
            open: Open::default(),
        })
    }

    /// What was open when the shard was told to stop.
    pub(crate) fn open(&self) -> Open {
        Open { unfinished: self.tasks.len(), ..self.open }
    }

    /// Puts a connection into the queue.
    fn queue(&mut self, token: u64) {
        if let Some(connection) = self.connections.at_mut(token)
            && !connection.is_queued
        {
            connection.is_queued = true;
            self.queue.push_back(token);
        }
    }

    /// Sends a letter, or keeps it for the next turn.
    fn send(&mut self, shard: usize, letter: Letter) {
        if let Err(letter) = self.shared.mailboxes[shard].send(letter) {
            self.unsent.push_back((shard, letter));
        }
    }

    fn send_again(&mut self) {
        while let Some((shard, letter)) = self.unsent.pop_front() {
            if let Err(letter) = self.shared.mailboxes[shard].send(letter) {
                return self.unsent.push_front((shard, letter));
            }
        }
    }

    /// Gives a change to the shard that accounts for its key.
    fn account(&mut self, now: Time, change: Change) {
        match self.shared.shard_of(change.effect.key) {
            shard if shard == self.index => self.ledger.apply(now, change, &self.shared.users),
            shard => self.send(shard, Letter::Changed(change)),
        }
    }

    /// Begins to stop if that was ordered. Returns whether the shard may stop now.
    fn drain(&mut self, shard: &mut NodeShard, now: Time) -> bool {
        if !self.shared.is_draining.load(Ordering::Acquire) {
            return false;
        }
        let since = *self.draining_since.get_or_insert_with(|| {
            self.listener = None;
            let (connections, commands) = (self.connections.len(), self.tasks.len());
            self.open = Open { connections, commands, unfinished: 0 };
            now
        });
        let is_done = self.tasks.len() == 0
            && self.connections.iter().all(|(_, it)| it.open() == 0 && it.unsent() == 0);
        (is_done || now.since(since) >= DRAIN || self.leaves.is_some()) && self.leave(shard, now)
    }
}

impl Application<Node, Codec> for Server {
    fn on_event(&mut self, _now: Time, node: u32, event: nodes::Event, payload: &[u8]) {
        if let store::Event::Read(end) = event {
            match end.owner {
                Some(owner) => self.owners.learn(end.key, owner),
                None if matches!(end.outcome, ReadOutcome::Refused(_)) => {
                    self.owners.forget(end.key)
                }
                None => {}
            }
        }
        match nodes::translate(event, payload) {
            nodes::News::End(token, end) => self.ends.push((token, end)),
            nodes::News::Message(key, message) => self.arrived.push((key, message)),
            nodes::News::JoinEnd(is_member) => self.on_join_end(node, is_member),
            nodes::News::Nothing => {}
        }
    }

    fn on_ready(&mut self, readiness: &Readiness) {
        match readiness.token() {
            WAKER => {}
            LISTENER => {
                if let Some(listener) = &mut self.listener {
                    listener.is_ready = true;
                }
            }
            Token(token) => {
                let Some(token) = self.connections.token_at(token - FIRST_CONNECTION) else {
                    return;
                };
                if let Some(connection) = self.connections.at_mut(token) {
                    connection.is_readable |= readiness.is_readable();
                }
                self.queue(token);
            }
        }
    }

    fn turn(&mut self, shard: &mut NodeShard) -> Turn {
        let now = shard.now();
        self.send_again();
        self.take_letters(shard, now);
        for (token, end) in std::mem::take(&mut self.ends) {
            self.tasks.on_end(now, token, end);
        }
        self.deliver_messages();
        self.crash_due(shard, now);
        self.turn_joins(shard, now);
        let accept_at = self.accept(shard, now);
        let deadline = self.tasks.expire(now);
        self.renew(now);
        self.finish_tasks(now);
        self.serve_queue(shard, now);
        let mut origins = Origins { shard, live: &self.live, owners: &self.owners };
        let has_started = self.tasks.start(now, &mut origins);
        self.finish_tasks(now);
        self.publish(shard, now);
        self.return_spare_memory(shard, now);
        self.show(shard, now);
        self.sweep(shard, now);
        if self.drain(shard, now) {
            return Turn::Stop;
        }
        // A call may have ended already; the loop reports that after this turn.
        if has_started || !self.queue.is_empty() || self.tasks.has_work() {
            return Turn::Until(now);
        }
        if !self.unsent.is_empty() || self.draining_since.is_some() {
            return Turn::Until(now + PAUSE);
        }
        let own = self.published.next_due().min(self.sweep_at).min(self.crashes.next_due());
        let own = own.min(self.joins.next_due()).min(self.spare_memory.next_due());
        let own = own.min(self.watched.next_due());
        Turn::Until(deadline.min(accept_at).min(self.ledger.next_due()).min(own))
    }
}
