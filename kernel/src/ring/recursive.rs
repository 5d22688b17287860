//! Recursive lookups: each hop forwards the lookup and acknowledges it to the previous hop; the
//! owner answers the origin.
//!
//! **Invariant:** a hop acknowledges a lookup only after it has answered it, forwarded it, or found
//! its budget or its time spent. A node sends one answer for each transfer that it received.

use core::time::Duration;

use crate::base::{Id, Peer};
use crate::node::{Confidence, Context, RequestHandle, RequestId};
use crate::ring::config::AnswerRule;
use crate::ring::lookup::Answer;
use crate::ring::message::{Lookup, MAX_HOP_BUDGET, Message, Step};
use crate::ring::node::RingNode;
use crate::ring::protocol::{BUDGET_SPENT, EXPIRED, Ring, STUCK};
use crate::ring::request::{Kind, PendingLookup, Request};

/// Transfers from a node that was asked as the owner back along predecessors, at most. More are needed
/// only if so many nodes have joined there within a few rounds of stabilize.
const BACKWARD_BUDGET: u8 = 32;

impl RingNode {
    /// Registers a lookup at its origin, to wait for the answer, and returns the lookup to send.
    /// Returns `None` if too many requests are in flight.
    pub(crate) fn register_origin(
        &self,
        cx: &mut Context<'_, Ring>,
        pending: PendingLookup,
        attempts: u8,
        wait: Duration,
        name: Option<RequestId>,
    ) -> Option<Lookup> {
        let kind = Kind::Origin(pending);
        let lookup = match name {
            Some(name) => cx.request_as(name, self.me, attempts, kind, wait)?,
            None => cx.request(self.me, attempts, kind, wait)?,
        };
        let PendingLookup { purpose, key, timeouts, deadline, .. } = pending;
        let left_ms = u16::try_from(deadline.since(cx.now).as_millis()).unwrap_or(u16::MAX);
        let (origin, budget) = (self.me, MAX_HOP_BUDGET);
        Some(Lookup { lookup, purpose, key, origin, budget, hops: 0, timeouts, known: false, left_ms })
    }

    /// The answer did not arrive in time: asks again under the same name, or fails the lookup after
    /// its deadline.
    pub(crate) fn on_origin_timeout(
        &mut self,
        cx: &mut Context<'_, Ring>,
        request: Request,
        pending: PendingLookup,
    ) {
        let attempts = request.retries.saturating_add(1);
        if cx.now >= pending.deadline
            || !self.start_lookup(cx, pending, attempts, Some(request.id))
        {
            self.fail_lookup(cx, pending);
        }
    }

    /// Answers a lookup or forwards it. Returns whether this node has taken it over.
    pub(crate) fn answer_or_forward(&mut self, cx: &mut Context<'_, Ring>, lookup: Lookup) -> bool {
        if lookup.left_ms == 0 {
            cx.world.count_drop(EXPIRED);
            return true;
        }
        if self.is_asked_as_owner(&lookup) {
            return self.answer_as_owner(cx, lookup);
        }
        self.answer_or_forward_past(cx, lookup, lookup.key)
    }

    fn is_asked_as_owner(&self, lookup: &Lookup) -> bool {
        lookup.known && self.rule(lookup.purpose) == AnswerRule::Owner
    }

    /// Answers or forwards a lookup whose sender takes this node for the owner.
    fn answer_as_owner(&mut self, cx: &mut Context<'_, Ring>, lookup: Lookup) -> bool {
        if self.owns(lookup.key) {
            self.answer(cx, &lookup, self.me, false);
            return true;
        }
        match self.predecessor {
            Some(predecessor)
                if self.predecessor_silence < self.loss.attempts(Confidence::Claim) =>
            {
                let budget = lookup.budget.min(BACKWARD_BUDGET);
                self.forward(cx, Lookup { budget, ..lookup }, predecessor, true)
            }
            _ => {
                self.answer(cx, &lookup, self.me, true);
                true
            }
        }
    }

    /// Answers or forwards a lookup past `limit`: see [`route`](Self::route).
    fn answer_or_forward_past(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: Lookup,
        limit: Id,
    ) -> bool {
        let rule = self.rule(lookup.purpose);
        match self.route(cx, lookup.purpose, lookup.key, limit) {
            Step::Owner(owner) if owner == self.me || rule == AnswerRule::Predecessor => {
                self.answer(cx, &lookup, owner, false);
                true
            }
            Step::Owner(owner) => self.forward(cx, lookup, owner, true),
            Step::Next(next) => {
                let known = rule == AnswerRule::Predecessor
                    && (lookup.known || self.successors.covers(self.me.id, lookup.key));
                self.forward(cx, lookup, next, known)
            }
            Step::Stuck => {
                cx.world.count_drop(STUCK);
                false
            }
        }
    }

    fn answer(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: &Lookup,
        owner: Peer,
        under_suspicion: bool,
    ) {
        let &Lookup { lookup: id, purpose, origin, hops, timeouts, .. } = lookup;
        if origin.address == self.me.address {
            self.on_answer(cx, id, self.me, Answer { owner, under_suspicion, hops, timeouts });
        } else {
            let answer =
                Message::Answer { lookup: id, purpose, owner, under_suspicion, hops, timeouts };
            self.send(cx, origin, &answer);
        }
    }

    /// Forwards `lookup` to `next`, as the owner if `known`.
    pub(super) fn forward(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: Lookup,
        next: Peer,
        known: bool,
    ) -> bool {
        if lookup.budget <= 1 {
            cx.world.count_drop(BUDGET_SPENT);
            // Acknowledged although dropped: otherwise the previous hop would suspect this node,
            // and then every other node that it tries instead.
            return true;
        }
        if lookup.origin != self.me && !cx.has_room_for_others() {
            return false;
        }
        let wait = self.hop_timeout(0);
        let Some(request) = cx.request(next, 0, Kind::Forward { lookup }, wait) else {
            return false;
        };
        let lookup = self.passed_on(&lookup, known);
        self.send(cx, next, &Message::Lookup { request, lookup });
        true
    }

    /// `lookup` as it is sent to the next hop.
    fn passed_on(&self, lookup: &Lookup, known: bool) -> Lookup {
        let counts = self.rule(lookup.purpose) == AnswerRule::Owner || !known;
        let transfer_ms = (self.round_trips.mean().as_millis() / 2) as u16;
        Lookup {
            budget: lookup.budget - 1,
            hops: lookup.hops.saturating_add(u8::from(counts)),
            known,
            left_ms: lookup.left_ms.saturating_sub(transfer_ms),
            ..*lookup
        }
    }

    /// Whether a lookup that was forwarded to `to` was sent there as to the owner.
    pub(super) fn was_sent_as_owner(&self, lookup: &Lookup, to: Peer) -> bool {
        let (me, key) = (self.me.id, lookup.key);
        self.is_asked_as_owner(lookup)
            || self.rule(lookup.purpose) == AnswerRule::Owner
                && me.distance_to(to.id) >= me.distance_to(key)
    }

    /// The number of attempts at a forwarded lookup before it goes another way.
    pub(super) fn forward_attempts(&self, lookup: &Lookup, to: Peer) -> u8 {
        if self.was_sent_as_owner(lookup, to) {
            self.attempts_at_owner(self.is_asked_as_owner(lookup))
        } else {
            1
        }
    }

    /// Sends a forwarded lookup again. Returns false if the request has had all attempts.
    pub(super) fn forward_again(
        &self,
        cx: &mut Context<'_, Ring>,
        handle: RequestHandle,
        request: &Request,
        lookup: &Lookup,
    ) -> bool {
        let wait = self.hop_timeout(request.retries + 1);
        let Some(id) = cx.retransmit(handle, wait) else { return false };
        let lookup = self.passed_on(lookup, true);
        self.send(cx, request.to, &Message::Lookup { request: id, lookup });
        true
    }

    /// The next hop did not acknowledge any attempt: the lookup goes another way.
    pub(crate) fn on_forward_failed(
        &mut self,
        cx: &mut Context<'_, Ring>,
        request: &Request,
        lookup: Lookup,
    ) {
        let to = request.to;
        self.suspect(cx, to);
        let waited_ms =
            u16::try_from(cx.now.since(request.sent_at).as_millis()).unwrap_or(u16::MAX);
        let lookup = Lookup {
            timeouts: lookup.timeouts.saturating_add(1),
            left_ms: lookup.left_ms.saturating_sub(waited_ms),
            ..lookup
        };
        if !self.is_member() {
            // The bootstrap of a join did not answer. The driver chooses another one.
            self.fail_join(cx);
        } else if lookup.left_ms == 0 {
            cx.world.count_drop(EXPIRED);
        } else if !self.is_asked_as_owner(&lookup) {
            self.answer_or_forward_past(cx, lookup, to.id);
        } else if self.predecessor == Some(to) {
            self.answer(cx, &lookup, self.me, true);
        } else {
            self.answer_as_owner(cx, lookup);
        }
    }

    pub(crate) fn on_answer(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: RequestId,
        from: Peer,
        answer: Answer,
    ) {
        // An owner answers for itself.
        let fits = |kind: &Kind| {
            let Kind::Origin(pending) = kind else { return false };
            answer.owner == from || self.rule(pending.purpose) == AnswerRule::Predecessor
        };
        let answered = cx.match_reply_from_any(lookup, fits);
        if let Some(Request { kind: Kind::Origin(pending), .. }) = answered {
            self.finish_lookup(cx, pending, from, answer);
        }
    }
}
