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
use core::time::Duration;

use crate::id::Id;
use crate::items::{OwnFetch, Query};
use crate::message::{Cookie, Lookup, MAX_PAYLOAD, Purpose, RequestId};
use crate::peer::Peer;
use crate::silent::Silent;
use crate::time::Time;

/// Where in [`Requests`] a request lies, as long as it is in flight: `0 .. capacity`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestHandle(pub u32);

/// One request in flight.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Request {
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
    pub kind: RequestKind,
}

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum RequestKind {
    /// A ping.
    Probe(Probe),
    /// The neighbours of `to` were asked for.
    Neighbors {
        /// Why.
        reason: Ask,
        /// The cookie it was asked with.
        cookie: Cookie,
    },
    /// A lookup was handed on and is to be acknowledged.
    Forward {
        /// As it arrived here.
        lookup: Lookup,
    },
    /// A recursive lookup of this node's own.
    Origin(OwnLookup),
    /// An iterative lookup of this node's own: `to` has been asked for the next step.
    Iterate(Iteration),
    /// A payload was sent to the owner.
    Deliver(OwnLookup),
    /// An index was told of an item of this node's.
    Publish(Publication),
    /// An index was asked.
    Find(OwnFind),
    /// A holder was asked for an item.
    Fetch(OwnFetch),
    /// A search of this node's own is out among its neighbours; `to` is this node itself.
    Search(OwnSearch),
    /// A peer was asked to be a neighbour, or a server whether it is there.
    Connect,
}

/// An item being made known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publication {
    /// Where it stands on the shelf.
    pub index: u32,
    /// The cookie it was published with.
    pub cookie: Cookie,
}

/// A question to an index, at who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnFind {
    /// The caller's name for it.
    pub token: u64,
    /// What is asked.
    pub query: Query,
    /// The cookie it was asked with.
    pub cookie: Cookie,
    /// When it fails.
    pub deadline: Time,
    /// Transfers on the way to whoever is asked.
    pub hops: u8,
    /// Contacts that did not answer.
    pub timeouts: u8,
}

/// A search among neighbours, at who searches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OwnSearch {
    /// The caller's name for it.
    pub token: u64,
    /// What is searched for.
    pub query: Query,
    /// When it fails.
    pub deadline: Time,
    /// Rounds before this one, where the search widens.
    pub round: u8,
}

/// Why a peer is pinged, and so what its reply means.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Probe {
    /// It did not answer something else: is it dead?
    Suspect,
    /// It may become this node's predecessor.
    Rectify,
    /// It is the predecessor; if it is dead, the candidate may follow it.
    Predecessor(Peer),
    /// It may become a finger.
    Finger,
    /// It asks to be a neighbor, in a request of this name.
    Candidate(RequestId),
}

/// Why neighbours are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Of the first successor: the periodic check.
    Stabilize,
    /// Of a node that may have come between this one and its first successor.
    Candidate,
    /// Of the node that is to be this one's predecessor: joining.
    Join,
}

/// A lookup at its origin.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OwnLookup {
    /// The caller's name for it.
    pub token: u64,
    /// What is looked up.
    pub key: Id,
    /// What it is for.
    pub purpose: Purpose,
    /// When it fails.
    pub deadline: Time,
    /// Contacts that did not answer: how many,
    pub timeouts: u8,
    /// and who, lately.
    pub silent: Silent,
    /// Where the payload for the owner lies, if this is on the way to a delivery.
    pub payload: Option<PayloadHandle>,
}

/// How far an iterative lookup has come.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Iteration {
    /// What it is.
    pub own: OwnLookup,
    /// Who named the node that is asked now.
    pub previous: Peer,
    /// Hops so far.
    pub hops: u8,
    /// Whether a node on the way already knew.
    pub known: bool,
    /// Further steps allowed.
    pub budget: u8,
}

/// Where a payload lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PayloadHandle(u16);

/// The table of requests in flight.
#[derive(Debug)]
pub struct Requests {
    entries: Vec<Entry>,
    free: u32,
    len: usize,
    capacity: usize,
    /// Entry numbers, found by the low bits of the request's name and linear probing.
    index: Box<[u32]>,
    payloads: Box<[Payload]>,
}

#[derive(Clone, Copy, Debug)]
enum Entry {
    Free { next: u32 },
    Used(Request),
}

#[derive(Clone, Debug)]
struct Payload {
    length: Option<u16>,
    bytes: [u8; MAX_PAYLOAD],
}

const NONE: u32 = u32::MAX;
/// Payloads on their way from one driver's nodes at a time.
const PAYLOADS: usize = 64;

impl Requests {
    /// An empty table with room for `capacity` requests.
    ///
    /// Memory is reserved here and touched as it is first used.
    #[must_use]
    pub fn new(capacity: usize) -> Requests {
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
    pub fn insert(&mut self, request: Request) -> Option<RequestHandle> {
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
    pub fn at(&self, handle: RequestHandle) -> Option<&Request> {
        match self.entries.get(handle.0 as usize) {
            Some(Entry::Used(request)) => Some(request),
            _ => None,
        }
    }

    /// Takes out the request at `handle`.
    #[inline]
    pub fn remove(&mut self, handle: RequestHandle) -> Option<Request> {
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
        let is_its = |entry: &Entry| matches!(entry, Entry::Used(request) if request.node == node);
        let handle = RequestHandle(self.entries.iter().position(is_its)? as u32);
        let request = self.remove(handle)?;
        if let RequestKind::Origin(own)
        | RequestKind::Deliver(own)
        | RequestKind::Iterate(Iteration { own, .. }) = request.kind
            && let Some(payload) = own.payload
        {
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
    fn place(&self, is_it: impl Fn(&Request) -> bool, id: RequestId) -> Option<usize> {
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

/// How long to wait for a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeoutPolicy {
    /// Mean plus four mean deviations of the measured round trips, within
    /// [`MIN_TIMEOUT`] … [`MAX_TIMEOUT`] (Rhea et al., *Handling churn in a DHT*, USENIX 2004).
    Adaptive,
    /// Always the same.
    Fixed(Duration),
}

/// Shortest adaptive timeout, and the least that it lies above the mean: where every round trip takes
/// the same, the deviation alone would leave a reply no time to be a little late.
pub const MIN_TIMEOUT: Duration = Duration::from_millis(2);
/// Longest adaptive timeout.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(3);
/// Adaptive timeout before anything was measured, unless replies have failed to come already.
pub const INITIAL_TIMEOUT: Duration = Duration::from_millis(250);

/// Measured round trips: running mean and mean deviation (Jacobson, *Congestion avoidance and
/// control*, SIGCOMM 1988), with exponential backoff while nothing answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct RoundTrips {
    mean_us: u32,
    deviation_us: u32,
    backoff: u8,
}

/// The timeout doubles at most this often.
const MAX_BACKOFF: u8 = 6;

impl RoundTrips {
    /// A reply came after `round_trip`.
    #[inline]
    pub fn record(&mut self, round_trip: Duration) {
        let us = u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX).clamp(1, 60_000_000);
        self.backoff = 0;
        if self.mean_us == 0 {
            (self.mean_us, self.deviation_us) = (us, us / 2);
            return;
        }
        let error = us.abs_diff(self.mean_us);
        self.deviation_us = self.deviation_us - self.deviation_us / 4 + error / 4;
        self.mean_us = (self.mean_us - self.mean_us / 8 + us / 8).max(1);
    }

    /// A reply did not come in time. Replies that come later than the timeout cannot be matched, so
    /// without this a timeout that is too short could never learn that it is.
    #[inline]
    pub fn record_timeout(&mut self) {
        self.backoff = (self.backoff + 1).min(MAX_BACKOFF);
    }

    /// How long to wait for the next reply.
    #[inline]
    #[must_use]
    pub fn timeout(&self, policy: TimeoutPolicy) -> Duration {
        match policy {
            TimeoutPolicy::Fixed(timeout) => timeout,
            TimeoutPolicy::Adaptive => {
                let us = match self.mean_us {
                    0 => INITIAL_TIMEOUT.as_micros() as u64,
                    mean => {
                        let spread = 4 * u64::from(self.deviation_us);
                        u64::from(mean) + spread.max(MIN_TIMEOUT.as_micros() as u64)
                    }
                };
                Duration::from_micros(us << self.backoff).min(MAX_TIMEOUT)
            }
        }
    }
}
