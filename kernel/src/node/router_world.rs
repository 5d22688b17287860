//! A router as the lower part of a node: the layer above calls it, and intercepts its timer and the ends of
//! its lookups.
//!
//! ```text
//!   node of P ──▶ Context<P>
//!                   └─ call_router ──▶ Context<router's protocol> ──▶ router
//!                        sends: wrapped as messages of P     timer, end of a lookup: returned to the node
//! ```
//!
//! **Invariant:** every event that is not intercepted goes to the application.

use core::marker::PhantomData;
use core::time::Duration;

use crate::base::{Peer, Time};
use crate::node::context::{Context, World};
use crate::node::drop_reason::DropReason;
use crate::node::protocol::{EventOf, MessageOf, Protocol};
use crate::node::requests::RequestHandle;
use crate::node::router::{LookupEnd, Router};

/// A protocol whose nodes contain a router that speaks [`Below`](OverRouter::Below).
pub trait OverRouter: Protocol {
    /// The router's protocol.
    type Below: Protocol;

    /// The index of the router's first reason in [`DROPS`](Protocol::DROPS).
    const FIRST_ROUTER_DROP: u8;

    /// Wraps a message of the router.
    fn wrap_router(message: MessageOf<'_, Self::Below>) -> MessageOf<'_, Self>;

    /// Wraps an event of the router.
    fn router_event(event: EventOf<Self::Below>) -> Self::Event;

    /// The request tables of the router, and the number of their first handle.
    fn router_requests(all: &mut Self::Requests)
    -> (&mut <Self::Below as Protocol>::Requests, u32);
}

/// The intercepted effects of one call of a router.
#[derive(Clone, Copy, Debug, Default)]
pub struct Intercepted {
    /// The time for which the router armed its timer, if it did.
    pub armed: Option<Time>,
    /// The end of a lookup, for the layer above to handle or to report.
    pub ended: Option<LookupEnd>,
}

/// Calls a router. Returns the result of the call, and the intercepted effects. One call ends at
/// most one lookup.
#[inline]
pub fn call_router<P, R, T>(
    cx: &mut Context<'_, P>,
    call: impl FnOnce(&mut Context<'_, R::Protocol>) -> T,
) -> (T, Intercepted)
where
    P: OverRouter<Below = R::Protocol>,
    R: Router,
{
    let (requests, first_handle) = P::router_requests(cx.requests);
    let mut world = RouterWorld::<P, R> {
        world: &mut *cx.world,
        first_handle,
        router: PhantomData,
        intercepted: Intercepted::default(),
    };
    let mut inner =
        Context { now: cx.now, node: cx.node, rng: &mut *cx.rng, requests, world: &mut world };
    let result = call(&mut inner);
    (result, world.intercepted)
}

struct RouterWorld<'w, P: OverRouter, R> {
    world: &'w mut dyn World<P>,
    first_handle: u32,
    router: PhantomData<fn() -> R>,
    intercepted: Intercepted,
}

impl<P, R> World<R::Protocol> for RouterWorld<'_, P, R>
where
    P: OverRouter<Below = R::Protocol>,
    R: Router,
{
    #[inline]
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, R::Protocol>) {
        self.world.send(from, to, &P::wrap_router(*message));
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
            _ => self.world.report(node, P::router_event(event), payload),
        }
    }

    fn count_drop(&mut self, reason: DropReason) {
        self.world.count_drop(match reason {
            DropReason::Own(own) => DropReason::Own(P::FIRST_ROUTER_DROP + own),
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
