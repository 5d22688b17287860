//! Contacts that lately did not answer.
//!
//! **Invariant:** a fixed number of entries; the oldest makes room. Forgetting one only costs
//! another timeout.

use core::time::Duration;

use crate::peer::Address;
use crate::time::Time;

/// How long a suspect is avoided unless it answers.
pub const SUSPICION: Duration = Duration::from_secs(10);

const CAPACITY: usize = 8;

/// One node's suspects.
#[derive(Clone, Debug, Default)]
pub struct Suspects {
    addresses: [u64; CAPACITY],
    /// In milliseconds since the driver's start, rounded up.
    until_ms: [u32; CAPACITY],
    /// Bit per entry: it answered no probe either.
    dead: u8,
    count: u8,
    next: u8,
}

impl Suspects {
    /// Remembers that `address` did not answer; `dead`: nor any of several probes.
    pub fn insert(&mut self, address: Address, now: Time, dead: bool) {
        let until_ms = (now + SUSPICION).as_ns().div_ceil(1_000_000) as u32;
        let bits = address.to_bits();
        let known = self.addresses[..self.count.into()].iter().position(|&other| other == bits);
        let at = known.unwrap_or_else(|| {
            let at = self.next;
            self.next = (at + 1) % CAPACITY as u8;
            self.count = self.count.max(at + 1);
            at.into()
        });
        (self.addresses[at], self.until_ms[at]) = (bits, until_ms);
        self.dead = self.dead & !(1 << at) | u8::from(dead) << at;
    }

    /// Whether `address` is to be avoided.
    #[inline]
    #[must_use]
    pub fn contains(&self, address: Address, now: Time) -> bool {
        self.place(address, now).is_some()
    }

    /// Whether `address` answered no probe either, and so is held to be dead.
    #[must_use]
    pub fn is_dead(&self, address: Address, now: Time) -> bool {
        self.place(address, now).is_some_and(|at| self.dead & 1 << at != 0)
    }

    /// It answered after all.
    #[inline]
    pub fn remove(&mut self, address: Address) {
        let bits = address.to_bits();
        for at in 0..usize::from(self.count) {
            if self.addresses[at] == bits {
                self.until_ms[at] = 0;
            }
        }
    }

    #[inline]
    fn place(&self, address: Address, now: Time) -> Option<usize> {
        let bits = address.to_bits();
        (0..usize::from(self.count)).find(|&at| {
            self.addresses[at] == bits && u64::from(self.until_ms[at]) * 1_000_000 > now.as_ns()
        })
    }
}
