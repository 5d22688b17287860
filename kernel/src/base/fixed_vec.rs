//! A vector of fixed capacity, which its clones keep.
//!
//! **Invariant:** a clone has the capacity of the original, so it holds as much, and does not allocate
//! either.

use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};
use core::slice::{Iter, IterMut};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct FixedVec<T>(Vec<T>);

impl<T> FixedVec<T> {
    /// An empty vector with room for `capacity` elements.
    pub(crate) fn with_capacity(capacity: usize) -> FixedVec<T> {
        FixedVec(Vec::with_capacity(capacity))
    }

    /// The number of elements that there is room for.
    pub(crate) const fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// The number of elements.
    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }
}

impl<T: Clone> Clone for FixedVec<T> {
    fn clone(&self) -> FixedVec<T> {
        let mut clone = FixedVec::with_capacity(self.capacity());
        clone.extend_from_slice(self);
        clone
    }
}

impl<'a, T> IntoIterator for &'a FixedVec<T> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.0.iter()
    }
}

impl<'a, T> IntoIterator for &'a mut FixedVec<T> {
    type Item = &'a mut T;
    type IntoIter = IterMut<'a, T>;

    fn into_iter(self) -> IterMut<'a, T> {
        self.0.iter_mut()
    }
}

impl<T> Deref for FixedVec<T> {
    type Target = Vec<T>;

    #[inline]
    fn deref(&self) -> &Vec<T> {
        &self.0
    }
}

impl<T> DerefMut for FixedVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<T> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_has_the_same_elements_and_as_much_room() {
        let mut original = FixedVec::with_capacity(7);
        original.extend([1, 2, 3]);
        let clone = original.clone();
        assert_eq!(**clone, [1, 2, 3]);
        assert!(clone.capacity() >= 7);
    }
}
