//! Seals: datagrams are accepted only from processes that have the key of the cluster.
//!
//! ```text
//! datagram   as written by the codec | number u64 | tag [16]
//! ```
//!
//! The tag is SipHash-2-4 with 128 bits (Aumasson and Bernstein, INDOCRYPT 2012) of the addresses of
//! both sockets, the number and the datagram, under the key. The number is the time of day in
//! microseconds, or one more than the last. A receiver keeps, for each socket that it has heard from,
//! the highest number and which of the 64 before it have arrived (as IPsec does; RFC 4303, 3.4.3). So a
//! repeated datagram is refused, also after the sender or the receiver has started again.
//!
//! Sealed datagrams are not encrypted.
//!
//! **Invariant:** a datagram without a valid tag changes nothing; the table of sockets does not grow.

use std::fmt;
use std::hash::Hasher;
use std::time::Duration;

use sha1::{Digest, Sha1};
use siphasher::sip128::{Hasher128, SipHasher24};
use zerocopy::byteorder::network_endian::U64;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::Address;
use crate::codec::WireError;
use crate::reactor::clock::Clock;

/// Bytes that a seal adds to a datagram.
pub const SEAL_BYTES: usize = size_of::<Trailer>();
/// The least length of a secret, in bytes.
pub const MIN_SECRET_BYTES: usize = 16;
/// The most by which the clocks of two processes may differ, with the time that a datagram takes.
const MAX_AGE: Duration = Duration::from_secs(30);
/// Sockets that a receiver hears from within [`MAX_AGE`], at most.
const MAX_SOCKETS: usize = 1024;
/// Numbers before the highest one that may still arrive.
const WINDOW: u64 = 64;

/// The key that all processes of a cluster have.
#[derive(Clone, Copy)]
pub struct ClusterKey([u8; 16]);

impl ClusterKey {
    /// The key that follows from a secret. `None` if the secret is shorter than [`MIN_SECRET_BYTES`].
    #[must_use]
    pub fn from_secret(secret: &[u8]) -> Option<ClusterKey> {
        let hash = Sha1::digest(secret);
        let key = hash.first_chunk::<16>().copied()?;
        (secret.len() >= MIN_SECRET_BYTES).then_some(ClusterKey(key))
    }
}

/// The seal of one shard.
#[derive(Debug)]
pub(crate) struct Seal {
    key: ClusterKey,
    /// The number of the last datagram sent.
    last: u64,
    /// What has arrived, by socket.
    heard: Vec<Heard>,
}

/// The numbers that have arrived from one socket.
#[derive(Clone, Copy, Debug)]
struct Heard {
    socket: Address,
    highest: u64,
    /// Bit i is set if the number `highest - i` has arrived.
    window: u64,
}

#[derive(FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Trailer {
    number: U64,
    tag: [u8; 16],
}

impl Seal {
    pub(crate) fn new(key: ClusterKey) -> Seal {
        Seal { key, last: 0, heard: Vec::with_capacity(MAX_SOCKETS) }
    }

    /// Seals the first `length` bytes of `room`, which has [`SEAL_BYTES`] more. Returns the length of
    /// the sealed datagram.
    pub(crate) fn close(
        &mut self,
        from: Address,
        to: Address,
        room: &mut [u8],
        length: usize,
    ) -> usize {
        self.last = time_of_day_us().max(self.last + 1);
        let (datagram, rest) = room.split_at_mut(length);
        let (number, tag) = (U64::new(self.last), self.tag(from, to, self.last, datagram));
        let is_written = Trailer { number, tag }.write_to_prefix(rest).is_ok();
        debug_assert!(is_written, "room is left for the seal");
        length + SEAL_BYTES
    }

    /// Checks the seal of a datagram and returns what was sealed.
    ///
    /// # Errors
    ///
    /// [`WireError::Forged`] or [`WireError::Replayed`].
    pub(crate) fn open<'b>(
        &mut self,
        from: Address,
        to: Address,
        sealed: &'b [u8],
    ) -> Result<&'b [u8], WireError> {
        let (datagram, trailer) =
            Trailer::ref_from_suffix(sealed).map_err(|_| WireError::Forged)?;
        let number = trailer.number.get();
        let expected = self.tag(from, to, number, datagram);
        // All bytes are compared, so the time tells nothing about the first that differs.
        let differ = expected.iter().zip(&trailer.tag).fold(0, |all, (a, b)| all | (a ^ b));
        if std::hint::black_box(differ) != 0 {
            return Err(WireError::Forged);
        }
        let oldest = time_of_day_us().saturating_sub(MAX_AGE.as_micros() as u64);
        if number < oldest || !self.is_first(from, number, oldest) {
            return Err(WireError::Replayed);
        }
        Ok(datagram)
    }

    /// Whether this number arrives from `socket` for the first time, as far as is known. Notes that it
    /// has arrived. Numbers below `oldest` are refused anyway.
    fn is_first(&mut self, socket: Address, number: u64, oldest: u64) -> bool {
        let Some(heard) = self.heard.iter_mut().find(|it| it.socket == socket) else {
            return self.add(Heard { socket, highest: number, window: 1 }, oldest);
        };
        if number > heard.highest {
            let ahead = number - heard.highest;
            heard.window = if ahead < WINDOW { heard.window << ahead | 1 } else { 1 };
            heard.highest = number;
            return true;
        }
        let behind = heard.highest - number;
        let is_first = behind < WINDOW && heard.window & 1 << behind == 0;
        if is_first {
            heard.window |= 1 << behind;
        }
        is_first
    }

    /// Adds a socket. If there are [`MAX_SOCKETS`], it takes the place of one that has been silent for so long
    /// that nothing it has sent is accepted any more. Returns false if there is none.
    fn add(&mut self, new: Heard, oldest: u64) -> bool {
        if self.heard.len() < MAX_SOCKETS {
            self.heard.push(new);
            return true;
        }
        let silent = self.heard.iter_mut().find(|it| it.highest < oldest);
        silent.map(|it| *it = new).is_some()
    }

    fn tag(&self, from: Address, to: Address, number: u64, datagram: &[u8]) -> [u8; 16] {
        let mut hasher = SipHasher24::new_with_key(&self.key.0);
        for word in [from.socket().to_bits(), to.socket().to_bits(), number] {
            hasher.write(&word.to_be_bytes());
        }
        hasher.write(datagram);
        hasher.finish128().as_bytes()
    }
}

fn time_of_day_us() -> u64 {
    Clock::time_of_day().as_micros() as u64
}

/// Without the key.
impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Address = Address::new([127, 0, 0, 1], 4000, 0);
    const B: Address = Address::new([127, 0, 0, 1], 4001, 0);

    fn seal(secret: &[u8]) -> Seal {
        Seal::new(ClusterKey::from_secret(secret).expect("it is long enough"))
    }

    fn sealed(sender: &mut Seal, text: &[u8]) -> Vec<u8> {
        let mut room = text.to_vec();
        room.resize(text.len() + SEAL_BYTES, 0);
        let length = sender.close(A, B, &mut room, text.len());
        assert_eq!(length, room.len());
        room
    }

    #[test]
    fn sealed_datagrams_arrive_once() {
        let (mut sender, mut receiver) = (seal(&[1; 32]), seal(&[1; 32]));
        // Ahead of the clock, numbers follow each other however long a pause the machine makes.
        sender.last = time_of_day_us() + 60_000_000;
        let all: Vec<Vec<u8>> = (0..60).map(|at| sealed(&mut sender, &[at; 9])).collect();
        // Within the window, in any order.
        for at in (0..60).rev() {
            assert_eq!(receiver.open(A, B, &all[at]), Ok(&[at as u8; 9][..]));
            assert_eq!(receiver.open(A, B, &all[at]), Err(WireError::Replayed));
        }
        assert_eq!(receiver.open(B, B, &all[3]), Err(WireError::Forged), "another source");
        assert_eq!(receiver.open(A, A, &all[3]), Err(WireError::Forged), "another destination");
        for datagram in &all {
            assert_eq!(receiver.open(A, B, datagram), Err(WireError::Replayed));
        }
    }

    #[test]
    fn a_million_sockets_leave_the_memory_as_it_is() {
        let (mut sender, mut stranger, mut receiver) =
            (seal(&[1; 32]), seal(&[2; 32]), seal(&[1; 32]));
        let (places, from) = (receiver.heard.as_ptr(), |ip| Address { ip, ..A });
        let forged = sealed(&mut stranger, b"a message");
        for ip in 0..1_000_000 {
            assert_eq!(receiver.open(from(ip), B, &forged), Err(WireError::Forged));
        }
        assert!(receiver.heard.is_empty(), "without the key, nothing is kept");
        // With the key, a socket is heard once there is a place for it.
        let now = time_of_day_us();
        for ip in 0..10_000 {
            let has_room = receiver.is_first(from(ip), now, now - 1);
            assert_eq!(has_room, ip < MAX_SOCKETS as u32);
            assert!(!receiver.is_first(from(ip), now, now - 1), "not twice");
        }
        assert_eq!((receiver.heard.len(), receiver.heard.as_ptr()), (MAX_SOCKETS, places));
        // Sockets that are silent for long leave their places. What they sent is too old.
        let later = now + 2;
        for ip in 10_000..10_000 + MAX_SOCKETS as u32 {
            assert!(receiver.is_first(from(ip), later, later - 1));
        }
        assert_eq!((receiver.heard.len(), receiver.heard.as_ptr()), (MAX_SOCKETS, places));
        assert_eq!(receiver.open(A, B, &sealed(&mut sender, b"new")), Err(WireError::Replayed));
    }

    #[test]
    fn a_changed_datagram_is_refused() {
        let (mut sender, mut receiver) = (seal(&[1; 32]), seal(&[1; 32]));
        let datagram = sealed(&mut sender, b"a message");
        for at in 0..datagram.len() {
            let mut changed = datagram.clone();
            changed[at] ^= 1;
            assert_eq!(receiver.open(A, B, &changed), Err(WireError::Forged));
        }
        for length in 0..datagram.len() {
            assert_eq!(receiver.open(A, B, &datagram[..length]), Err(WireError::Forged));
        }
        assert_eq!(seal(&[2; 32]).open(A, B, &datagram), Err(WireError::Forged), "another key");
        assert_eq!(receiver.open(A, B, &datagram), Ok(&b"a message"[..]));
    }

    #[test]
    fn old_datagrams_and_short_secrets_are_refused() {
        let (sender, mut receiver) = (seal(&[1; 32]), seal(&[1; 32]));
        let mut room = [0; 8 + SEAL_BYTES];
        let number = time_of_day_us() - 2 * MAX_AGE.as_micros() as u64;
        let tag = sender.tag(A, B, number, &room[..8]);
        let trailer = Trailer { number: U64::new(number), tag };
        room[8..].copy_from_slice(trailer.as_bytes());
        assert_eq!(receiver.open(A, B, &room), Err(WireError::Replayed));
        assert!(ClusterKey::from_secret(&[1; MIN_SECRET_BYTES - 1]).is_none());
    }
}
