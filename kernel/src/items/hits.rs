//! Who has what: the answer to a query.
//!
//! A list of hits is bytes from the start, the same in memory and on the wire: for each hit the
//! holder, the length of the name, the name. So it is written once, by whoever answers.
//!
//! **Invariant:** a [`Hits`] is well-formed from end to end, and no longer than [`MAX_PAYLOAD`].

use zerocopy::{FromBytes, IntoBytes};

use crate::base::{PackedPeer, Peer};
use crate::items::text::Text;
use crate::node::MAX_PAYLOAD;

/// An item that fits, and somebody who has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hit {
    /// Who has it.
    pub holder: Peer,
    /// Its name.
    pub name: Text,
}

/// Hits, best first.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hits<'a>(&'a [u8]);

impl<'a> Hits<'a> {
    /// The hits in `bytes`, if they are nothing but hits.
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

    /// Hits that were taken [as bytes](Self::as_bytes) from others, and kept.
    #[inline]
    pub(super) const fn kept(bytes: &'a [u8]) -> Hits<'a> {
        Hits(bytes)
    }

    /// As bytes, for [`parse`](Self::parse).
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether nothing was found.
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

/// Hits being written.
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
    /// Appends a hit; false if there is no room for it.
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

    /// What has been written.
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
