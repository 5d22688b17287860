//! The world that a router sees inside a store: its messages, requests and events leave wrapped as the
//! store's. What it says to its timer, and how lookups end, is kept for the store.
//!
//! **Invariant:** nothing is lost: an event that is not kept for the store goes on to the application.

use crate::base::{Peer, Time};
use crate::node::{
    Context, DropReason, EventOf, LookupEnd, MessageOf, RequestHandle, Router, World,
};
use crate::store::event::Event;
use crate::store::message::MessageWith;
use crate::store::protocol::{FIRST_ROUTER_DROP, Stored};

/// What a call of the router came to, beside what went through.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Intercepted {
    /// When the router wants to be called, if it said so.
    pub(super) armed: Option<Time>,
    /// How a lookup ended, for the store to take or to report.
    pub(super) ended: Option<LookupEnd>,
}

/// Calls the router. Returns what the call returns, and what was kept. One call ends one lookup at most.
#[inline]
pub(super) fn call_router<R: Router, T>(
    cx: &mut Context<'_, Stored<R::Protocol>>,
    call: impl FnOnce(&mut Context<'_, R::Protocol>) -> T,
) -> (T, Intercepted) {
    let (requests, first_handle) = cx.requests.carried_mut();
    let mut world = RouterWorld::<R> { world: &mut *cx.world, first_handle, intercepted: Intercepted::default() };
    let mut inner =
        Context { now: cx.now, node: cx.node, rng: &mut *cx.rng, requests, world: &mut world };
    let result = call(&mut inner);
    (result, world.intercepted)
}

struct RouterWorld<'w, R: Router> {
    world: &'w mut dyn World<Stored<R::Protocol>>,
    first_handle: u32,
    intercepted: Intercepted,
}

impl<R: Router> World<R::Protocol> for RouterWorld<'_, R> {
    #[inline]
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, R::Protocol>) {
        self.world.send(from, to, &MessageWith::Router(*message));
    }

    fn arm_node(&mut self, _node: u32, at: Time) {
        self.intercepted.armed = Some(at);
    }

    fn arm_request(&mut self, RequestHandle(handle): RequestHandle, at: Time) {
        self.world.arm_request(RequestHandle(self.first_handle + handle), at);
    }

    fn disarm_request(&mut self, RequestHandle(handle): RequestHandle) {
        self.world.disarm_request(RequestHandle(self.first_handle + handle));
    }

    fn report(&mut self, node: u32, event: EventOf<R::Protocol>, payload: &[u8]) {
        match R::lookup_end(&event) {
            Some(end) if self.intercepted.ended.is_none() => self.intercepted.ended = Some(end),
            _ => self.world.report(node, Event::Router(event), payload),
        }
    }

    fn count_drop(&mut self, reason: DropReason) {
        self.world.count_drop(match reason {
            DropReason::Own(own) => DropReason::Own(FIRST_ROUTER_DROP + own),
            common => common,
        });
    }
}
