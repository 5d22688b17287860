//! The lookups of a node that are in doubt: what they have tried and been told.
//!
//! **Invariant:** a fixed number of entries. The rules are in `redundant_routing`.

use alloc::boxed::Box;
use core::num::NonZeroU8;

use crate::base::Time;
use crate::ring::failed_contacts::FailedContacts;
use crate::ring::steps::Answer;

/// The most first hops of a lookup.
pub const MAX_FIRST_HOPS: u8 = 16;
/// Lookups of one node that can be doubtful at a time. The answers of others are believed.
const CAPACITY: usize = 16;

/// The lookups of a node that had doubtful answers or ran into a node that does not help.
#[derive(Clone, Debug)]
pub(super) struct Doubts(Box<[Doubt; CAPACITY]>);

/// The number of a lookup among those of its node that are in doubt.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DoubtNumber(Option<NonZeroU8>);

impl DoubtNumber {
    fn index(self) -> Option<usize> {
        Some(usize::from(self.0?.get()) - 1)
    }
}

/// One of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Doubt {
    pub(super) is_used: bool,
    /// The answer nearest to the key.
    pub(super) best: Option<Answer>,
    /// The first hops so far.
    pub(super) tried: FailedContacts<{ MAX_FIRST_HOPS as usize }>,
    /// First hops that may still be tried.
    pub(super) left: u8,
    /// The deadline of the lookup.
    pub(super) deadline: Time,
}

impl Doubts {
    pub(super) fn new() -> Doubts {
        Doubts(Box::new([Doubt::default(); CAPACITY]))
    }

    pub(super) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    /// Adds an entry, if there is room.
    pub(super) fn enter(&mut self, doubt: Doubt) -> DoubtNumber {
        let free = self.0.iter().position(|it| !it.is_used);
        let number = free.map(|at| {
            self.0[at] = doubt;
            at as u8 + 1
        });
        DoubtNumber(number.and_then(NonZeroU8::new))
    }

    pub(super) fn at(&self, number: DoubtNumber) -> Option<&Doubt> {
        self.0.get(number.index()?)
    }

    pub(super) fn at_mut(&mut self, number: DoubtNumber) -> Option<&mut Doubt> {
        self.0.get_mut(number.index()?)
    }
}
