//! What is asked, and which names fit it.
//!
//! A name that fits gets a score: how much of it the query covers, in thousandths. So the exact name
//! comes first, whatever the kind of query, and then the names that add the least.
//!
//! A [`Signature`] tells at a glance that a name does not fit: each three bytes in a row set one of
//! 64 bits, and a name that lacks a bit of the query cannot contain it (superimposed coding:
//! Faloutsos and Christodoulakis, *Signature files*, ACM TOIS 2(4), 1984).
//!
//! **Invariant:** a name that fits is never ruled out by its signature.

use crate::items::text::Text;

/// How a name must fit a query's text. Bytes are compared as they are.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Match {
    /// It is the name.
    Exact = 0,
    /// The name begins with it.
    Prefix = 1,
    /// The name contains it.
    Substring = 2,
    /// The name has all of its words, divided by spaces, in any order.
    Words = 3,
}

impl Match {
    /// Every kind, in the order of its number.
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

    /// Whether only one name can fit.
    #[must_use]
    pub const fn is_exact(self) -> bool {
        matches!(self, Match::Exact)
    }
}

/// See the [module](self).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Query {
    /// How names must fit.
    pub how: Match,
    /// What they must fit.
    pub text: Text,
}

impl Query {
    /// How well `name` fits, 1 … 1000; nothing if it does not.
    #[must_use]
    pub fn score(&self, name: &[u8]) -> Option<u16> {
        let text = self.text.as_bytes();
        let fits = match self.how {
            Match::Exact => name == text,
            Match::Prefix => name.starts_with(text),
            Match::Substring => contains(name, text),
            Match::Words => words(text).all(|wanted| words(name).any(|word| word == wanted)),
        };
        fits.then(|| (1000 * text.len().min(name.len()) / name.len().max(1)) as u16)
    }

    /// What every name that fits has in its signature.
    #[must_use]
    pub fn signature(&self) -> Signature {
        match self.how {
            Match::Words => words(self.text.as_bytes())
                .fold(Signature::default(), |all, word| all.with(Signature::of(word))),
            _ => Signature::of(self.text.as_bytes()),
        }
    }
}

/// Which three bytes in a row a name may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Signature(u64);

impl Signature {
    /// Of this name, or of a piece of one.
    #[must_use]
    pub fn of(name: &[u8]) -> Signature {
        let bit = |three: &[u8]| {
            let number = three.iter().fold(0_u32, |number, &byte| number << 8 | u32::from(byte));
            // Multiplicative hashing (Knuth): the top six bits of the product.
            1 << (number.wrapping_mul(0x9E37_79B1) >> 26)
        };
        Signature(name.windows(3).map(bit).fold(0, |all, bit: u64| all | bit))
    }

    /// What either of them has.
    #[inline]
    #[must_use]
    pub const fn with(self, other: Signature) -> Signature {
        Signature(self.0 | other.0)
    }

    /// Whether a name with this signature may fit a query with that one.
    #[inline]
    #[must_use]
    pub const fn may_fit(self, query: Signature) -> bool {
        self.0 & query.0 == query.0
    }
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|&byte| byte == b' ').filter(|word| !word.is_empty())
}

fn contains(name: &[u8], text: &[u8]) -> bool {
    name.windows(text.len().max(1)).any(|piece| piece == text)
}
