//! Requests in flight, and how long to wait for their replies.
//!
//! One table serves all nodes of a driver: what a node has in flight comes and goes, and a million
//! nodes cannot each keep room for their worst moment. Requests are found by their 64 random bits
//! (open addressing over a power-of-two index; random names spread by themselves), and keep their
//! handle while the table moves, so that a handle can name a timer.
//!
//! **Invariant:** a full table refuses; it never grows, and never forgets a request unasked.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;

use crate::base::{Peer, Time};

/// Longest payload that is kept for a request, in bytes.
pub const MAX_PAYLOAD: usize = 1024;

/// Names a request, so that its reply can be told from a forged or a stale one: 64 random bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RequestId(pub u64);

/// Where in [`Requests`] a request lies, as long as it is in flight: `0 .. capacity`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestHandle(pub u32);

/// One request in flight.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Request<K> {
    /// What the reply must repeat.
    pub id: RequestId,
    /// The driver's number of the node that asked.
    pub node: u32,
    /// Who must reply, and from where.
    pub to: Peer,
    /// When this attempt was sent.
    pub sent_at: Time,
    /// Attempts that timed out before this one.
    pub retries: u8,
    /// What it is about.
    pub kind: K,
}

/// What a request is about: one type for each protocol.
pub trait RequestKind: Copy + Debug + Send + 'static {
    /// The payload that is kept for the request, if there is one.
    fn payload(&self) -> Option<PayloadHandle> {
        None
    }
}

/// Where a payload lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PayloadHandle(u16);

/// The table of requests in flight.
#[derive(Debug)]
pub struct Requests<K> {
    entries: Vec<Entry<K>>,
    free: u32,
    len: usize,
    capacity: usize,
    /// Entry numbers, found by the low bits of the request's name and linear probing.
    index: Box<[u32]>,
    payloads: Box<[Payload]>,
}

#[derive(Clone, Copy, Debug)]
enum Entry<K> {
    Free { next: u32 },
    Used(Request<K>),
}

#[derive(Clone, Debug)]
struct Payload {
    length: Option<u16>,
    bytes: [u8; MAX_PAYLOAD],
}

const NONE: u32 = u32::MAX;
/// Payloads on their way from one driver's nodes at a time.
const PAYLOADS: usize = 64;

impl<K: RequestKind> Requests<K> {
    /// An empty table with room for `capacity` requests.
    ///
    /// Memory is reserved here and touched as it is first used.
    #[must_use]
    pub fn new(capacity: usize) -> Requests<K> {
        assert!(capacity < NONE as usize / 4, "a table holds fewer than 2^30 requests");
        Requests {
            entries: Vec::with_capacity(capacity),
            free: NONE,
            len: 0,
            capacity,
            index: vec![0; (capacity * 2).next_power_of_two().max(2)].into_boxed_slice(),
            payloads: vec![Payload { length: None, bytes: [0; MAX_PAYLOAD] }; PAYLOADS]
                .into_boxed_slice(),
        }
    }

    /// How many requests are in flight.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether none is.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many there can be.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether a quarter of the table or less is left. Work for others is refused then, so that a
    /// flood of it cannot keep nodes from their own.
    #[inline]
    #[must_use]
    pub const fn is_crowded(&self) -> bool {
        self.len >= self.capacity - self.capacity / 4
    }

    /// Enters a request, or refuses it if the table is full.
    #[inline]
    pub fn insert(&mut self, request: Request<K>) -> Option<RequestHandle> {
        let at = if self.free != NONE {
            let at = self.free;
            if let Entry::Free { next } = self.entries[at as usize] {
                self.free = next;
            }
            self.entries[at as usize] = Entry::Used(request);
            at
        } else if self.entries.len() < self.capacity {
            self.entries.push(Entry::Used(request));
            (self.entries.len() - 1) as u32
        } else {
            return None;
        };
        self.len += 1;
        let mut place = self.home(request.id);
        while self.index[place] != 0 {
            place = (place + 1) & (self.index.len() - 1);
        }
        self.index[place] = at + 1;
        Some(RequestHandle(at))
    }

    /// The request of that name.
    #[inline]
    #[must_use]
    pub fn find(&self, id: RequestId) -> Option<RequestHandle> {
        let place = self.place(|request| request.id == id, id)?;
        Some(RequestHandle(self.index[place] - 1))
    }

    /// The request at `handle`, if there is one.
    #[inline]
    #[must_use]
    pub fn at(&self, handle: RequestHandle) -> Option<&Request<K>> {
        match self.entries.get(handle.0 as usize) {
            Some(Entry::Used(request)) => Some(request),
            _ => None,
        }
    }

    /// Takes out the request at `handle`.
    #[inline]
    pub fn remove(&mut self, handle: RequestHandle) -> Option<Request<K>> {
        let request = *self.at(handle)?;
        let mut hole = self.place_of(handle, request.id)?;
        self.entries[handle.0 as usize] = Entry::Free { next: self.free };
        self.free = handle.0;
        self.len -= 1;
        // Close the gap, so that no search ends at it before its time.
        let mask = self.index.len() - 1;
        let mut place = hole;
        loop {
            place = (place + 1) & mask;
            let number = self.index[place];
            if number == 0 {
                break;
            }
            let Entry::Used(other) = &self.entries[number as usize - 1] else { continue };
            let home = self.home(other.id);
            if (place.wrapping_sub(home) & mask) >= (place.wrapping_sub(hole) & mask) {
                self.index[hole] = number;
                hole = place;
            }
        }
        self.index[hole] = 0;
        Some(request)
    }

    /// Takes out one of the requests of a node that is gone, with its payload if it has one. Looks
    /// at every entry; call until it finds none.
    pub fn abandon_one(&mut self, node: u32) -> Option<RequestHandle> {
        let is_its =
            |entry: &Entry<K>| matches!(entry, Entry::Used(request) if request.node == node);
        let handle = RequestHandle(self.entries.iter().position(is_its)? as u32);
        let request = self.remove(handle)?;
        if let Some(payload) = request.kind.payload() {
            self.free_payload(payload);
        }
        Some(handle)
    }

    /// Keeps a payload until it is [freed](Self::free_payload); refuses one that is too long, or
    /// one too many.
    pub fn keep_payload(&mut self, bytes: &[u8]) -> Option<PayloadHandle> {
        let at = self.payloads.iter().position(|payload| payload.length.is_none())?;
        let payload = &mut self.payloads[at];
        payload.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        payload.length = Some(bytes.len() as u16);
        Some(PayloadHandle(at as u16))
    }

    /// The payload kept at `handle`.
    #[must_use]
    pub fn payload(&self, handle: PayloadHandle) -> &[u8] {
        let payload = &self.payloads[usize::from(handle.0)];
        &payload.bytes[..payload.length.unwrap_or(0).into()]
    }

    /// Gives back the room of a payload.
    pub fn free_payload(&mut self, handle: PayloadHandle) {
        self.payloads[usize::from(handle.0)].length = None;
    }

    #[inline]
    fn home(&self, id: RequestId) -> usize {
        id.0 as usize & (self.index.len() - 1)
    }

    #[inline]
    fn place(&self, is_it: impl Fn(&Request<K>) -> bool, id: RequestId) -> Option<usize> {
        let mut place = self.home(id);
        loop {
            let number = self.index[place];
            if number == 0 {
                return None;
            }
            match &self.entries[number as usize - 1] {
                Entry::Used(request) if is_it(request) => return Some(place),
                _ => place = (place + 1) & (self.index.len() - 1),
            }
        }
    }

    #[inline]
    fn place_of(&self, handle: RequestHandle, id: RequestId) -> Option<usize> {
        let mut place = self.home(id);
        while self.index[place] != 0 {
            if self.index[place] == handle.0 + 1 {
                return Some(place);
            }
            place = (place + 1) & (self.index.len() - 1);
        }
        None
    }
}
