//! Contacts that did not answer during one lookup.
//!
//! Others who have not noticed yet will name them again; asking them again would cost a timeout
//! each time.
//!
//! **Invariant:** a fixed number of entries; the oldest makes room. Forgetting one only costs
//! another timeout.

use crate::base::Id;

const CAPACITY: usize = 4;

/// The latest contacts of a lookup that did not answer.
///
/// It keeps 31 bits of each identifier, not the first ones, which neighbours share: one live node in
/// 2^29 is passed over by mistake, and then the lookup goes by another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FailedContacts([u32; CAPACITY]);

impl FailedContacts {
    /// Remembers that the node with this identifier did not answer.
    pub fn insert(&mut self, id: Id) {
        self.0.rotate_right(1);
        self.0[0] = mark(id);
    }

    /// Whether the node with this identifier is remembered.
    #[must_use]
    pub fn contains(&self, id: Id) -> bool {
        self.0.contains(&mark(id))
    }
}

/// Never 0, which stands for nobody.
const fn mark(id: Id) -> u32 {
    id.prefix() as u32 | 1
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// The twin is the whole list of who was ever remembered.
    #[test]
    fn the_latest_are_remembered_and_nobody_else() {
        let mut rng = crate::Rng::new(5, 0);
        let (mut failed, mut twin) = (FailedContacts::default(), Vec::new());
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
