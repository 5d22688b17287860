//! Seeded random number generators, handed to nodes as an argument.
//!
//! ChaCha with 8 rounds: request identifiers must not be guessable from earlier ones, and a seed
//! must give the same run on every machine.
//!
//! **Invariant:** nothing here draws randomness from the operating system.

use core::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng};

/// A seeded random number generator.
#[derive(Clone, Debug)]
pub struct Rng(Generator);

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a light one lives on the stack, for one event")]
enum Generator {
    Secure(ChaCha8Rng),
    Light(u64),
}

impl Rng {
    /// The generator for `seed`. Generators with different `stream`s are independent.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Rng(Generator::Secure(rng))
    }

    /// A generator of 8 bytes, for simulators that need one per node: SplitMix64 (Steele, Lea and
    /// Flood, *Fast splittable pseudorandom number generators*, OOPSLA 2014). Its output is uniform
    /// but predictable: do not use it where messages can be forged.
    #[inline]
    #[must_use]
    pub const fn light(state: u64) -> Rng {
        Rng(Generator::Light(state))
    }

    /// The state from which [`light`](Self::light) continues this generator; `None` for others.
    #[inline]
    #[must_use]
    pub const fn light_state(&self) -> Option<u64> {
        match self.0 {
            Generator::Light(state) => Some(state),
            Generator::Secure(_) => None,
        }
    }

    /// 64 uniform bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        match &mut self.0 {
            Generator::Secure(rng) => rng.next_u64(),
            Generator::Light(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                mix(*state)
            }
        }
    }

    /// Fills `bytes` uniformly.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        if let Generator::Secure(rng) = &mut self.0 {
            rng.fill_bytes(bytes);
            return;
        }
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes()[..chunk.len()]);
        }
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

    /// A duration drawn uniformly from ½ to 1½ of `period`. Maintenance periods are drawn this way,
    /// so that nodes do not synchronize.
    pub fn jitter(&mut self, period: Duration) -> Duration {
        let ns = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(ns / 2 + self.below(ns))
    }
}

/// Mixes the bits of `value`: a bijection on 64 bits (the finalizer of SplitMix64).
#[inline]
#[must_use]
pub const fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first values of the reference implementation for the seed 1234567.
    #[test]
    fn light_is_splitmix64() {
        let mut rng = Rng::light(1_234_567);
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(expected.map(|_| rng.next_u64()), expected);
    }

    #[test]
    fn light_continues_from_its_state() {
        let mut rng = Rng::light(7);
        rng.next_u64();
        let mut again = Rng::light(rng.light_state().expect("it is light"));
        assert_eq!(rng.next_u64(), again.next_u64());
        assert_eq!(Rng::new(7, 0).light_state(), None);
    }
}
