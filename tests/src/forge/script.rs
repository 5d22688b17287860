//! Bytes that determine a test's random choices.
//!
//! **Invariant:** any bytes are a valid script.

use std::time::Duration;

use hopwise_kernel::drive::memory::DELAY;

/// Bytes that determine a test's random choices. Reads past the end return zeros.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    rest: &'a [u8],
}

impl<'a> Script<'a> {
    /// Creates a script that starts with the first of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Script<'a> {
        Script { rest: bytes }
    }

    /// Whether all bytes were read.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads `count` bytes, or all that are left.
    pub fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(count.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Reads one byte.
    pub fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// Reads an integer in `0 .. bound`. The bound is 1 … 65,536.
    pub fn below(&mut self, bound: usize) -> usize {
        let wide = bound > 256;
        let number = u16::from_be_bytes([if wide { self.byte() } else { 0 }, self.byte()]);
        usize::from(number) % bound
    }

    /// Reads how long to wait before the next datagram: mostly a few [`DELAY`]s, and sometimes up to 4 s, so
    /// that timeouts pass.
    pub fn pause(&mut self) -> Duration {
        match self.byte() {
            byte @ 0xf0.. => DELAY * (1 << (byte & 0x0f).min(13)),
            byte => DELAY * u32::from(byte % 20),
        }
    }

    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        let taken = self.take(N);
        array[..taken.len()].copy_from_slice(taken);
        array
    }

    pub(super) fn number(&mut self) -> u64 {
        u64::from_be_bytes(self.array())
    }

    pub(super) fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }
}
