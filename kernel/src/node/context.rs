//! What a node may use during one call.
//!
//! **Invariant:** a request is entered together with its timer, and taken out together with it.

use core::time::Duration;

use crate::base::{Peer, Rng, Time};
use crate::node::drop::Drop;
use crate::node::protocol::{EventOf, MessageOf, Protocol};
use crate::node::requests::{Request, RequestHandle, RequestId, Requests};
use crate::node::tables::Tables;

/// What a node may use during one call.
pub struct Context<'a, P: Protocol> {
    /// The time now.
    pub now: Time,
    /// The driver's number for this node; its requests are marked with it.
    pub node: u32,
    /// Randomness.
    pub rng: &'a mut Rng,
    /// The requests in flight of all nodes of this driver.
    pub requests: &'a mut P::Requests,
    /// Everything outside.
    pub world: &'a mut dyn World<P>,
}

/// The kind of a protocol's own requests.
type KindOf<P> = <<P as Protocol>::Requests as Tables>::Kind;

impl<P: Protocol> Context<'_, P> {
    /// Enters a request of this node under a fresh name and arms its timer. Returns `None`, and
    /// counts a drop, if the table is full.
    #[inline]
    pub fn request(
        &mut self,
        to: Peer,
        retries: u8,
        kind: KindOf<P>,
        wait: Duration,
    ) -> Option<RequestId> {
        let id = RequestId(self.rng.next_u64());
        let request = Request { id, node: self.node, to, sent_at: self.now, retries, kind };
        let Some(handle) = self.requests.own_mut().insert(request) else {
            self.world.count_drop(Drop::Overload);
            return None;
        };
        self.world.arm_request(handle, self.now + wait);
        Some(id)
    }

    /// Whether there is room for a request that another node's message would cause. Counts a drop if
    /// there is none.
    pub fn has_room_for_others(&mut self) -> bool {
        let has_room = !self.requests.own().is_crowded();
        if !has_room {
            self.world.count_drop(Drop::Overload);
        }
        has_room
    }

    /// Takes out the request of this node that a reply from `from` answers. Returns `None`, and counts
    /// a drop, if there is none.
    #[inline]
    pub fn matched(
        &mut self,
        id: RequestId,
        from: Peer,
        fits: impl Fn(&KindOf<P>) -> bool,
    ) -> Option<Request<KindOf<P>>> {
        let requests = self.requests.own();
        let found = requests.find(id).filter(|&handle| {
            requests.at(handle).is_some_and(|request| {
                request.node == self.node && request.to.is_reached_like(from) && fits(&request.kind)
            })
        });
        let Some(handle) = found else {
            self.world.count_drop(Drop::Unmatched);
            return None;
        };
        self.take_out(handle)
    }

    /// Takes out the request of this node that a reply answers, whichever node sent the reply: where
    /// the responder cannot be known beforehand, the 64 random bits of the name must do. Returns `None`,
    /// and counts a drop, if there is none.
    #[inline]
    pub fn matched_from_any(
        &mut self,
        id: RequestId,
        fits: impl Fn(&KindOf<P>) -> bool,
    ) -> Option<Request<KindOf<P>>> {
        let requests = self.requests.own();
        let found = requests.find(id).filter(|&handle| {
            requests
                .at(handle)
                .is_some_and(|request| request.node == self.node && fits(&request.kind))
        });
        let Some(handle) = found else {
            self.world.count_drop(Drop::Unmatched);
            return None;
        };
        self.take_out(handle)
    }

    /// Takes out an own request and disarms its timer.
    #[inline]
    pub fn take_out(&mut self, handle: RequestHandle) -> Option<Request<KindOf<P>>> {
        self.world.disarm_request(handle);
        self.requests.own_mut().remove(handle)
    }

    /// Takes out an own request whose time has come.
    #[inline]
    pub fn remove(&mut self, handle: RequestHandle) -> Option<Request<KindOf<P>>> {
        self.requests.own_mut().remove(handle)
    }

    /// The requests of this protocol itself.
    #[inline]
    #[must_use]
    pub fn own_requests(&self) -> &Requests<KindOf<P>> {
        self.requests.own()
    }

    /// Tells the application.
    #[inline]
    pub fn report(&mut self, event: EventOf<P>) {
        self.world.report(self.node, event, &[]);
    }
}

/// What the driver does for its nodes.
pub trait World<P: Protocol> {
    /// Sends a message. It may be lost, late, or repeated.
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, P>);

    /// Calls [`Node::handle_timeout`](crate::Node::handle_timeout) of `node` at `at`, instead of at
    /// any time armed before.
    fn arm_node(&mut self, node: u32, at: Time);

    /// Calls [`Node::handle_request_timeout`](crate::Node::handle_request_timeout) at `at`, instead of
    /// at any time armed before.
    fn arm_request(&mut self, request: RequestHandle, at: Time);

    /// Forgets the time of a request, which is over.
    fn disarm_request(&mut self, request: RequestHandle);

    /// Tells the application of `node`; `payload` is what belongs to the event.
    fn report(&mut self, node: u32, event: EventOf<P>, payload: &[u8]);

    /// Counts a message that was not acted on.
    fn count_drop(&mut self, reason: Drop);
}
