//! Identifiers and distances: 160-bit unsigned integers, arithmetic modulo 2^160.
//!
//! Keys and nodes share one circular identifier space (Stoica et al., *Chord*, IEEE/ACM ToN 11(1),
//! 2003). An [`Id`] is a point on that circle; a [`Distance`] is how far one point lies clockwise
//! of another. They are different types because adding two points means nothing.
//!
//! **Invariant:** no operation here can fail, overflow or allocate.

use core::fmt;

use sha1::{Digest, Sha1};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::base::rng::Rng;

/// Bits in an identifier.
pub const ID_BITS: u32 = 160;
/// Bytes in an identifier, big-endian on the wire.
pub const ID_BYTES: usize = 20;

/// A point on the identifier circle.
///
/// Ordered as an unsigned 160-bit integer. Two native integers that pack into 20 bytes, the upper
/// first, so that the derived order is the numeric one and the prefix is a single load.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(C, packed(4))]
pub struct Id {
    upper: u128,
    lower: u32,
}

/// The clockwise distance from one [`Id`] to another, in `0 .. 2^160`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[repr(C, packed(4))]
pub struct Distance {
    upper: u128,
    lower: u32,
}

/// The lower 96 bits of an [`Id`]; the upper 64 are its prefix.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(C, packed(4))]
pub struct Tail {
    upper: u64,
    lower: u32,
}

const _: () = assert!(size_of::<Id>() == ID_BYTES && size_of::<Distance>() == ID_BYTES);
const _: () = assert!(size_of::<Tail>() == 12);

impl Id {
    /// The identifier whose bits are all zero.
    pub const ZERO: Id = Id { upper: 0, lower: 0 };
    /// The identifier whose bits are all one.
    pub const MAX: Id = Id { upper: u128::MAX, lower: u32::MAX };

    /// Reads 20 big-endian bytes.
    #[inline]
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Id {
        let (upper, lower) = from_be_bytes(bytes);
        Id { upper, lower }
    }

    /// The 20 big-endian bytes of this identifier.
    #[inline]
    #[must_use]
    pub const fn to_bytes(self) -> [u8; ID_BYTES] {
        to_be_bytes(self.upper, self.lower)
    }

    /// The SHA-1 of a name, as Chord assigns identifiers to keys.
    #[must_use]
    pub fn of_name(name: &[u8]) -> Id {
        Id::from_bytes(Sha1::digest(name).into())
    }

    /// An identifier drawn uniformly.
    pub fn random(rng: &mut Rng) -> Id {
        let mut bytes = [0; ID_BYTES];
        rng.fill(&mut bytes);
        Id::from_bytes(bytes)
    }

    /// The top 64 bits.
    #[inline]
    #[must_use]
    pub const fn prefix(self) -> u64 {
        (self.upper >> 64) as u64
    }

    /// The lower 96 bits.
    #[inline]
    #[must_use]
    pub const fn tail(self) -> Tail {
        Tail { upper: self.upper as u64, lower: self.lower }
    }

    /// Joins a [`prefix`](Id::prefix) and a [`tail`](Id::tail).
    #[inline]
    #[must_use]
    pub const fn from_parts(prefix: u64, tail: Tail) -> Id {
        Id { upper: ((prefix as u128) << 64) | tail.upper as u128, lower: tail.lower }
    }

    /// The clockwise distance from `self` to `to`; zero if they are equal.
    #[inline]
    #[must_use]
    pub const fn distance_to(self, to: Id) -> Distance {
        let (lower, borrow) = to.lower.overflowing_sub(self.lower);
        let upper = to.upper.wrapping_sub(self.upper).wrapping_sub(borrow as u128);
        Distance { upper, lower }
    }

    /// The length of the clockwise arc from `self` to `to`: the whole circle, less one, if they are equal.
    #[must_use]
    pub fn arc_to(self, to: Id) -> Distance {
        match self.distance_to(to) {
            Distance::ZERO => Distance::MAX,
            length => length,
        }
    }

    /// The point `distance` clockwise of `self`.
    #[inline]
    #[must_use]
    pub const fn add(self, distance: Distance) -> Id {
        let (lower, carry) = self.lower.overflowing_add(distance.lower);
        let upper = self.upper.wrapping_add(distance.upper).wrapping_add(carry as u128);
        Id { upper, lower }
    }

    /// Whether `self` lies strictly inside the clockwise arc from `a` to `b`.
    ///
    /// If `a = b`, the arc is the whole circle except that point (the definition of Zave,
    /// *Reasoning about identifier spaces*, IEEE TSE 2017).
    #[inline]
    #[must_use]
    pub fn is_between(self, a: Id, b: Id) -> bool {
        let (x, end) = (a.distance_to(self), a.distance_to(b));
        x != Distance::ZERO && (x < end || end == Distance::ZERO)
    }

    /// Whether the node `self` owns `key`: whether `key` lies in the arc from its `predecessor`
    /// (excluded) to `self` (included). A node that is its own predecessor owns every key.
    #[inline]
    #[must_use]
    pub fn owns(self, key: Id, predecessor: Id) -> bool {
        let arc = predecessor.distance_to(self);
        key.distance_to(self) < arc || arc == Distance::ZERO
    }
}

impl Distance {
    /// The distance between equal points.
    pub const ZERO: Distance = Distance { upper: 0, lower: 0 };
    /// The largest distance, 2^160 − 1.
    pub const MAX: Distance = Distance { upper: u128::MAX, lower: u32::MAX };

    /// Reads 20 big-endian bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Distance {
        let (upper, lower) = from_be_bytes(bytes);
        Distance { upper, lower }
    }

    /// The 20 big-endian bytes of this distance.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; ID_BYTES] {
        to_be_bytes(self.upper, self.lower)
    }

    /// `multiple · 2^exponent` modulo 2^160; zero if `exponent ≥ 160`.
    #[must_use]
    pub const fn multiple_of_power(multiple: u32, exponent: u32) -> Distance {
        if exponent >= ID_BITS {
            return Distance::ZERO;
        }
        if exponent >= 32 {
            return Distance { upper: (multiple as u128) << (exponent - 32), lower: 0 };
        }
        let shifted = (multiple as u64) << exponent;
        Distance { upper: (shifted >> 32) as u128, lower: shifted as u32 }
    }

    /// A sixteenth of this distance, rounded down; of the whole circle if it is zero.
    #[must_use]
    pub const fn sixteenth(self) -> Distance {
        if self.upper == 0 && self.lower == 0 {
            return Distance { upper: 1 << 124, lower: 0 };
        }
        let lower = (self.lower >> 4) | ((self.upper as u32) << 28);
        Distance { upper: self.upper >> 4, lower }
    }

    /// The part `part` / 2^64 of this distance, rounded down.
    #[must_use]
    pub const fn part(self, part: u64) -> Distance {
        let part = part as u128;
        let (high, middle) = (self.upper >> 64, self.upper as u64 as u128);
        // In units of 1/2^32 of the lowest bit of `middle`. The sum fits: (2^64 - 1)^2 + 2^64 < 2^128.
        let rest = middle * part + ((self.lower as u128 * part) >> 32);
        let upper = high * part + (rest >> 64);
        Distance { upper, lower: (rest >> 32) as u32 }
    }

    /// The top 64 bits.
    #[inline]
    #[must_use]
    pub const fn prefix(self) -> u64 {
        (self.upper >> 64) as u64
    }
}

/// All 40 hexadecimal digits.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.upper, self.lower, f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.upper, self.lower, f)
    }
}

impl fmt::Debug for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.upper, self.lower, f)
    }
}

fn write_hex(upper: u128, lower: u32, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{upper:032x}{lower:08x}")
}

/// The bytes of both parts, in the order of an identifier's bytes.
#[derive(FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Parts {
    upper: [u8; 16],
    lower: [u8; 4],
}

// Copies by `copy_from_slice` would be calls in other crates.
#[inline]
const fn from_be_bytes(bytes: [u8; ID_BYTES]) -> (u128, u32) {
    let Parts { upper, lower } = zerocopy::transmute!(bytes);
    (u128::from_be_bytes(upper), u32::from_be_bytes(lower))
}

#[inline]
const fn to_be_bytes(upper: u128, lower: u32) -> [u8; ID_BYTES] {
    zerocopy::transmute!(Parts { upper: upper.to_be_bytes(), lower: lower.to_be_bytes() })
}
