//! The events of store nodes.
//!
//! **Invariant:** every operation that was started ends in one event with its token.

use core::time::Duration;

use crate::base::Id;
use crate::node::LookupEnd;
use crate::store::operation::{ListEnd, ReadEnd, WriteEnd};

/// An event of a store node, with those of the router as `R`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event<R> {
    /// A write has ended.
    Wrote(WriteEnd),
    /// A read has ended. The payload is the value.
    Read(ReadEnd),
    /// A query for references has ended. The payload holds their addresses.
    Listed(ListEnd),
    /// The node has all items of the range that it owns, for the first time since it joined.
    Arrived {
        /// The time since it became a member.
        took: Duration,
        /// The items of its range.
        items: u32,
    },
    /// The node has chosen the identifier with which it should join.
    Placed {
        /// The identifier.
        id: Id,
    },
    /// A lookup of the application has ended.
    LookupEnded(LookupEnd),
    /// Another event of the router.
    Router(R),
}
