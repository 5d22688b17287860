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

use core::time::Duration;

use crate::id::Id;
use crate::items::Hit;
use crate::message::{Message, RequestId};
use crate::peer::Peer;
use crate::rng::Rng;
use crate::rpc::{Request, RequestHandle, RequestKind, Requests};
use crate::time::Time;

/// Any kind of node.
pub trait Node: Sized {
    /// So many of its first bytes are what nearly every message reads: what a driver that knows of
    /// messages ahead may ask for.
    const READ_FIRST_BYTES: usize = size_of::<Self>();

    /// Where it is, and who.
    fn peer(&self) -> Peer;

    /// This message will soon be handed to the node: asks for the memory that this will read. Changes
    /// nothing; a driver that knows no more than one message at a time has no use for it.
    #[inline]
    fn expect_message(&self, _message: &Message<'_>) {}

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

impl Context<'_> {
    /// Enters a request of this node's under a fresh name and arms its timer. Nothing, and counted,
    /// if the table is full.
    #[inline]
    pub fn request(
        &mut self,
        to: Peer,
        retries: u8,
        kind: RequestKind,
        wait: Duration,
    ) -> Option<RequestId> {
        let id = RequestId(self.rng.next_u64());
        let request = Request { id, node: self.node, to, sent_at: self.now, retries, kind };
        let Some(handle) = self.requests.insert(request) else {
            self.world.count_drop(Drop::Overload);
            return None;
        };
        self.world.arm_request(handle, self.now + wait);
        Some(id)
    }

    /// Whether there is room for a request that somebody else's message would cause; counted if not.
    pub fn has_room_for_others(&mut self) -> bool {
        let has_room = !self.requests.is_crowded();
        if !has_room {
            self.world.count_drop(Drop::Overload);
        }
        has_room
    }

    /// Takes out the request of this node's that a reply from `from` answers. Nothing, and counted,
    /// if there is none.
    #[inline]
    pub fn matched(
        &mut self,
        id: RequestId,
        from: Peer,
        fits: impl Fn(&RequestKind) -> bool,
    ) -> Option<Request> {
        let found = self.requests.find(id).filter(|&handle| {
            self.requests.at(handle).is_some_and(|request| {
                request.node == self.node && request.to.is_reached_like(from) && fits(&request.kind)
            })
        });
        let Some(handle) = found else {
            self.world.count_drop(Drop::Unmatched);
            return None;
        };
        self.world.disarm_request(handle);
        self.requests.remove(handle)
    }
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
    /// A query has its first answer.
    Found(Found),
    /// An item was fetched.
    Fetched {
        /// The caller's name for the query that it answers.
        token: u64,
        /// Who gave it.
        holder: Peer,
        /// Its size.
        bytes: u16,
        /// From asking the first holder to having it.
        took: Duration,
    },
    /// No holder that was found gave the item.
    FetchFailed {
        /// The caller's name for the query.
        token: u64,
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
            Event::Found(found) => Event::Found(found),
            Event::Fetched { token, holder, bytes, took } => {
                Event::Fetched { token, holder, bytes, took }
            }
            Event::FetchFailed { token } => Event::FetchFailed { token },
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

/// The first answer to a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// The caller's name for it.
    pub token: u64,
    /// The best of it; nothing if whoever ought to know knows of no item that fits.
    pub best: Option<Hit>,
    /// How many holders it names.
    pub hits: u8,
    /// Transfers from the origin to who answered.
    pub hops: u16,
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
    /// A search that this node has seen already.
    Repeat,
    /// A hit for a search that is not remembered.
    NoWayBack,
    /// A message that nodes of this kind have no use for.
    NotForThisKind,
    /// An index has no room for another entry.
    IndexFull,
}

impl Drop {
    /// Every reason, in the order of its number.
    pub const ALL: [Drop; 13] = [
        Drop::NoSuchNode,
        Drop::FromSelf,
        Drop::Unmatched,
        Drop::NotMember,
        Drop::Overload,
        Drop::BudgetSpent,
        Drop::Stuck,
        Drop::NotOwner,
        Drop::UnknownPeer,
        Drop::Repeat,
        Drop::NoWayBack,
        Drop::NotForThisKind,
        Drop::IndexFull,
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
            Drop::Repeat => "repeat",
            Drop::NoWayBack => "no_way_back",
            Drop::NotForThisKind => "not_for_this_kind",
            Drop::IndexFull => "index_full",
        }
    }
}
