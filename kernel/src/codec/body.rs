//! The payload format of a protocol, for use with [`Framed`](crate::codec::Framed).
//!
//! **Invariant:** [`Body::read`] returns the message that [`Body::write`] wrote, and each message
//! has exactly one valid encoding.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::base::{PackedPeer, Peer, Peers};
use crate::codec::error::WireError;
use crate::node::{MessageOf, Protocol, RequestId};

/// Longest payload that the default [`Body::length`] can measure.
const MAX_MEASURED_BYTES: usize = 2048;

/// A protocol whose messages are encoded as a kind number and a payload.
pub trait Body: Protocol {
    /// Writes the payload of `message` and returns its kind. Returns `None` if the payload does not
    /// fit, or has a value that [`read`](Body::read) would refuse.
    fn write(message: &MessageOf<'_, Self>, out: &mut Writer<'_>) -> Option<u8>;

    /// As [`write`](Body::write), for a reader of `version`. Override it if versions differ, or to hand the
    /// version on: an older one knows neither newer kinds nor newer fields. By default, all are written the
    /// same.
    #[inline(always)]
    fn write_in(_version: u8, message: &MessageOf<'_, Self>, out: &mut Writer<'_>) -> Option<u8> {
        Self::write(message, out)
    }

    /// The length of the payload of `message` in bytes, in the newest version; 0 if it cannot be written.
    ///
    /// The default writes the payload and measures it. Override it with something faster.
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

    /// Reads the payload of a message of this kind that was written in `version`. Override it if versions
    /// differ, or to hand the version on. By default, all are read the same.
    ///
    /// # Errors
    ///
    /// As [`read`](Body::read).
    #[inline(always)]
    fn read_in(_version: u8, kind: u8, payload: &[u8]) -> Result<MessageOf<'_, Self>, WireError> {
        Self::read(kind, payload)
    }

    /// Checks a payload: accepts exactly what [`read`](Body::read) accepts. The default reads it; override
    /// it where the compiler does not leave out building the message.
    ///
    /// # Errors
    ///
    /// As [`read`](Body::read).
    #[inline]
    fn check(kind: u8, payload: &[u8]) -> Result<(), WireError> {
        Self::read(kind, payload).map(drop)
    }

    /// As [`check`](Body::check), of a payload that was written in `version`. Override it together with
    /// [`read_in`](Body::read_in).
    ///
    /// # Errors
    ///
    /// As [`read`](Body::read).
    #[inline(always)]
    fn check_in(_version: u8, kind: u8, payload: &[u8]) -> Result<(), WireError> {
        Self::check(kind, payload)
    }
}

/// Appends to a buffer. Methods return `None` if the buffer is too short.
#[derive(Debug)]
pub struct Writer<'a> {
    buffer: &'a mut [u8],
    written: usize,
}

impl<'a> Writer<'a> {
    /// A writer at the start of `buffer`.
    #[inline]
    #[must_use]
    pub const fn new(buffer: &'a mut [u8]) -> Writer<'a> {
        Writer { buffer, written: 0 }
    }

    /// The number of bytes written so far.
    #[inline]
    #[must_use]
    pub const fn written(&self) -> usize {
        self.written
    }

    /// Appends a value.
    // Inlined by force: otherwise a protocol of many messages copies each value by a call.
    #[inline(always)]
    pub fn put<T: IntoBytes + Immutable>(&mut self, value: &T) -> Option<()> {
        let end = self.written + size_of::<T>();
        value.write_to(self.buffer.get_mut(self.written..end)?).ok()?;
        self.written = end;
        Some(())
    }

    /// Appends bytes.
    #[inline]
    pub fn put_bytes(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.written + bytes.len();
        self.buffer.get_mut(self.written..end)?.copy_from_slice(bytes);
        self.written = end;
        Some(())
    }

    /// Appends a request identifier.
    #[inline]
    pub fn put_request_id(&mut self, RequestId(id): RequestId) -> Option<()> {
        self.put_bytes(&id.to_be_bytes())
    }

    /// Appends a list of peers, packed.
    pub fn put_peers(&mut self, peers: Peers<'_>) -> Option<()> {
        peers.iter().try_for_each(|peer: Peer| self.put(&PackedPeer::from(peer)))
    }
}

/// Reads all of `bytes` as one value.
///
/// # Errors
///
/// [`WireError::BadLength`] if `bytes` is longer or shorter than the value.
#[inline(always)]
pub fn read_exact<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    bytes: &[u8],
) -> Result<&T, WireError> {
    T::ref_from_bytes(bytes).map_err(|_| WireError::BadLength)
}

/// Reads a value at the start of `bytes`. Returns it and the rest.
///
/// # Errors
///
/// [`WireError::BadLength`] if `bytes` is too short.
#[inline]
pub fn read_prefix<T: FromBytes + KnownLayout + Immutable + Unaligned>(
    bytes: &[u8],
) -> Result<(&T, &[u8]), WireError> {
    T::ref_from_prefix(bytes).map_err(|_| WireError::BadLength)
}

/// Reads all of `bytes` as one request identifier.
///
/// # Errors
///
/// [`WireError::BadLength`] if `bytes` is longer or shorter than an identifier.
#[inline]
pub fn read_request_id(bytes: &[u8]) -> Result<RequestId, WireError> {
    let bytes = bytes.try_into().map_err(|_| WireError::BadLength)?;
    Ok(RequestId(u64::from_be_bytes(bytes)))
}
