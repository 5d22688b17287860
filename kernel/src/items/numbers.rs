//! Tables of small numbers.
//!
//! **Invariant:** memory is allocated only at construction.

use alloc::boxed::Box;
use alloc::vec;

/// Maps `0 .. len` to numbers below a limit, or to nothing. Takes 2 bytes per number if the limit
/// permits, otherwise 4.
#[derive(Clone, Debug)]
pub(super) struct Numbers(Width);

/// Each number plus one, or 0: memory that is zero at first is not touched before it is used.
#[derive(Clone, Debug)]
enum Width {
    Two(Box<[u16]>),
    Four(Box<[u32]>),
}

impl Numbers {
    /// A table of `len` slots for numbers below `limit`, all of them empty.
    pub(super) fn new(len: usize, limit: usize) -> Numbers {
        let is_short = limit <= usize::from(u16::MAX);
        Numbers(if is_short {
            Width::Two(vec![0; len].into())
        } else {
            Width::Four(vec![0; len].into())
        })
    }

    /// The number at `slot`.
    pub(super) fn at(&self, slot: usize) -> Option<u32> {
        match &self.0 {
            Width::Two(numbers) => u32::from(numbers[slot]).checked_sub(1),
            Width::Four(numbers) => numbers[slot].checked_sub(1),
        }
    }

    /// Writes `number`, which is below the limit, to `slot`.
    pub(super) fn set(&mut self, slot: usize, number: Option<u32>) {
        let written = number.map_or(0, |number| number + 1);
        match &mut self.0 {
            Width::Two(numbers) => numbers[slot] = written as u16,
            Width::Four(numbers) => numbers[slot] = written,
        }
    }

    /// The reserved memory in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Width::Two(numbers) => size_of_val(&**numbers),
            Width::Four(numbers) => size_of_val(&**numbers),
        }
    }
}
