//! Samples the distributions of `rand_distr` with the kernel's generator.
//!
//! **Invariant:** every random bit comes from the [`Rng`] that is passed in.

use core::convert::Infallible;

use hopwise_kernel::Rng;
use rand_core::TryRng;
use rand_distr::Distribution;

/// Draws one value of `distribution`.
pub(crate) fn draw<T>(distribution: &impl Distribution<T>, rng: &mut Rng) -> T {
    distribution.sample(&mut Source(rng))
}

struct Source<'a>(&'a mut Rng);

impl TryRng for Source<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        // The upper half, as rand's own 64-bit generators do.
        Ok((self.0.next_u64() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.next_u64())
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(bytes);
        Ok(())
    }
}
