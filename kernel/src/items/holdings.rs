//! What one peer holds.
//!
//! **Invariant:** fixed when it is built; a query finds what fits here, and nothing else.

use alloc::boxed::Box;
use alloc::sync::Arc;

use crate::items::names::Names;
use crate::items::query::{Match, Query, Signature};
use crate::items::text::Text;

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub struct Holdings {
    names: Arc<Names>,
    items: Box<[u32]>,
    /// What any of the names has: most queries find that nothing fits without a look at them.
    signature: Signature,
}

impl Holdings {
    /// A holdings with these items of a population.
    #[must_use]
    pub fn new(names: Arc<Names>, items: Box<[u32]>) -> Holdings {
        let signatures = items.iter().map(|&item| names.signature(item));
        let signature = signatures.fold(Signature::default(), Signature::with);
        Holdings { names, items, signature }
    }

    /// How many items it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The name of the item at `index`.
    #[must_use]
    pub fn name(&self, index: usize) -> Option<Text> {
        self.names.name(*self.items.get(index)?)
    }

    /// Whether an item of just this name is here.
    #[must_use]
    pub fn holds(&self, name: Text) -> bool {
        self.best(&Query { how: Match::Exact, text: name }).is_some()
    }

    /// The name that fits best; of those that fit alike, the first here.
    #[must_use]
    pub fn best(&self, query: &Query) -> Option<Text> {
        let wanted = query.signature();
        if !self.signature.may_fit(wanted) {
            return None;
        }
        let mut best: Option<(u16, u32)> = None;
        for &item in &self.items {
            if self.names.signature(item).may_fit(wanted)
                && let Some(score) = query.score(self.names.bytes_of(item))
                && best.is_none_or(|(most, _)| score > most)
            {
                best = Some((score, item));
            }
        }
        self.names.name(best?.1)
    }

    /// Memory it takes, the names, which it may share, left out; in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        size_of_val(&*self.items)
    }
}
