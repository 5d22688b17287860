//! Identifiers and distances: 160-bit unsigned integers, arithmetic modulo 2^160.
//!
//! Keys and nodes share one circular identifier space (Stoica et al., *Chord*, IEEE/ACM ToN 11(1),
//! 2003). An [`Id`] is a point on that circle; a [`Distance`] is how far one point lies clockwise
//! of another. They are different types because adding two points means nothing.
//!
//! **Invariant:** no operation here can fail, overflow or allocate.

use core::fmt;

use sha1::{Digest, Sha1};

use crate::rng::Rng;

/// Bits in an identifier.
pub const ID_BITS: u32 = 160;
/// Bytes in an identifier, big-endian on the wire.
pub const ID_BYTES: usize = 20;

/// A point on the identifier circle.
///
/// Ordered as an unsigned 160-bit integer. Five native 32-bit words, most significant first, so
/// that it packs into 20 bytes and the derived order is the numeric one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Id([u32; 5]);

/// The clockwise distance from one [`Id`] to another, in `0 .. 2^160`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Distance([u32; 5]);

impl Id {
    /// The identifier whose bits are all zero.
    pub const ZERO: Id = Id([0; 5]);
    /// The identifier whose bits are all one.
    pub const MAX: Id = Id([u32::MAX; 5]);

    /// Reads 20 big-endian bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Id {
        Id(words_of(bytes))
    }

    /// The 20 big-endian bytes of this identifier.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; ID_BYTES] {
        bytes_of(self.0)
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
        ((self.0[0] as u64) << 32) | self.0[1] as u64
    }

    /// The lower 96 bits, most significant word first.
    #[inline]
    #[must_use]
    pub const fn tail(self) -> [u32; 3] {
        [self.0[2], self.0[3], self.0[4]]
    }

    /// Joins what [`prefix`](Id::prefix) and [`tail`](Id::tail) take apart.
    #[inline]
    #[must_use]
    pub const fn from_parts(prefix: u64, tail: [u32; 3]) -> Id {
        Id([(prefix >> 32) as u32, prefix as u32, tail[0], tail[1], tail[2]])
    }

    /// How far `to` lies clockwise of `self`; zero if they are equal.
    #[inline]
    #[must_use]
    pub const fn distance_to(self, to: Id) -> Distance {
        Distance(sub(to.0, self.0))
    }

    /// The point `distance` clockwise of `self`.
    #[inline]
    #[must_use]
    pub const fn add(self, distance: Distance) -> Id {
        Id(add(self.0, distance.0))
    }

    /// Whether `self` lies strictly inside the clockwise arc from `a` to `b`.
    ///
    /// If `a = b` the arc is the whole circle but that point (the definition of Zave, *Reasoning
    /// about identifier spaces*, IEEE TSE 2017).
    #[inline]
    #[must_use]
    pub fn is_between(self, a: Id, b: Id) -> bool {
        let (x, end) = (a.distance_to(self), a.distance_to(b));
        x != Distance::ZERO && (x < end || end == Distance::ZERO)
    }

    /// Whether a node `self`, whose predecessor is `predecessor`, owns `key`: whether `key` lies in
    /// the arc from `predecessor` (excluded) to `self` (included). A node that is its own
    /// predecessor owns every key.
    #[inline]
    #[must_use]
    pub fn owns(self, key: Id, predecessor: Id) -> bool {
        key == self || key.is_between(predecessor, self)
    }
}

impl Distance {
    /// No distance at all.
    pub const ZERO: Distance = Distance([0; 5]);
    /// The largest distance, 2^160 − 1.
    pub const MAX: Distance = Distance([u32::MAX; 5]);

    /// Reads 20 big-endian bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; ID_BYTES]) -> Distance {
        Distance(words_of(bytes))
    }

    /// The 20 big-endian bytes of this distance.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; ID_BYTES] {
        bytes_of(self.0)
    }

    /// `multiple · 2^exponent` modulo 2^160; zero if `exponent ≥ 160`.
    #[must_use]
    pub const fn multiple_of_power(multiple: u32, exponent: u32) -> Distance {
        let mut words = [0; 5];
        if exponent < ID_BITS {
            let word = 4 - (exponent / 32) as usize;
            let shifted = (multiple as u64) << (exponent % 32);
            words[word] = shifted as u32;
            if word > 0 {
                words[word - 1] = (shifted >> 32) as u32;
            }
        }
        Distance(words)
    }

    /// Leading zero bits, 160 for [`Distance::ZERO`].
    #[inline]
    #[must_use]
    pub const fn leading_zeros(self) -> u32 {
        let mut word = 0;
        while word < 5 {
            if self.0[word] != 0 {
                return word as u32 * 32 + self.0[word].leading_zeros();
            }
            word += 1;
        }
        ID_BITS
    }

    /// The `width` bits (1 … 32) that start `offset` bits below the top, as an integer; bits past
    /// the end read as zero.
    #[must_use]
    pub const fn bits(self, offset: u32, width: u32) -> u32 {
        let word = (offset / 32) as usize;
        let high = if word < 5 { self.0[word] } else { 0 };
        let low = if word + 1 < 5 { self.0[word + 1] } else { 0 };
        let both = ((high as u64) << 32) | low as u64;
        ((both << (offset % 32)) >> (64 - width)) as u32
    }

    /// The top 64 bits.
    #[inline]
    #[must_use]
    pub const fn prefix(self) -> u64 {
        ((self.0[0] as u64) << 32) | self.0[1] as u64
    }
}

const fn words_of(bytes: [u8; ID_BYTES]) -> [u32; 5] {
    let mut words = [0; 5];
    let mut word = 0;
    while word < 5 {
        let at = word * 4;
        words[word] = u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        word += 1;
    }
    words
}

const fn bytes_of(words: [u32; 5]) -> [u8; ID_BYTES] {
    let mut bytes = [0; ID_BYTES];
    let mut at = 0;
    while at < ID_BYTES {
        bytes[at] = words[at / 4].to_be_bytes()[at % 4];
        at += 1;
    }
    bytes
}

#[inline]
const fn split(words: [u32; 5]) -> (u32, u128) {
    let low = ((words[1] as u128) << 96)
        | ((words[2] as u128) << 64)
        | ((words[3] as u128) << 32)
        | words[4] as u128;
    (words[0], low)
}

#[inline]
const fn join(top: u32, low: u128) -> [u32; 5] {
    [top, (low >> 96) as u32, (low >> 64) as u32, (low >> 32) as u32, low as u32]
}

#[inline]
const fn add(a: [u32; 5], b: [u32; 5]) -> [u32; 5] {
    let ((a_top, a_low), (b_top, b_low)) = (split(a), split(b));
    let (low, carry) = a_low.overflowing_add(b_low);
    join(a_top.wrapping_add(b_top).wrapping_add(carry as u32), low)
}

#[inline]
const fn sub(a: [u32; 5], b: [u32; 5]) -> [u32; 5] {
    let ((a_top, a_low), (b_top, b_low)) = (split(a), split(b));
    let (low, borrow) = a_low.overflowing_sub(b_low);
    join(a_top.wrapping_sub(b_top).wrapping_sub(borrow as u32), low)
}

/// All 40 hexadecimal digits.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

impl fmt::Debug for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(self.0, f)
    }
}

fn write_hex(words: [u32; 5], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    words.iter().try_for_each(|word| write!(f, "{word:08x}"))
}

const _: () = assert!(size_of::<Id>() == ID_BYTES && size_of::<Distance>() == ID_BYTES);
