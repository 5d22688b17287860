//! The protocol of a central index. It carries that of items.
//!
//! **Invariant:** the class of a message depends on the message alone.

use crate::base::Peer;
use crate::central::message::{Message, ParkedMessage};
use crate::central::request::Kind;
use crate::items::{self, Items};
use crate::node::{Arena, Carries, Class, LayeredRequests, MessageOf, Protocol, Requests};

/// The protocol of [`CentralNode`](crate::central::CentralNode)s.
#[derive(Clone, Copy, Debug)]
pub struct Central;

/// The class of probes: the first one after those of items.
const PROBE: usize = Items::CLASSES.len();
/// The class of announced departures.
const LEAVE: usize = PROBE + 1;

const _: () = assert!(PROBE == 3, "as many classes of items as are listed below");

impl Protocol for Central {
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
    ];
    const DROPS: &'static [&'static str] = Items::DROPS;

    fn class(message: &Message<'_>) -> usize {
        match message {
            Message::Ping { .. } | Message::Pong { .. } => PROBE,
            Message::Leave => LEAVE,
            Message::Items(message) => Items::class(message),
        }
    }

    fn name(message: &Message<'_>) -> &'static str {
        match message {
            Message::Items(message) => Items::name(message),
            _ => Central::CLASSES[Central::class(message)].name,
        }
    }

    fn starts_work(message: &Message<'_>) -> bool {
        matches!(message, Message::Items(message) if Items::starts_work(message))
    }

    fn lookup_of(from: &Peer, to: &Peer, message: &Message<'_>) -> Option<u64> {
        match message {
            Message::Items(message) => Items::lookup_of(from, to, message),
            _ => None,
        }
    }

    fn park(message: &Message<'_>, arena: &mut Arena) -> ParkedMessage {
        message.map(|message| Items::park(&message, arena))
    }

    fn recall<'a>(parked: &ParkedMessage, arena: &'a Arena) -> Message<'a> {
        parked.map(|parked| Items::recall(&parked, arena))
    }
}

impl Carries<Items> for Central {
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
