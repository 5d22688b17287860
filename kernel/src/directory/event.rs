//! The events of directory nodes.
//!
//! **Invariant:** every lookup of the application ends in one event with its token.

use crate::items;
use crate::node::LookupEnd;

/// An event of a directory node, with those of the router as `R`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event<R> {
    /// An event about items.
    Items(items::Event),
    /// A lookup of the application has ended.
    LookupEnded(LookupEnd),
    /// Another event of the router.
    Router(R),
}
