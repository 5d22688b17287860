//! The steps of a lookup as nodes pass them on inside: where it goes next, what is asked there, and the
//! answer.
//!
//! **Invariant:** plain data. The messages are in [`message`](crate::ring::message).

use crate::base::{Id, Peer};
use crate::ring::message::{Purpose, Stage};

/// The answer to a lookup, as it arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) owner: Peer,
    pub(crate) under_suspicion: bool,
    pub(crate) hops: u8,
    pub(crate) timeouts: u8,
}

/// What one step of an iterative lookup asks for: see
/// [`FindNext`](crate::ring::message::MessageWith::FindNext).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) purpose: Purpose,
    pub(crate) key: Id,
    pub(crate) limit: Id,
    pub(crate) stage: Stage,
}

/// Where a lookup goes next.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Route {
    /// Nowhere: the answer is this owner.
    Owner(Peer),
    /// To this node, which is asked in this way.
    Next(Peer, Stage),
    /// Nowhere: no node is left to ask.
    Stuck,
}
