//! The searches that a peer has seen: to recognize repetitions, and to route hits back.
//!
//! Most searches that a peer receives in a flood are repetitions, so this table decides the cost of
//! flooding. It is set-associative: a search lies in one of the four entries of one bucket, which
//! is one cache line. A secret key selects the bucket, so an attacker cannot fill one on purpose.
//!
//! **Invariant:** a search is remembered for its full time. If its bucket is full, a new search is
//! refused; evicting an old one could forward it twice.

use alloc::boxed::Box;
use alloc::vec;
use core::time::Duration;

use crate::base::Time;
use crate::base::prefetch::prefetch;
use crate::base::rng::mix;
use crate::flood::neighbors::NeighborHandle;
use crate::node::RequestId;

/// Searches are forgotten at a multiple of this time since the driver's start: 2^28 ns, about 0.27
/// s. 32 bits suffice for 36 years; after that nothing is remembered.
pub const RESOLUTION: Duration = Duration::from_nanos(1 << RESOLUTION_BITS);

const RESOLUTION_BITS: u32 = 28;
/// Entries in a bucket.
const ENTRIES_PER_BUCKET: usize = 4;

/// The searches that one peer has seen.
#[derive(Debug)]
pub struct SeenSearches {
    buckets: Box<[Bucket]>,
    key: u64,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Bucket([Entry; ENTRIES_PER_BUCKET]);

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Entry {
    search: u64,
    source: NeighborHandle,
    /// When the search is forgotten, in units of [`RESOLUTION`]; 0 if the entry is free.
    until: u32,
}

/// Whether a search has been seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SearchStatus {
    /// The search has been seen: it came from this neighbor, or started here.
    Seen(NeighborHandle),
    /// The search is new and can be remembered in this entry.
    New(FreeEntry),
    /// The search is new, but its bucket is full.
    NoRoom,
}

/// An entry in which a search can be remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreeEntry {
    bucket: u32,
    entry: u32,
}

impl SeenSearches {
    /// An empty table for `capacity` searches, rounded up to whole buckets. `key` is secret.
    #[must_use]
    pub fn new(capacity: u32, key: u64) -> SeenSearches {
        let buckets = (capacity as usize).div_ceil(ENTRIES_PER_BUCKET).max(1);
        SeenSearches { buckets: vec![Bucket::default(); buckets].into_boxed_slice(), key }
    }

    /// Prefetches the bucket of `search`.
    #[inline]
    pub fn prefetch(&self, search: RequestId) {
        prefetch(&self.buckets[self.bucket_of(search)]);
    }

    /// Looks up `search`.
    #[inline]
    #[must_use]
    pub fn look_up(&self, search: RequestId, now: Time) -> SearchStatus {
        let bucket = self.bucket_of(search);
        let entries = &self.buckets[bucket].0;
        let current = time_units(now);
        if let Some(entry) =
            entries.iter().find(|entry| entry.search == search.0 && entry.until > current)
        {
            return SearchStatus::Seen(entry.source);
        }
        match entries.iter().position(|entry| entry.until <= current) {
            Some(entry) => {
                SearchStatus::New(FreeEntry { bucket: bucket as u32, entry: entry as u32 })
            }
            None => SearchStatus::NoRoom,
        }
    }

    /// The neighbor that `search` came from, if it is remembered.
    #[must_use]
    pub fn source_of(&self, search: RequestId, now: Time) -> Option<NeighborHandle> {
        match self.look_up(search, now) {
            SearchStatus::Seen(source) => Some(source),
            _ => None,
        }
    }

    /// Remembers until `until`, or up to one [`RESOLUTION`] longer, that `search` came from
    /// `source`. `free` is the result of [`look_up`](Self::look_up); nothing may have been
    /// remembered since.
    #[inline]
    pub fn remember(
        &mut self,
        free: FreeEntry,
        search: RequestId,
        source: NeighborHandle,
        until: Time,
    ) {
        let until = time_units(until).saturating_add(1);
        self.buckets[free.bucket as usize].0[free.entry as usize] =
            Entry { search: search.0, source, until };
    }

    /// The number of searches that can be remembered at a time.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.buckets.len() * ENTRIES_PER_BUCKET
    }

    /// Memory outside the struct itself, in bytes.
    #[must_use]
    pub const fn heap_bytes(&self) -> usize {
        self.buckets.len() * size_of::<Bucket>()
    }

    #[inline]
    fn bucket_of(&self, search: RequestId) -> usize {
        let scattered = mix(search.0 ^ self.key);
        ((u128::from(scattered) * self.buckets.len() as u128) >> 64) as usize
    }
}

#[inline]
fn time_units(time: Time) -> u32 {
    u32::try_from(time.as_ns() >> RESOLUTION_BITS).unwrap_or(u32::MAX)
}

const _: () = assert!(size_of::<Bucket>() == 64);
