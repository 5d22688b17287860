//! Lookups that have not ended.
//!
//! **Invariant:** a name is used once: what comes for one that has ended finds nothing.

use hopwise_kernel::Time;

const NONE: u32 = u32::MAX;

/// Lookups that have not ended, found by token or by origin.
#[derive(Debug)]
pub(super) struct Lookups<Q> {
    entries: Vec<(u32, Option<Entry<Q>>)>,
    free: Vec<u32>,
    /// The first entry of each origin, or [`NONE`].
    firsts: Vec<u32>,
    counted: usize,
}

/// A question that a node was asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup<Q> {
    pub(super) question: Q,
    /// When it should have been issued.
    pub(super) intended: Time,
    /// The place of the node that was asked.
    pub(super) origin: u32,
    /// Whether it counts: it is of the measured phase.
    pub(super) counted: bool,
    /// It has its answer, and what was found is being obtained.
    pub(super) followed_up: bool,
}

#[derive(Clone, Copy, Debug)]
struct Entry<Q> {
    lookup: Lookup<Q>,
    /// The next entry of the same origin, or [`NONE`].
    next: u32,
}

impl<Q: Copy> Lookups<Q> {
    pub(super) fn new(places: usize) -> Lookups<Q> {
        Lookups { entries: Vec::new(), free: Vec::new(), firsts: vec![NONE; places], counted: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Enters a lookup and names it: its entry, and how many that entry has had before.
    pub(super) fn begin(&mut self, lookup: Lookup<Q>) -> u64 {
        let entry = self.free.pop().unwrap_or_else(|| {
            self.entries.push((0, None));
            (self.entries.len() - 1) as u32
        });
        self.counted += usize::from(lookup.counted);
        let first = &mut self.firsts[lookup.origin as usize];
        let (uses, slot) = &mut self.entries[entry as usize];
        *slot = Some(Entry { lookup, next: *first });
        *first = entry;
        u64::from(*uses) << 32 | u64::from(entry)
    }

    /// The lookup of that name has its answer, and what was found is being obtained. Returns the lookup
    /// as it was, unless it had an answer before.
    pub(super) fn begin_follow_up(&mut self, token: u64) -> Option<Lookup<Q>> {
        let (uses, slot) = self.entries.get_mut(token as u32 as usize)?;
        let entry = slot.as_mut().filter(|_| u64::from(*uses) == token >> 32)?;
        let before = entry.lookup;
        entry.lookup.followed_up = true;
        (!before.followed_up).then_some(before)
    }

    /// Those that count.
    pub(super) fn counted(&self) -> usize {
        self.counted
    }

    /// Takes out the lookup of that name, if it has not ended.
    pub(super) fn end(&mut self, token: u64) -> Option<Lookup<Q>> {
        let entry = token as u32;
        let (uses, slot) = self.entries.get_mut(entry as usize)?;
        if u64::from(*uses) != token >> 32 {
            return None;
        }
        let Entry { lookup, next } = slot.take()?;
        *uses = uses.wrapping_add(1);
        self.free.push(entry);
        self.counted -= usize::from(lookup.counted);
        self.unlink(entry, lookup.origin, next);
        Some(lookup)
    }

    /// The name of a lookup that began at `origin`.
    pub(super) fn first_of(&self, origin: u32) -> Option<u64> {
        let entry = self.firsts[origin as usize];
        let (uses, _) = self.entries.get(entry as usize)?;
        Some(u64::from(*uses) << 32 | u64::from(entry))
    }

    fn unlink(&mut self, entry: u32, origin: u32, next: u32) {
        let mut at = self.firsts[origin as usize];
        if at == entry {
            self.firsts[origin as usize] = next;
            return;
        }
        while let Some((_, Some(before))) = self.entries.get_mut(at as usize) {
            if before.next == entry {
                before.next = next;
                return;
            }
            at = before.next;
        }
    }
}
