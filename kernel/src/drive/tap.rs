//! A tap: copies of some of the messages that a driver's nodes send, for a viewer.
//!
//! A tap samples whole lookups. All drivers of a run choose the same ones, because the choice depends on
//! [`Protocol::lookup_of`] alone.
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
    #[inline(always)]
    pub fn pass<P: Protocol>(
        &mut self,
        sent: Time,
        arrives: Option<Time>,
        (from, to): (&Peer, &Peer),
        message: &MessageOf<'_, P>,
    ) {
        if self.choice == Choice::default() {
            return;
        }
        if let Some(lookup) = self.chosen::<P>(from, to, message) {
            let (from, to, class) = (from.id, to.id, P::class(message) as u8);
            self.add(Tapped { sent, arrives, from, to, class, lookup });
        }
    }

    /// The lookup of a message that is chosen.
    fn chosen<P: Protocol>(
        &self,
        from: &Peer,
        to: &Peer,
        message: &MessageOf<'_, P>,
    ) -> Option<Option<u64>> {
        let Some(lookup) = P::lookup_of(from, to, message) else {
            let is_chosen = self.choice.others && !P::CLASSES[P::class(message)].is_lookup;
            return is_chosen.then_some(None);
        };
        let mask = (1 << self.choice.lookups?.min(63)) - 1;
        (lookup & mask == 0).then_some(Some(lookup))
    }

    #[cold]
    fn add(&mut self, message: Tapped) {
        if self.tapped.len() < MOST {
            self.tapped.push(message);
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
