//! The interface through which a director acts on nodes.
//!
//! **Invariant:** a director reaches nodes only through [`NodeControl`].

use hopwise_kernel::{Address, Peer, Time};

/// Carries out the decisions of a director. Each node is in a place, and places are numbered from
/// 0; those of a host follow each other. An action happens at time `at`, which is not before the start of the turn. Questions are of
/// type `Q`.
pub trait NodeControl<Q> {
    /// The address at which the node in `place` receives messages.
    fn address_of(&self, place: u32) -> Address;

    /// Puts a new node, which is not a member yet, in `place`.
    fn insert(&mut self, at: Time, place: u32, peer: Peer);

    /// Makes the node in `place` join through one of `bootstraps`, to be tried in this order.
    fn join(&mut self, at: Time, place: u32, bootstraps: &[Peer]);

    /// Makes the node in `place` choose an identifier, through one of `bootstraps`.
    fn choose_place(&mut self, at: Time, place: u32, bootstraps: &[Peer]);

    /// Removes the node in `place`. It announces its departure if `graceful`.
    fn depart(&mut self, at: Time, place: u32, graceful: bool);

    /// The place of the first node of the host whose nodes received the most messages in the measured
    /// phase; before that, since the start. Ties go to the lowest place. `None` if no node received any,
    /// or if another director controls that host: of all directors of a run that ask on behalf of the same
    /// `fault`, one at most gets a place.
    fn busiest(&mut self, fault: u32) -> Option<u32>;

    /// Asks the node in `place`. Returns false if the node has no room for the question. `token`
    /// comes back with the answer. The costs of the lookup are counted under `number`, if that is not
    /// 0.
    fn ask(&mut self, at: Time, place: u32, question: Q, token: u64, number: u32) -> bool;
}
