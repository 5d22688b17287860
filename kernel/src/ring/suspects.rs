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
    count: u8,
    next: u8,
}

impl Suspects {
    /// Remembers that `address` did not answer.
    pub fn insert(&mut self, address: Address, now: Time) {
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
    }

    /// Whether `address` is to be avoided.
    #[inline]
    #[must_use]
    pub fn contains(&self, address: Address, now: Time) -> bool {
        let bits = address.to_bits();
        (0..usize::from(self.count)).any(|at| {
            self.addresses[at] == bits && u64::from(self.until_ms[at]) * 1_000_000 > now.as_ns()
        })
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
}
