//! Keys of events. A simulation processes events in the order of their keys.
//!
//! **Invariant:** no two events of a node have the same time, source and sequence.

use hopwise_kernel::Time;

/// Time, place and kind of an event. Events are in the order of their keys.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Key {
    pub(crate) time: Time,
    /// The place of the event's node.
    pub(crate) place: u32,
    /// The event's source: see [`source`].
    pub(crate) source: u32,
    /// Counts the events from that source.
    pub(crate) sequence: u64,
    pub(crate) kind: EventKind,
}

/// The kind of an event and the index of its content in its batch. Indices depend on the number of
/// shards, so they must never decide the order of events: [`Key::source`] and [`Key::sequence`]
/// come first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum EventKind {
    Command(u32),
    NodeTimer,
    RequestTimer(u32),
    /// The node has processed a message.
    ServiceEnd,
    Message(u32),
}

/// Values of [`Key::source`].
pub(crate) mod source {
    /// The director.
    pub(crate) const DIRECTOR: u32 = 0;
    /// The node's own timers.
    pub(crate) const TIMER: u32 = 1;

    /// What waited while its node was paused.
    pub(crate) const WAITING: u32 = u32::MAX;

    /// A message from the node in this place.
    pub(crate) const fn node(place: u32) -> u32 {
        place + 2
    }
}
