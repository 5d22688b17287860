//! The events about items, common to all systems.
//!
//! **Invariant:** every query that was started ends in [`Event::Found`] or [`Event::NotFound`] with
//! its token.

use core::time::Duration;

use crate::base::Peer;
use crate::items::hits::Hit;

/// An event about items.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    /// The node has become a member.
    Joined,
    /// A join has failed. The node can be given another bootstrap.
    JoinFailed,
    /// A query has its first answer.
    Found(Found),
    /// A query got no answer within its deadline.
    NotFound {
        /// The caller's token for the query.
        token: u64,
        /// Contacts that did not answer, as far as the origin knows.
        timeouts: u8,
    },
    /// An item was fetched.
    Fetched {
        /// The caller's token for the query.
        token: u64,
        /// The holder that sent the item.
        holder: Peer,
        /// The size of the item.
        bytes: u16,
        /// The time from the request to the first holder until the item arrived.
        took: Duration,
    },
    /// None of the holders that were found sent the item.
    FetchFailed {
        /// The caller's token for the query.
        token: u64,
    },
}

/// The first answer to a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The caller's token for the query.
    pub token: u64,
    /// The best hit; `None` if the responder knows no matching item.
    pub best: Option<Hit>,
    /// The number of holders in the answer.
    pub hits: u8,
    /// Hops from the origin to the responder.
    pub hops: u16,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
}
