//! The requests in flight of a protocol and of those it carries.
//!
//! **Invariant:** a handle leads to one request, whichever protocol's it is.

use core::fmt::Debug;

use crate::node::requests::{RequestHandle, RequestKind, Requests};

/// The requests in flight of one protocol and of those it carries: one table each.
///
/// Handles number all of them through: those of the protocol itself come first.
pub trait Tables: Debug + Send {
    /// What the protocol's own requests are about.
    type Kind: RequestKind;

    /// Empty tables with room for `capacity` requests each.
    #[must_use]
    fn with_capacity(capacity: usize) -> Self;

    /// The protocol's own requests.
    fn own(&self) -> &Requests<Self::Kind>;

    /// The protocol's own requests.
    fn own_mut(&mut self) -> &mut Requests<Self::Kind>;

    /// Handles are below this.
    fn handles(&self) -> usize;

    /// How many requests are in flight, in all tables.
    fn in_flight(&self) -> usize;

    /// The driver's number of the node whose request lies at `handle`.
    fn node_of(&self, handle: RequestHandle) -> Option<u32>;

    /// Takes out one request of a node that is gone; see [`Requests::abandon_one`].
    fn abandon_one(&mut self, node: u32) -> Option<RequestHandle>;
}

impl<K: RequestKind> Tables for Requests<K> {
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

    fn abandon_one(&mut self, node: u32) -> Option<RequestHandle> {
        Requests::abandon_one(self, node)
    }
}

/// The requests of a protocol, and the tables of one that it carries.
#[derive(Debug)]
pub struct Layers<K, C> {
    own: Requests<K>,
    carried: C,
}

/// Which table a handle leads to, and the handle there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Layer {
    /// The protocol's own.
    Own(RequestHandle),
    /// The carried protocol's.
    Carried(RequestHandle),
}

impl<K: RequestKind, C: Tables> Layers<K, C> {
    /// The tables of the carried protocol, and the handle at which they begin.
    #[inline]
    pub fn carried_mut(&mut self) -> (&mut C, u32) {
        (&mut self.carried, self.own.capacity() as u32)
    }

    /// The table that `handle` leads to.
    #[inline]
    #[must_use]
    pub fn layer_of(&self, handle: RequestHandle) -> Layer {
        match handle.0.checked_sub(self.own.capacity() as u32) {
            None => Layer::Own(handle),
            Some(carried) => Layer::Carried(RequestHandle(carried)),
        }
    }
}

impl<K: RequestKind, C: Tables> Tables for Layers<K, C> {
    type Kind = K;

    fn with_capacity(capacity: usize) -> Layers<K, C> {
        Layers { own: Requests::new(capacity), carried: C::with_capacity(capacity) }
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

    fn abandon_one(&mut self, node: u32) -> Option<RequestHandle> {
        self.own.abandon_one(node).or_else(|| {
            let first = self.own.capacity() as u32;
            let RequestHandle(handle) = self.carried.abandon_one(node)?;
            Some(RequestHandle(first + handle))
        })
    }
}
