//! Hits: the answer to a query, a list of names with their holders.
//!
//! A list is encoded from the start, with the same bytes in memory and on the wire: for each hit
//! the holder, the length of the name, and the name.
//!
//! **Invariant:** a [`Hits`] is well-formed, and no longer than [`MAX_PAYLOAD`].

use zerocopy::{FromBytes, IntoBytes};

use crate::base::{PackedPeer, Peer};
use crate::items::text::Text;
use crate::node::MAX_PAYLOAD;

/// An item and one of its holders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// A peer that holds the item.
    pub holder: Peer,
    /// The name of the item.
    pub name: Text,
}

/// An encoded list of hits, best first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hits<'a>(&'a [u8]);

impl<'a> Hits<'a> {
    /// Validates an encoded list. Returns `None` if it is malformed or too long.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Hits<'a>> {
        if bytes.len() > MAX_PAYLOAD {
            return None;
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = split_hit(rest)?.1;
        }
        Some(Hits(bytes))
    }

    /// The list whose [bytes](Self::as_bytes) these are, without validation.
    #[inline]
    pub(super) const fn from_valid(bytes: &'a [u8]) -> Hits<'a> {
        Hits(bytes)
    }

    /// The encoded list, for [`parse`](Self::parse).
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether the list is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The hits in order.
    pub fn iter(self) -> impl Iterator<Item = Hit> + 'a {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            let (hit, after) = split_hit(rest)?;
            rest = after;
            Some(hit)
        })
    }
}

/// A buffer for a list of hits.
#[derive(Clone, Debug)]
pub struct HitList {
    bytes: [u8; MAX_PAYLOAD],
    length: usize,
}

impl Default for HitList {
    fn default() -> HitList {
        HitList { bytes: [0; MAX_PAYLOAD], length: 0 }
    }
}

impl HitList {
    /// Appends a hit. Returns false if there is no room.
    pub fn push(&mut self, hit: &Hit) -> bool {
        let name = hit.name.as_bytes();
        let holder = PackedPeer::from(hit.holder);
        let needed = size_of::<PackedPeer>() + 1 + name.len();
        let Some(room) = self.bytes.get_mut(self.length..self.length + needed) else {
            return false;
        };
        let (peer, rest) = room.split_at_mut(size_of::<PackedPeer>());
        peer.copy_from_slice(holder.as_bytes());
        rest[0] = name.len() as u8;
        rest[1..].copy_from_slice(name);
        self.length += needed;
        true
    }

    /// The hits appended so far.
    #[must_use]
    pub fn hits(&self) -> Hits<'_> {
        Hits(&self.bytes[..self.length])
    }
}

fn split_hit(bytes: &[u8]) -> Option<(Hit, &[u8])> {
    let (holder, rest) = PackedPeer::ref_from_prefix(bytes).ok()?;
    let (&length, rest) = rest.split_first()?;
    let (name, rest) = rest.split_at_checked(length.into())?;
    let name = Text::new(name).ok()?;
    Some((Hit { holder: holder.to_peer(), name }, rest))
}
