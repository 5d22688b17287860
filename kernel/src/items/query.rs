//! Queries, and the names that match them.
//!
//! The score of a matching name is the share of the name that the query covers, in thousandths. So
//! the exact name comes first, and then the shortest names.
//!
//! A [`Signature`] quickly excludes most names that do not match: every three consecutive bytes set
//! one of 64 bits, and a name that lacks a bit of the query cannot contain it (superimposed coding:
//! Faloutsos and Christodoulakis, *Signature files*, ACM TOIS 2(4), 1984).
//!
//! **Invariant:** a signature never excludes a name that matches.

use crate::items::text::Text;
use crate::items::words::words;

/// How a name must match the text of a query. Bytes are compared as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Match {
    /// The name equals the text.
    Exact = 0,
    /// The name starts with the text.
    Prefix = 1,
    /// The name contains the text.
    Substring = 2,
    /// The name contains all words of the text, in any order. Words are separated by spaces.
    Words = 3,
}

impl Match {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Match; 4] = [Match::Exact, Match::Prefix, Match::Substring, Match::Words];

    /// The kind with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Match> {
        match number {
            0 => Some(Match::Exact),
            1 => Some(Match::Prefix),
            2 => Some(Match::Substring),
            3 => Some(Match::Words),
            _ => None,
        }
    }

    /// Whether only one name can match.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        matches!(self, Match::Exact)
    }
}

/// A query for names. See the [module](self).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Query {
    /// How names must match the text.
    pub how: Match,
    /// The text.
    pub text: Text,
}

impl Query {
    /// The score of `name`, 1 … 1000; `None` if it does not match.
    #[must_use]
    pub fn score(&self, name: &[u8]) -> Option<u16> {
        let text = self.text.as_bytes();
        let matches = match self.how {
            Match::Exact => name == text,
            Match::Prefix => name.starts_with(text),
            Match::Substring => contains(name, text),
            Match::Words => words(text).all(|wanted| words(name).any(|word| word == wanted)),
        };
        matches.then(|| (1000 * text.len().min(name.len()) / name.len().max(1)) as u16)
    }

    /// The same query for the exact name.
    #[must_use]
    pub const fn exact(self) -> Query {
        Query { how: Match::Exact, ..self }
    }

    /// The bits that the signature of every matching name has.
    #[must_use]
    pub fn signature(&self) -> Signature {
        match self.how {
            Match::Words => words(self.text.as_bytes())
                .fold(Signature::default(), |all, word| all.with(Signature::of(word))),
            _ => Signature::of(self.text.as_bytes()),
        }
    }
}

/// A hashed set of the three-byte substrings of a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signature(u64);

impl Signature {
    /// The signature of a name or of a part of one.
    #[must_use]
    pub fn of(name: &[u8]) -> Signature {
        let bit = |three: &[u8]| {
            let number = three.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
            // Multiplicative hashing (Knuth): the top six bits of the product.
            1 << (number.wrapping_mul(0x9E37_79B1) >> 26)
        };
        Signature(name.windows(3).map(bit).fold(0, |all, bit: u64| all | bit))
    }

    /// The union of two signatures.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Signature) -> Signature {
        Signature(self.0 | other.0)
    }

    /// Whether a name with this signature may match a query with signature `query`.
    #[inline]
    #[must_use]
    pub const fn may_match(self, query: Signature) -> bool {
        self.0 & query.0 == query.0
    }
}

fn contains(name: &[u8], text: &[u8]) -> bool {
    name.windows(text.len().max(1)).any(|piece| piece == text)
}
