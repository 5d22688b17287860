//! Versions of this project's wire format.
//!
//! A program reads the present version and the one before, so nodes of both form one ring, and processes can
//! be replaced one by one. The second byte of a datagram says in which version it is written, and from
//! version 4 on, which is the newest that its sender reads:
//!
//! ```text
//! version 3    0 0 0 0 0 0 1 1
//! later ones   newest  written      four bits each
//! ```
//!
//! A header says what its sender reads, but not who the sender is. A [`Probe`] finds out what a socket reads:
//! it is written in the present version, asks for its number back, and an older program drops it.
//!
//! ```text
//! probe   magic 'H' | version | 255 | 0 or 1: an answer | number u64
//! ```
//!
//! **Invariant:** each header has one meaning; a probe is as long as its answer.

/// The version of the format that this program writes to those that read it.
pub const VERSION: u8 = 4;
/// The oldest version that this program reads.
pub const OLDEST_VERSION: u8 = 3;

/// The length of a [`Probe`] in bytes.
pub const PROBE_BYTES: usize = 12;
/// A kind that no message has.
const PROBE_KIND: u8 = 255;

/// A question to a socket, whether it reads the version in which the question is written; or the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// Whether this is the answer.
    pub is_answer: bool,
    /// The newest version that the sender reads.
    pub newest: u8,
    /// A random number, the same in the answer.
    pub number: u64,
}

/// The version byte of datagrams in `version` of a sender that reads `newest`.
pub(super) const fn byte(version: u8, newest: u8) -> u8 {
    if version == 3 { 3 } else { newest << 4 | version }
}

/// The version in which a datagram with this version byte is written, and the newest that its sender is
/// known to read. `None` if the byte has no meaning.
pub(super) const fn of_byte(byte: u8) -> Option<(u8, u8)> {
    let (version, newest) = (byte & 15, byte >> 4);
    match version {
        3 if newest == 0 => Some((3, 3)),
        4.. if newest >= version => Some((version, newest)),
        _ => None,
    }
}

impl Probe {
    /// The rest of the datagram after magic and version.
    pub(super) fn write(&self, room: &mut [u8]) -> Option<()> {
        let (kind, number) = room.get_mut(..PROBE_BYTES - 2)?.split_at_mut_checked(2)?;
        kind.copy_from_slice(&[PROBE_KIND, self.is_answer.into()]);
        number.copy_from_slice(&self.number.to_be_bytes());
        Some(())
    }

    /// Reads what follows magic and version.
    pub(super) fn read(newest: u8, rest: &[u8]) -> Option<Probe> {
        let (&[PROBE_KIND, is_answer @ (0 | 1)], number) = rest.split_first_chunk()? else {
            return None;
        };
        let number = u64::from_be_bytes(number.try_into().ok()?);
        Some(Probe { is_answer: is_answer == 1, newest, number })
    }
}
