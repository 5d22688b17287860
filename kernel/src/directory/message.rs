//! The messages of directory nodes.
//!
//! **Invariant:** plain data. Messages of the router are wrapped and never inspected.

use crate::items::{self, Hit};
use crate::node::{MessageOf, Protocol};

/// Maximum number of further copies that a [`MessageWith::Copy`] may request.
pub const MAX_COPIES: u8 = 15;

/// A message as nodes send and handle it, over a router that speaks `P`.
pub type Message<'a, P> = MessageWith<items::Message<'a>, MessageOf<'a, P>>;

/// A parked message.
pub type ParkedMessage<P> = MessageWith<items::message::ParkedMessage, <P as Protocol>::Parked>;

/// A message, with those about items as `I` and those of the router as `R`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<I, R> {
    /// A copy of a reference, from a neighbor.
    Copy {
        /// The item and its holder.
        hit: Hit,
        /// The number of the word of the name under which the reference is kept; `None`: under the whole
        /// name.
        word: Option<u8>,
        /// Further copies that the nodes after the receiver store; at most [`MAX_COPIES`].
        copies: u8,
        /// The reference expires after this time unless it is renewed.
        lifetime_ms: u32,
    },
    /// A message about items.
    Items(I),
    /// A message of the router.
    Router(R),
}
