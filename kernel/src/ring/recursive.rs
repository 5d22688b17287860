//! Recursive lookups: each hop forwards the lookup and acknowledges it to the previous hop; the
//! last hop answers the origin.
//!
//! **Invariant:** a hop acknowledges a lookup only after it has answered it, forwarded it, or found
//! its budget spent.

use core::time::Duration;

use crate::base::{Id, Peer};
use crate::node::{Context, RequestId};
use crate::ring::message::{Lookup, MAX_HOP_BUDGET, Message, Step};
use crate::ring::node::RingNode;
use crate::ring::protocol::{BUDGET_SPENT, Ring, STUCK};
use crate::ring::request::{Kind, PendingLookup, Request};

impl RingNode {
    /// Registers a lookup at its origin, to wait for the answer, and returns the lookup to send.
    /// Returns `None` if too many requests are in flight.
    pub(crate) fn register_origin(
        &self,
        cx: &mut Context<'_, Ring>,
        pending: PendingLookup,
        attempts: u8,
        wait: Duration,
    ) -> Option<Lookup> {
        let lookup = cx.request(self.me, attempts, Kind::Origin(pending), wait)?;
        let PendingLookup { purpose, key, timeouts, .. } = pending;
        let (origin, budget) = (self.me, MAX_HOP_BUDGET);
        Some(Lookup { lookup, purpose, key, origin, budget, hops: 0, timeouts, known: false })
    }

    /// The answer did not arrive in time: restarts the lookup, or fails it after its deadline.
    pub(crate) fn on_origin_timeout(
        &mut self,
        cx: &mut Context<'_, Ring>,
        request: Request,
        pending: PendingLookup,
    ) {
        if cx.now >= pending.deadline || !self.start_lookup(cx, pending, request.retries + 1) {
            self.fail_lookup(cx, pending);
        }
    }

    /// Answers a lookup or forwards it. Returns whether this node has taken it over.
    pub(crate) fn answer_or_forward(&mut self, cx: &mut Context<'_, Ring>, lookup: Lookup) -> bool {
        self.answer_or_forward_before(cx, lookup, lookup.key)
    }

    /// As [`answer_or_forward`](Self::answer_or_forward), but forwards only to nodes before
    /// `limit`.
    fn answer_or_forward_before(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: Lookup,
        limit: Id,
    ) -> bool {
        match self.route(cx, lookup.key, limit) {
            Step::Owner(owner) => {
                let Lookup { lookup: id, purpose, origin, hops, timeouts, .. } = lookup;
                if origin.address == self.me.address {
                    self.on_answer(cx, id, self.me, owner, hops, timeouts);
                } else {
                    let answer = Message::Answer { lookup: id, purpose, owner, hops, timeouts };
                    self.send(cx, origin, &answer);
                }
                true
            }
            Step::Next(next) => self.forward(cx, lookup, next),
            Step::Stuck => {
                cx.world.count_drop(STUCK);
                false
            }
        }
    }

    fn forward(&mut self, cx: &mut Context<'_, Ring>, lookup: Lookup, next: Peer) -> bool {
        if lookup.budget <= 1 {
            cx.world.count_drop(BUDGET_SPENT);
            // Acknowledged although dropped: otherwise the previous hop would suspect this node,
            // and then every other node that it tries instead.
            return true;
        }
        if lookup.origin != self.me && !cx.has_room_for_others() {
            return false;
        }
        let wait = self.hop_timeout();
        let Some(request) = cx.request(next, 0, Kind::Forward { lookup }, wait) else {
            return false;
        };
        let known = lookup.known || self.successors.covers(self.me.id, lookup.key);
        let hops = lookup.hops.saturating_add(u8::from(!known));
        let lookup = Lookup { budget: lookup.budget - 1, hops, known, ..lookup };
        self.send(cx, next, &Message::Lookup { request, lookup });
        true
    }

    pub(crate) fn on_forward_timeout(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        lookup: Lookup,
    ) {
        self.suspect(cx, to);
        let lookup = Lookup { timeouts: lookup.timeouts.saturating_add(1), ..lookup };
        if self.is_member() {
            self.answer_or_forward_before(cx, lookup, to.id);
        } else {
            // The bootstrap of a join did not answer. The driver chooses another one.
            self.fail_join(cx);
        }
    }

    pub(crate) fn on_answer(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: RequestId,
        from: Peer,
        owner: Peer,
        hops: u8,
        timeouts: u8,
    ) {
        let is_origin = |kind: &Kind| matches!(kind, Kind::Origin(_));
        let answered = cx.match_reply_from_any(lookup, is_origin);
        if let Some(Request { kind: Kind::Origin(pending), .. }) = answered {
            self.finish_lookup(cx, pending, owner, from, hops, timeouts);
        }
    }
}
