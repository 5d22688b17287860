//! The contacts that did not answer during one lookup.
//!
//! Other nodes may not know of the failure and name such a contact again. Without this list, each
//! time would cost another timeout.
//!
//! **Invariant:** a fixed number of entries; a new one replaces the oldest. A forgotten entry only
//! costs another timeout.

use crate::base::Id;

/// Contacts that a lookup remembers.
const CAPACITY: usize = 4;

/// The most recent contacts of a lookup that did not answer, `N` at most.
///
/// Keeps 31 bits of each identifier. It does not use the top bits, which neighbors share. One live
/// node in 2^29 is skipped by mistake; the lookup then takes another route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FailedContacts<const N: usize = CAPACITY>([u32; N]);

impl<const N: usize> Default for FailedContacts<N> {
    fn default() -> Self {
        FailedContacts([0; N])
    }
}

impl<const N: usize> FailedContacts<N> {
    /// Remembers that the node with this identifier did not answer.
    pub fn insert(&mut self, id: Id) {
        self.0.rotate_right(1);
        self.0[0] = fingerprint(id);
    }

    /// Whether the node with this identifier is remembered.
    #[must_use]
    pub fn contains(&self, id: Id) -> bool {
        self.0.contains(&fingerprint(id))
    }

    /// The same contacts, with room for more.
    #[must_use]
    pub fn widened<const M: usize>(&self) -> FailedContacts<M> {
        const { assert!(M >= N) };
        let mut wide = FailedContacts::default();
        wide.0[..N].copy_from_slice(&self.0);
        wide
    }
}

/// Never 0, the value of an empty entry.
const fn fingerprint(id: Id) -> u32 {
    id.prefix() as u32 | 1
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Compared with a complete list of all identifiers ever inserted.
    #[test]
    fn only_the_latest_are_remembered() {
        let mut rng = crate::Rng::new(5, 0);
        let (mut failed, mut twin) = (<FailedContacts>::default(), Vec::new());
        for _ in 0..100 {
            let (stranger, next) = (Id::random(&mut rng), Id::random(&mut rng));
            assert!(!failed.contains(stranger));
            failed.insert(next);
            twin.push(next);
            for (age, &id) in twin.iter().rev().enumerate() {
                assert_eq!(failed.contains(id), age < CAPACITY, "{age}");
            }
        }
    }
}
