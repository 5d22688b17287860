//! A vector of fixed capacity whose unused memory can be given back to the operating system.
//!
//! ```text
//! ├─ elements ─┼─ spare: touched, unused ─┼─ never touched ──────────┤
//! 0          len                       touched                  capacity
//! ```
//!
//! **Invariant:** elements stay dense, so that all unused memory lies behind them.

use alloc::vec::Vec;
use core::mem::MaybeUninit;
use core::ops::{Deref, DerefMut};

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Reserved<T> {
    elements: Vec<T>,
    /// The most elements since [`take_spare`](Self::take_spare).
    touched: usize,
    most: usize,
}

impl<T> Reserved<T> {
    /// An empty vector for at most `most` elements.
    pub(super) fn new(most: usize) -> Reserved<T> {
        Reserved { elements: Vec::with_capacity(most), touched: 0, most }
    }

    /// The bytes of its memory.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.most * size_of::<T>()
    }

    /// Whether there is no room.
    pub(super) const fn is_full(&self) -> bool {
        self.elements.len() == self.most
    }

    /// Adds an element. Returns its index, or `None` if there is no room.
    pub(super) fn push(&mut self, element: T) -> Option<u32> {
        if self.is_full() {
            return None;
        }
        self.elements.push(element);
        self.touched = self.touched.max(self.elements.len());
        Some(self.elements.len() as u32 - 1)
    }

    /// Inserts an element before the one at `index`, if there is room.
    pub(super) fn insert(&mut self, index: usize, element: T) {
        if !self.is_full() {
            self.elements.insert(index, element);
            self.touched = self.touched.max(self.elements.len());
        }
    }

    /// Removes all elements of which `stays` is false.
    pub(super) fn retain(&mut self, stays: impl FnMut(&T) -> bool) {
        self.elements.retain(stays);
    }

    /// Removes the element at `index`, which the last one replaces.
    pub(super) fn swap_remove(&mut self, index: u32) -> T {
        self.elements.swap_remove(index as usize)
    }

    /// The memory that has been touched and holds nothing now. It counts as untouched from now on.
    pub(super) fn take_spare(&mut self) -> &mut [MaybeUninit<u8>] {
        let unused = self.touched.saturating_sub(self.elements.len());
        self.touched = self.elements.len();
        let spare = &mut self.elements.spare_capacity_mut()[..unused];
        // SAFETY: the same memory as bytes. Whatever is written there stays uninitialized for the
        // vector, and bytes have no alignment.
        unsafe { core::slice::from_raw_parts_mut(spare.as_mut_ptr().cast(), size_of_val(&*spare)) }
    }
}

/// The clone has the same capacity, and has touched no more than its elements.
impl<T: Clone> Clone for Reserved<T> {
    fn clone(&self) -> Reserved<T> {
        let mut elements = Vec::with_capacity(self.most);
        elements.extend_from_slice(&self.elements);
        Reserved { touched: elements.len(), most: self.most, elements }
    }
}

impl<T> Deref for Reserved<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.elements
    }
}

impl<T> DerefMut for Reserved<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.elements
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spare_memory_is_what_was_used_since_it_was_last_taken() {
        let mut reserved = Reserved::new(4);
        assert_eq!(reserved.push(7_u64), Some(0));
        assert_eq!(reserved.push(8), Some(1));
        assert_eq!(reserved.push(9), Some(2));
        assert!(reserved.take_spare().is_empty());
        assert_eq!(reserved.swap_remove(0), 7);
        assert_eq!(reserved[..], [9, 8]);
        let spare = reserved.take_spare();
        assert_eq!(spare.len(), 8);
        spare.fill(MaybeUninit::new(0xff));
        assert!(reserved.take_spare().is_empty());
        assert_eq!(reserved[..], [9, 8]);
        assert_eq!(
            (reserved.push(1), reserved.push(2), reserved.push(3)),
            (Some(2), Some(3), None)
        );
    }
}
