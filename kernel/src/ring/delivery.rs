//! Delivering payloads to the owners of keys: a lookup, then a message to the owner.
//!
//! **Invariant:** every delivery that was started ends in one event with its token, and its payload
//! is freed.

use crate::base::{Id, Peer};
use crate::node::{Context, RequestId};
use crate::ring::event::Event;
use crate::ring::message::{Message, Purpose};
use crate::ring::node::RingNode;
use crate::ring::protocol::{NOT_OWNER, Ring};
use crate::ring::request::{Kind, PendingLookup, Request};

impl RingNode {
    /// Sends `payload` (at most [`MAX_PAYLOAD`](crate::node::MAX_PAYLOAD) bytes) to the owner of
    /// `key`. Ends in [`Event::Sent`] or [`Event::SendFailed`] with `token`.
    ///
    /// Returns whether the delivery was started. Besides the reasons of [`lookup`](Self::lookup),
    /// it is refused if the payload is too long or 64 payloads are kept already.
    pub fn send_to_key(
        &mut self,
        cx: &mut Context<'_, Ring>,
        key: Id,
        payload: &[u8],
        token: u64,
    ) -> bool {
        if !self.is_member() {
            return false;
        }
        let Some(handle) = cx.requests.keep_payload(payload) else { return false };
        let started = self.begin_lookup(cx, key, token, Purpose::User, Some(handle));
        if !started {
            cx.requests.free_payload(handle);
        }
        started
    }

    /// Sends the payload of a finished lookup to the owner.
    pub(super) fn deliver(
        &mut self,
        cx: &mut Context<'_, Ring>,
        pending: PendingLookup,
        owner: Peer,
    ) {
        let Some(handle) = pending.payload else { return };
        if owner == self.me {
            let (key, from) = (pending.key, self.me);
            let payload = cx.requests.payload(handle);
            cx.world.report(cx.node, Event::Received { key, from }, payload);
            cx.requests.free_payload(handle);
            cx.report(Event::Sent { token: pending.token, owner });
            return;
        }
        let wait = self.probe_timeout(cx, owner, 0);
        let Some(request) = cx.request(owner, 0, Kind::Deliver(pending), wait) else {
            return self.fail_lookup(cx, pending);
        };
        let payload = cx.requests.payload(handle);
        let message = Message::Deliver { request, key: pending.key, payload };
        cx.world.send(self.me, owner, &message);
    }

    pub(crate) fn on_deliver(
        &mut self,
        cx: &mut Context<'_, Ring>,
        from: Peer,
        request: RequestId,
        key: Id,
        payload: &[u8],
    ) {
        if self.predecessor.is_some_and(|peer| !self.me.id.owns(key, peer.id)) {
            cx.world.count_drop(NOT_OWNER);
            return;
        }
        cx.world.report(cx.node, Event::Received { key, from }, payload);
        self.send(cx, from, &Message::Delivered { request });
    }

    pub(crate) fn on_delivered(&mut self, cx: &mut Context<'_, Ring>, id: RequestId, from: Peer) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Deliver(_)));
        let Some(Request { kind: Kind::Deliver(pending), to, .. }) = matched else { return };
        if let Some(handle) = pending.payload {
            cx.requests.free_payload(handle);
        }
        cx.report(Event::Sent { token: pending.token, owner: to });
    }

    /// The owner did not acknowledge. It may have changed, so the key is looked up again.
    pub(crate) fn on_deliver_timeout(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        pending: PendingLookup,
    ) {
        self.suspect(cx, to);
        if cx.now >= pending.deadline || !self.start_lookup(cx, pending, 0, None) {
            self.fail_lookup(cx, pending);
        }
    }
}
