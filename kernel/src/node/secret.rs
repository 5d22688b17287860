//! Keyed hashes under a secret of one node: cookies that it issues, fingerprints that it keeps.
//!
//! **Invariant:** no other node can predict the hash of an address or a peer.

use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::base::rng::mix;
use crate::base::{Address, Peer, Rng};
use crate::node::cookie::Cookie;

/// The secret key of one node, for SipHash (Aumasson and Bernstein, INDOCRYPT 2012) and others.
///
/// The default is known to all: for tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Secret(u64);

impl Secret {
    /// A key drawn from `rng`.
    pub fn random(rng: &mut Rng) -> Secret {
        Secret(rng.next_u64())
    }

    /// The cookie for `address`. A node that sends it back receives messages at `address`.
    #[must_use]
    pub fn cookie_for(self, address: Address) -> Cookie {
        let mut hasher = SipHasher13::new_with_keys(self.0, !self.0);
        hasher.write_u64(address.to_bits());
        Cookie(hasher.finish() | 1)
    }

    /// A 64-bit fingerprint of `peer`, equal for peers with the
    /// [same destination](Peer::is_same_destination). It never leaves the node, so a fast mixing
    /// function suffices.
    #[inline]
    #[must_use]
    pub fn fingerprint(self, peer: Peer) -> u64 {
        mix(mix(self.0 ^ peer.address.to_bits()) ^ peer.id.prefix())
    }
}
