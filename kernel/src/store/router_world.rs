//! The world of a router inside a store. Wraps the router's messages, requests and events as the
//! store's. Intercepts its timer and the ends of lookups, for the store to handle.
//!
//! **Invariant:** every event that is not intercepted goes to the application.

use core::time::Duration;

use crate::base::{Peer, Time};
use crate::node::{
    Context, DropReason, EventOf, LookupEnd, MessageOf, RequestHandle, Router, World,
};
use crate::store::event::Event;
use crate::store::message::MessageWith;
use crate::store::protocol::{FIRST_ROUTER_DROP, Stored};

/// The intercepted effects of one call of the router.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Intercepted {
    /// The time for which the router armed its timer, if it did.
    pub(super) armed: Option<Time>,
    /// The end of a lookup, for the store to handle or to report.
    pub(super) ended: Option<LookupEnd>,
}

/// Calls the router. Returns the result of the call, and the intercepted effects. One call ends at
/// most one lookup.
#[inline]
pub(super) fn call_router<R: Router, T>(
    cx: &mut Context<'_, Stored<R::Protocol>>,
    call: impl FnOnce(&mut Context<'_, R::Protocol>) -> T,
) -> (T, Intercepted) {
    let (requests, first_handle) = cx.requests.carried_mut();
    let mut world = RouterWorld::<R> {
        world: &mut *cx.world,
        first_handle,
        intercepted: Intercepted::default(),
    };
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

    fn count_spurious(&mut self) {
        self.world.count_spurious();
    }

    fn may_retransmit(&mut self) -> bool {
        self.world.may_retransmit()
    }

    fn lag(&self) -> Duration {
        self.world.lag()
    }

    fn stall(&self) -> Duration {
        self.world.stall()
    }
}
