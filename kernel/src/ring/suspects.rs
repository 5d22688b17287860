//! Contacts that lately did not answer. Address and identifier both name one: who has an address
//! after somebody died there is not dead.
//!
//! **Invariant:** a fixed number of entries; the oldest makes room. Forgetting one only costs
//! another timeout.

use core::time::Duration;

use crate::peer::Peer;
use crate::time::Time;

/// How long a suspect is avoided unless it answers.
pub const SUSPICION: Duration = Duration::from_secs(10);

const CAPACITY: usize = 8;

/// One node's suspects.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    addresses: [u64; CAPACITY],
    /// The top 32 bits of identifiers.
    ids: [u32; CAPACITY],
    /// In milliseconds since the driver's start, rounded up.
    until_ms: [u32; CAPACITY],
    /// Bit per entry: it answered no probe either.
    dead: u8,
    count: u8,
    next: u8,
}

impl Suspects {
    /// Remembers that `peer` did not answer; `dead`: nor any of several probes.
    pub fn insert(&mut self, peer: Peer, now: Time, dead: bool) {
        let until_ms = (now + SUSPICION).as_ns().div_ceil(1_000_000) as u32;
        let at = self.entry(peer).unwrap_or_else(|| {
            let at = self.next;
            self.next = (at + 1) % CAPACITY as u8;
            self.count = self.count.max(at + 1);
            at.into()
        });
        (self.addresses[at], self.ids[at]) = name(peer);
        self.until_ms[at] = until_ms;
        self.dead = self.dead & !(1 << at) | u8::from(dead) << at;
    }

    /// Whether `peer` is to be avoided.
    #[inline]
    #[must_use]
    pub fn contains(&self, peer: Peer, now: Time) -> bool {
        self.place(peer, now).is_some()
    }

    /// Whether `peer` answered no probe either, and so is held to be dead.
    #[must_use]
    pub fn is_dead(&self, peer: Peer, now: Time) -> bool {
        self.place(peer, now).is_some_and(|at| self.dead & 1 << at != 0)
    }

    /// It answered after all.
    #[inline]
    pub fn remove(&mut self, peer: Peer) {
        if let Some(at) = self.entry(peer) {
            self.until_ms[at] = 0;
        }
    }

    #[inline]
    fn place(&self, peer: Peer, now: Time) -> Option<usize> {
        let is_current = |at: &usize| u64::from(self.until_ms[*at]) * 1_000_000 > now.as_ns();
        self.entry(peer).filter(is_current)
    }

    #[inline]
    fn entry(&self, peer: Peer) -> Option<usize> {
        let (address, id) = name(peer);
        let mut known = 0..usize::from(self.count);
        known.find(|&at| self.addresses[at] == address && self.ids[at] == id)
    }
}

#[inline]
fn name(peer: Peer) -> (u64, u32) {
    (peer.address.to_bits(), (peer.id.prefix() >> 32) as u32)
}
