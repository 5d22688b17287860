//! The contacts of a node that recently did not answer. A contact is identified by address and
//! identifier: a new node at the address of a dead one is not suspected.
//!
//! Every node reserves room for its worst case, which most never need, so an entry takes only 8
//! bytes: 31 bits of the peer's [fingerprint](Secret::fingerprint), and the time at which suspicion
//! ends. Two peers share a fingerprint with probability 2^-31; without the node's secret, an
//! attacker cannot provoke it. A live peer is then avoided by mistake, and lookups take another
//! route.
//!
//! **Invariant:** a fixed number of entries; a new one replaces the oldest. A forgotten entry only
//! costs another timeout.

use core::time::Duration;

use crate::base::{Peer, Time};
use crate::node::Secret;

/// A suspect that does not answer is avoided for this long, plus at most one [`RESOLUTION`].
pub const SUSPICION: Duration = Duration::from_secs(10);
/// Suspicion ends at a multiple of this time since the driver's start: 2^28 ns, about 0.27 s. 32
/// bits suffice for 36 years; after that no node is suspected.
pub const RESOLUTION: Duration = Duration::from_nanos(1 << RESOLUTION_BITS);

/// Maximum number of suspects.
pub const CAPACITY: usize = 8;

const RESOLUTION_BITS: u32 = 28;
/// Flag beside a fingerprint: the peer did not answer probes either.
const DEAD: u32 = 1;

/// The suspects of one node, most recent first.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    /// Fingerprints; the lowest bit is the flag [`DEAD`].
    fingerprints: [u32; CAPACITY],
    /// The times at which suspicion ends, in units of [`RESOLUTION`]; they never increase.
    until: [u32; CAPACITY],
}

const _: () = assert!(size_of::<Suspects>() == 64);

/// What a node thinks of a suspect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It did not answer; lookups go round it.
    Silent,
    /// It was declared dead.
    Dead,
}

impl Suspects {
    /// Remembers that `peer` did not answer. `dead` means that it did not answer probes either. While it is
    /// suspected, it stays dead until it answers.
    pub fn insert(&mut self, secret: Secret, peer: Peer, now: Time, dead: bool) {
        let dead = dead || self.is_dead(secret, peer, now);
        let fingerprint = fingerprint(secret, peer);
        let index = self.position(fingerprint).unwrap_or(CAPACITY - 1);
        self.fingerprints[..=index].rotate_right(1);
        self.until[..=index].rotate_right(1);
        self.fingerprints[0] = fingerprint | if dead { DEAD } else { 0 };
        let units = (now + SUSPICION).as_ns().div_ceil(1 << RESOLUTION_BITS);
        self.until[0] = u32::try_from(units).unwrap_or(u32::MAX);
    }

    /// Whether `peer` is suspected and should be avoided.
    #[inline]
    #[must_use]
    pub fn contains(&self, secret: Secret, peer: Peer, now: Time) -> bool {
        self.current(secret, peer, now).is_some()
    }

    /// Whether `peer` did not answer probes either, and is considered dead.
    #[inline]
    #[must_use]
    pub fn is_dead(&self, secret: Secret, peer: Peer, now: Time) -> bool {
        self.current(secret, peer, now).is_some_and(|index| self.fingerprints[index] & DEAD != 0)
    }

    /// Ends the suspicion of `peer`, which has answered. Returns what was thought of it; `None` if it
    /// was not suspected.
    #[inline]
    pub fn remove(&mut self, secret: Secret, peer: Peer, now: Time) -> Option<Verdict> {
        let index = self.current(secret, peer, now)?;
        let dead = self.fingerprints[index] & DEAD != 0;
        self.fingerprints[index..].rotate_left(1);
        self.until[index..].rotate_left(1);
        self.until[CAPACITY - 1] = 0;
        Some(if dead { Verdict::Dead } else { Verdict::Silent })
    }

    /// The index of `peer` if it is suspected now. Usually no peer is.
    #[inline(always)]
    fn current(&self, secret: Secret, peer: Peer, now: Time) -> Option<usize> {
        let is_current =
            |&index: &usize| u64::from(self.until[index]) << RESOLUTION_BITS > now.as_ns();
        if is_current(&0) { self.find_current(secret, peer, is_current) } else { None }
    }

    #[cold]
    fn find_current(
        &self,
        secret: Secret,
        peer: Peer,
        is_current: impl Fn(&usize) -> bool,
    ) -> Option<usize> {
        let fingerprint = fingerprint(secret, peer);
        // All entries after the first expired one have expired, too.
        (0..CAPACITY)
            .take_while(is_current)
            .find(|&index| self.fingerprints[index] & !DEAD == fingerprint)
    }

    fn position(&self, fingerprint: u32) -> Option<usize> {
        self.fingerprints.iter().position(|other| other & !DEAD == fingerprint)
    }
}

fn fingerprint(secret: Secret, peer: Peer) -> u32 {
    secret.fingerprint(peer) as u32 & !DEAD
}
