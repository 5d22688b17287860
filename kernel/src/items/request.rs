//! The kinds of requests about items.
//!
//! **Invariant:** plain data.

use crate::base::{Peer, Time};
use crate::items::query::Query;
use crate::items::text::Text;
use crate::node::{Cookie, RequestId, RequestKind};

/// Holders that a fetch may try after the first one.
pub(super) const OTHERS: usize = 2;

/// A request in flight.
pub type Request = crate::node::Request<Kind>;

/// The kind of a request.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// A publication sent to an index.
    Publish(Publication),
    /// A query sent to an index.
    Find(PendingQuery),
    /// A request for an item, sent to a holder.
    Fetch(PendingFetch),
}

impl RequestKind for Kind {
    fn is_contact(&self) -> bool {
        matches!(self, Kind::Find(_))
    }
}

/// An item being published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Publication {
    /// The index of the item in this node's holdings.
    pub index: u32,
    /// The number of the word of its name under which it is published; `None`: under the whole name.
    pub word: Option<u8>,
    /// The cookie that was sent.
    pub cookie: Cookie,
}

/// A query at its origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingQuery {
    /// The caller's token for the query.
    pub token: u64,
    /// The query.
    pub query: Query,
    /// The cookie that was sent.
    pub cookie: Cookie,
    /// The time at which the query fails.
    pub deadline: Time,
    /// How many words of the query have been asked before, the longest first. 0 in a query that is not by
    /// words, or is for an index of whole names.
    pub words_asked: u8,
    /// Hops to the node that holds the index.
    pub hops: u8,
    /// Contacts that did not answer.
    pub timeouts: u8,
    /// An earlier request that may still answer this query. Once it has ended, the end of this lookup is
    /// ignored.
    pub beside: Option<RequestId>,
}

/// A fetch at the requester.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PendingFetch {
    /// The caller's token for the query.
    pub token: u64,
    /// The name of the item.
    pub name: Text,
    /// The cookie that was sent.
    pub cookie: Cookie,
    /// The time of the first request.
    pub since: Time,
    /// Holders to try if this one does not send the item.
    pub(super) others: [Option<Peer>; OTHERS],
}
