//! The messages about items, common to all systems.
//!
//! **Invariant:** plain data. The encoding is in [`wire`](crate::items::wire).

use crate::items::hits::Hits;
use crate::items::query::Query;
use crate::items::text::Text;
use crate::node::{Cookie, RequestId, Span};

/// A message as nodes send and handle it. It borrows from its sender or from the datagram it
/// arrived in.
pub type Message<'a> = MessageWith<Hits<'a>, &'a [u8]>;

/// A parked message: its borrowed data lies in an [`Arena`](crate::node::Arena).
pub type ParkedMessage = MessageWith<Span, Span>;

/// A message, with hits as `H` and payloads as `B`. A reply repeats the [`RequestId`] of its
/// request.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<H, B> {
    /// The sender holds an item with this name. The receiver inserts it into its index, or renews
    /// the entry. If the cookie is invalid, the reply is a [`MessageWith::CookieReply`].
    Publish {
        /// Chosen by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// The item's name.
        name: Text,
    },
    /// As [`MessageWith::Publish`], but under one of the words of the name. Only a directory of words
    /// handles it.
    PublishWord {
        /// Chosen by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// The number of the word in the name. There is such a word.
        word: u8,
        /// The item's name.
        name: Text,
    },
    /// Reply to [`MessageWith::Publish`]: the entry is in the index. Reply to
    /// [`MessageWith::PublishWord`]: so it is, or the word has as many references as it may have.
    Published {
        /// As in the request.
        request: RequestId,
    },
    /// Asks for the holders of items that match. If the cookie is invalid, the reply is a
    /// [`MessageWith::CookieReply`].
    Find {
        /// Chosen by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// The query.
        query: Query,
    },
    /// Reply to [`MessageWith::Find`].
    Found {
        /// As in the request.
        request: RequestId,
        /// The hits, best first; empty if no holder is known.
        hits: H,
    },
    /// Asks for the item with this name. If the cookie is invalid, the reply is a
    /// [`MessageWith::CookieReply`].
    Fetch {
        /// Chosen by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// The item's name.
        name: Text,
    },
    /// Reply to [`MessageWith::Fetch`].
    Item {
        /// As in the request.
        request: RequestId,
        /// Up to [`MAX_PAYLOAD`](crate::node::MAX_PAYLOAD) bytes; empty if the sender does not hold
        /// the item.
        payload: B,
    },
    /// Reply to a request with an invalid cookie: the sender must repeat the request with this one.
    CookieReply {
        /// As in the request.
        request: RequestId,
        /// The kind of the request.
        topic: Topic,
        /// The cookie to use.
        cookie: Cookie,
    },
}

impl<H, B> MessageWith<H, B> {
    /// Whether the message is a request, which only members handle.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(
            self,
            MessageWith::Publish { .. }
                | MessageWith::PublishWord { .. }
                | MessageWith::Find { .. }
                | MessageWith::Fetch { .. }
        )
    }

    /// Converts the hits or the payload of the message. `with` is passed to the function that is
    /// called.
    #[inline]
    pub fn map<W, H2, B2>(
        self,
        with: W,
        found: impl FnOnce(W, H) -> H2,
        bytes: impl FnOnce(W, B) -> B2,
    ) -> MessageWith<H2, B2> {
        use MessageWith as M;
        match self {
            M::Found { request, hits } => M::Found { request, hits: found(with, hits) },
            M::Item { request, payload } => M::Item { request, payload: bytes(with, payload) },
            M::Publish { request, cookie, name } => M::Publish { request, cookie, name },
            M::PublishWord { request, cookie, word, name } => {
                M::PublishWord { request, cookie, word, name }
            }
            M::Published { request } => M::Published { request },
            M::Find { request, cookie, query } => M::Find { request, cookie, query },
            M::Fetch { request, cookie, name } => M::Fetch { request, cookie, name },
            M::CookieReply { request, topic, cookie } => M::CookieReply { request, topic, cookie },
        }
    }
}

/// The kind of a request that was answered with a cookie. Decides the traffic class of the reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Topic {
    /// A [`MessageWith::Find`].
    Find = 0,
    /// A [`MessageWith::Publish`].
    Publish = 1,
    /// A [`MessageWith::Fetch`].
    Fetch = 2,
}

impl Topic {
    /// The topic with this number, if there is one.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Topic> {
        match number {
            0 => Some(Topic::Find),
            1 => Some(Topic::Publish),
            2 => Some(Topic::Fetch),
            _ => None,
        }
    }
}
