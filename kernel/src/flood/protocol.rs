//! The protocol of flooding peers. It carries that of items.
//!
//! **Invariant:** a message's class follows from the message alone.

use crate::flood::message::{Message, ParkedMessage};
use crate::flood::request::Kind;
use crate::items::{self, Items};
use crate::node::{
    Arena, Carries, Class, DropReason, LayeredRequests, MessageOf, Protocol, Requests,
};

/// The protocol of [`FloodNode`](crate::flood::FloodNode)s.
#[derive(Clone, Copy, Debug)]
pub struct Flood;

/// Queries: the first class of items.
const LOOKUP: usize = items::TrafficClass::Lookup as usize;
/// Probes, after the classes of items.
const PROBE: usize = Items::CLASSES.len();
/// Announced departures.
const LEAVE: usize = PROBE + 1;
/// Looking for neighbors.
const JOIN: usize = PROBE + 2;

const _: () = assert!(PROBE == 3, "as many classes of items as are listed below");

/// A search that this node has seen already.
pub const REPEAT: DropReason = DropReason::Own(0);
/// A hit for a search that is not remembered.
pub const NO_WAY_BACK: DropReason = DropReason::Own(1);

impl Protocol for Flood {
    type Message<'a> = Message<'a>;
    type Parked = ParkedMessage;
    type Event = items::Event;
    type Requests = LayeredRequests<Kind, Requests<items::request::Kind>>;

    const CLASSES: &'static [Class] = &[
        Items::CLASSES[0],
        Items::CLASSES[1],
        Items::CLASSES[2],
        Class::maintenance("probe"),
        Class::maintenance("leave"),
        Class::maintenance("join"),
    ];
    const DROPS: &'static [&'static str] = &["repeat", "no_way_back", Items::DROPS[0]];

    #[inline]
    fn class(message: &Message<'_>) -> usize {
        match message {
            Message::Search { .. } | Message::Walk { .. } | Message::SearchHit { .. } => LOOKUP,
            Message::Ping { .. } | Message::Pong { .. } => PROBE,
            Message::Leave => LEAVE,
            Message::Connect { .. } | Message::Connected { .. } | Message::Meet { .. } => JOIN,
            Message::Items(message) => Items::class(message),
        }
    }

    #[inline]
    fn park(message: &Message<'_>, arena: &mut Arena) -> ParkedMessage {
        message.map(|message| Items::park(&message, arena))
    }

    #[inline]
    fn recall<'a>(parked: &ParkedMessage, arena: &'a Arena) -> Message<'a> {
        parked.map(|parked| Items::recall(&parked, arena))
    }
}

impl Carries<Items> for Flood {
    const FIRST_DROP: u8 = 2;

    fn wrap(message: MessageOf<'_, Items>) -> Message<'_> {
        Message::Items(message)
    }

    fn event(event: items::Event) -> items::Event {
        event
    }

    fn requests(all: &mut Self::Requests) -> (&mut Requests<items::request::Kind>, u32) {
        all.carried_mut()
    }
}
