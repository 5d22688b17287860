//! Cookies: proof that a node receives messages at its claimed address.
//!
//! The issuer and the holder of a cookie share it with no other process. So either of them can prove to the
//! other that a message is its own, without a question: see [`Cookie::departure`].
//!
//! **Invariant:** a cookie is sent only by the node that issued it, and to it.

use crate::base::{Address, Peer};
use crate::node::requests::RequestId;

/// Proof that the sender receives messages at its address: a keyed hash of that address, issued
/// earlier by the receiver. Zero proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cookie(pub u64);

impl Cookie {
    /// The number that proves a departure to the node with which the sender shares this cookie. No other
    /// message contains it: a node that is asked for a cookie sends the cookie, which is odd, and these
    /// numbers are even. `None` if this is no cookie.
    #[must_use]
    pub const fn departure(self) -> Option<RequestId> {
        if self.0 == 0 { None } else { Some(RequestId(!self.0)) }
    }
}

/// The cookie that was received last, and the node that issued it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LastCookie {
    from: Address,
    cookie: Cookie,
}

impl LastCookie {
    /// The cookie for a request to `to`: the last one if `to` issued it, otherwise zero.
    #[must_use]
    pub fn for_peer(self, to: Peer) -> Cookie {
        if self.from == to.address { self.cookie } else { Cookie::default() }
    }

    /// Remembers `cookie`, issued by `from`, instead of the last one.
    pub const fn learn(&mut self, from: Peer, cookie: Cookie) {
        *self = LastCookie { from: from.address, cookie };
    }
}
