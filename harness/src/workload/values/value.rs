//! Values from stamps and back, and the identifiers of keys.
//!
//! **Invariant:** a value follows from its stamp and its size alone.

use hopwise_kernel::Id;
use hopwise_kernel::base::rng::mix;
use hopwise_kernel::store::Version;

use super::question::Content;
use crate::workload::keys::key_of_rank;

/// The version of values that are there from the start.
pub const PRELOADED: Version = Version { number: 1, writer: 1 };

/// The identifier of the key with this number.
#[must_use]
pub fn key_of(number: u32) -> Id {
    key_of_rank(u64::from(number) + 1)
}

/// The stamp of the value that a key has from the start.
#[must_use]
pub fn initial_stamp(key: u32) -> u64 {
    mix(u64::from(key) ^ 0x9e37_79b9_7f4a_7c15)
}

/// Fills `value` with the value of `stamp`: first the stamp itself, then what follows from it.
pub fn fill(stamp: u64, value: &mut [u8]) {
    for (index, block) in (0..).zip(value.chunks_mut(8)) {
        block.copy_from_slice(&word(stamp, index)[..block.len()]);
    }
}

/// The stamp and the size of a value; `None` if any of its bytes is not that of its stamp.
#[must_use]
pub fn content_of(value: &[u8]) -> Option<Content> {
    let stamp = u64::from_be_bytes(*value.first_chunk()?);
    let mut blocks = (0..).zip(value.chunks(8));
    let is_whole = blocks.all(|(index, block)| word(stamp, index)[..block.len()] == *block);
    is_whole.then_some(Content { stamp, bytes: u16::try_from(value.len()).ok()? })
}

fn word(stamp: u64, index: u64) -> [u8; 8] {
    let word = if index == 0 { stamp } else { mix(stamp.wrapping_add(index)) };
    word.to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_tells_its_stamp_and_any_damage() {
        for (stamp, bytes) in [(0, 16), (1, 17), (u64::MAX, 100), (initial_stamp(7), 1000)] {
            let mut value = vec![0; bytes];
            fill(stamp, &mut value);
            assert_eq!(content_of(&value), Some(Content { stamp, bytes: bytes as u16 }));
            for at in 0..bytes {
                value[at] ^= 1;
                assert_eq!(content_of(&value), None, "byte {at} of {bytes}");
                value[at] ^= 1;
            }
        }
        assert_eq!(content_of(&[0; 7]), None);
    }
}
