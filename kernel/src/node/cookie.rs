//! Cookies: proof that a node receives messages at its claimed address.
//!
//! **Invariant:** a cookie is sent only to the node that issued it.

use crate::base::{Address, Peer};

/// Proof that the sender receives messages at its address: a keyed hash of that address, issued
/// earlier by the receiver. Zero proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cookie(pub u64);

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
