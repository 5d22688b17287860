//! The contract between a node and its driver.
//!
//! ```text
//!            commands, messages, timeouts
//!   driver ───────────────────────────────▶ node
//!          ◀─────────────────────────────── (through its Context)
//!            sends, timers, events, counts
//! ```
//!
//! 1. A driver (a reactor, a simulator, a test) calls one `handle_*` method or one command of a node
//!    at a time, with a [`Context`] whose `now` never goes back.
//! 2. During the call the node may send messages, arm its timer and report events through the
//!    context. It does nothing else, and keeps no reference to the context.
//! 3. When an armed time has come, the driver calls [`Node::handle_timeout`] or
//!    [`Node::handle_request_timeout`]. A timer fires once. Firing early or late does no harm: nodes
//!    look at `now`.
//!
//! [`Protocol`] names everything that belongs to one kind of node: its messages, events, requests in
//! flight and classes of traffic. A protocol may carry others ([`Carries`]): its messages wrap
//! theirs, whose code knows nothing of it.
//!
//! **Invariant:** no I/O, no clock; a node reaches nothing but its context. Nothing here knows a
//! system.

mod arena;
mod carry;
mod context;
mod cookie;
mod drop;
mod protocol;
mod requests;
mod round_trips;
mod router;
mod secret;
mod tables;

pub use arena::{Arena, Span};
pub use carry::{Carried, Carries};
pub use context::{Context, World};
pub use cookie::{Cookie, LastCookie};
pub use drop::{Drop, MAX_DROPS};
pub use protocol::{Class, EventOf, MAX_CLASSES, MessageOf, ParkedOf, Protocol};
pub use requests::{
    MAX_PAYLOAD, PayloadHandle, Request, RequestHandle, RequestId, RequestKind, Requests,
};
pub use round_trips::{INITIAL_TIMEOUT, MAX_TIMEOUT, MIN_TIMEOUT, RoundTrips, TimeoutPolicy};
pub use router::{LookupDone, LookupEnd, LookupPurpose, Router};
pub use secret::Secret;
pub use tables::{Layer, Layers, Tables};

use crate::base::Peer;

/// Any kind of node.
pub trait Node: Sized {
    /// What it speaks.
    type Protocol: Protocol;

    /// Number of leading bytes that handling a message nearly always reads. A driver that knows of
    /// messages ahead may prefetch them.
    const READ_FIRST_BYTES: usize = size_of::<Self>();

    /// Its identifier and address.
    fn peer(&self) -> Peer;

    /// Prefetches the memory that handling `message` will read. Changes nothing; only drivers that know
    /// of messages ahead, and so keep them parked, call it.
    #[inline]
    fn expect_message(&self, _message: &ParkedOf<Self::Protocol>) {}

    /// Handles a message for this node. `from.address` is where it really came from; `from.id` is
    /// what its sender claims to be.
    fn handle_message(
        &mut self,
        cx: &mut Context<'_, Self::Protocol>,
        from: Peer,
        message: MessageOf<'_, Self::Protocol>,
    );

    /// Handles the time given to [`World::arm_node`].
    fn handle_timeout(&mut self, cx: &mut Context<'_, Self::Protocol>);

    /// Handles the time given to [`World::arm_request`] for one of this node's requests. The node
    /// takes the request out of the table.
    fn handle_request_timeout(
        &mut self,
        cx: &mut Context<'_, Self::Protocol>,
        request: RequestHandle,
    );
}
