//! Wheels of slots, which hold events by tick or by block of ticks.
//!
//! **Invariant:** memory is reused: a slot takes the spare memory of earlier ones.

use std::mem;

use hopwise_kernel::{Protocol, Time};

use super::batch::Contents;
use super::key::Key;

pub(super) const SLOT_BITS: u32 = 10;
/// Slots of a wheel.
pub(super) const SLOTS: usize = 1 << SLOT_BITS;

/// Keys per chunk (4 KiB). A slot wastes less than one chunk.
const CHUNK: usize = 128;

/// Events in no order, with their contents.
#[derive(Debug)]
pub(super) struct Slot<P: Protocol, Q> {
    pub(super) chunks: Vec<Vec<Key>>,
    /// The earliest time of all keys.
    pub(super) earliest: Time,
    /// `None` if the slot has timers only, as most slots do.
    pub(super) contents: Option<Box<Contents<P, Q>>>,
}

impl<P: Protocol, Q> Default for Slot<P, Q> {
    fn default() -> Slot<P, Q> {
        Slot { chunks: Vec::new(), earliest: Time::NEVER, contents: None }
    }
}

impl<P: Protocol, Q: Copy> Slot<P, Q> {
    #[inline]
    pub(super) fn push(&mut self, key: Key, spare: &mut Spare<P, Q>) {
        self.earliest = self.earliest.min(key.time);
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(key),
            last => {
                if last.is_none() {
                    self.chunks = spare.rows.pop().unwrap_or_default();
                }
                let mut chunk = spare.chunk();
                chunk.push(key);
                self.chunks.push(chunk);
            }
        }
    }
}

/// Memory of emptied slots for reuse.
#[derive(Debug)]
pub(super) struct Spare<P: Protocol, Q> {
    pub(super) chunks: Vec<Vec<Key>>,
    /// Emptied lists of chunks.
    rows: Vec<Vec<Vec<Key>>>,
    #[expect(clippy::vec_box, reason = "moved between slots by pointer")]
    pub(super) contents: Vec<Box<Contents<P, Q>>>,
}

impl<P: Protocol, Q> Default for Spare<P, Q> {
    fn default() -> Spare<P, Q> {
        Spare { chunks: Vec::new(), rows: Vec::new(), contents: Vec::new() }
    }
}

impl<P: Protocol, Q: Copy> Spare<P, Q> {
    pub(super) fn keep(&mut self, mut slot: Slot<P, Q>) {
        slot.chunks.iter_mut().for_each(Vec::clear);
        self.chunks.append(&mut slot.chunks);
        self.rows.push(slot.chunks);
        if let Some(mut contents) = slot.contents {
            contents.clear();
            self.contents.push(contents);
        }
    }

    fn chunk(&mut self) -> Vec<Key> {
        self.chunks.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK))
    }

    pub(super) fn contents(&mut self) -> Box<Contents<P, Q>> {
        self.contents.pop().unwrap_or_else(|| Box::new(Contents::with_room()))
    }
}

/// The slots of the next [`SLOTS`] numbers, in a ring.
#[derive(Debug)]
pub(super) struct Wheel<P: Protocol, Q> {
    slots: Vec<Slot<P, Q>>,
    occupied: [u64; SLOTS / 64],
}

impl<P: Protocol, Q: Copy> Wheel<P, Q> {
    pub(super) fn new() -> Wheel<P, Q> {
        let slots = (0..SLOTS).map(|_| Slot::default()).collect();
        Wheel { slots, occupied: [0; SLOTS / 64] }
    }

    #[inline]
    pub(super) fn slot(&mut self, number: u64) -> &mut Slot<P, Q> {
        let slot = number as usize % SLOTS;
        self.occupied[slot / 64] |= 1 << (slot % 64);
        &mut self.slots[slot]
    }

    pub(super) fn remove(&mut self, number: u64) -> Slot<P, Q> {
        let slot = number as usize % SLOTS;
        self.occupied[slot / 64] &= !(1 << (slot % 64));
        mem::take(&mut self.slots[slot])
    }

    pub(super) fn earliest(&self, number: u64) -> Time {
        self.slots[number as usize % SLOTS].earliest
    }

    /// The first of the next [`SLOTS`] numbers after `number` whose slot is in use.
    pub(super) fn next_after(&self, number: u64) -> Option<u64> {
        let mut ahead = 1;
        while ahead <= SLOTS as u64 {
            let slot = (number + ahead) as usize % SLOTS;
            let bits = self.occupied[slot / 64] >> (slot % 64);
            if bits != 0 {
                let found = ahead + u64::from(bits.trailing_zeros());
                return (found <= SLOTS as u64).then_some(number + found);
            }
            ahead += 64 - slot as u64 % 64;
        }
        None
    }
}
