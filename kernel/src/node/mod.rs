//! The contract between a node and its driver.
//!
//! ```text
//!            commands, messages, timeouts
//!   driver ───────────────────────────────▶ node
//!          ◀─────────────────────────────── (through its Context)
//!            sends, timers, events, counts
//! ```
//!
//! 1. A driver (a reactor, a simulator, a test) calls one `handle_*` method or one command of a
//!    node at a time, with a [`Context`] whose `now` never goes back.
//! 2. During the call the node may send messages, arm timers and report events through the context.
//!    It does nothing else, and keeps no reference to the context.
//! 3. When an armed time has passed, the driver calls [`Node::handle_timeout`] or
//!    [`Node::handle_request_timeout`]. A timer fires once. Firing early or late does no harm:
//!    nodes check `now`.
//!
//! [`Protocol`] names everything that belongs to one kind of node: its messages, events, requests
//! in flight and classes of traffic. A protocol may carry others ([`Carries`]): it wraps their
//! messages, and their code does not know it.
//!
//! **Invariant:** no I/O, no clock; a node reaches nothing but its context. Nothing here knows a
//! system.

mod arena;
mod carry;
mod context;
mod cookie;
mod drop_reason;
mod loss_estimate;
mod peer_round_trips;
mod protocol;
mod requests;
mod round_trips;
mod router;
mod router_world;
mod secret;
mod tables;

pub use arena::{Arena, Span};
pub use carry::{Carried, Carries};
pub use context::{Context, World};
pub use cookie::{Cookie, LastCookie};
pub use drop_reason::{DropReason, MAX_DROP_REASONS};
pub use loss_estimate::{Confidence, LossEstimate};
pub use peer_round_trips::PeerRoundTrips;
pub use protocol::{Class, EventOf, MAX_CLASSES, MessageOf, ParkedOf, Protocol, concat};
pub use requests::{
    MAX_ATTEMPTS, MAX_PAYLOAD, PayloadHandle, Request, RequestHandle, RequestId, RequestKind,
    Requests, Source,
};
pub use round_trips::{INITIAL_TIMEOUT, MAX_TIMEOUT, MIN_TIMEOUT, RoundTrips, TimeoutPolicy};
pub use router::{ABSENCE, LookupDone, LookupEnd, LookupPurpose, MAX_BOOTSTRAPS, Router};
pub use router_world::{Intercepted, OverRouter, call_router};
pub use secret::Secret;
pub use tables::{Layer, LayeredRequests, RequestTables};

use crate::base::Peer;

/// Any kind of node.
pub trait Node: Sized {
    /// The protocol that the node speaks.
    type Protocol: Protocol;

    /// Leading bytes of the node that nearly every message reads. A driver that knows messages in
    /// advance may prefetch them.
    const READ_FIRST_BYTES: usize = size_of::<Self>();

    /// The node's identifier and address.
    fn peer(&self) -> Peer;

    /// Prefetches the memory that handling `message` will read. Called by drivers that know
    /// messages in advance and keep them parked.
    #[inline]
    fn prefetch_for(&self, _message: &ParkedOf<Self::Protocol>) {}

    /// Handles a message for this node. `from.address` is the true source address; `from.id` is
    /// what the sender claims.
    fn handle_message(
        &mut self,
        cx: &mut Context<'_, Self::Protocol>,
        from: Peer,
        message: MessageOf<'_, Self::Protocol>,
    );

    /// Handles the timer armed with [`World::arm_node`].
    fn handle_timeout(&mut self, cx: &mut Context<'_, Self::Protocol>);

    /// Handles the timer armed with [`World::arm_request`] for one of this node's requests. The
    /// node must remove the request from the table, for instance with [`Context::take_expired`].
    fn handle_request_timeout(
        &mut self,
        cx: &mut Context<'_, Self::Protocol>,
        request: RequestHandle,
    );
}
