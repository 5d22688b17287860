//! Lookups in progress.
//!
//! **Invariant:** a token is used once, so late events of a lookup that has ended find nothing.

use hopwise_kernel::Time;

const NONE: u32 = u32::MAX;

/// The lookups in progress, by token and by origin.
#[derive(Debug)]
pub(super) struct Lookups<Q> {
    entries: Vec<(u32, Option<Entry<Q>>)>,
    free: Vec<u32>,
    /// The first entry of each origin, or [`NONE`].
    firsts: Vec<u32>,
    counted: usize,
}

/// A lookup in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lookup<Q> {
    pub(super) question: Q,
    /// Its intended start.
    pub(super) intended: Time,
    /// The interval of the series that contains the intended start.
    pub(super) interval: Time,
    /// When it was issued: at its intended start or later.
    pub(super) issued: Time,
    /// Its number; 0 if lookups have none.
    pub(super) number: u32,
    /// The place of its origin.
    pub(super) origin: u32,
    /// Whether it belongs to the measured phase.
    pub(super) counted: bool,
    /// Whether it has its answer and what that named is being obtained.
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

    /// Adds a lookup and returns its token: the index of its entry and how often that was used
    /// before.
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

    /// A lookup that is in progress.
    pub(super) fn find(&self, token: u64) -> Option<&Lookup<Q>> {
        let (uses, slot) = self.entries.get(token as u32 as usize)?;
        let entry = slot.as_ref().filter(|_| u64::from(*uses) == token >> 32)?;
        Some(&entry.lookup)
    }

    /// Replaces the question of a lookup that is in progress.
    pub(super) fn replace(&mut self, token: u64, question: Q) {
        if let Some((uses, Some(entry))) = self.entries.get_mut(token as u32 as usize)
            && u64::from(*uses) == token >> 32
        {
            entry.lookup.question = question;
        }
    }

    /// Marks a lookup as answered while what the answer named is being obtained. Returns the
    /// lookup, unless it was marked before.
    pub(super) fn begin_follow_up(&mut self, token: u64) -> Option<Lookup<Q>> {
        let (uses, slot) = self.entries.get_mut(token as u32 as usize)?;
        let entry = slot.as_mut().filter(|_| u64::from(*uses) == token >> 32)?;
        let before = entry.lookup;
        entry.lookup.followed_up = true;
        (!before.followed_up).then_some(before)
    }

    /// Whether this lookup is in progress, belongs to the measured phase and has no answer yet.
    pub(super) fn is_counted(&self, token: u64) -> bool {
        self.entries.get(token as u32 as usize).is_some_and(|(uses, slot)| {
            let lookup = slot.as_ref().map(|entry| &entry.lookup);
            u64::from(*uses) == token >> 32
                && lookup.is_some_and(|lookup| lookup.counted && !lookup.followed_up)
        })
    }

    /// The number of lookups of the measured phase.
    pub(super) fn counted(&self) -> usize {
        self.counted
    }

    /// Removes a lookup, if it is still in progress.
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

    /// The token of some lookup of `origin`.
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
