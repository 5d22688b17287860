//! What the shards share: mailboxes, figures, users.
//!
//! **Invariant:** a letter between shards goes through a bounded queue; nothing here is locked.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crossbeam_queue::ArrayQueue;
use crossbeam_utils::CachePadded;
use hopwise_kernel::{Id, Time};
use mio::Waker;
use mio::net::TcpStream;

use super::figures::{Figure, Figures};
use super::ledger::Change;
use super::users::Users;

/// The most letters in a mailbox.
const MAX_LETTERS: usize = 8192;

/// Shared by all threads of a server.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The mailbox of each shard.
    pub(crate) mailboxes: Vec<Mailbox>,
    /// The figures of each shard.
    pub(crate) figures: Vec<CachePadded<Figures>>,
    /// The UDP port of the nodes of each shard.
    pub(crate) ports: Vec<u16>,
    /// The users.
    pub(crate) users: Arc<Users>,
    /// Open connections.
    pub(crate) connections: CachePadded<AtomicUsize>,
    /// The most connections.
    pub(crate) max_connections: usize,
    /// Whether the server is to stop.
    pub(crate) is_draining: AtomicBool,
    /// Nodes that keep an item.
    pub(crate) replicas: u8,
    /// The newest version of the wire format that the nodes speak.
    pub(crate) wire: u8,
    /// The default lifetime of an item.
    pub(crate) lifetime: Duration,
    /// Milliseconds from 1970 to the start of the clock.
    pub(crate) start_ms: u64,
}

impl Shared {
    /// The sum of a figure over all shards.
    pub(crate) fn sum(&self, figure: Figure) -> u64 {
        self.figures.iter().map(|figures| figures.of(figure)).sum()
    }

    /// The time of day, in milliseconds since 1970.
    pub(crate) fn now_ms(&self, now: Time) -> u64 {
        self.start_ms + now.as_ns() / 1_000_000
    }

    /// The shard that accounts for a key.
    pub(crate) fn shard_of(&self, key: Id) -> usize {
        (key.prefix() % self.mailboxes.len() as u64) as usize
    }

    /// Tells all shards to stop.
    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::Release);
        self.mailboxes.iter().for_each(Mailbox::wake);
    }
}

/// A message to a shard.
#[derive(Debug)]
pub(crate) enum Letter {
    /// A client has connected.
    Connection(TcpStream, SocketAddr),
    /// A password was checked: the connection, and its user if the password is right.
    Verdict(u64, Option<u32>),
    /// Nodes are to crash.
    Crash(CrashOrder),
    /// Nodes have crashed, or will: the number of the order, and how many.
    Crashed(u64, u32),
    /// A user has changed a value.
    Changed(Change),
    /// A message to a key has arrived.
    Message(Id, Arc<[u8]>),
}

/// An order to crash nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CrashOrder {
    /// How many.
    pub(crate) count: u32,
    /// Spread over this time.
    pub(crate) over: Duration,
    /// The shard that asks, and the number of the order there.
    pub(crate) from: (usize, u64),
}

/// Letters to one shard.
#[derive(Debug)]
pub(crate) struct Mailbox {
    letters: ArrayQueue<Letter>,
    waker: OnceLock<Waker>,
}

impl Default for Mailbox {
    fn default() -> Mailbox {
        Mailbox { letters: ArrayQueue::new(MAX_LETTERS), waker: OnceLock::new() }
    }
}

impl Mailbox {
    /// Says how to wake the shard.
    pub(crate) fn open(&self, waker: Waker) {
        // A shard opens its mailbox once.
        let _ = self.waker.set(waker);
    }

    /// Adds a letter.
    ///
    /// # Errors
    ///
    /// The letter, if there is no room.
    pub(crate) fn send(&self, letter: Letter) -> Result<(), Letter> {
        self.letters.push(letter)?;
        self.wake();
        Ok(())
    }

    /// The next letter.
    pub(crate) fn take(&self) -> Option<Letter> {
        self.letters.pop()
    }

    /// Makes the shard look into its mailbox.
    pub(crate) fn wake(&self) {
        if let Some(waker) = self.waker.get() {
            // It fails only if the poll is gone, and then there is no thread to wake.
            let _ = waker.wake();
        }
    }
}
