//! Protocols that carry the messages of other protocols.
//!
//! ```text
//!   outer node ──▶ Context<Outer>
//!                    └─ carry ──▶ Context<Inner> ──▶ inner part of the node
//!                                   sends Inner's messages, which leave wrapped as Outer's
//! ```
//!
//! **Invariant:** the inner part cannot tell that it is carried. Wrapping copies a message once.

use core::time::Duration;

use crate::base::{Peer, Time};
use crate::node::context::{Context, World};
use crate::node::drop_reason::DropReason;
use crate::node::protocol::{EventOf, MessageOf, Protocol};
use crate::node::requests::RequestHandle;

/// A protocol whose nodes contain a part that speaks `I`.
pub trait Carries<I: Protocol>: Protocol {
    /// The index of the carried protocol's first reason in [`DROPS`](Protocol::DROPS).
    const FIRST_DROP: u8 = 0;

    /// Wraps a message of the carried protocol.
    fn wrap(message: I::Message<'_>) -> Self::Message<'_>;

    /// Converts an event of the carried protocol.
    fn event(event: I::Event) -> Self::Event;

    /// The request tables of the carried protocol, and the number of their first handle.
    fn requests(all: &mut Self::Requests) -> (&mut I::Requests, u32);
}

impl<P: Protocol> Context<'_, P> {
    /// Calls the part of this node that speaks the carried protocol `I`.
    #[inline]
    pub fn carry<I: Protocol, T>(&mut self, call: impl FnOnce(&mut Context<'_, I>) -> T) -> T
    where
        P: Carries<I>,
    {
        let (requests, first_handle) = P::requests(self.requests);
        let mut world = Carried::new(&mut *self.world, first_handle);
        let mut cx = Context {
            now: self.now,
            node: self.node,
            rng: &mut *self.rng,
            requests,
            world: &mut world,
        };
        call(&mut cx)
    }
}

/// The world of a carried protocol. Forwards every call to the world of the carrying protocol.
pub struct Carried<'w, P> {
    world: &'w mut dyn World<P>,
    first_handle: u32,
}

impl<'w, P: Protocol> Carried<'w, P> {
    /// A world on top of `world`, in which the carried protocol's handles begin at `first_handle`.
    #[inline]
    #[must_use]
    pub fn new(world: &'w mut dyn World<P>, first_handle: u32) -> Carried<'w, P> {
        Carried { world, first_handle }
    }
}

impl<I: Protocol, P: Carries<I>> World<I> for Carried<'_, P> {
    #[inline]
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, I>) {
        self.world.send(from, to, &P::wrap(*message));
    }

    fn arm_node(&mut self, node: u32, at: Time) {
        self.world.arm_node(node, at);
    }

    fn arm_request(&mut self, RequestHandle(handle): RequestHandle, at: Time) {
        self.world.arm_request(RequestHandle(self.first_handle + handle), at);
    }

    fn disarm_request(&mut self, RequestHandle(handle): RequestHandle) {
        self.world.disarm_request(RequestHandle(self.first_handle + handle));
    }

    fn report(&mut self, node: u32, event: EventOf<I>, payload: &[u8]) {
        self.world.report(node, P::event(event), payload);
    }

    fn count_drop(&mut self, reason: DropReason) {
        self.world.count_drop(match reason {
            DropReason::Own(own) => DropReason::Own(P::FIRST_DROP + own),
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
