//! Values that are found by numbers, which stay the same as long as the value is there.
//!
//! New values get the lowest free number, and free numbers at the end are forgotten: so what changes often
//! stays dense, and unused memory lies behind it.
//!
//! **Invariant:** nothing is allocated after construction; bits beyond the last value are 0.

use alloc::vec;
use alloc::vec::Vec;
use core::mem::MaybeUninit;

use crate::store::reserved::Reserved;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Numbered<T> {
    values: Reserved<T>,
    /// A bit for each number: whether it is free.
    free: Vec<u64>,
    /// No word before this one has a free number.
    first_word: usize,
}

impl<T> Numbered<T> {
    /// Room for `most` values.
    pub(super) fn new(most: usize) -> Numbered<T> {
        Numbered { values: Reserved::new(most), free: vec![0; most.div_ceil(64)], first_word: 0 }
    }

    /// The bytes of its memory.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.values.heap_bytes() + self.free.len() * size_of::<u64>()
    }

    /// Adds a value. Returns its number, or `None` if there is no room.
    pub(super) fn add(&mut self, value: T) -> Option<u32> {
        let words = self.values.len().div_ceil(64);
        while self.first_word < words && self.free[self.first_word] == 0 {
            self.first_word += 1;
        }
        if self.first_word >= words {
            return self.values.push(value);
        }
        let word = &mut self.free[self.first_word];
        let bit = word.trailing_zeros();
        *word &= *word - 1;
        let number = self.first_word as u32 * 64 + bit;
        self.values[number as usize] = value;
        Some(number)
    }

    /// Frees the number of a value that is there.
    pub(super) fn remove(&mut self, number: u32) {
        let word = number as usize / 64;
        self.free[word] |= 1 << (number % 64);
        self.first_word = self.first_word.min(word);
        while let Some(last) = self.values.len().checked_sub(1)
            && self.is_free(last)
        {
            self.free[last / 64] &= !(1 << (last % 64));
            self.values.swap_remove(last as u32);
        }
    }

    /// The value with this number, which may be free.
    pub(super) fn get(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)
    }

    /// As [`get`](Self::get).
    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut T> {
        self.values.get_mut(number as usize)
    }

    /// As [`Reserved::take_spare`].
    pub(super) fn take_spare(&mut self) -> &mut [MaybeUninit<u8>] {
        self.values.take_spare()
    }

    fn is_free(&self, number: usize) -> bool {
        self.free[number / 64] >> (number % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::base::Rng;

    #[test]
    fn a_new_value_gets_the_lowest_free_number() {
        let rng = &mut Rng::light(1);
        let mut numbered = Numbered::new(200);
        let mut model: BTreeMap<u32, u64> = BTreeMap::new();
        for turn in 0..20_000 {
            let is_growing = turn / 1_000 % 2 == 0;
            if rng.below(3) < if is_growing { 2 } else { 1 } {
                let lowest = (0..200).find(|number| !model.contains_key(number));
                assert_eq!(numbered.add(turn), lowest);
                lowest.map(|number| model.insert(number, turn));
            } else if !model.is_empty() {
                let at = rng.below(model.len() as u64) as usize;
                let number = *model.keys().nth(at).expect("there are so many");
                model.remove(&number);
                numbered.remove(number);
            }
            assert!(model.iter().all(|(number, value)| numbered.get(*number) == Some(value)));
            let end = model.keys().last().map_or(0, |last| *last as usize + 1);
            assert_eq!(numbered.values.len(), end);
        }
    }
}
