//! The protocol of the ring: its traffic classes and drop reasons.
//!
//! **Invariant:** the class of a message depends on the message alone.

use crate::base::{Address, Peer};
use crate::node::{Arena, Class, DropReason, Protocol, Requests};
use crate::ring::event::Event;
use crate::ring::message::{Message, ParkedMessage, Purpose};
use crate::ring::request::Kind;

/// The protocol of [`RingNode`](crate::ring::RingNode)s.
#[derive(Clone, Copy, Debug)]
pub struct Ring;

/// Traffic classes, in the order of [`Ring::CLASSES`](Protocol::CLASSES).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum TrafficClass {
    /// Lookups of the application.
    Lookup,
    /// Messages of the application to the owners of keys.
    Delivery,
    /// Stabilize, notify, rectify.
    Stabilize,
    /// Refreshing fingers.
    FixFingers,
    /// Joining.
    Join,
    /// Announced departures.
    Leave,
    /// Pings of new contacts and of contacts that did not answer.
    Probe,
    /// Maintenance lookups of the layer above the ring, such as a store that publishes.
    UpperLayer,
}

/// The hop budget of a lookup is spent.
pub const BUDGET_SPENT: DropReason = DropReason::Own(0);
/// The receiver of a lookup knows no node closer to the key.
pub const STUCK: DropReason = DropReason::Own(1);
/// The receiver of a message to a key does not own the key.
pub const NOT_OWNER: DropReason = DropReason::Own(2);
/// The origin of a lookup has given it up by now.
pub const EXPIRED: DropReason = DropReason::Own(3);
/// The identifier of the sender does not belong to its address; see
/// [`IdRule::OfAddress`](crate::ring::IdRule::OfAddress).
pub const FOREIGN_ID: DropReason = DropReason::Own(4);

impl Protocol for Ring {
    type Message<'a> = Message<'a>;
    type Parked = ParkedMessage;
    type Event = Event;
    type Requests = Requests<Kind>;

    const CLASSES: &'static [Class] = &[
        Class::lookup("lookup"),
        Class::other("delivery"),
        Class::maintenance("stabilize"),
        Class::maintenance("fix_fingers"),
        Class::maintenance("join"),
        Class::maintenance("leave"),
        Class::maintenance("probe"),
        Class::other("publish"),
    ];
    const DROPS: &'static [&'static str] =
        &["budget_spent", "stuck", "not_owner", "expired", "foreign_id"];

    #[inline]
    fn class(message: &Message<'_>) -> usize {
        let class = match message {
            Message::Ping { .. } | Message::Pong { .. } => TrafficClass::Probe,
            Message::Notify | Message::Adopted | Message::Introduce { .. } => {
                TrafficClass::Stabilize
            }
            Message::Leave { .. } => TrafficClass::Leave,
            Message::Deliver { .. } | Message::Delivered { .. } => TrafficClass::Delivery,
            Message::Lookup { lookup, .. } => lookup.purpose.into(),
            Message::Neighbors { purpose, .. }
            | Message::NeighborsReply { purpose, .. }
            | Message::CookieReply { purpose, .. }
            | Message::Ack { purpose, .. }
            | Message::Answer { purpose, .. }
            | Message::FindNext { purpose, .. }
            | Message::FindNextReply { purpose, .. } => (*purpose).into(),
        };
        class as usize
    }

    fn name(message: &Message<'_>) -> &'static str {
        match message {
            Message::Lookup { .. } => "lookup",
            Message::Ack { .. } => "ack",
            Message::Answer { .. } => "answer",
            Message::FindNext { .. } => "find_next",
            Message::FindNextReply { .. } => "next",
            _ => Ring::CLASSES[Ring::class(message)].name,
        }
    }

    #[inline]
    fn starts_work(message: &Message<'_>) -> bool {
        match message {
            Message::Lookup { lookup, .. } => lookup.purpose == Purpose::User,
            Message::FindNext { purpose, .. } => *purpose == Purpose::User,
            _ => false,
        }
    }

    #[inline]
    fn origin(from: &Peer, message: &Message<'_>) -> Option<Address> {
        match message {
            Message::Lookup { lookup, .. } => Some(lookup.origin.address),
            Message::FindNext { .. } => Some(from.address),
            _ => None,
        }
    }

    #[inline]
    fn lookup_of(from: &Peer, to: &Peer, message: &Message<'_>) -> Option<u64> {
        let (request, purpose, origin) = match message {
            Message::Lookup { lookup, .. } => (lookup.lookup, lookup.purpose, &lookup.origin),
            Message::Answer { lookup, purpose, .. } => (*lookup, *purpose, to),
            Message::FindNext { request, purpose, .. } => (*request, *purpose, from),
            Message::FindNextReply { request, purpose, .. } => (*request, *purpose, to),
            _ => return None,
        };
        (purpose == Purpose::User).then(|| request.lookup_from(origin))
    }

    #[inline]
    fn park(message: &Message<'_>, arena: &mut Arena) -> ParkedMessage {
        message.map(arena, Arena::keep_peers, Arena::keep_bytes)
    }

    #[inline]
    fn recall<'a>(parked: &ParkedMessage, arena: &'a Arena) -> Message<'a> {
        parked.map(arena, Arena::peers, Arena::bytes)
    }
}

impl From<Purpose> for TrafficClass {
    #[inline]
    fn from(purpose: Purpose) -> TrafficClass {
        match purpose {
            Purpose::User => TrafficClass::Lookup,
            Purpose::FixFingers => TrafficClass::FixFingers,
            Purpose::Join => TrafficClass::Join,
            Purpose::Stabilize => TrafficClass::Stabilize,
            Purpose::UpperLayer => TrafficClass::UpperLayer,
        }
    }
}
