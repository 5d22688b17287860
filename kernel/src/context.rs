//! How a node acts on the world, and the one trait of every kind of node.
//!
//! The contract between a node and its driver (a reactor, a simulator, a test):
//!
//! 1. The driver calls one `handle_*` method or one command of the node at a time, with a
//!    [`Context`] whose `now` never goes back.
//! 2. During the call the node may send messages, arm its timer and report events through the
//!    context. It does nothing else, and keeps no reference to it.
//! 3. When an armed time has come the driver calls [`Node::handle_timeout`] or
//!    [`Node::handle_request_timeout`]. A timer fires once. Firing early or late does no harm:
//!    nodes look at `now`.
//!
//! **Invariant:** no I/O, no clock; a node reaches nothing but its context.

use crate::id::Id;
use crate::message::Message;
use crate::peer::Peer;
use crate::rng::Rng;
use crate::rpc::{RequestHandle, Requests};
use crate::time::Time;

/// Any kind of node.
pub trait Node {
    /// Where it is, and who.
    fn peer(&self) -> Peer;

    /// A message for this node has arrived. `from.address` is where it really came from;
    /// `from.id` is what the sender says.
    fn handle_message(&mut self, cx: &mut Context<'_>, from: Peer, message: Message<'_>);

    /// The time given to [`World::arm_node`] has come.
    fn handle_timeout(&mut self, cx: &mut Context<'_>);

    /// The time given to [`World::arm_request`] has come; the request is one of this node's.
    fn handle_request_timeout(&mut self, cx: &mut Context<'_>, request: RequestHandle);
}

/// What a node may use during one call.
pub struct Context<'a> {
    /// The present.
    pub now: Time,
    /// The driver's number for this node; its requests are marked with it.
    pub node: u32,
    /// Randomness.
    pub rng: &'a mut Rng,
    /// The requests in flight of all nodes of this driver.
    pub requests: &'a mut Requests,
    /// Everything outside.
    pub world: &'a mut dyn World,
}

/// What the driver does for its nodes.
pub trait World {
    /// Sends a message. It may be lost, late, or repeated.
    fn send(&mut self, from: Peer, to: Peer, message: &Message<'_>);

    /// Calls [`Node::handle_timeout`] of `node` at `at`, instead of at any time armed before.
    fn arm_node(&mut self, node: u32, at: Time);

    /// Calls [`Node::handle_request_timeout`] at `at`, instead of at any time armed before.
    fn arm_request(&mut self, request: RequestHandle, at: Time);

    /// The request is over: forgets its time.
    fn disarm_request(&mut self, request: RequestHandle);

    /// Tells the application.
    fn report(&mut self, node: u32, event: Event<'_>);

    /// Counts a message that was not acted on.
    fn count_drop(&mut self, reason: Drop);
}

/// What a node tells its application.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event<'a> {
    /// The node is a member of the ring now.
    Joined,
    /// The bootstrap did not lead to a place in the ring; the node waits for another `join`.
    JoinFailed,
    /// A lookup has its answer.
    LookupDone(LookupDone),
    /// A lookup got no answer within its deadline.
    LookupFailed {
        /// The caller's name for it.
        token: u64,
        /// Contacts that did not answer, as far as the origin knows.
        timeouts: u8,
    },
    /// A message for a key this node owns has arrived.
    Received {
        /// The key it was sent to.
        key: Id,
        /// Who sent it.
        from: Peer,
        /// What it says.
        payload: &'a [u8],
    },
    /// The owner has acknowledged a message.
    Sent {
        /// The caller's name for it.
        token: u64,
        /// Who has it.
        owner: Peer,
    },
    /// A message was not acknowledged within its deadline. It may have arrived all the same.
    SendFailed {
        /// The caller's name for it.
        token: u64,
    },
}

impl Event<'_> {
    /// The event without its payload, for drivers that keep events for a while.
    #[must_use]
    pub fn detach(self) -> Event<'static> {
        match self {
            Event::Joined => Event::Joined,
            Event::JoinFailed => Event::JoinFailed,
            Event::LookupDone(done) => Event::LookupDone(done),
            Event::LookupFailed { token, timeouts } => Event::LookupFailed { token, timeouts },
            Event::Received { key, from, .. } => Event::Received { key, from, payload: &[] },
            Event::Sent { token, owner } => Event::Sent { token, owner },
            Event::SendFailed { token } => Event::SendFailed { token },
        }
    }
}

/// The answer to a lookup.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LookupDone {
    /// The caller's name for it.
    pub token: u64,
    /// What was looked up.
    pub key: Id,
    /// Who owns it.
    pub owner: Peer,
    /// Transfers between live nodes from the origin to the first node that knew the answer.
    pub hops: u8,
    /// Contacts that did not answer in time.
    pub timeouts: u8,
}

/// Why a well-formed message was not acted on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Drop {
    /// The node it is for is not, or no longer, behind the slot it names.
    NoSuchNode,
    /// It claims to come from the receiver itself.
    FromSelf,
    /// A reply that matches no request in flight: late, repeated or forged.
    Unmatched,
    /// The receiver is not yet, or no longer, a member of the ring.
    NotMember,
    /// The table of requests in flight is full.
    Overload,
    /// A lookup's hop budget is spent.
    BudgetSpent,
    /// A lookup found nobody closer to its key.
    Stuck,
    /// A message for a key that the receiver does not own.
    NotOwner,
    /// Somebody who is in none of the receiver's tables says what only neighbours say.
    UnknownPeer,
}

impl Drop {
    /// Every reason, in the order of its number.
    pub const ALL: [Drop; 9] = [
        Drop::NoSuchNode,
        Drop::FromSelf,
        Drop::Unmatched,
        Drop::NotMember,
        Drop::Overload,
        Drop::BudgetSpent,
        Drop::Stuck,
        Drop::NotOwner,
        Drop::UnknownPeer,
    ];

    /// The name reports use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Drop::NoSuchNode => "no_such_node",
            Drop::FromSelf => "from_self",
            Drop::Unmatched => "unmatched",
            Drop::NotMember => "not_member",
            Drop::Overload => "overload",
            Drop::BudgetSpent => "budget_spent",
            Drop::Stuck => "stuck",
            Drop::NotOwner => "not_owner",
            Drop::UnknownPeer => "unknown_peer",
        }
    }
}
