//! The request tables of a protocol and of the protocols that it carries.
//!
//! **Invariant:** a handle identifies one request across all of these tables.

use core::fmt::Debug;

use crate::base::Peer;
use crate::node::requests::{RequestHandle, RequestKind, Requests};

/// The requests in flight of a protocol and of those it carries: one table each.
///
/// One range of handles covers all tables; those of the protocol itself come first.
pub trait RequestTables: Debug + Send {
    /// The kind of the protocol's own requests.
    type Kind: RequestKind;

    /// Empty tables with room for `capacity` requests each.
    #[must_use]
    fn with_capacity(capacity: usize) -> Self;

    /// The protocol's own requests.
    fn own(&self) -> &Requests<Self::Kind>;

    /// The protocol's own requests.
    fn own_mut(&mut self) -> &mut Requests<Self::Kind>;

    /// The number of handles: all handles are below it.
    fn handles(&self) -> usize;

    /// The number of requests in flight, in all tables.
    fn in_flight(&self) -> usize;

    /// The driver's number of the node that made the request at `handle`.
    fn node_of(&self, handle: RequestHandle) -> Option<u32>;

    /// The peer that must reply to the request at `handle`.
    fn peer_of(&self, handle: RequestHandle) -> Option<Peer>;

    /// Whether the request at `handle`, whose timer has fired, was the first attempt at a
    /// [contact](RequestKind::is_contact) of a lookup.
    fn is_silent_contact(&self, handle: RequestHandle) -> bool;

    /// Removes one request of a node that no longer exists; see [`Requests::abandon_one`].
    fn abandon_one(&mut self, node: u32) -> Option<RequestHandle>;
}

impl<K: RequestKind> RequestTables for Requests<K> {
    type Kind = K;

    fn with_capacity(capacity: usize) -> Requests<K> {
        Requests::new(capacity)
    }

    #[inline]
    fn own(&self) -> &Requests<K> {
        self
    }

    #[inline]
    fn own_mut(&mut self) -> &mut Requests<K> {
        self
    }

    fn handles(&self) -> usize {
        self.capacity()
    }

    fn in_flight(&self) -> usize {
        self.len()
    }

    #[inline]
    fn node_of(&self, handle: RequestHandle) -> Option<u32> {
        Some(self.at(handle)?.node)
    }

    fn peer_of(&self, handle: RequestHandle) -> Option<Peer> {
        Some(self.at(handle)?.to)
    }

    fn is_silent_contact(&self, handle: RequestHandle) -> bool {
        self.at(handle).is_some_and(|request| request.retries == 0 && request.kind.is_contact())
    }

    fn abandon_one(&mut self, node: u32) -> Option<RequestHandle> {
        Requests::abandon_one(self, node)
    }
}

/// The request table of a protocol, on top of the tables of a protocol that it carries.
#[derive(Debug)]
pub struct LayeredRequests<K, C> {
    own: Requests<K>,
    carried: C,
}

impl<K: Clone, C: Clone> Clone for LayeredRequests<K, C> {
    fn clone(&self) -> LayeredRequests<K, C> {
        LayeredRequests { own: self.own.clone(), carried: self.carried.clone() }
    }

    /// Reuses the memory.
    fn clone_from(&mut self, source: &LayeredRequests<K, C>) {
        self.own.clone_from(&source.own);
        self.carried.clone_from(&source.carried);
    }
}

/// The table that a handle belongs to, and the handle within it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// The protocol's own table.
    Own(RequestHandle),
    /// A table of the carried protocol.
    Carried(RequestHandle),
}

impl<K: RequestKind, C: RequestTables> LayeredRequests<K, C> {
    /// The tables of the carried protocol, and the number of their first handle.
    #[inline]
    pub fn carried_mut(&mut self) -> (&mut C, u32) {
        (&mut self.carried, self.own.capacity() as u32)
    }

    /// The table that `handle` belongs to.
    #[inline]
    #[must_use]
    pub fn layer_of(&self, handle: RequestHandle) -> Layer {
        match handle.0.checked_sub(self.own.capacity() as u32) {
            None => Layer::Own(handle),
            Some(carried) => Layer::Carried(RequestHandle(carried)),
        }
    }
}

impl<K: RequestKind, C: RequestTables> RequestTables for LayeredRequests<K, C> {
    type Kind = K;

    fn with_capacity(capacity: usize) -> LayeredRequests<K, C> {
        LayeredRequests { own: Requests::new(capacity), carried: C::with_capacity(capacity) }
    }

    #[inline]
    fn own(&self) -> &Requests<K> {
        &self.own
    }

    #[inline]
    fn own_mut(&mut self) -> &mut Requests<K> {
        &mut self.own
    }

    fn handles(&self) -> usize {
        self.own.capacity() + self.carried.handles()
    }

    fn in_flight(&self) -> usize {
        self.own.len() + self.carried.in_flight()
    }

    fn node_of(&self, handle: RequestHandle) -> Option<u32> {
        match self.layer_of(handle) {
            Layer::Own(handle) => self.own.node_of(handle),
            Layer::Carried(handle) => self.carried.node_of(handle),
        }
    }

    fn peer_of(&self, handle: RequestHandle) -> Option<Peer> {
        match self.layer_of(handle) {
            Layer::Own(handle) => self.own.peer_of(handle),
            Layer::Carried(handle) => self.carried.peer_of(handle),
        }
    }

    fn is_silent_contact(&self, handle: RequestHandle) -> bool {
        match self.layer_of(handle) {
            Layer::Own(handle) => self.own.is_silent_contact(handle),
            Layer::Carried(handle) => self.carried.is_silent_contact(handle),
        }
    }

    fn abandon_one(&mut self, node: u32) -> Option<RequestHandle> {
        self.own.abandon_one(node).or_else(|| {
            let first = self.own.capacity() as u32;
            let RequestHandle(handle) = self.carried.abandon_one(node)?;
            Some(RequestHandle(first + handle))
        })
    }
}
