//! Requests that wait until nothing else does.
//!
//! ```text
//!   messages ─┬────────────────────────────▶ handled at once
//!             └─ heavy origin ──▶ ▭▭▭▭ ────▶ handled when no datagram waits
//! ```
//!
//! While datagrams wait long, requests of an origin that asks for far more than the others ([`FairShares`]) are set
//! aside. The others do not wait behind them. Such an origin gets all the capacity that the others leave, so a
//! single busy client loses nothing. Only what does not fit, or has waited too long, is dropped.
//!
//! **Invariant:** at most [`DEFERRED_MAX`] messages wait. Their places are reserved at the start.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Peer, Time};
use crate::drive::fair_shares::FairShares;
use crate::drive::queue_delay::WAIT_MAX;
use crate::node::{Arena, MessageOf, ParkedOf, Protocol};

/// The most messages that wait.
pub const DEFERRED_MAX: usize = 4096;
/// Datagrams that have waited longer have waited long.
pub const WAIT_LONG: Duration = Duration::from_millis(5);

/// See the [module](self).
#[derive(Debug)]
pub struct Deferred<P: Protocol> {
    shares: FairShares,
    /// Whether datagrams wait long.
    is_queue_long: bool,
    waiting: Vec<Waiting<P>>,
    /// The number of messages in `waiting` that have been taken.
    taken: usize,
    arena: Arena,
}

#[derive(Debug)]
struct Waiting<P: Protocol> {
    since: Time,
    node: u32,
    from: Peer,
    message: ParkedOf<P>,
}

/// A message that has waited.
#[derive(Clone, Copy, Debug)]
pub struct Taken<'a, P: Protocol> {
    /// The slot of the node that it is for.
    pub node: u32,
    /// Its sender.
    pub from: Peer,
    /// The message.
    pub message: MessageOf<'a, P>,
    /// Whether it is to be dropped, because its sender has given up by now.
    pub is_too_old: bool,
}

/// What a driver does with a message that it has received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// Handles it.
    Now,
    /// It waits. The driver goes on to the next.
    Later,
    /// Drops it, because too many messages wait.
    Never,
}

impl<P: Protocol> Default for Deferred<P> {
    fn default() -> Deferred<P> {
        Deferred {
            shares: FairShares::default(),
            is_queue_long: false,
            waiting: Vec::with_capacity(DEFERRED_MAX),
            taken: 0,
            arena: Arena::default(),
        }
    }
}

impl<P: Protocol> Deferred<P> {
    /// The number of messages that wait.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.waiting.len() - self.taken
    }

    /// Whether no message waits.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Tells how long the messages that come next have waited for the driver.
    #[inline]
    pub fn record_wait(&mut self, wait: Duration) {
        self.is_queue_long = wait > WAIT_LONG;
    }

    /// Decides when a message to the node in slot `node` is handled, and keeps it if that is later.
    #[inline]
    pub fn when(&mut self, now: Time, node: u32, from: &Peer, message: &MessageOf<'_, P>) -> When {
        if !self.is_queue_long {
            return When::Now;
        }
        match P::origin(from, message) {
            Some(origin) if !self.shares.count(origin.address) => {
                self.defer(now, node, *from, message)
            }
            _ => When::Now,
        }
    }

    #[cold]
    fn defer(&mut self, now: Time, node: u32, from: Peer, message: &MessageOf<'_, P>) -> When {
        if self.is_empty() {
            self.waiting.clear();
            self.arena.clear();
            self.taken = 0;
        }
        if self.waiting.len() == DEFERRED_MAX {
            return When::Never;
        }
        let message = P::park(message, &mut self.arena);
        self.waiting.push(Waiting { since: now, node, from, message });
        When::Later
    }

    /// Takes the message that has waited for the longest time.
    pub fn take_next(&mut self, now: Time) -> Option<Taken<'_, P>> {
        let next = self.waiting.get(self.taken)?;
        self.taken += 1;
        let message = P::recall(&next.message, &self.arena);
        let is_too_old = now.since(next.since) > WAIT_MAX;
        Some(Taken { node: next.node, from: next.from, message, is_too_old })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Address, Id};
    use crate::node::RequestId;
    use crate::ring::message::{Purpose, Stage};
    use crate::ring::{Message, Ring};

    const NODE: u32 = 7;

    fn peer(number: u8) -> Peer {
        Peer { id: Id::ZERO, address: Address::new([10, 0, 0, number], 4000, 0) }
    }

    fn request(number: u64) -> Message<'static> {
        let (request, purpose, key) = (RequestId(number), Purpose::User, Id::ZERO);
        Message::FindNext { request, purpose, key, limit: key, stage: Stage::Route }
    }

    /// Datagrams wait long, and peer 0 asks a hundred times more often than each of the peers 1 to 9.
    fn with_heavy_peer() -> Deferred<Ring> {
        let mut deferred = Deferred::default();
        deferred.record_wait(WAIT_LONG * 2);
        for number in 0..9_000 {
            let from = if number % 12 == 0 { 1 + (number / 12 % 9) as u8 } else { 0 };
            let _ = deferred.when(Time::ZERO, NODE, &peer(from), &request(number));
        }
        while deferred.take_next(Time::ZERO).is_some() {}
        deferred
    }

    fn number_of(taken: Taken<'_, Ring>) -> u64 {
        assert_eq!((taken.node, taken.from), (NODE, peer(0)));
        let Message::FindNext { request, .. } = taken.message else { panic!("another message") };
        request.0
    }

    #[test]
    fn requests_of_a_heavy_origin_wait_in_their_order() {
        let mut deferred = with_heavy_peer();
        for number in 0..3 {
            assert_eq!(deferred.when(Time::ZERO, NODE, &peer(0), &request(number)), When::Later);
            assert_eq!(deferred.when(Time::ZERO, NODE, &peer(1), &request(number)), When::Now);
        }
        assert_eq!(deferred.len(), 3);
        let reply = Message::Pong { request: RequestId(1) };
        assert_eq!(deferred.when(Time::ZERO, NODE, &peer(0), &reply), When::Now, "no request");
        for number in 0..3 {
            let taken = deferred.take_next(Time::ZERO).expect("it waits");
            assert!(!taken.is_too_old);
            assert_eq!(number_of(taken), number);
        }
        assert!(deferred.is_empty() && deferred.take_next(Time::ZERO).is_none());
    }

    #[test]
    fn nothing_waits_while_the_queue_is_short() {
        let mut deferred = with_heavy_peer();
        deferred.record_wait(WAIT_LONG);
        assert_eq!(deferred.when(Time::ZERO, NODE, &peer(0), &request(1)), When::Now);
    }

    /// Also after the place of each message has been used.
    #[test]
    fn what_does_not_fit_is_dropped() {
        let mut deferred = with_heavy_peer();
        for _ in 0..3 {
            for number in 0..DEFERRED_MAX as u64 {
                let when = deferred.when(Time::ZERO, NODE, &peer(0), &request(number));
                assert_eq!(when, When::Later, "{number}");
                if number % 12 == 0 {
                    let other = peer(1 + (number / 12 % 9) as u8);
                    let when = deferred.when(Time::ZERO, NODE, &other, &request(0));
                    assert_eq!(when, When::Now);
                }
            }
            assert_eq!(deferred.when(Time::ZERO, NODE, &peer(0), &request(0)), When::Never);
            for number in 0..DEFERRED_MAX as u64 {
                assert_eq!(number_of(deferred.take_next(Time::ZERO).expect("it waits")), number);
            }
        }
    }

    #[test]
    fn a_message_that_has_waited_for_long_is_marked() {
        let mut deferred = with_heavy_peer();
        let since = Time::ZERO + WAIT_MAX;
        assert_eq!(deferred.when(since, NODE, &peer(0), &request(1)), When::Later);
        assert_eq!(deferred.when(since, NODE, &peer(0), &request(2)), When::Later);
        assert!(!deferred.take_next(since + WAIT_MAX).expect("it waits").is_too_old);
        let later = since + WAIT_MAX + Duration::from_nanos(1);
        assert!(deferred.take_next(later).expect("it waits").is_too_old);
    }
}
