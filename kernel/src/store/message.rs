//! What nodes that store references send to each other.
//!
//! **Invariant:** plain data. The router's messages are wrapped, never looked into.

use crate::items::{self, Hit};
use crate::node::{MessageOf, Protocol};

/// Most further copies of a reference that a [`MessageWith::Copy`] may ask for.
pub const MAX_COPIES: u8 = 15;

/// A message as nodes send and handle it, over a router that speaks `P`.
pub type Message<'a, P> = MessageWith<items::Message<'a>, MessageOf<'a, P>>;

/// A message at rest.
pub type ParkedMessage<P> = MessageWith<items::message::ParkedMessage, <P as Protocol>::Parked>;

/// One message, with those about items as `I` and the router's as `R`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<I, R> {
    /// A copy of a reference, from a neighbor.
    Copy {
        /// The item and its holder.
        hit: Hit,
        /// Further copies wanted, at the replicas that follow; at most [`MAX_COPIES`].
        copies: u8,
        /// The reference expires after this time unless it is renewed.
        lifetime_ms: u32,
    },
    /// A message about items.
    Items(I),
    /// A message of the router below.
    Router(R),
}
