//! What a node that stores references tells its application.
//!
//! **Invariant:** a lookup of the application's own ends in one event, with its token.

use crate::items;
use crate::node::LookupEnd;

/// One event, with those of the router as `R`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event<R> {
    /// An event about items.
    Items(items::Event),
    /// A lookup of the application's own has ended.
    Ended(LookupEnd),
    /// Another event of the router below.
    Router(R),
}
