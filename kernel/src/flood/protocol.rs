//! The protocol of flooding peers. It carries that of items.
//!
//! **Invariant:** the class of a message depends on the message alone.

use crate::base::Peer;
use crate::flood::message::{Message, ParkedMessage, WalkStage};
use crate::flood::request::Kind;
use crate::items::{self, Items};
use crate::node::{
    Arena, Carries, Class, DropReason, LayeredRequests, MessageOf, Protocol, Requests,
};

/// The protocol of [`FloodNode`](crate::flood::FloodNode)s.
#[derive(Clone, Copy, Debug)]
pub struct Flood;

/// The class of queries: the first one of items.
const LOOKUP: usize = items::TrafficClass::Lookup as usize;
/// The class of probes: the first one after those of items.
const PROBE: usize = Items::CLASSES.len();
/// The class of announced departures.
const LEAVE: usize = PROBE + 1;
/// The class of finding neighbors.
const JOIN: usize = PROBE + 2;

const _: () = assert!(PROBE == 3, "as many classes of items as are listed below");

/// The receiver has already seen the search.
pub const REPEAT: DropReason = DropReason::Own(0);
/// The receiver does not know, or no longer knows, where the search of a hit came from.
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
            Message::Connect { .. } | Message::Connected { .. } | Message::Seek { .. } => JOIN,
            Message::Items(message) => Items::class(message),
        }
    }

    fn name(message: &Message<'_>) -> &'static str {
        match message {
            Message::Search { .. } => "search",
            Message::Walk { .. } => "walk",
            Message::SearchHit { .. } => "hit",
            Message::Items(message) => Items::name(message),
            _ => Flood::CLASSES[Flood::class(message)].name,
        }
    }

    #[inline]
    fn starts_work(message: &Message<'_>) -> bool {
        match message {
            Message::Search { .. } => true,
            // The other stages let a walker that is already under way go on or end.
            Message::Walk { stage, .. } => *stage == WalkStage::Step,
            Message::Items(message) => Items::starts_work(message),
            _ => false,
        }
    }

    #[inline]
    fn lookup_of(from: &Peer, to: &Peer, message: &Message<'_>) -> Option<u64> {
        match message {
            // Peers on the way do not know the origin.
            Message::Search { search, .. }
            | Message::Walk { search, .. }
            | Message::SearchHit { search, .. } => Some(search.with_attempt(0).0),
            Message::Items(message) => Items::lookup_of(from, to, message),
            _ => None,
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
