//! The protocol for publishing, finding and fetching items. Systems carry it.
//!
//! **Invariant:** the class of a message depends on the message alone.

use crate::base::Peer;
use crate::items::event::Event;
use crate::items::hits::Hits;
use crate::items::message::{Message, ParkedMessage, Topic};
use crate::items::request::Kind;
use crate::node::{Arena, Class, DropReason, Protocol, Requests};

/// The protocol of items.
#[derive(Clone, Copy, Debug)]
pub struct Items;

/// Traffic classes, in the order of [`Items::CLASSES`](Protocol::CLASSES). A system that carries
/// items lists these first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum TrafficClass {
    /// Queries and their answers.
    Lookup,
    /// Publications.
    Publish,
    /// Transfers of items from holders to requesters.
    Transfer,
}

/// The index has no room for another entry.
pub const INDEX_FULL: DropReason = DropReason::Own(0);

impl Protocol for Items {
    type Message<'a> = Message<'a>;
    type Parked = ParkedMessage;
    type Event = Event;
    type Requests = Requests<Kind>;

    const CLASSES: &'static [Class] =
        &[Class::lookup("lookup"), Class::other("publish"), Class::other("transfer")];
    const DROPS: &'static [&'static str] = &["index_full"];

    #[inline]
    fn class(message: &Message<'_>) -> usize {
        let class = match message {
            Message::Publish { .. } | Message::PublishWord { .. } | Message::Published { .. } => {
                TrafficClass::Publish
            }
            Message::Find { .. } | Message::Found { .. } => TrafficClass::Lookup,
            Message::Fetch { .. } | Message::Item { .. } => TrafficClass::Transfer,
            Message::CookieReply { topic, .. } => match topic {
                Topic::Find => TrafficClass::Lookup,
                Topic::Publish => TrafficClass::Publish,
                Topic::Fetch => TrafficClass::Transfer,
            },
        };
        class as usize
    }

    fn name(message: &Message<'_>) -> &'static str {
        match message {
            Message::Find { .. } => "find",
            Message::Found { .. } => "found",
            Message::CookieReply { .. } => "cookie",
            _ => Items::CLASSES[Items::class(message)].name,
        }
    }

    #[inline]
    fn starts_work(message: &Message<'_>) -> bool {
        matches!(message, Message::Find { .. })
    }

    #[inline]
    fn lookup_of(from: &Peer, to: &Peer, message: &Message<'_>) -> Option<u64> {
        match message {
            Message::Find { request, .. } => Some(request.lookup_from(from)),
            Message::Found { request, .. } => Some(request.lookup_from(to)),
            _ => None,
        }
    }

    #[inline]
    fn park(message: &Message<'_>, arena: &mut Arena) -> ParkedMessage {
        message.map(
            arena,
            |arena, hits| arena.keep_bytes(hits.as_bytes()),
            |arena, bytes| arena.keep_bytes(bytes),
        )
    }

    #[inline]
    fn recall<'a>(parked: &ParkedMessage, arena: &'a Arena) -> Message<'a> {
        parked.map(arena, |arena, hits| Hits::from_valid(arena.bytes(hits)), Arena::bytes)
    }
}
