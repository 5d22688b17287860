//! The protocol of a directory. It carries that of items and that of the router below.
//!
//! **Invariant:** the classes, drop reasons and requests of the router follow those of the directory,
//! in their order.

use core::fmt;
use core::marker::PhantomData;

use crate::base::{Address, Peer};
use crate::directory::event::Event;
use crate::directory::message::{Message, MessageWith, ParkedMessage};
use crate::items::{self, Items};
use crate::node::{
    Arena, Carries, Class, DropReason, EventOf, LayeredRequests, MAX_CLASSES, MAX_DROP_REASONS,
    MessageOf, OverRouter, Protocol, RequestTables, Requests, concat,
};

/// The protocol of [`DirectoryNode`](crate::directory::DirectoryNode)s over a router that speaks `P`.
pub struct Directory<P>(PhantomData<fn() -> P>);

/// The index of the router's first class in [`CLASSES`](Protocol::CLASSES).
const FIRST_ROUTER_CLASS: usize = Items::CLASSES.len();

/// Reasons to drop a message, in the order of [`DROPS`](Protocol::DROPS); those of items come first.
const OWN_DROPS: [&str; 3] = [Items::DROPS[0], "word_full", "answer_cut"];

/// A word has as many references as it may have. The new one is not kept.
pub const WORD_FULL: DropReason = DropReason::Own(1);

/// Not all hits had room in an answer about words. It lists the best ones.
pub const ANSWER_CUT: DropReason = DropReason::Own(2);

impl<P: Protocol> Directory<P> {
    const ALL_CLASSES: [Class; MAX_CLASSES] = concat(Items::CLASSES, P::CLASSES, Class::other(""));
    const ALL_DROPS: [&'static str; MAX_DROP_REASONS] = concat(&OWN_DROPS, P::DROPS, "");
}

impl<P: Protocol> Protocol for Directory<P> {
    type Message<'a> = Message<'a, P>;
    type Parked = ParkedMessage<P>;
    type Event = Event<EventOf<P>>;
    type Requests = LayeredRequests<items::request::Kind, P::Requests>;

    const CLASSES: &'static [Class] =
        Self::ALL_CLASSES.split_at(FIRST_ROUTER_CLASS + P::CLASSES.len()).0;
    const DROPS: &'static [&'static str] =
        Self::ALL_DROPS.split_at(OWN_DROPS.len() + P::DROPS.len()).0;

    #[inline]
    fn class(message: &Message<'_, P>) -> usize {
        match message {
            MessageWith::Router(message) => FIRST_ROUTER_CLASS + P::class(message),
            MessageWith::Items(message) => Items::class(message),
            MessageWith::Copy { .. } => items::TrafficClass::Publish as usize,
        }
    }

    fn name(message: &Message<'_, P>) -> &'static str {
        match message {
            MessageWith::Router(message) => P::name(message),
            MessageWith::Items(message) => Items::name(message),
            MessageWith::Copy { .. } => Self::CLASSES[Self::class(message)].name,
        }
    }

    #[inline]
    fn starts_work(message: &Message<'_, P>) -> bool {
        match message {
            MessageWith::Router(message) => P::starts_work(message),
            MessageWith::Items(message) => Items::starts_work(message),
            MessageWith::Copy { .. } => false,
        }
    }

    #[inline]
    fn origin(from: &Peer, message: &Message<'_, P>) -> Option<Address> {
        match message {
            MessageWith::Router(message) => P::origin(from, message),
            _ => None,
        }
    }

    #[inline]
    fn lookup_of(from: &Peer, to: &Peer, message: &Message<'_, P>) -> Option<u64> {
        match message {
            MessageWith::Router(message) => P::lookup_of(from, to, message),
            MessageWith::Items(message) => Items::lookup_of(from, to, message),
            MessageWith::Copy { .. } => None,
        }
    }

    #[inline]
    fn park(message: &Message<'_, P>, arena: &mut Arena) -> ParkedMessage<P> {
        match message {
            MessageWith::Router(message) => MessageWith::Router(P::park(message, arena)),
            MessageWith::Items(message) => MessageWith::Items(Items::park(message, arena)),
            &MessageWith::Copy { hit, word, copies, lifetime_ms } => {
                MessageWith::Copy { hit, word, copies, lifetime_ms }
            }
        }
    }

    #[inline]
    fn recall<'a>(parked: &ParkedMessage<P>, arena: &'a Arena) -> Message<'a, P> {
        match parked {
            MessageWith::Router(parked) => MessageWith::Router(P::recall(parked, arena)),
            MessageWith::Items(parked) => MessageWith::Items(Items::recall(parked, arena)),
            &MessageWith::Copy { hit, word, copies, lifetime_ms } => {
                MessageWith::Copy { hit, word, copies, lifetime_ms }
            }
        }
    }
}

impl<P: Protocol> Carries<Items> for Directory<P> {
    fn wrap(message: MessageOf<'_, Items>) -> Message<'_, P> {
        MessageWith::Items(message)
    }

    fn event(event: items::Event) -> Event<EventOf<P>> {
        Event::Items(event)
    }

    fn requests(all: &mut Self::Requests) -> (&mut Requests<items::request::Kind>, u32) {
        (all.own_mut(), 0)
    }
}

impl<P: Protocol> OverRouter for Directory<P> {
    type Below = P;

    const FIRST_ROUTER_DROP: u8 = OWN_DROPS.len() as u8;

    #[inline]
    fn wrap_router(message: MessageOf<'_, P>) -> Message<'_, P> {
        MessageWith::Router(message)
    }

    fn router_event(event: EventOf<P>) -> Event<EventOf<P>> {
        Event::Router(event)
    }

    fn router_requests(all: &mut Self::Requests) -> (&mut P::Requests, u32) {
        all.carried_mut()
    }
}

impl<P> Clone for Directory<P> {
    fn clone(&self) -> Directory<P> {
        *self
    }
}

impl<P> Copy for Directory<P> {}

impl<P> fmt::Debug for Directory<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Directory")
    }
}
