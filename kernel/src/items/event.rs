//! What a peer that shares items tells its application, whatever the system.
//!
//! **Invariant:** every question that was begun ends in [`Event::Found`] or [`Event::NotFound`] with its
//! token.

use core::time::Duration;

use crate::base::Peer;
use crate::items::hits::Hit;

/// One event.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    /// The node is a member now.
    Joined,
    /// The bootstrap did not lead to a place among the members; the node waits for another `join`.
    JoinFailed,
    /// A query has its first answer.
    Found(Found),
    /// A query got no answer within its deadline.
    NotFound {
        /// The caller's name for it.
        token: u64,
        /// Contacts that did not answer, as far as the origin knows.
        timeouts: u8,
    },
    /// An item was fetched.
    Fetched {
        /// The caller's name for the query that it answers.
        token: u64,
        /// The node that gave it.
        holder: Peer,
        /// Its size.
        bytes: u16,
        /// From asking the first holder to having it.
        took: Duration,
    },
    /// No holder that was found gave the item.
    FetchFailed {
        /// The caller's name for the query.
        token: u64,
    },
}

/// The first answer to a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The caller's name for it.
    pub token: u64,
    /// The best hit; `None` if the node that was asked knows of no item that fits.
    pub best: Option<Hit>,
    /// How many holders the answer names.
    pub hits: u8,
    /// Transfers from the origin to the node that answered.
    pub hops: u16,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
}
