//! The names of a population of items, numbered from 0.
//!
//! All peers of a host share one table, so each of them stores its holdings as numbers.
//!
//! **Invariant:** immutable.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::items::query::Signature;
use crate::items::text::Text;

/// A table of names. See the [module](self).
#[derive(Debug, Default)]
pub struct Names {
    bytes: Box<[u8]>,
    /// The end of each name in `bytes`.
    ends: Box<[u32]>,
    signatures: Box<[Signature]>,
}

impl Names {
    /// A table of these names, in this order.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = Text>) -> Names {
        let (mut bytes, mut ends, mut signatures) = (Vec::new(), Vec::new(), Vec::new());
        for name in names {
            bytes.extend_from_slice(name.as_bytes());
            ends.push(bytes.len() as u32);
            signatures.push(Signature::of(name.as_bytes()));
        }
        Names { bytes: bytes.into(), ends: ends.into(), signatures: signatures.into() }
    }

    /// The number of names.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the table is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The bytes of the name of `item`; empty if there is no such item.
    #[inline]
    #[must_use]
    pub fn bytes_of(&self, item: u32) -> &[u8] {
        let at = item as usize;
        let Some(&end) = self.ends.get(at) else { return &[] };
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.bytes[start as usize..end as usize]
    }

    /// The name of `item`.
    #[must_use]
    pub fn name(&self, item: u32) -> Option<Text> {
        Text::new(self.bytes_of(item)).ok()
    }

    /// The signature of the name of `item`.
    #[inline]
    #[must_use]
    pub fn signature(&self, item: u32) -> Signature {
        self.signatures.get(item as usize).copied().unwrap_or_default()
    }
}
