//! Cookies that other nodes gave, to show that this one receives what is sent to its address.
//!
//! **Invariant:** a cookie is shown to nobody but who gave it.

use crate::base::{Address, Peer};

/// Proof that its bearer receives what is sent to its address: a keyed hash of that address, made
/// by the node that now sees it again. Zero proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cookie(pub u64);

/// The cookie that another node gave last, and which node that was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LastCookie {
    from: Address,
    cookie: Cookie,
}

impl LastCookie {
    /// What to ask `to` with: its cookie if it gave the last one, or else one that proves nothing.
    #[must_use]
    pub fn for_peer(self, to: Peer) -> Cookie {
        if self.from == to.address { self.cookie } else { Cookie::default() }
    }

    /// `from` has given this cookie.
    pub const fn learn(&mut self, from: Peer, cookie: Cookie) {
        *self = LastCookie { from: from.address, cookie };
    }
}
