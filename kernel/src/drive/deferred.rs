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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Address, Id};
    use crate::node::RequestId;
    use crate::ring::message::{Purpose, Stage};
    use crate::ring::{Message, Ring};

    const NODE: (u32, Peer) = (7, Peer { id: Id::MAX, address: Address::new([10, 1, 1, 1], 1, 7) });

    fn peer(number: u8) -> Peer {
        Peer { id: Id::ZERO, address: Address::new([10, 0, 0, number], 4000, 0) }
    }

    fn request(number: u64) -> Message<'static> {
        let (request, purpose, key) = (RequestId(number), Purpose::User, Id::ZERO);
        Message::FindNext { request, purpose, key, limit: key, stage: Stage::Route }
    }

    /// Offers a request of `from`.
    fn offer(deferred: &mut Deferred<Ring>, from: u8, number: u64) -> Decision {
        deferred.offer(Time::ZERO, NODE, peer(from), &request(number))
    }

    /// Datagrams wait long, and peer 0 asks a hundred times more often than each of the peers 1 to 9.
    fn with_heavy_peer() -> Deferred<Ring> {
        let mut deferred = Deferred::default();
        deferred.record_wait(WAIT_LONG * 2);
        for number in 0..9_000 {
            offer(&mut deferred, 0, number);
            offer_of_others(&mut deferred, number);
        }
        while deferred.take_next(Time::ZERO).is_some() {}
        deferred
    }

    /// After each twelfth request of peer 0 comes one of another peer.
    fn offer_of_others(deferred: &mut Deferred<Ring>, number: u64) {
        if number.is_multiple_of(12) {
            let other = 1 + (number / 12 % 9) as u8;
            assert_eq!(offer(deferred, other, 0), Decision::Handle);
        }
    }

    fn number_of(taken: Taken<'_, Ring>) -> u64 {
        assert_eq!((taken.node, taken.to_prefix), (NODE.0, NODE.1.id.prefix()));
        assert_eq!(taken.from, peer(0));
        let Message::FindNext { request, .. } = taken.message else { panic!("another message") };
        request.0
    }

    #[test]
    fn requests_of_a_heavy_origin_are_deferred_in_their_order() {
        let mut deferred = with_heavy_peer();
        for number in 0..3 {
            assert_eq!(offer(&mut deferred, 0, number), Decision::Defer);
            assert_eq!(offer(&mut deferred, 1, number), Decision::Handle);
        }
        assert_eq!(deferred.len(), 3);
        let reply = Message::Pong { request: RequestId(1) };
        assert_eq!(deferred.offer(Time::ZERO, NODE, peer(0), &reply), Decision::Handle);
        // Later requests do not overtake those that are deferred.
        deferred.record_wait(WAIT_LONG);
        assert_eq!(offer(&mut deferred, 0, 3), Decision::Defer);
        for number in 0..4 {
            let taken = deferred.take_next(Time::ZERO).expect("it is deferred");
            assert!(!taken.is_too_old);
            assert_eq!(number_of(taken), number);
        }
        assert!(deferred.is_empty() && deferred.take_next(Time::ZERO).is_none());
        assert_eq!(offer(&mut deferred, 0, 4), Decision::Handle, "datagrams do not wait long");
    }

    #[test]
    fn what_has_no_place_is_dropped_and_places_are_used_again() {
        let mut deferred = with_heavy_peer();
        let half = DEFERRED_MAX as u64 / 2;
        for number in 0..half {
            assert_eq!(offer(&mut deferred, 0, number), Decision::Defer);
            offer_of_others(&mut deferred, number);
        }
        for round in 0..3 {
            assert_eq!(offer(&mut deferred, 0, 0), Decision::Drop);
            // One is taken, and the other half of the places can be used.
            assert_eq!(number_of(deferred.take_next(Time::ZERO).expect("one")), round * half);
            for number in 0..half {
                let decision = offer(&mut deferred, 0, (round + 1) * half + number);
                assert_eq!(decision, Decision::Defer);
                offer_of_others(&mut deferred, number);
            }
            for number in 1..half {
                let taken = deferred.take_next(Time::ZERO).expect("it is deferred");
                assert_eq!(number_of(taken), round * half + number);
            }
        }
    }

    #[test]
    fn a_message_that_was_deferred_for_long_is_marked() {
        let mut deferred = with_heavy_peer();
        offer(&mut deferred, 0, 1);
        offer(&mut deferred, 0, 2);
        let end = Time::ZERO + WAIT_MAX;
        assert!(!deferred.take_next(end).expect("the first").is_too_old);
        let later = end + Duration::from_nanos(1);
        assert!(deferred.take_next(later).expect("the second").is_too_old);
    }
}
