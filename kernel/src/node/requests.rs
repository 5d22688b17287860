//! The table of requests in flight.
//!
//! One table serves all nodes of a driver, because a million nodes cannot each reserve room for
//! their worst case. Requests are found by their 64-bit random identifier (open addressing over a
//! power-of-two index; random identifiers need no hashing). A handle stays valid while its request
//! is in flight, so it can also number a timer.
//!
//! **Invariant:** a full table refuses new requests; it never grows, and never evicts a request.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;
use core::time::Duration;

use crate::base::{Address, Peer, Time};

/// Longest payload of a message or request, in bytes.
pub const MAX_PAYLOAD: usize = 1024;

/// Identifies an attempt of a request. The low 59 bits are random, so that forged and stale replies do
/// not match; the high 5 bits are the number of the attempt. A reply repeats the identifier, so it says
/// which attempt it answers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct RequestId(pub u64);

/// Attempts of one request, at most.
pub const MAX_ATTEMPTS: u8 = 1 << (u64::BITS - NAME_BITS);

const NAME_BITS: u32 = 59;
const NAME: u64 = (1 << NAME_BITS) - 1;

impl RequestId {
    /// The first attempt of a request with this random name, of which 59 bits are used.
    #[inline]
    #[must_use]
    pub const fn first(name: u64) -> RequestId {
        RequestId(name & NAME)
    }

    /// The number of the attempt: 0 for the first one.
    #[inline]
    #[must_use]
    pub const fn attempt(self) -> u8 {
        (self.0 >> NAME_BITS) as u8
    }

    /// The identifier of another attempt of the same request.
    ///
    /// # Panics
    ///
    /// In debug builds, if `attempt` is not below [`MAX_ATTEMPTS`].
    #[must_use]
    pub const fn with_attempt(self, attempt: u8) -> RequestId {
        debug_assert!(attempt < MAX_ATTEMPTS);
        RequestId(self.0 & NAME | (attempt as u64) << NAME_BITS)
    }

    /// A number of this request of `origin`, the same for all its attempts; see
    /// [`Protocol::lookup_of`](crate::Protocol::lookup_of).
    #[inline]
    #[must_use]
    pub const fn lookup_from(self, origin: &Peer) -> u64 {
        (self.0 & NAME) ^ origin.address.to_bits()
    }

    /// Whether both are attempts of the same request.
    #[inline]
    #[must_use]
    pub const fn is_same_request(self, other: RequestId) -> bool {
        (self.0 ^ other.0) & NAME == 0
    }
}

/// The position of a request in [`Requests`] while it is in flight: `0 .. capacity`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestHandle(pub u32);

/// One request in flight.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Request<K> {
    /// The identifier that the reply must repeat.
    pub id: RequestId,
    /// The driver's number of the requesting node.
    pub node: u32,
    /// The peer that must reply.
    pub to: Peer,
    /// When the first attempt under this identifier was sent.
    pub sent_at: Time,
    /// When the last attempt was sent.
    pub last_at: Time,
    /// Attempts that timed out before the last one.
    pub retries: u8,
    /// On whose behalf the request was made.
    pub source: Source,
    /// The protocol's own part.
    pub kind: K,
}

impl<K> Request<K> {
    /// The time from the attempt that `reply` answers to `now`. `None` if that is neither the first
    /// nor the last attempt, whose times are not kept (Karn and Partridge, *Improving round-trip time
    /// estimates in reliable transport protocols*, SIGCOMM 1987: no guesses).
    #[inline]
    #[must_use]
    pub fn round_trip(&self, reply: RequestId, now: Time) -> Option<Duration> {
        match reply.attempt() {
            0 => Some(now.since(self.sent_at)),
            last if last == self.retries => Some(now.since(self.last_at)),
            _ => None,
        }
    }
}

/// On whose behalf a request is made: the node's own, or one of 255 groups of sockets.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Source(u8);

impl Source {
    /// The node's own.
    pub const OWN: Source = Source(0);

    /// The group of the socket at `address`. A host cannot spread over more groups than it has sockets.
    #[inline]
    #[must_use]
    pub fn of(address: Address) -> Source {
        let mixed = address.socket().to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Source(((mixed >> 56) as u8).max(1))
    }
}

/// A protocol's own part of a request: what was asked, and what to do with the reply.
pub trait RequestKind: Copy + Debug + Send + 'static {
    /// Payloads that a table keeps at a time, at most.
    const MAX_PAYLOADS: usize = 64;

    /// The payload that the table keeps for this request, if any.
    fn payload(&self) -> Option<PayloadHandle> {
        None
    }

    /// Whether it waits for a contact of a lookup of the application. A contact that does not answer in
    /// time counts as a timeout of the lookup, once however often it is asked. A lookup's own origin is
    /// no contact.
    fn is_contact(&self) -> bool {
        false
    }
}

/// The position of a payload in [`Requests`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PayloadHandle(u16);

/// The table of requests in flight.
#[derive(Debug)]
pub struct Requests<K> {
    entries: Vec<Entry<K>>,
    free: u32,
    len: usize,
    capacity: usize,
    /// Entry numbers plus one, 0 if vacant. Probed linearly from the low bits of the identifier.
    index: Box<[u32]>,
    payloads: Vec<Payload>,
    /// Payloads that were kept and are free again.
    free_payloads: Vec<u16>,
    payloads_max: usize,
    /// Requests in flight by source.
    by_source: [u32; 256],
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

/// The clone has the same capacity.
impl<K: Clone> Clone for Requests<K> {
    fn clone(&self) -> Requests<K> {
        let mut entries = Vec::with_capacity(self.capacity);
        entries.extend_from_slice(&self.entries);
        let mut payloads = Vec::with_capacity(self.payloads_max);
        payloads.extend_from_slice(&self.payloads);
        let mut free_payloads = Vec::with_capacity(self.payloads_max);
        free_payloads.extend_from_slice(&self.free_payloads);
        Requests { entries, payloads, free_payloads, index: self.index.clone(), ..*self }
    }

    /// Reuses the memory.
    fn clone_from(&mut self, source: &Requests<K>) {
        self.entries.clone_from(&source.entries);
        self.index.clone_from(&source.index);
        self.payloads.clone_from(&source.payloads);
        self.free_payloads.clone_from(&source.free_payloads);
        (self.free, self.len, self.capacity) = (source.free, source.len, source.capacity);
        (self.payloads_max, self.by_source) = (source.payloads_max, source.by_source);
    }
}

impl<K: RequestKind> Requests<K> {
    /// An empty table with room for `capacity` requests.
    ///
    /// Memory is reserved now, and touched when first used.
    #[must_use]
    pub fn new(capacity: usize) -> Requests<K> {
        assert!(capacity < NONE as usize / 4, "a table holds fewer than 2^30 requests");
        // No more than there can be requests, but for very small tables.
        let payloads = K::MAX_PAYLOADS.min(capacity.max(64)).min(u16::MAX.into());
        Requests {
            entries: Vec::with_capacity(capacity),
            free: NONE,
            len: 0,
            capacity,
            index: vec![0; (capacity * 2).next_power_of_two().max(2)].into_boxed_slice(),
            payloads: Vec::with_capacity(payloads),
            free_payloads: Vec::with_capacity(payloads),
            payloads_max: payloads,
            by_source: [0; 256],
        }
    }

    /// The number of requests in flight.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no request is in flight.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The number of requests that can be in flight.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// Whether a quarter of the table or less is free. Work for other nodes is refused then, so
    /// that a flood of it cannot block a node's own requests.
    #[inline]
    #[must_use]
    pub const fn is_crowded(&self) -> bool {
        self.len >= self.capacity - self.capacity / 4
    }

    /// Whether there is room for a request on behalf of `source`. A source may have as many requests in
    /// flight as there is room left for others, so one source gets at most half of it, two a third each
    /// (Choudhury and Hahne, *Dynamic queue length thresholds for shared-memory packet switches*,
    /// IEEE/ACM ToN 6(2), 1998). What is left lets a newcomer in.
    #[inline]
    #[must_use]
    pub const fn has_room_for(&self, source: Source) -> bool {
        let room = (self.capacity - self.capacity / 4).saturating_sub(self.len);
        (self.by_source[source.0 as usize] as usize) < room
    }

    /// Adds a request. Returns `None` if the table is full.
    #[inline(always)]
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
        self.by_source[usize::from(request.source.0)] += 1;
        let mut place = self.home(request.id);
        while self.index[place] != 0 {
            place = (place + 1) & (self.index.len() - 1);
        }
        self.index[place] = at + 1;
        Some(RequestHandle(at))
    }

    /// The handle of the request of which `id` is an attempt.
    #[inline]
    #[must_use]
    pub fn find(&self, id: RequestId) -> Option<RequestHandle> {
        let place = self.place(|request| request.id.is_same_request(id), id)?;
        Some(RequestHandle(self.index[place] - 1))
    }

    /// Counts another attempt of the request at `handle`, sent at `now`. Returns its identifier.
    /// `None` if there is no such request or it has had [`MAX_ATTEMPTS`].
    pub fn retransmit(&mut self, handle: RequestHandle, now: Time) -> Option<RequestId> {
        match self.entries.get_mut(handle.0 as usize) {
            Some(Entry::Used(request)) if request.retries + 1 < MAX_ATTEMPTS => {
                request.retries += 1;
                request.last_at = now;
                Some(request.id.with_attempt(request.retries))
            }
            _ => None,
        }
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

    /// The protocol's own part of the request at `handle`, if there is one.
    #[must_use]
    pub fn kind_mut(&mut self, handle: RequestHandle) -> Option<&mut K> {
        match self.entries.get_mut(handle.0 as usize) {
            Some(Entry::Used(request)) => Some(&mut request.kind),
            _ => None,
        }
    }

    /// Removes and returns the request at `handle`.
    #[inline(always)]
    pub fn remove(&mut self, handle: RequestHandle) -> Option<Request<K>> {
        let request = *self.at(handle)?;
        let mut hole = self.place_of(handle, request.id)?;
        self.entries[handle.0 as usize] = Entry::Free { next: self.free };
        self.free = handle.0;
        self.len -= 1;
        self.by_source[usize::from(request.source.0)] -= 1;
        // Close the gap, so that it does not end the probing for later entries.
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

    /// Removes one request of a node that no longer exists, and its payload. Scans all entries;
    /// call it until it returns `None`.
    pub fn abandon_one(&mut self, node: u32) -> Option<RequestHandle> {
        let of_node =
            |entry: &Entry<K>| matches!(entry, Entry::Used(request) if request.node == node);
        let handle = RequestHandle(self.entries.iter().position(of_node)? as u32);
        let request = self.remove(handle)?;
        if let Some(payload) = request.kind.payload() {
            self.free_payload(payload);
        }
        Some(handle)
    }

    /// Keeps a payload until it is [freed](Self::free_payload). Returns `None` if it is longer than
    /// [`MAX_PAYLOAD`] or too many payloads are kept.
    pub fn keep_payload(&mut self, bytes: &[u8]) -> Option<PayloadHandle> {
        if bytes.len() > MAX_PAYLOAD {
            return None;
        }
        let at = match self.free_payloads.pop() {
            Some(at) => at,
            None if self.payloads.len() < self.payloads_max => {
                self.payloads.push(Payload { length: None, bytes: [0; MAX_PAYLOAD] });
                (self.payloads.len() - 1) as u16
            }
            None => return None,
        };
        let payload = &mut self.payloads[usize::from(at)];
        payload.bytes[..bytes.len()].copy_from_slice(bytes);
        payload.length = Some(bytes.len() as u16);
        Some(PayloadHandle(at))
    }

    /// The payload at `handle`.
    #[must_use]
    pub fn payload(&self, handle: PayloadHandle) -> &[u8] {
        let payload = &self.payloads[usize::from(handle.0)];
        &payload.bytes[..payload.length.unwrap_or(0).into()]
    }

    /// Frees a payload.
    pub fn free_payload(&mut self, handle: PayloadHandle) {
        let payload = &mut self.payloads[usize::from(handle.0)];
        if payload.length.take().is_some() {
            self.free_payloads.push(handle.0);
        }
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
