//! Contacts that lately did not answer. Address and identifier both name one: who has an address
//! after somebody died there is not dead.
//!
//! Every node has room for the worst, and most never need it, so that a suspect takes 8 bytes: 31
//! bits of its [fingerprint](Secret::fingerprint) and when suspicion ends. Two peers have the same mark once in
//! 2^31, which nobody can bring about who does not know the node's secret; then the one is avoided
//! for the other's sake, and lookups go by somebody else.
//!
//! **Invariant:** a fixed number of entries; the oldest makes room. Forgetting one only costs
//! another timeout.

use core::time::Duration;

use crate::base::{Peer, Time};
use crate::node::Secret;

/// How long a suspect is avoided unless it answers; up to [`GRAIN`] longer.
pub const SUSPICION: Duration = Duration::from_secs(10);
/// What suspicion ends on a multiple of, since the driver's start: 2^28 ns, about 0.27 s. In 32 bits
/// 36 years; later on nobody is suspected.
pub const GRAIN: Duration = Duration::from_nanos(1 << GRAIN_BITS);

/// How many suspects there can be.
pub const CAPACITY: usize = 8;

const GRAIN_BITS: u32 = 28;
/// Beside a mark: it answered no probe either.
const DEAD: u32 = 1;

/// One node's suspects, the latest first.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    /// Marks, the lowest bit being [`DEAD`] or not.
    marks: [u32; CAPACITY],
    /// When suspicion ends, in grains: never later than for the one before.
    until: [u32; CAPACITY],
}

const _: () = assert!(size_of::<Suspects>() == 64);

impl Suspects {
    /// Remembers that `peer` did not answer; `dead`: nor any of several probes.
    pub fn insert(&mut self, secret: Secret, peer: Peer, now: Time, dead: bool) {
        let mark = fingerprint(secret, peer);
        let place = self.place_of(mark).unwrap_or(CAPACITY - 1);
        self.marks[..=place].rotate_right(1);
        self.until[..=place].rotate_right(1);
        self.marks[0] = mark | if dead { DEAD } else { 0 };
        let grains = (now + SUSPICION).as_ns().div_ceil(1 << GRAIN_BITS);
        self.until[0] = u32::try_from(grains).unwrap_or(u32::MAX);
    }

    /// Whether `peer` is to be avoided.
    #[inline]
    #[must_use]
    pub fn contains(&self, secret: Secret, peer: Peer, now: Time) -> bool {
        self.current(secret, peer, now).is_some()
    }

    /// Whether `peer` answered no probe either, and so is held to be dead.
    #[inline]
    #[must_use]
    pub fn is_dead(&self, secret: Secret, peer: Peer, now: Time) -> bool {
        self.current(secret, peer, now).is_some_and(|place| self.marks[place] & DEAD != 0)
    }

    /// It answered after all.
    #[inline]
    pub fn remove(&mut self, secret: Secret, peer: Peer, now: Time) {
        if let Some(place) = self.current(secret, peer, now) {
            self.marks[place..].rotate_left(1);
            self.until[place..].rotate_left(1);
            self.until[CAPACITY - 1] = 0;
        }
    }

    /// Where `peer` is, if it is suspected now. Nearly always nobody is.
    #[inline]
    fn current(&self, secret: Secret, peer: Peer, now: Time) -> Option<usize> {
        let is_current = |&place: &usize| u64::from(self.until[place]) << GRAIN_BITS > now.as_ns();
        if !is_current(&0) {
            return None;
        }
        let mark = fingerprint(secret, peer);
        // Those after the first that is not are not either.
        (0..CAPACITY).take_while(is_current).find(|&place| self.marks[place] & !DEAD == mark)
    }

    fn place_of(&self, mark: u32) -> Option<usize> {
        self.marks.iter().position(|other| other & !DEAD == mark)
    }
}

fn fingerprint(secret: Secret, peer: Peer) -> u32 {
    secret.fingerprint(peer) as u32 & !DEAD
}
