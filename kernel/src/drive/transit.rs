//! The fate of a message in a network that is simulated or emulated.
//!
//! **Invariant:** draws nothing: the caller supplies the fate.

use core::time::Duration;

/// The fate of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transit {
    /// It is lost.
    Lost,
    /// It arrives after this delay.
    Once(Duration),
    /// It arrives twice, after these delays, the shorter first.
    Twice(Duration, Duration),
    /// It arrives after this delay with one bit flipped: that of this number, modulo the number of bits.
    Corrupt(Duration, u64),
}

impl Transit {
    /// The same, but the message arrives later by this time.
    #[must_use]
    pub fn later(self, by: Duration) -> Transit {
        match self {
            Transit::Lost => Transit::Lost,
            Transit::Once(delay) => Transit::Once(delay.saturating_add(by)),
            Transit::Twice(first, second) => {
                Transit::Twice(first.saturating_add(by), second.saturating_add(by))
            }
            Transit::Corrupt(delay, bit) => Transit::Corrupt(delay.saturating_add(by), bit),
        }
    }

    /// The delay after which it first arrives; `None` if it is lost.
    #[must_use]
    pub fn delay(self) -> Option<Duration> {
        match self {
            Transit::Lost => None,
            Transit::Once(delay) | Transit::Twice(delay, _) | Transit::Corrupt(delay, _) => {
                Some(delay)
            }
        }
    }
}

/// Flips a bit of `bytes`: that of the number `bit`, modulo the number of bits.
pub fn flip_bit(bytes: &mut [u8], bit: u64) {
    let bits = 8 * bytes.len() as u64;
    if let Some(bit) = bit.checked_rem(bits)
        && let Some(byte) = bytes.get_mut((bit / 8) as usize)
    {
        *byte ^= 1 << (bit % 8);
    }
}
