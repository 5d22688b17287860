//! The context of one call of a node, and the world behind it.
//!
//! **Invariant:** a request is added together with its timer and removed together with it.

use core::time::Duration;

use crate::base::{Peer, Rng, Time};
use crate::node::drop_reason::DropReason;
use crate::node::protocol::{EventOf, MessageOf, Protocol};
use crate::node::requests::{Request, RequestHandle, RequestId, Requests, Source};
use crate::node::tables::RequestTables;

/// Everything that a node may use during one call.
pub struct Context<'a, P: Protocol> {
    /// The current time.
    pub now: Time,
    /// The driver's number for this node. The node's requests carry it.
    pub node: u32,
    /// The random number generator.
    pub rng: &'a mut Rng,
    /// The requests in flight of all nodes of this driver.
    pub requests: &'a mut P::Requests,
    /// The driver: sends messages, keeps timers, takes events.
    pub world: &'a mut dyn World<P>,
}

/// The kind of a protocol's own requests.
type KindOf<P> = <<P as Protocol>::Requests as RequestTables>::Kind;

impl<P: Protocol> Context<'_, P> {
    /// Adds a request of this node under a new random identifier and arms its timer. Returns `None`
    /// and counts a drop if the table is full.
    #[inline(always)]
    pub fn request(
        &mut self,
        to: Peer,
        retries: u8,
        kind: KindOf<P>,
        wait: Duration,
    ) -> Option<RequestId> {
        let id = RequestId::first(self.rng.next_u64());
        self.insert(id, Source::OWN, to, retries, kind, wait)
    }

    /// As [`request`](Self::request), on behalf of `source`. Returns `None` and counts a drop if `source`
    /// has its share of the table.
    #[inline(always)]
    pub fn request_for(
        &mut self,
        source: Source,
        to: Peer,
        kind: KindOf<P>,
        wait: Duration,
    ) -> Option<RequestId> {
        if source != Source::OWN && !self.requests.own().has_room_for(source) {
            self.world.count_drop(DropReason::Overload);
            return None;
        }
        let id = RequestId::first(self.rng.next_u64());
        self.insert(id, source, to, 0, kind, wait)
    }

    /// As [`request`](Self::request), under the identifier of an earlier request that has ended.
    pub fn request_as(
        &mut self,
        id: RequestId,
        to: Peer,
        retries: u8,
        kind: KindOf<P>,
        wait: Duration,
    ) -> Option<RequestId> {
        self.insert(id, Source::OWN, to, retries, kind, wait)
    }

    #[inline(always)]
    fn insert(
        &mut self,
        id: RequestId,
        source: Source,
        to: Peer,
        retries: u8,
        kind: KindOf<P>,
        wait: Duration,
    ) -> Option<RequestId> {
        let (node, sent_at, last_at) = (self.node, self.now, self.now);
        let request = Request { id, node, to, sent_at, last_at, retries, source, kind };
        let Some(handle) = self.requests.own_mut().insert(request) else {
            self.world.count_drop(DropReason::Overload);
            return None;
        };
        self.world.arm_request(handle, self.now + wait);
        Some(id)
    }

    /// Starts another attempt of a request whose timer has fired, and arms the timer again. Returns
    /// the identifier to send; `None` if the request has had all attempts.
    pub fn retransmit(&mut self, handle: RequestHandle, wait: Duration) -> Option<RequestId> {
        let id = self.requests.own_mut().retransmit(handle, self.now)?;
        self.world.arm_request(handle, self.now + wait);
        Some(id)
    }

    /// Arms the timer of a request that has fired again, without another attempt. Returns whether there
    /// is such a request.
    pub fn postpone(&mut self, handle: RequestHandle, wait: Duration) -> bool {
        let is_there = self.requests.own().at(handle).is_some();
        if is_there {
            self.world.arm_request(handle, self.now + wait);
        }
        is_there
    }

    /// Whether there is room for a request on behalf of another node. Counts a drop if there is
    /// none.
    pub fn has_room_for_others(&mut self) -> bool {
        let has_room = !self.requests.own().is_crowded();
        if !has_room {
            self.world.count_drop(DropReason::Overload);
        }
        has_room
    }

    /// Finds the request of this node that a reply from `from` answers. Returns `None` and counts a
    /// drop if there is none.
    #[inline]
    pub fn find_request(
        &mut self,
        id: RequestId,
        from: Peer,
        fits: impl Fn(&KindOf<P>) -> bool,
    ) -> Option<RequestHandle> {
        self.find_where(id, |it| it.to.is_same_destination(from) && fits(&it.kind))
    }

    /// As [`find_request`](Self::find_request), and removes the request and returns it.
    #[inline]
    pub fn match_reply(
        &mut self,
        id: RequestId,
        from: Peer,
        fits: impl Fn(&KindOf<P>) -> bool,
    ) -> Option<Request<KindOf<P>>> {
        let handle = self.find_request(id, from, fits)?;
        self.cancel(handle)
    }

    /// As [`match_reply`](Self::match_reply), for a reply from whichever node: where the responder is
    /// not known beforehand, the random bits of the identifier must do.
    #[inline]
    pub fn match_reply_from_any(
        &mut self,
        id: RequestId,
        fits: impl Fn(&KindOf<P>) -> bool,
    ) -> Option<Request<KindOf<P>>> {
        let handle = self.find_where(id, |it| fits(&it.kind))?;
        self.cancel(handle)
    }

    #[inline]
    fn find_where(
        &mut self,
        id: RequestId,
        fits: impl Fn(&Request<KindOf<P>>) -> bool,
    ) -> Option<RequestHandle> {
        let requests = self.requests.own();
        let is_it = |request: &Request<_>| request.node == self.node && fits(request);
        let found = requests.find(id).filter(|&handle| requests.at(handle).is_some_and(is_it));
        if found.is_none() {
            self.world.count_drop(DropReason::Unmatched);
        }
        found
    }

    /// Removes a request before its timer fires, and disarms the timer.
    #[inline]
    pub fn cancel(&mut self, handle: RequestHandle) -> Option<Request<KindOf<P>>> {
        self.world.disarm_request(handle);
        self.requests.own_mut().remove(handle)
    }

    /// Removes and returns a request whose timer has fired.
    #[inline]
    pub fn take_expired(&mut self, handle: RequestHandle) -> Option<Request<KindOf<P>>> {
        self.requests.own_mut().remove(handle)
    }

    /// This protocol's own requests, without those of carried protocols.
    #[inline]
    #[must_use]
    pub fn own_requests(&self) -> &Requests<KindOf<P>> {
        self.requests.own()
    }

    /// Reports an event without a payload to the application.
    #[inline]
    pub fn report(&mut self, event: EventOf<P>) {
        self.world.report(self.node, event, &[]);
    }
}

/// The services of a driver to its nodes.
pub trait World<P: Protocol> {
    /// Sends a message. It may be lost, delayed or duplicated.
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, P>);

    /// Arms the timer of `node`: [`Node::handle_timeout`](crate::Node::handle_timeout) is called at
    /// `at`. Replaces the time armed before.
    fn arm_node(&mut self, node: u32, at: Time);

    /// Arms the timer of `request`:
    /// [`Node::handle_request_timeout`](crate::Node::handle_request_timeout) is called at `at`.
    /// Replaces the time armed before.
    fn arm_request(&mut self, request: RequestHandle, at: Time);

    /// Disarms the timer of `request`.
    fn disarm_request(&mut self, request: RequestHandle);

    /// Reports an event, with its payload if it has one, to the application of `node`.
    fn report(&mut self, node: u32, event: EventOf<P>, payload: &[u8]);

    /// Counts a message or request that was dropped.
    fn count_drop(&mut self, reason: DropReason);

    /// Counts a retransmission that was not necessary: an earlier attempt has been answered.
    fn count_spurious(&mut self) {}

    /// Whether a lookup that has already been sent to a node may be sent again, there or elsewhere. A
    /// driver that is behind its schedule allows it for a share of the lookups sent for the first time:
    /// what is late would otherwise be sent again, and make everything later. Each call counts.
    fn may_retransmit(&mut self) -> bool {
        true
    }

    /// How far the driver has been behind its schedule of late. Replies are late by as much, so nodes
    /// wait longer for them. Zero in drivers that are never late.
    fn lag(&self) -> Duration {
        Duration::ZERO
    }

    /// For how long a peer on another thread or host may be stopped by its machine without being dead.
    /// Nodes allow for it before they judge a peer. Zero in drivers whose nodes never stop.
    fn stall(&self) -> Duration {
        Duration::ZERO
    }
}
