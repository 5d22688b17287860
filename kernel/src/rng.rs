//! The randomness a node may use: seeded, portable, and an argument.
//!
//! ChaCha with 8 rounds: request identifiers must not be guessable from those seen before, and a
//! seed must give the same run on every machine.
//!
//! **Invariant:** nothing here asks the operating system.

use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng};

/// A seeded generator.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// The generator that `seed` names. Generators with different `stream`s are independent.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Rng(rng)
    }

    /// 64 uniform bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Fills `bytes` uniformly.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// An integer in `0 .. bound` (0 if `bound` is 0), by multiply and shift; the bias is below
    /// `bound / 2^64`.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `[0, 1)` with 53 random bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A duration drawn uniformly from ½ to 1½ of `period`, as maintenance periods are, so that
    /// nodes do not fall into step.
    pub fn around(&mut self, period: Duration) -> Duration {
        let ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(ns / 2 + self.below(ns))
    }
}
