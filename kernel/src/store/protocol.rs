//! The protocol of a store. It carries that of the router below.
//!
//! **Invariant:** the classes, drop reasons and requests of the router follow those of the store, in
//! their order.

use core::fmt;
use core::marker::PhantomData;

use crate::base::{Address, Peer};
use crate::node::{
    Arena, Class, DropReason, EventOf, LayeredRequests, MAX_CLASSES, MAX_DROP_REASONS, MessageOf,
    OverRouter, Protocol, concat,
};
use crate::store::event::Event;
use crate::store::message::{Message, MessageWith, ParkedMessage, Topic};
use crate::store::request::Kind;

/// The protocol of [`StoreNode`](crate::store::StoreNode)s over a router that speaks `P`.
pub struct Stored<P>(PhantomData<fn() -> P>);

/// Traffic classes of the store, in the order of [`CLASSES`](Protocol::CLASSES). Those of the router
/// follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum TrafficClass {
    /// Questions of an application, requests for values, and their answers.
    Ask,
    /// Copies on behalf of writes.
    Copy,
    /// Comparisons, and copies that mend others.
    Repair,
    /// Counts of items, for nodes that choose their place.
    Census,
}

const OWN_CLASSES: [Class; 4] = [
    Class::lookup("store"),
    Class::lookup("copy"),
    Class::other("repair"),
    Class::maintenance("census"),
];
const OWN_DROPS: [&str; 1] = ["bad_clock"];

/// The version of a copy lies too far in the future.
pub const BAD_CLOCK: DropReason = DropReason::Own(0);

impl<P: Protocol> Stored<P> {
    const ALL_CLASSES: [Class; MAX_CLASSES] = concat(&OWN_CLASSES, P::CLASSES, Class::other(""));
    const ALL_DROPS: [&'static str; MAX_DROP_REASONS] = concat(&OWN_DROPS, P::DROPS, "");
}

impl<P: Protocol> Protocol for Stored<P> {
    type Message<'a> = Message<'a, P>;
    type Parked = ParkedMessage<P>;
    type Event = Event<EventOf<P>>;
    type Requests = LayeredRequests<Kind, P::Requests>;

    const CLASSES: &'static [Class] =
        Self::ALL_CLASSES.split_at(OWN_CLASSES.len() + P::CLASSES.len()).0;
    const DROPS: &'static [&'static str] =
        Self::ALL_DROPS.split_at(OWN_DROPS.len() + P::DROPS.len()).0;

    #[inline]
    fn class(message: &Message<'_, P>) -> usize {
        let class = match message {
            MessageWith::Router(message) => return OWN_CLASSES.len() + P::class(message),
            MessageWith::Ask { .. }
            | MessageWith::Answer { .. }
            | MessageWith::Grant { .. }
            | MessageWith::AlsoAt { .. }
            | MessageWith::Fetch { .. }
            | MessageWith::Fetched { .. } => TrafficClass::Ask,
            MessageWith::Copy { .. } | MessageWith::Copied { .. } => TrafficClass::Copy,
            MessageWith::Compare { .. }
            | MessageWith::Compared { .. }
            | MessageWith::Sync { .. }
            | MessageWith::Synced { .. }
            | MessageWith::Release { .. } => TrafficClass::Repair,
            MessageWith::Census { .. } | MessageWith::Counted { .. } => TrafficClass::Census,
            MessageWith::CookieReply { topic, .. } => match topic {
                Topic::Ask => TrafficClass::Ask,
                Topic::Copy => TrafficClass::Copy,
                Topic::Repair => TrafficClass::Repair,
                Topic::Census => TrafficClass::Census,
            },
        };
        class as usize
    }

    fn name(message: &Message<'_, P>) -> &'static str {
        match message {
            MessageWith::Router(message) => P::name(message),
            MessageWith::Ask { .. } => "ask",
            MessageWith::Answer { .. } => "answer",
            MessageWith::Grant { .. } => "grant",
            MessageWith::AlsoAt { .. } => "also_at",
            MessageWith::Fetch { .. } => "fetch",
            MessageWith::Fetched { .. } => "fetched",
            MessageWith::Copy { .. } => "copy",
            MessageWith::Copied { .. } => "copied",
            MessageWith::CookieReply { .. } => "cookie",
            _ => Self::CLASSES[Self::class(message)].name,
        }
    }

    #[inline]
    fn starts_work(message: &Message<'_, P>) -> bool {
        match message {
            MessageWith::Router(message) => P::starts_work(message),
            MessageWith::Ask { .. } => true,
            _ => false,
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
            MessageWith::Ask { request, .. } => Some(request.lookup_from(from)),
            MessageWith::Answer { request, .. } => Some(request.lookup_from(to)),
            _ => None,
        }
    }

    #[inline]
    fn park(message: &Message<'_, P>, arena: &mut Arena) -> ParkedMessage<P> {
        message.map(
            arena,
            |arena, bytes| arena.keep_bytes(bytes),
            |arena, message| P::park(&message, arena),
        )
    }

    #[inline]
    fn recall<'a>(parked: &ParkedMessage<P>, arena: &'a Arena) -> Message<'a, P> {
        parked.map(arena, Arena::bytes, |arena, parked| P::recall(&parked, arena))
    }
}

impl<P: Protocol> OverRouter for Stored<P> {
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

impl<P> Clone for Stored<P> {
    fn clone(&self) -> Stored<P> {
        *self
    }
}

impl<P> Copy for Stored<P> {}

impl<P> fmt::Debug for Stored<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stored")
    }
}
