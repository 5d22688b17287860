//! The ranking of names that match a query.
//!
//! **Invariant:** keeps a bounded number of names, those with the highest scores.

use core::cmp::Reverse;

use crate::base::PackedPeer;
use crate::items::text::Text;
use crate::node::MAX_PAYLOAD;

/// Maximum number of names in an answer: no more fit.
const MAX_LISTED_NAMES: usize = MAX_PAYLOAD / (size_of::<PackedPeer>() + 2);

/// A matching name. Sorted by descending score, then by name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct RankedName {
    pub(super) score: Reverse<u16>,
    pub(super) name: Text,
    /// The number of the name in the index.
    pub(super) number: u32,
}

/// The best names seen so far, in order.
#[derive(Debug)]
pub(super) struct TopNames {
    ranked: [Option<RankedName>; MAX_LISTED_NAMES],
    len: usize,
}

impl Default for TopNames {
    fn default() -> TopNames {
        TopNames { ranked: [None; MAX_LISTED_NAMES], len: 0 }
    }
}

impl TopNames {
    /// Adds a name if it is better than the worst one kept, or there is room; each name once. Returns whether there was room: no name had to be left out.
    pub(super) fn offer(&mut self, new: RankedName) -> bool {
        let at = self.iter().take_while(|known| **known < new).count();
        if self.ranked[..self.len].get(at) == Some(&Some(new)) {
            return true;
        }
        if at == MAX_LISTED_NAMES {
            return false;
        }
        let has_room = self.len < MAX_LISTED_NAMES;
        self.len = (self.len + 1).min(MAX_LISTED_NAMES);
        self.ranked[at..self.len].rotate_right(1);
        self.ranked[at] = Some(new);
        has_room
    }

    /// The names kept, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &RankedName> {
        self.ranked[..self.len].iter().flatten()
    }
}
