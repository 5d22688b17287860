//! A protocol: the types and constants of one kind of node.
//!
//! **Invariant:** types and constants only; a protocol has no state.

use core::fmt::Debug;

use crate::base::{Address, Peer};
use crate::node::arena::Arena;
use crate::node::tables::RequestTables;

/// The maximum number of traffic classes of a protocol. Drivers count them in fixed arrays.
pub const MAX_CLASSES: usize = 16;

/// A protocol, named by a zero-sized type.
///
/// Messages borrow their lists of peers and payloads from the sender's tables or from the received
/// datagram, so neither sending nor receiving copies or allocates. A driver that keeps a message
/// for a while [parks](Protocol::park) it.
pub trait Protocol: Copy + Debug + Send + Sync + 'static {
    /// A message between nodes.
    type Message<'a>: Copy + Debug;
    /// A parked message: its borrowed data lies in an [`Arena`].
    type Parked: Copy + Debug + Send + 'static;
    /// An event that a node reports to its application. The payload of an event is reported beside
    /// it.
    type Event: Copy + Debug + Send + 'static;
    /// The requests in flight of all nodes of a driver.
    type Requests: RequestTables;

    /// The traffic classes, at most [`MAX_CLASSES`].
    const CLASSES: &'static [Class];
    /// Names of the protocol's own [`DropReason::Own`](crate::node::DropReason::Own) reasons.
    const DROPS: &'static [&'static str] = &[];

    /// The class of `message`: an index into [`CLASSES`](Protocol::CLASSES).
    fn class(message: &Self::Message<'_>) -> usize;

    /// The name of `message` in traces of lookups. By default the name of its class.
    #[must_use]
    fn name(message: &Self::Message<'_>) -> &'static str {
        Self::CLASSES[Self::class(message)].name
    }

    /// Whether the message asks its receiver for new work on behalf of a lookup of the application.
    /// Drivers drop these first when they have too much to do.
    #[inline]
    #[must_use]
    fn starts_work(_message: &Self::Message<'_>) -> bool {
        false
    }

    /// The address of the origin, if the message is a step of a lookup, for the application or to maintain tables: the
    /// one that the message names, otherwise the sender. It is not proven. Drivers defer lookups of heavy origins.
    #[inline]
    #[must_use]
    fn origin(_from: &Peer, _message: &Self::Message<'_>) -> Option<Address> {
        None
    }

    /// The lookup of the application that a message from `from` to `to` belongs to: a number that all
    /// messages of the lookup on the way to the owner and back have in common, and no other lookup has at
    /// the time. `None` if it belongs to none, or if messages do not tell. Only for viewers.
    #[inline]
    #[must_use]
    fn lookup_of(_from: &Peer, _to: &Peer, _message: &Self::Message<'_>) -> Option<u64> {
        None
    }

    /// Parks a message: copies its borrowed data into `arena`.
    fn park(message: &Self::Message<'_>, arena: &mut Arena) -> Self::Parked;

    /// The inverse of [`park`](Protocol::park), with the same arena.
    fn recall<'a>(parked: &Self::Parked, arena: &'a Arena) -> Self::Message<'a>;
}

/// The message type of a protocol.
pub type MessageOf<'a, P> = <P as Protocol>::Message<'a>;

/// The parked message type of a protocol.
pub type ParkedOf<P> = <P as Protocol>::Parked;

/// The event type of a protocol.
pub type EventOf<P> = <P as Protocol>::Event;

/// A class of traffic. Drivers count messages and bytes per class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Class {
    /// The name in reports. Classes with the same name are reported as one.
    pub name: &'static str,
    /// Whether its messages serve lookups of the application.
    pub is_lookup: bool,
    /// Whether its messages maintain the nodes' tables.
    pub is_maintenance: bool,
}

impl Class {
    /// A class for lookups of the application.
    #[must_use]
    pub const fn lookup(name: &'static str) -> Class {
        Class { name, is_lookup: true, is_maintenance: false }
    }

    /// A class for messages that maintain tables.
    #[must_use]
    pub const fn maintenance(name: &'static str) -> Class {
        Class { name, is_lookup: false, is_maintenance: true }
    }

    /// A class for all other messages.
    #[must_use]
    pub const fn other(name: &'static str) -> Class {
        Class { name, is_lookup: false, is_maintenance: false }
    }
}

/// The elements of `own`, then those of `below`, then `rest`: for the constants of a protocol that carries
/// another one.
#[must_use]
pub const fn concat<T: Copy, const N: usize>(own: &[T], below: &[T], rest: T) -> [T; N] {
    let mut all = [rest; N];
    let mut at = 0;
    while at < own.len() + below.len() {
        all[at] = if at < own.len() { own[at] } else { below[at - own.len()] };
        at += 1;
    }
    all
}
