//! Everything that belongs to one kind of node, under one name.
//!
//! **Invariant:** types and constants only; a protocol has no state.

use core::fmt::Debug;

use crate::node::arena::Arena;
use crate::node::tables::Tables;

/// Most classes of traffic of one protocol: drivers count them in fixed arrays.
pub const MAX_CLASSES: usize = 16;

/// The name of a protocol: a type of size zero.
///
/// Messages borrow: a list of peers or a payload points into its sender's table or into the datagram
/// it arrived in, so that neither sending nor receiving copies or allocates. A driver that keeps a
/// message for a while [parks](Protocol::park) it.
pub trait Protocol: Copy + Debug + Send + Sync + 'static {
    /// What nodes send to each other.
    type Message<'a>: Copy + Debug;
    /// A message at rest. What the message borrowed lies in an [`Arena`].
    type Parked: Copy + Debug + Send + 'static;
    /// What a node tells its application. Bytes that belong to an event are handed over beside it.
    type Event: Copy + Debug + Send + 'static;
    /// The requests in flight of all nodes of a driver.
    type Requests: Tables;

    /// Classes of traffic, at most [`MAX_CLASSES`].
    const CLASSES: &'static [Class];
    /// Names of the protocol's own [`Drop::Own`](crate::node::Drop::Own) reasons.
    const DROPS: &'static [&'static str] = &[];

    /// The class of `message`: an index into [`CLASSES`](Protocol::CLASSES).
    fn class(message: &Self::Message<'_>) -> usize;

    /// Copies a message, and into `arena` what it borrows.
    fn park(message: &Self::Message<'_>, arena: &mut Arena) -> Self::Parked;

    /// The inverse of [`park`](Protocol::park), with the same arena.
    fn recall<'a>(parked: &Self::Parked, arena: &'a Arena) -> Self::Message<'a>;
}

/// The message type of a protocol.
pub type MessageOf<'a, P> = <P as Protocol>::Message<'a>;

/// The type of a protocol's messages at rest.
pub type ParkedOf<P> = <P as Protocol>::Parked;

/// The event type of a protocol.
pub type EventOf<P> = <P as Protocol>::Event;

/// A class of traffic: what messages are accounted to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Class {
    /// The name reports use. Classes of one name are reported as one.
    pub name: &'static str,
    /// Whether its messages serve lookups that the application began.
    pub is_lookup: bool,
    /// Whether nodes send its messages of their own accord, to keep their tables right.
    pub is_maintenance: bool,
}

impl Class {
    /// Messages of lookups that the application began.
    #[must_use]
    pub const fn lookup(name: &'static str) -> Class {
        Class { name, is_lookup: true, is_maintenance: false }
    }

    /// Messages that keep tables right.
    #[must_use]
    pub const fn maintenance(name: &'static str) -> Class {
        Class { name, is_lookup: false, is_maintenance: true }
    }

    /// Messages that are neither.
    #[must_use]
    pub const fn other(name: &'static str) -> Class {
        Class { name, is_lookup: false, is_maintenance: false }
    }
}
