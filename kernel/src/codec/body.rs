//! What [`Framed`](crate::codec::Framed) asks of a protocol: how its payloads look.
//!
//! **Invariant:** what [`Body::write`] writes, [`Body::read`] reads back equal, and every payload that
//! reads is exactly what is written for it.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::{PackedPeer, Peer, Peers};
use crate::codec::error::WireError;
use crate::node::{MessageOf, Protocol, RequestId};

/// Longest payload that [`Body::length`] measures by itself.
const MAX_MEASURED_BYTES: usize = 2048;

/// A protocol whose messages have a kind, a number, and a payload.
pub trait Body: Protocol {
    /// Writes the payload of `message` and returns its kind. Returns `None` if the payload does not
    /// fit, or has a value that [`read`](Body::read) would refuse.
    fn write(message: &MessageOf<'_, Self>, out: &mut Writer<'_>) -> Option<u8>;

    /// The length of the payload of `message`, in bytes; 0 if it cannot be written.
    ///
    /// Unless a protocol knows better, the payload is written and measured.
    fn length(message: &MessageOf<'_, Self>) -> usize {
        let mut room = [0; MAX_MEASURED_BYTES];
        let mut out = Writer::new(&mut room);
        Self::write(message, &mut out).map_or(0, |_| out.written())
    }

    /// Reads the payload of a message of this kind.
    ///
    /// # Errors
    ///
    /// [`WireError::BadKind`], [`WireError::BadLength`] or [`WireError::BadValue`].
    fn read(kind: u8, payload: &[u8]) -> Result<MessageOf<'_, Self>, WireError>;
}

/// Appends to a buffer. Every method returns `None` once the buffer is full.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    written: usize,
}

impl<'a> Writer<'a> {
    /// Writes from the start of `buffer`.
    #[inline]
    #[must_use]
    pub const fn new(buffer: &'a mut [u8]) -> Writer<'a> {
        Writer { buffer, written: 0 }
    }

    /// Bytes written so far.
    #[inline]
    #[must_use]
    pub const fn written(&self) -> usize {
        self.written
    }

    /// Appends a value.
    #[inline]
    pub fn put<T: IntoBytes + Immutable>(&mut self, value: &T) -> Option<()> {
        self.put_bytes(value.as_bytes())
    }

    /// Appends bytes.
    #[inline]
    pub fn put_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.written + bytes.len();
        self.buffer.get_mut(self.written..end)?.copy_from_slice(bytes);
        self.written = end;
        Some(())
    }

    /// Appends the name of a request.
    #[inline]
    pub fn put_request(&mut self, RequestId(id): RequestId) -> Option<()> {
        self.put_bytes(&id.to_be_bytes())
    }

    /// Appends a list of peers, packed.
    pub fn put_peers(&mut self, peers: Peers<'_>) -> Option<()> {
        peers.iter().try_for_each(|peer: Peer| self.put(&PackedPeer::from(peer)))
    }
}

/// The whole of `bytes` as a value.
///
/// # Errors
///
/// [`WireError::BadLength`] if it is longer or shorter than that.
#[inline]
pub fn whole<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    bytes: &[u8],
) -> Result<&T, WireError> {
    T::ref_from_bytes(bytes).map_err(|_| WireError::BadLength)
}

/// A value at the start of `bytes`, and what follows it.
///
/// # Errors
///
/// [`WireError::BadLength`] if there are too few bytes.
#[inline]
pub fn first<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    bytes: &[u8],
) -> Result<(&T, &[u8]), WireError> {
    T::ref_from_prefix(bytes).map_err(|_| WireError::BadLength)
}

/// The whole of `bytes` as the name of a request.
///
/// # Errors
///
/// [`WireError::BadLength`] if it is longer or shorter than that.
#[inline]
pub fn whole_request(bytes: &[u8]) -> Result<RequestId, WireError> {
    let bytes = bytes.try_into().map_err(|_| WireError::BadLength)?;
    Ok(RequestId(u64::from_be_bytes(bytes)))
}
