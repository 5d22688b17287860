//! A tap: copies of some of the messages that a driver's nodes send, for a viewer.
//!
//! Of lookups, one in so many passes as a whole. All drivers of a run choose the same ones, because the choice
//! depends on [`Protocol::lookup_of`] alone.
//!
//! **Invariant:** a tap changes no message, and holds at most [`MOST`] copies.

use alloc::vec::Vec;
use core::mem;

use crate::base::{Id, Peer, Time};
use crate::node::{MessageOf, Protocol};

/// The most copies that a tap holds.
pub const MOST: usize = 4096;

/// A copy of a message without its content.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tapped {
    /// When it was sent.
    pub sent: Time,
    /// When it arrives, where the driver knows; [`Time::NEVER`] if it is lost.
    pub arrives: Option<Time>,
    /// Its sender.
    pub from: Id,
    /// Its receiver.
    pub to: Id,
    /// Its traffic class: an index into [`CLASSES`](Protocol::CLASSES).
    pub class: u8,
    /// The lookup that it belongs to, as [`Protocol::lookup_of`] numbers it.
    pub lookup: Option<u64>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub struct Tap {
    choice: Choice,
    tapped: Vec<Tapped>,
}

/// Which messages pass into a tap. By default none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Choice {
    /// Of lookups, one in 2 to this power; `None`: none.
    pub lookups: Option<u8>,
    /// Whether all messages pass that serve no lookup.
    pub others: bool,
}

impl Tap {
    /// Changes which messages pass.
    pub fn choose(&mut self, choice: Choice) {
        self.choice = choice;
    }

    /// Lets a message pass if it is chosen. `arrives` is as in [`Tapped::arrives`].
    #[inline]
    pub fn pass<P: Protocol>(
        &mut self,
        sent: Time,
        arrives: Option<Time>,
        (from, to): (Peer, Peer),
        message: &MessageOf<'_, P>,
    ) {
        if self.choice == Choice::default() {
            return;
        }
        let (lookup, class) = (P::lookup_of(from, to, message), P::class(message));
        let is_chosen = match (lookup, self.choice.lookups) {
            (None, _) => self.choice.others && !P::CLASSES[class].is_lookup,
            (Some(_), None) => false,
            (Some(lookup), Some(power)) => lookup & ((1 << power.min(63)) - 1) == 0,
        };
        if !is_chosen {
            return;
        }
        if self.tapped.len() < MOST {
            let (from, to, class) = (from.id, to.id, class as u8);
            self.tapped.push(Tapped { sent, arrives, from, to, class, lookup });
        }
    }

    /// Whether there are no copies.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tapped.is_empty()
    }

    /// Takes the copies, in the order in which the messages were sent.
    pub fn take(&mut self) -> Vec<Tapped> {
        mem::take(&mut self.tapped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Address;
    use crate::node::RequestId;
    use crate::ring::{Message, Ring, message};

    fn peer(number: u64) -> Peer {
        Peer { id: Id::ZERO, address: Address::from_bits(number) }
    }

    fn lookup(origin: Peer, name: u64) -> message::Lookup {
        message::Lookup {
            lookup: RequestId::first(name),
            purpose: message::Purpose::User,
            key: Id::ZERO,
            origin,
            budget: 9,
            hops: 0,
            timeouts: 0,
            stage: message::Stage::Route,
            left_ms: 1000,
        }
    }

    fn answer(name: u64) -> Message<'static> {
        Message::Answer {
            lookup: RequestId::first(name),
            purpose: message::Purpose::User,
            owner: peer(3),
            under_suspicion: false,
            hops: 2,
            timeouts: 0,
        }
    }

    #[test]
    fn a_lookup_passes_as_a_whole_or_not_at_all() {
        let mut whole = 0;
        for name in 0..64 {
            let mut tap = Tap::default();
            tap.choose(Choice { lookups: Some(3), others: false });
            let lookup = lookup(peer(1), name);
            let (one, two) = (RequestId::first(7), RequestId::first(8));
            let pass = |tap: &mut Tap, ends, message: &Message<'_>| {
                tap.pass::<Ring>(Time::ZERO, None, ends, message);
            };
            pass(&mut tap, (peer(1), peer(2)), &Message::Lookup { request: one, lookup });
            pass(&mut tap, (peer(2), peer(3)), &Message::Lookup { request: two, lookup });
            pass(&mut tap, (peer(3), peer(1)), &answer(name));
            pass(&mut tap, (peer(3), peer(1)), &Message::Ping { request: one });
            let tapped = tap.take();
            assert!(tapped.is_empty() || tapped.len() == 3, "{tapped:?}");
            assert!(tapped.iter().all(|it| it.lookup == tapped[0].lookup));
            whole += tapped.len() / 3;
        }
        assert!((2..=20).contains(&whole), "{whole} of 64");
    }

    #[test]
    fn holds_a_bounded_number() {
        let mut tap = Tap::default();
        let ping = Message::Ping { request: RequestId::first(1) };
        for others in [false, true] {
            tap.choose(Choice { lookups: None, others });
            for _ in 0..2 * MOST {
                tap.pass::<Ring>(Time::ZERO, None, (peer(1), peer(2)), &ping);
            }
            let wanted = if others { MOST } else { 0 };
            assert_eq!(tap.take().len(), wanted);
        }
    }
}
