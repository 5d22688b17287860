//! What only the node itself can compute: the proofs it hands out and the marks it keeps.
//!
//! **Invariant:** nobody else can tell the outcome for an address or a peer.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::base::rng::mix;
use crate::base::{Address, Peer, Rng};
use crate::node::cookie::Cookie;

/// One node's key, of SipHash (Aumasson and Bernstein, INDOCRYPT 2012) among others.
#[derive(Clone, Copy, Debug)]
pub struct Secret(u64);

impl Secret {
    /// A key drawn from `rng`.
    pub fn random(rng: &mut Rng) -> Secret {
        Secret(rng.next_u64())
    }

    /// The cookie that proves that who bears it receives what is sent to `address`.
    #[must_use]
    pub fn cookie_for(self, address: Address) -> Cookie {
        let mut hasher = SipHasher13::new_with_keys(self.0, !self.0);
        hasher.write_u64(address.to_bits());
        Cookie(hasher.finish() | 1)
    }

    /// Stands for what [reaches](Peer::is_reached_like) `peer`, in 64 bits. Never told to anybody,
    /// so that mixing will do, which is quicker.
    #[inline]
    #[must_use]
    pub fn mark_of(self, peer: Peer) -> u64 {
        mix(mix(self.0 ^ peer.address.to_bits()) ^ peer.id.prefix())
    }
}
