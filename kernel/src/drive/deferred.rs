//! A queue for the lookups of heavy origins, which are handled when no datagram waits.
//!
//! ```text
//!   messages ─┬─────────────────────────────▶ handled at once
//!             └─ of heavy origins ──▶ ▭▭▭▭ ─▶ handled when no datagram waits, and a few in each turn
//! ```
//!
//! While datagrams wait long, lookups of an origin that asks for far more than the others ([`HeavyOrigins`]) are
//! deferred, so the others do not wait behind them. They get the capacity that the others leave. Those for which
//! there is no place, or that were deferred for more than [`WAIT_MAX`], are dropped.
//!
//! **Invariant:** at most [`DEFERRED_MAX`] messages are deferred. Their places are reserved at the start.

use alloc::vec::Vec;
use core::mem;
use core::time::Duration;

use crate::base::{Peer, Time};
use crate::drive::heavy_origins::HeavyOrigins;
use crate::drive::queue_delay::WAIT_MAX;
use crate::node::{Arena, MessageOf, ParkedOf, Protocol};

/// The most messages that are deferred.
pub const DEFERRED_MAX: usize = 4096;
/// Lookups of heavy origins are deferred while datagrams wait longer than this.
pub const WAIT_LONG: Duration = Duration::from_millis(5);

/// See the [module](self).
#[derive(Debug)]
pub struct Deferred<P: Protocol> {
    heavy_origins: HeavyOrigins,
    /// Whether datagrams wait long.
    is_wait_long: bool,
    /// Messages are added to one batch and taken from the other. When that is empty, they change places.
    added: Batch<P>,
    taken: Batch<P>,
}

#[derive(Debug)]
struct Batch<P: Protocol> {
    messages: Vec<Parked<P>>,
    /// The number of messages that have been taken.
    taken: usize,
    arena: Arena,
}

#[derive(Debug)]
struct Parked<P: Protocol> {
    since: Time,
    node: u32,
    to_prefix: u64,
    from: Peer,
    message: ParkedOf<P>,
}

/// A message that was deferred.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a, P: Protocol> {
    /// The slot of the node that it is for.
    pub node: u32,
    /// The top 64 bits of the identifier of that node. Another node may be in the slot by now.
    pub to_prefix: u64,
    /// Its sender.
    pub from: Peer,
    /// The message.
    pub message: MessageOf<'a, P>,
    /// Whether it was deferred for so long that it must be dropped.
    pub is_too_old: bool,
}

/// What a driver does with a message that it has received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Handles it now.
    Handle,
    /// Nothing: the message is deferred.
    Defer,
    /// Drops it. There is no place.
    Drop,
}

impl<P: Protocol> Batch<P> {
    fn with_room() -> Batch<P> {
        let messages = Vec::with_capacity(DEFERRED_MAX / 2);
        Batch { messages, taken: 0, arena: Arena::default() }
    }

    const fn len(&self) -> usize {
        self.messages.len() - self.taken
    }
}

impl<P: Protocol> Default for Deferred<P> {
    fn default() -> Deferred<P> {
        Deferred {
            heavy_origins: HeavyOrigins::default(),
            is_wait_long: false,
            added: Batch::with_room(),
            taken: Batch::with_room(),
        }
    }
}

impl<P: Protocol> Deferred<P> {
    /// The number of messages that are deferred.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.added.len() + self.taken.len()
    }

    /// Whether no message is deferred.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records how long the datagrams have waited from which the next messages come.
    #[inline]
    pub fn record_wait(&mut self, wait: Duration) {
        self.is_wait_long = wait > WAIT_LONG;
    }

    /// Decides what to do with a message to `to`, which is in slot `node`. Keeps the message if it is deferred.
    #[inline]
    pub fn offer(
        &mut self,
        now: Time,
        (node, to): (u32, Peer),
        from: Peer,
        message: &MessageOf<'_, P>,
    ) -> Decision {
        if !self.is_wait_long && self.is_empty() {
            return Decision::Handle;
        }
        match P::origin(&from, message) {
            Some(origin) if self.heavy_origins.record(origin) => {
                self.defer(now, (node, to), from, message)
            }
            _ => Decision::Handle,
        }
    }

    #[cold]
    fn defer(
        &mut self,
        since: Time,
        (node, to): (u32, Peer),
        from: Peer,
        message: &MessageOf<'_, P>,
    ) -> Decision {
        let batch = &mut self.added;
        if batch.messages.len() == DEFERRED_MAX / 2 {
            return Decision::Drop;
        }
        let message = P::park(message, &mut batch.arena);
        let to_prefix = to.id.prefix();
        batch.messages.push(Parked { since, node, to_prefix, from, message });
        Decision::Defer
    }

    /// Takes the message that was deferred first.
    pub fn take_next(&mut self, now: Time) -> Option<Taken<'_, P>> {
        if self.taken.len() == 0 {
            self.taken.messages.clear();
            self.taken.arena.clear();
            self.taken.taken = 0;
            mem::swap(&mut self.added, &mut self.taken);
        }
        let batch = &mut self.taken;
        let next = batch.messages.get(batch.taken)?;
        batch.taken += 1;
        let &Parked { since, node, to_prefix, from, .. } = next;
        let message = P::recall(&next.message, &batch.arena);
        Some(Taken { node, to_prefix, from, message, is_too_old: now.since(since) > WAIT_MAX })
    }
}
