//! The searches a peer has seen, to know them again, and the way back for their hits.
//!
//! Most of what a peer receives in a flood it has seen before, so this table is what flooding costs.
//! It is set-associative: a search can lie in the four places of one bucket, which is one cache line,
//! and nowhere else. Which bucket follows from a secret number too, so that nobody can make up
//! searches that crowd one.
//!
//! **Invariant:** what is remembered stays so until its time is over; if its bucket is full, a new
//! search is refused rather than an old one forgotten, which could be forwarded twice.

use alloc::boxed::Box;
use alloc::vec;
use core::time::Duration;

use crate::base::Time;
use crate::base::prefetch::prefetch;
use crate::base::rng::mix;
use crate::flood::neighbors::Way;
use crate::node::RequestId;

/// What forgetting happens on a multiple of, since the driver's start: 2^28 ns, about 0.27 s. In 32
/// bits 36 years; later on nothing is remembered.
pub const GRAIN: Duration = Duration::from_nanos(1 << GRAIN_BITS);

const GRAIN_BITS: u32 = 28;
/// Places in a bucket.
const PLACES: usize = 4;

/// One peer's memory of searches.
#[derive(Debug)]
pub struct Seen {
    buckets: Box<[Bucket]>,
    key: u64,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Bucket([Entry; PLACES]);

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Entry {
    search: u64,
    way: Way,
    /// The first grain at which it is forgotten; 0 for nothing.
    until: u32,
}

/// What is known of a search.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// It has been seen: it came this way.
    Seen(Way),
    /// It has not, and can be remembered here.
    New(Place),
    /// It has not, and there is no room to remember it.
    NoRoom,
}

/// Where a search can be remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    bucket: u32,
    entry: u32,
}

impl Seen {
    /// An empty table with room for `room` searches, rounded up to whole buckets; `key` is secret.
    #[must_use]
    pub fn new(room: u32, key: u64) -> Seen {
        let buckets = (room as usize).div_ceil(PLACES).max(1);
        Seen { buckets: vec![Bucket::default(); buckets].into_boxed_slice(), key }
    }

    /// `search` will soon be looked up: asks for its bucket.
    #[inline]
    pub fn expect(&self, search: RequestId) {
        prefetch(&self.buckets[self.bucket_of(search)]);
    }

    /// What is known of `search`.
    #[inline]
    #[must_use]
    pub fn look_up(&self, search: RequestId, now: Time) -> Known {
        let bucket = self.bucket_of(search);
        let entries = &self.buckets[bucket].0;
        let current = grain_at(now);
        if let Some(entry) =
            entries.iter().find(|entry| entry.search == search.0 && entry.until > current)
        {
            return Known::Seen(entry.way);
        }
        match entries.iter().position(|entry| entry.until <= current) {
            Some(entry) => Known::New(Place { bucket: bucket as u32, entry: entry as u32 }),
            None => Known::NoRoom,
        }
    }

    /// The way `search` came, if it is remembered.
    #[must_use]
    pub fn way_of(&self, search: RequestId, now: Time) -> Option<Way> {
        match self.look_up(search, now) {
            Known::Seen(way) => Some(way),
            _ => None,
        }
    }

    /// Remembers until `until`, or up to [`GRAIN`] longer, that `search` came this way. `place` is
    /// from [`look_up`](Self::look_up), with nothing remembered since.
    #[inline]
    pub fn remember(&mut self, place: Place, search: RequestId, way: Way, until: Time) {
        let until = grain_at(until).saturating_add(1);
        self.buckets[place.bucket as usize].0[place.entry as usize] =
            Entry { search: search.0, way, until };
    }

    /// How many can be remembered at a time.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.buckets.len() * PLACES
    }

    /// Memory beside its own size, in bytes.
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
fn grain_at(time: Time) -> u32 {
    u32::try_from(time.as_ns() >> GRAIN_BITS).unwrap_or(u32::MAX)
}

const _: () = assert!(size_of::<Bucket>() == 64);
