//! The bytes of values, in blocks of one size.
//!
//! A value takes a chain of blocks, so no room is lost between values of different lengths.
//!
//! **Invariant:** nothing is allocated after construction. Memory is reserved at first, and touched
//! when it is used.

use alloc::vec::Vec;

use crate::store::operation::MAX_VALUE;

/// Bytes of a value in one block.
const BLOCK_BYTES: usize = 60;
/// No block.
const NONE: u32 = u32::MAX;

/// A value in a [`Slab`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stored {
    first: u32,
    length: u16,
}

impl Stored {
    /// The empty value.
    pub(super) const EMPTY: Stored = Stored { first: NONE, length: 0 };

    /// Its length in bytes.
    pub(super) const fn len(self) -> usize {
        self.length as usize
    }
}

#[derive(Clone, Debug)]
struct Block {
    next: u32,
    bytes: [u8; BLOCK_BYTES],
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Slab {
    blocks: Vec<Block>,
    free: u32,
    blocks_max: usize,
    bytes: usize,
    bytes_max: usize,
}

impl Slab {
    /// Room for `bytes` bytes in at most `values` values.
    pub(super) fn new(bytes: usize, values: usize) -> Slab {
        let blocks_max = bytes / BLOCK_BYTES + values;
        let blocks = Vec::with_capacity(blocks_max);
        Slab { blocks, free: NONE, blocks_max, bytes: 0, bytes_max: bytes }
    }

    /// Bytes of all values.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The memory of a slab of this size on the heap, in bytes.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.blocks_max * size_of::<Block>()
    }

    /// Keeps a copy of `value`. Returns `None` if there is no room.
    pub(super) fn keep(&mut self, value: &[u8]) -> Option<Stored> {
        let length = u16::try_from(value.len()).ok().filter(|_| value.len() <= MAX_VALUE)?;
        if self.bytes + value.len() > self.bytes_max {
            return None;
        }
        let mut first = NONE;
        // From the last block to the first, so that each knows the next.
        for part in value.chunks(BLOCK_BYTES).rev() {
            let Some(block) = self.take_block() else {
                self.free_chain(first);
                return None;
            };
            let it = &mut self.blocks[block as usize];
            it.bytes[..part.len()].copy_from_slice(part);
            it.next = first;
            first = block;
        }
        self.bytes += value.len();
        Some(Stored { first, length })
    }

    /// Copies a value to the start of `room`. Returns it.
    pub(super) fn read<'a>(&self, value: Stored, room: &'a mut [u8; MAX_VALUE]) -> &'a [u8] {
        let bytes = &mut room[..value.len().min(MAX_VALUE)];
        let mut block = value.first;
        for part in bytes.chunks_mut(BLOCK_BYTES) {
            let it = &self.blocks[block as usize];
            part.copy_from_slice(&it.bytes[..part.len()]);
            block = it.next;
        }
        bytes
    }

    /// Frees a value.
    pub(super) fn free(&mut self, value: Stored) {
        self.bytes -= value.len();
        self.free_chain(value.first);
    }

    fn take_block(&mut self) -> Option<u32> {
        if self.free != NONE {
            let block = self.free;
            self.free = self.blocks[block as usize].next;
            return Some(block);
        }
        if self.blocks.len() == self.blocks_max {
            return None;
        }
        self.blocks.push(Block { next: NONE, bytes: [0; BLOCK_BYTES] });
        Some(self.blocks.len() as u32 - 1)
    }

    fn free_chain(&mut self, first: u32) {
        let mut block = first;
        while block != NONE {
            let next = self.blocks[block as usize].next;
            self.blocks[block as usize].next = self.free;
            self.free = block;
            block = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_kept() {
        let mut slab = Slab::new(5_000, 40);
        let mut room = [0; MAX_VALUE];
        let mut kept = alloc::collections::VecDeque::new();
        for turn in 0..2_000_usize {
            let length = turn * 37 % (MAX_VALUE + 1);
            let value: Vec<u8> = (0..length).map(|at| (at ^ turn) as u8).collect();
            while slab.bytes() + length > 5_000 || kept.len() == 40 {
                let (stored, expected): (Stored, Vec<u8>) = kept.pop_front().expect("not empty");
                assert_eq!(slab.read(stored, &mut room), expected);
                slab.free(stored);
            }
            let stored = slab.keep(&value).expect("there is room");
            kept.push_back((stored, value));
        }
        kept.drain(..).for_each(|(stored, _)| slab.free(stored));
        assert_eq!(slab.bytes(), 0);
    }

    #[test]
    fn a_full_slab_refuses() {
        let mut slab = Slab::new(100, 1);
        let stored = slab.keep(&[1; 60]).expect("there is room");
        assert_eq!(slab.keep(&[2; 41]), None, "more bytes than there are");
        assert_eq!(slab.keep(&[0; MAX_VALUE + 1]), None, "longer than any value");
        slab.free(stored);
        assert!(slab.keep(&[3; 100]).is_some());
    }
}
