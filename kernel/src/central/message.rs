//! The messages between a central server and its peers.
//!
//! **Invariant:** plain data.

use crate::items;
use crate::node::RequestId;

/// A message as nodes send and handle it.
pub type Message<'a> = MessageWith<items::Message<'a>>;

/// A parked message.
pub type ParkedMessage = MessageWith<items::message::ParkedMessage>;

/// A message, with those about items as `I`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<I> {
    /// Asks whether the receiver is alive.
    Ping {
        /// Chosen by the sender.
        request: RequestId,
    },
    /// Reply to [`MessageWith::Ping`].
    Pong {
        /// As in the ping.
        request: RequestId,
    },
    /// The sender leaves.
    Leave,
    /// A message about items.
    Items(I),
}

impl<I> MessageWith<I> {
    /// Converts a message about items; keeps others.
    pub(crate) fn map<I2>(self, change: impl FnOnce(I) -> I2) -> MessageWith<I2> {
        match self {
            MessageWith::Ping { request } => MessageWith::Ping { request },
            MessageWith::Pong { request } => MessageWith::Pong { request },
            MessageWith::Leave => MessageWith::Leave,
            MessageWith::Items(message) => MessageWith::Items(change(message)),
        }
    }
}
