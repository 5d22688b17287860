//! Hash maps and sets whose hash function has fixed seeds.
//!
//! **Invariant:** their keys never come from the network, and the order of their entries never
//! decides anything.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

use ahash::{AHasher, RandomState};

/// A hash map that is the same in every run.
pub(crate) type FixedHashMap<K, V> = HashMap<K, V, FixedSeeds>;
/// A hash set that is the same in every run.
pub(crate) type FixedHashSet<T> = HashSet<T, FixedSeeds>;

/// Makes ahash hashers, always with the same seeds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FixedSeeds;

impl BuildHasher for FixedSeeds {
    type Hasher = AHasher;

    fn build_hasher(&self) -> AHasher {
        // Any seeds do: those are the first digits of pi, so nothing was chosen.
        const SEEDS: RandomState = RandomState::with_seeds(
            0x243f_6a88_85a3_08d3,
            0x1319_8a2e_0370_7344,
            0xa409_3822_299f_31d0,
            0x082e_fa98_ec4e_6c89,
        );
        SEEDS.build_hasher()
    }
}
