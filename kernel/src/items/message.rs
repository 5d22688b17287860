//! What peers that share items say to each other, whatever the system.
//!
//! **Invariant:** plain data. How it looks as bytes is [`wire`](crate::items::wire)'s business.

use crate::items::hits::Hits;
use crate::items::query::Query;
use crate::items::text::Text;
use crate::node::{Cookie, RequestId, Span};

/// A message as nodes send and handle it: what it borrows lies with its sender or in the datagram it
/// arrived in.
pub type Message<'a> = MessageWith<Hits<'a>, &'a [u8]>;

/// A message at rest: what it borrowed lies in an [`Arena`](crate::node::Arena).
pub type ParkedMessage = MessageWith<Span, Span>;

/// One message, with hits as `H` and payloads as `B`. Replies repeat the [`RequestId`] of what they
/// answer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum MessageWith<H, B> {
    /// Says that the sender holds an item of this name: the receiver enters it into its index, or
    /// renews its entry. Answered with a [`MessageWith::CookieReply`] if the cookie was not good.
    Publish {
        /// Named by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// The item's name.
        name: Text,
    },
    /// Answers [`MessageWith::Publish`]: the item is entered.
    Published {
        /// Which request.
        request: RequestId,
    },
    /// Asks who has items that fit. Answered with a [`MessageWith::CookieReply`] if the cookie was not
    /// good.
    Find {
        /// Named by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// What is asked.
        query: Query,
    },
    /// Answers [`MessageWith::Find`].
    Found {
        /// Which request.
        request: RequestId,
        /// Best first; none if no holder is known.
        hits: H,
    },
    /// Asks for the item of this name. Answered with a [`MessageWith::CookieReply`] if the cookie was
    /// not good.
    Fetch {
        /// Named by the sender.
        request: RequestId,
        /// The last cookie received from this node, or zero.
        cookie: Cookie,
        /// The item's name.
        name: Text,
    },
    /// Answers [`MessageWith::Fetch`].
    Item {
        /// Which request.
        request: RequestId,
        /// Up to [`MAX_PAYLOAD`](crate::node::MAX_PAYLOAD) bytes; none if the item is not here.
        payload: B,
    },
    /// Answers a request whose cookie was not good: ask again with this one.
    CookieReply {
        /// Which request.
        request: RequestId,
        /// What was asked.
        topic: Topic,
        /// What to ask with.
        cookie: Cookie,
    },
}

impl<H, B> MessageWith<H, B> {
    /// Whether it asks for something that only a member does.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(
            self,
            MessageWith::Publish { .. } | MessageWith::Find { .. } | MessageWith::Fetch { .. }
        )
    }

    /// The same message with another form of its hits or its payload. `with` is handed to the one
    /// function that is called.
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
            M::Published { request } => M::Published { request },
            M::Find { request, cookie, query } => M::Find { request, cookie, query },
            M::Fetch { request, cookie, name } => M::Fetch { request, cookie, name },
            M::CookieReply { request, topic, cookie } => M::CookieReply { request, topic, cookie },
        }
    }
}

/// What a request was about that a cookie answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Topic {
    /// Finding holders.
    Find = 0,
    /// Publishing.
    Publish = 1,
    /// Fetching an item.
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
