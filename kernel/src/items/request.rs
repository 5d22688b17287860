//! What requests of peers that share items are about.
//!
//! **Invariant:** plain data.

use crate::base::Time;
use crate::items::query::Query;
use crate::items::transfers::OwnFetch;
use crate::node::{Cookie, RequestKind};

/// A request in flight.
pub type Request = crate::node::Request<Kind>;

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// An index was told of an item of this node's.
    Publish(Publication),
    /// An index was asked.
    Find(OwnFind),
    /// A holder was asked for an item.
    Fetch(OwnFetch),
}

impl RequestKind for Kind {}

/// An item being published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publication {
    /// Its index among this node's holdings.
    pub index: u32,
    /// The cookie it was published with.
    pub cookie: Cookie,
}

/// A question to an index, at the node that asks.
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
    /// Transfers on the way to the node that is asked.
    pub hops: u8,
    /// Contacts that did not answer.
    pub timeouts: u8,
}
