//! The items that one peer holds.
//!
//! **Invariant:** immutable; a query finds exactly the items that match.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::items::names::Names;
use crate::items::query::{Match, Query, Signature};
use crate::items::text::Text;

/// The items of a peer. See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    names: Arc<Names>,
    items: Box<[u32]>,
    /// The union of all signatures. It excludes most queries without a look at the names.
    signature: Signature,
}

impl Holdings {
    /// Holdings of these items, by their numbers in `names`.
    #[must_use]
    pub fn new(names: Arc<Names>, items: Box<[u32]>) -> Holdings {
        let signatures = items.iter().map(|&item| names.signature(item));
        let signature = signatures.fold(Signature::default(), Signature::with);
        Holdings { names, items, signature }
    }

    /// The number of items.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the peer holds no items.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The name of the item at `index`.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<Text> {
        self.names.name(*self.items.get(index)?)
    }

    /// Whether the peer holds the item with this name.
    #[must_use]
    pub fn holds(&self, name: Text) -> bool {
        self.best(&Query { how: Match::Exact, text: name }).is_some()
    }

    /// The name with the highest score; the first one of equal scores.
    #[must_use]
    pub fn best(&self, query: &Query) -> Option<Text> {
        let wanted = query.signature();
        if !self.signature.may_match(wanted) {
            return None;
        }
        let mut best: Option<(u16, u32)> = None;
        for &item in &self.items {
            if self.names.signature(item).may_match(wanted)
                && let Some(score) = query.score(self.names.bytes_of(item))
                && best.is_none_or(|(most, _)| score > most)
            {
                best = Some((score, item));
            }
        }
        self.names.name(best?.1)
    }

    /// The memory of the item numbers in bytes, without the names, which may be shared.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.items)
    }
}
