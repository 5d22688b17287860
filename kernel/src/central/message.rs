//! What a central server and its peers say to each other.
//!
//! **Invariant:** plain data.

use crate::items;
use crate::node::RequestId;

/// A message as nodes send and handle it.
pub type Message<'a> = MessageWith<items::Message<'a>>;

/// A message at rest.
pub type ParkedMessage = MessageWith<items::message::ParkedMessage>;

/// One message, with those about items as `I`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<I> {
    /// Asks whether the receiver is there.
    Ping {
        /// Named by the sender.
        request: RequestId,
    },
    /// Answers [`MessageWith::Ping`].
    Pong {
        /// Which ping.
        request: RequestId,
    },
    /// Announces the sender's departure.
    Leave,
    /// A message about items.
    Items(I),
}

impl<I> MessageWith<I> {
    /// The same message with another form of what is about items.
    pub(crate) fn map<I2>(self, change: impl FnOnce(I) -> I2) -> MessageWith<I2> {
        match self {
            MessageWith::Ping { request } => MessageWith::Ping { request },
            MessageWith::Pong { request } => MessageWith::Pong { request },
            MessageWith::Leave => MessageWith::Leave,
            MessageWith::Items(message) => MessageWith::Items(change(message)),
        }
    }
}
