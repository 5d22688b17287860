//! The bytes of values, in blocks of one size.
//!
//! A value takes a chain of blocks, so no room is lost between values of different lengths. Blocks stay
//! dense: the last one moves into the place of one that is freed. For that, each knows what precedes it.
//!
//! ```text
//! heads    value 0 ──▶ block 4 ⇄ block 1 ⇄ block 2
//!          value 1 ──▶ block 0 ⇄ block 3
//! ```
//!
//! **Invariant:** nothing is allocated after construction. Memory is reserved at first, and touched
//! when it is used.

use core::mem::MaybeUninit;

use crate::store::numbered::Numbered;
use crate::store::operation::MAX_VALUE;
use crate::store::reserved::Reserved;

/// Bytes of a value in one block.
const BLOCK_BYTES: usize = 56;
/// No block, and no value.
const NONE: u32 = u32::MAX;
/// The bit of [`Block::previous`] that marks a value instead of a block.
const VALUE: u32 = 1 << 31;

/// A value in a [`Slab`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Stored {
    /// The number of its head; `NONE` if it is empty.
    head: u32,
    length: u16,
}

impl Stored {
    /// The empty value.
    pub(super) const EMPTY: Stored = Stored { head: NONE, length: 0 };

    /// Its length in bytes.
    pub(super) const fn len(self) -> usize {
        self.length as usize
    }
}

#[derive(Clone, Debug)]
struct Block {
    next: u32,
    /// The block before it; of a first block, the number of its head with the bit [`VALUE`].
    previous: u32,
    bytes: [u8; BLOCK_BYTES],
}

const _: () = assert!(size_of::<Block>() == 64);

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Slab {
    blocks: Reserved<Block>,
    /// The first block of each value.
    heads: Numbered<u32>,
    bytes: usize,
    bytes_max: usize,
}

impl Slab {
    /// Room for `bytes` bytes in at most `values` values.
    pub(super) fn new(bytes: usize, values: usize) -> Slab {
        Slab {
            blocks: Reserved::new(bytes / BLOCK_BYTES + values),
            heads: Numbered::new(values),
            bytes: 0,
            bytes_max: bytes,
        }
    }

    /// Bytes of all values.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The memory of a slab of this size on the heap, in bytes.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.blocks.heap_bytes() + self.heads.heap_bytes()
    }

    /// As [`Reserved::take_spare`], of blocks and of heads.
    pub(super) fn take_spare(&mut self) -> [&mut [MaybeUninit<u8>]; 2] {
        [self.blocks.take_spare(), self.heads.take_spare()]
    }

    /// Keeps a copy of `value`. Returns `None` if there is no room.
    pub(super) fn keep(&mut self, value: &[u8]) -> Option<Stored> {
        let length = u16::try_from(value.len()).ok().filter(|_| value.len() <= MAX_VALUE)?;
        if self.bytes + value.len() > self.bytes_max {
            return None;
        }
        if value.is_empty() {
            return Some(Stored::EMPTY);
        }
        let head = self.heads.add(NONE)?;
        let mut previous = VALUE | head;
        for part in value.chunks(BLOCK_BYTES) {
            let mut block = Block { next: NONE, previous, bytes: [0; BLOCK_BYTES] };
            block.bytes[..part.len()].copy_from_slice(part);
            let Some(index) = self.blocks.push(block) else {
                self.free_chain(head);
                return None;
            };
            self.set_next(previous, index);
            previous = index;
        }
        self.bytes += value.len();
        Some(Stored { head, length })
    }

    /// Copies a value to the start of `room`. Returns it.
    pub(super) fn read<'a>(&self, value: Stored, room: &'a mut [u8; MAX_VALUE]) -> &'a [u8] {
        let bytes = &mut room[..value.len().min(MAX_VALUE)];
        let mut block = self.heads.get(value.head).copied().unwrap_or(NONE);
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
        if value.head != NONE {
            self.free_chain(value.head);
        }
    }

    /// Frees a head and its blocks.
    fn free_chain(&mut self, head: u32) {
        while let Some(&first) = self.heads.get(head)
            && first != NONE
        {
            let next = self.blocks[first as usize].next;
            self.set_next(VALUE | head, next);
            self.set_previous(next, VALUE | head);
            self.blocks.swap_remove(first);
            if let Some(&Block { next, previous, .. }) = self.blocks.get(first as usize) {
                // The last block has moved here.
                self.set_next(previous, first);
                self.set_previous(next, first);
            }
        }
        self.heads.remove(head);
    }

    /// Makes `next` the block after `previous`, which is as [`Block::previous`].
    fn set_next(&mut self, previous: u32, next: u32) {
        let link = match previous & VALUE {
            0 => self.blocks.get_mut(previous as usize).map(|block| &mut block.next),
            _ => self.heads.get_mut(previous & !VALUE),
        };
        if let Some(link) = link {
            *link = next;
        }
    }

    fn set_previous(&mut self, block: u32, previous: u32) {
        if let Some(block) = self.blocks.get_mut(block as usize) {
            block.previous = previous;
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
                let any = turn % kept.len();
                let (stored, expected): (Stored, Vec<u8>) = kept.remove(any).expect("not empty");
                assert_eq!(slab.read(stored, &mut room), expected);
                slab.free(stored);
            }
            let stored = slab.keep(&value).expect("there is room");
            kept.push_back((stored, value));
        }
        kept.drain(..).for_each(|(stored, _)| slab.free(stored));
        assert_eq!((slab.bytes(), slab.blocks.len()), (0, 0));
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
