//! Contacts that lately did not answer. Address and identifier both name one: who has an address
//! after somebody died there is not dead.
//!
//! **Invariant:** a fixed number of entries; the oldest makes room. Forgetting one only costs
//! another timeout.

use core::time::Duration;

use crate::peer::{Address, Peer};
use crate::time::Time;

/// How long a suspect is avoided unless it answers; up to [`GRAIN`] longer.
pub const SUSPICION: Duration = Duration::from_secs(10);
/// What suspicion ends on a multiple of, since the driver's start: 2^28 ns, about 0.27 s. In 32 bits
/// 36 years; later on nobody is suspected.
pub const GRAIN: Duration = Duration::from_nanos(1 << GRAIN_BITS);

/// How many suspects there can be.
pub const CAPACITY: usize = 8;

const GRAIN_BITS: u32 = 28;

/// One node's suspects.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    addresses: [Address; CAPACITY],
    /// The top 32 bits of identifiers.
    ids: [u32; CAPACITY],
    /// When suspicion ends, in grains.
    until: [u32; CAPACITY],
    /// Bit per entry: it answered no probe either.
    dead: u8,
    count: u8,
    next: u8,
}

impl Suspects {
    /// Remembers that `peer` did not answer; `dead`: nor any of several probes.
    pub fn insert(&mut self, peer: Peer, now: Time, dead: bool) {
        let grains = (now + SUSPICION).as_ns().div_ceil(1 << GRAIN_BITS);
        let until = u32::try_from(grains).unwrap_or(u32::MAX);
        let at = self.entry(peer).unwrap_or_else(|| {
            let at = self.next;
            self.next = (at + 1) % CAPACITY as u8;
            self.count = self.count.max(at + 1);
            at.into()
        });
        (self.addresses[at], self.ids[at]) = name(peer);
        self.until[at] = until;
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
            self.until[at] = 0;
        }
    }

    #[inline]
    fn place(&self, peer: Peer, now: Time) -> Option<usize> {
        let is_current = |at: &usize| u64::from(self.until[*at]) > now.as_ns() >> GRAIN_BITS;
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
fn name(peer: Peer) -> (Address, u32) {
    (peer.address, (peer.id.prefix() >> 32) as u32)
}
