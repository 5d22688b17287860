//! Fingerprints of items and of ranges of items.
//!
//! Two nodes that hold the same versions of the same items in a range have the same sum of it. The
//! sum of a range is the sum of its parts, so ranges can be split to find what differs.
//!
//! **Invariant:** the fingerprint of an item depends on its name and its version alone.

use zerocopy::byteorder::network_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::rng::mix;
use crate::base::{Distance, Id};
use crate::store::operation::Name;
use crate::store::version::Version;

/// The number of parts into which a range is split.
pub(super) const PARTS: usize = 16;
/// The most items whose fingerprints are sent.
pub(super) const MAX_FINGERPRINTS: usize = 64;
/// The longest list of sums or fingerprints in a message.
pub(super) const MAX_SUMS_BYTES: usize = MAX_FINGERPRINTS * size_of::<u64>();

const _: () = assert!(PARTS * size_of::<PackedSum>() <= MAX_SUMS_BYTES);

/// The clockwise arc of keys from `from` (excluded) to `to` (included); the whole circle if both are
/// the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Range {
    /// The key before the first one.
    pub from: Id,
    /// The last key.
    pub to: Id,
}

impl Range {
    /// The range of one key.
    #[must_use]
    pub fn of_key(key: Id) -> Range {
        Range { from: key.add(Distance::MAX), to: key }
    }

    /// Whether `key` lies in this range.
    #[must_use]
    pub fn contains(self, key: Id) -> bool {
        self.to.owns(key, self.from)
    }

    /// Whether all of `other` lies in this range.
    #[must_use]
    pub fn covers(self, other: Range) -> bool {
        let whole = self.from == self.to;
        whole
            || (other.from != other.to
                && self.contains(other.to)
                && self.from.distance_to(other.from) < self.from.distance_to(other.to))
    }

    /// Whether these ranges together cover all of this one.
    pub(super) fn is_covered_by(self, parts: impl Iterator<Item = Range> + Clone) -> bool {
        // From the end of the range to its start.
        let mut left = self;
        for _ in parts.clone() {
            match parts.clone().find(|it| it.contains(left.to)) {
                None => return false,
                Some(part) if part.covers(left) => return true,
                Some(part) => left.to = part.from,
            }
        }
        false
    }

    /// The part of this number, of [`PARTS`]; `None` if the range is too small to be split.
    #[must_use]
    pub(super) fn part(self, number: usize) -> Option<Range> {
        let width = self.from.distance_to(self.to).sixteenth();
        if width == Distance::ZERO {
            return None;
        }
        let mut from = self.from;
        for _ in 0..number {
            from = from.add(width);
        }
        let to = if number + 1 == PARTS { self.to } else { from.add(width) };
        Some(Range { from, to })
    }
}

/// The number of items of a range, and the sum of their fingerprints.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// The number of items.
    pub count: u32,
    /// The sum of their fingerprints, modulo 2^64.
    pub hash: u64,
}

impl Sum {
    /// Adds an item.
    pub(super) const fn add(&mut self, fingerprint: u64) {
        self.count += 1;
        self.hash = self.hash.wrapping_add(fingerprint);
    }
}

/// A sum in a message.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
pub(super) struct PackedSum {
    count: U32,
    hash: U64,
}

impl From<Sum> for PackedSum {
    fn from(sum: Sum) -> PackedSum {
        PackedSum { count: U32::new(sum.count), hash: U64::new(sum.hash) }
    }
}

impl From<PackedSum> for Sum {
    fn from(packed: PackedSum) -> Sum {
        Sum { count: packed.count.get(), hash: packed.hash.get() }
    }
}

/// The fingerprint of an item.
#[must_use]
pub(super) fn fingerprint(name: &Name, version: Version) -> u64 {
    let [a, b, c, d, e] = words(name.key);
    let provider = name.provider.map_or(0, |address| address.to_bits());
    let upper = u64::from(a) << 32 | u64::from(b);
    let middle = u64::from(c) << 32 | u64::from(d);
    [upper, middle, u64::from(e), provider, version.number, version.writer]
        .into_iter()
        .fold(0x9e37_79b9_7f4a_7c15, |hash, word| mix(hash ^ word))
}

fn words(key: Id) -> [u32; 5] {
    let bytes = key.to_bytes();
    core::array::from_fn(|at| {
        u32::from_be_bytes([bytes[4 * at], bytes[4 * at + 1], bytes[4 * at + 2], bytes[4 * at + 3]])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    #[test]
    fn parts_are_disjoint_and_cover_the_range() {
        let mut rng = Rng::new(1, 0);
        for turn in 0..300 {
            let from = Id::random(&mut rng);
            let to = if turn == 0 { from } else { Id::random(&mut rng) };
            let range = Range { from, to };
            let parts: [Range; PARTS] =
                core::array::from_fn(|number| range.part(number).expect("it is large"));
            assert_eq!((parts[0].from, parts[PARTS - 1].to), (from, to));
            for pair in parts.windows(2) {
                assert_eq!(pair[0].to, pair[1].from);
            }
            for _ in 0..50 {
                let key = Id::random(&mut rng);
                let within = parts.iter().filter(|part| part.contains(key)).count();
                assert_eq!(within, usize::from(range.contains(key)));
            }
            assert!(parts.iter().all(|&part| range.covers(part)));
            assert!(range.covers(range));
            assert!(turn == 0 || !parts[3].covers(range));
        }
    }

    #[test]
    fn a_range_of_few_keys_is_not_split() {
        let to = Id::ZERO.add(Distance::multiple_of_power(15, 0));
        assert_eq!(Range { from: Id::ZERO, to }.part(0), None);
    }
}
