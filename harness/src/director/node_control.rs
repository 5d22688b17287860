//! How a director acts on nodes.
//!
//! **Invariant:** the director reaches nodes through [`NodeControl`] alone.

use hopwise_kernel::{Address, Peer, Time};

/// Carries out what a director decides. Nodes live in places numbered from 0. Everything happens at
/// the time given, which is not before the turn's; questions are of type `Q`.
pub trait NodeControl<Q> {
    /// Where the node in `place` receives messages.
    fn address_of(&self, place: u32) -> Address;

    /// Puts a new node, no member of any ring, in `place`.
    fn insert(&mut self, at: Time, place: u32, peer: Peer);

    /// Has the node in `place` join the ring that `bootstrap` is a member of.
    fn join(&mut self, at: Time, place: u32, bootstrap: Peer);

    /// Takes the node in `place` away; announced if `graceful`.
    fn depart(&mut self, at: Time, place: u32, graceful: bool);

    /// Who has received most messages of late, if anybody has: of several, who is in the first place.
    fn busiest(&self) -> Option<u32>;

    /// Asks the node in `place`; false if there is no room for it. `token` comes back with the
    /// answer.
    fn ask(&mut self, at: Time, place: u32, question: Q, token: u64) -> bool;
}
