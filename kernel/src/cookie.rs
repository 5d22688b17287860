//! Cookies: who asks for more than it sends must first show that it receives what is sent to its
//! address.
//!
//! **Invariant:** no state per peer: a cookie is a keyed hash of the address it goes to.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::message::Cookie;
use crate::peer::{Address, Peer};

/// A node's key: cookies made with another one prove nothing to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CookieKey(u64);

impl CookieKey {
    /// The key of these random bits.
    #[must_use]
    pub const fn new(bits: u64) -> CookieKey {
        CookieKey(bits)
    }

    /// The cookie that proves that who bears it receives what is sent to `address`. Never zero.
    #[must_use]
    pub fn cookie_for(self, address: Address) -> Cookie {
        let mut hasher = SipHasher13::new_with_keys(self.0, !self.0);
        hasher.write_u64(address.to_bits());
        Cookie(hasher.finish() | 1)
    }
}

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
