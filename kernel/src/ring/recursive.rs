//! Recursive lookups: each hop forwards the lookup and acknowledges it to the previous hop; the
//! owner answers the origin.
//!
//! **Invariant:** a hop acknowledges a lookup only after it has answered it, forwarded it, or found
//! its budget or its time spent. A node sends one answer for each transfer that it received.

use core::time::Duration;

use crate::base::{Id, Peer};
use crate::node::{Confidence, Context, DropReason, RequestHandle, RequestId, Source};
use crate::ring::config::AnswerRule;
use crate::ring::message::{Lookup, MAX_HOP_BUDGET, Message, Stage};
use crate::ring::node::{Phase, RingNode};
use crate::ring::protocol::{BUDGET_SPENT, EXPIRED, Ring, STUCK};
use crate::ring::request::{Kind, PendingLookup, Request};
use crate::ring::steps::{Answer, Route};

/// The most transfers back along predecessors, from a node that an old successor list took for the owner.
/// Beyond that, the way round to the last node before the key is shorter.
pub(super) const MAX_BACKWARD: u8 = 4;
/// The budget of a lookup is cut to this when it first turns back. The rest tells how many steps back it
/// has made.
const BACKWARD_BUDGET: u8 = 64;

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
        Some(Lookup {
            lookup,
            purpose,
            key,
            origin,
            budget,
            hops: 0,
            timeouts,
            stage: Stage::Route,
            left_ms,
        })
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
        let name = Some(request.id);
        let is_pending = if cx.now >= pending.deadline {
            false
        } else if cx.world.may_retransmit() {
            self.start_lookup(cx, pending, attempts, name)
        } else {
            let wait = self.restart_wait(cx, &pending, attempts);
            self.register_origin(cx, pending, attempts, wait, name).is_some()
        };
        if !is_pending {
            self.fail_lookup(cx, pending);
        }
    }

    /// Answers a lookup or forwards it. Returns whether this node has taken it over.
    /// `source` is the previous hop.
    pub(crate) fn answer_or_forward(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: &Lookup,
        source: Source,
    ) -> bool {
        if lookup.left_ms == 0 {
            cx.world.count_drop(EXPIRED);
            return true;
        }
        if self.is_asked_as_owner(lookup) {
            return self.answer_as_owner(cx, lookup, source);
        }
        self.answer_or_forward_past(cx, lookup, lookup.key, source)
    }

    /// Whether the sender of `lookup` takes the receiver for the owner.
    fn is_asked_as_owner(&self, lookup: &Lookup) -> bool {
        lookup.stage.is_owner() && self.rule(lookup.purpose) == AnswerRule::Owner
    }

    /// Answers or forwards a lookup whose sender takes this node for the owner.
    fn answer_as_owner(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: &Lookup,
        source: Source,
    ) -> bool {
        if self.owns(lookup.key) {
            self.answer(cx, lookup, self.me, false);
            return true;
        }
        let is_silent = self.predecessor_silence >= self.loss.attempts(Confidence::Claim);
        match self.predecessor.filter(|_| !is_silent) {
            Some(predecessor) => {
                let budget = lookup.budget.min(BACKWARD_BUDGET);
                if lookup.stage == Stage::Owner && budget <= BACKWARD_BUDGET - MAX_BACKWARD {
                    let lookup = &Lookup { stage: Stage::RouteExact, ..*lookup };
                    return self.answer_or_forward_past(cx, lookup, lookup.key, source);
                }
                let lookup = &Lookup { budget, ..*lookup };
                self.forward(cx, lookup, predecessor, lookup.stage, source)
            }
            None => self.answer_in_place(cx, lookup, source),
        }
    }

    /// The predecessor is silent, so this node may have to answer in its place.
    fn answer_in_place(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: &Lookup,
        source: Source,
    ) -> bool {
        if lookup.stage == Stage::OwnerExact || self.config.stabilize.is_none() {
            self.answer(cx, lookup, self.me, true);
            return true;
        }
        // The sender's list may be old: another node may lie between the key and the predecessor.
        let lookup = &Lookup { stage: Stage::RouteExact, ..*lookup };
        self.answer_or_forward_past(cx, lookup, lookup.key, source)
    }

    /// Answers or forwards a lookup past `limit`: see [`route`](Self::route).
    fn answer_or_forward_past(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: &Lookup,
        limit: Id,
        source: Source,
    ) -> bool {
        match self.route(cx, lookup.purpose, lookup.key, limit, lookup.stage) {
            Route::Owner(owner) => {
                self.answer(cx, lookup, owner, false);
                true
            }
            Route::Next(next, stage) => self.forward(cx, lookup, next, stage, source),
            Route::Stuck => {
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

    /// Forwards `lookup` to `next`, which is asked in the way of `stage`.
    pub(super) fn forward(
        &mut self,
        cx: &mut Context<'_, Ring>,
        lookup: &Lookup,
        next: Peer,
        stage: Stage,
        source: Source,
    ) -> bool {
        if lookup.budget <= 1 {
            cx.world.count_drop(BUDGET_SPENT);
            // Acknowledged although dropped: otherwise the previous hop would suspect this node,
            // and then every other node that it tries instead.
            return true;
        }
        let is_neighbor = stage.is_owner();
        let wait =
            if is_neighbor { self.timeout_for(cx, next, 0) } else { self.hop_timeout(cx, 0) };
        let kind = Kind::Forward { lookup: *lookup, stage };
        let Some(request) = cx.request_for(source, next, kind, wait) else { return false };
        let lookup = self.passed_on(lookup, stage);
        self.send(cx, next, &Message::Lookup { request, lookup });
        true
    }

    /// `lookup` as it is sent to the next hop.
    fn passed_on(&self, lookup: &Lookup, stage: Stage) -> Lookup {
        let counts = self.rule(lookup.purpose) == AnswerRule::Owner || !stage.is_owner();
        let transfer_ms = (self.round_trips.mean().as_millis() / 2) as u16;
        Lookup {
            budget: lookup.budget - 1,
            hops: lookup.hops.saturating_add(u8::from(counts)),
            stage,
            left_ms: lookup.left_ms.saturating_sub(transfer_ms),
            ..*lookup
        }
    }

    /// The number of attempts at a lookup forwarded in the way of `stage`, before it goes another way.
    pub(super) fn forward_attempts(&self, lookup: &Lookup, stage: Stage) -> u8 {
        if !stage.is_owner() || self.rule(lookup.purpose) == AnswerRule::Predecessor {
            1
        } else if self.is_asked_as_owner(lookup) {
            let needed = self.loss.attempts(Confidence::Claim);
            needed.saturating_sub(self.predecessor_silence).max(1)
        } else {
            self.loss.attempts(Confidence::GoOn)
        }
    }

    /// Sends a forwarded lookup again. Returns false if the request has had all attempts.
    pub(super) fn forward_again(
        &self,
        cx: &mut Context<'_, Ring>,
        handle: RequestHandle,
        request: &Request,
        lookup: &Lookup,
        stage: Stage,
    ) -> bool {
        let wait = self.timeout_for(cx, request.to, request.retries + 1);
        if !cx.world.may_retransmit() {
            return cx.postpone(handle, wait);
        }
        let Some(id) = cx.retransmit(handle, wait) else { return false };
        let lookup = self.passed_on(lookup, stage);
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
        if self.asks_for_own_place(request, &lookup) {
            // The lost contact is still silent.
            take_origin(cx, lookup.lookup);
            return;
        }
        self.suspect(cx, to);
        let waited_ms =
            u16::try_from(cx.now.since(request.sent_at).as_millis()).unwrap_or(u16::MAX);
        let lookup = Lookup {
            timeouts: lookup.timeouts.saturating_add(1),
            left_ms: lookup.left_ms.saturating_sub(waited_ms),
            ..lookup
        };
        if self.phase == Phase::Visiting {
            self.on_sample_silence(cx, lookup.lookup);
        } else if !self.is_member() {
            // The bootstrap of a join did not answer.
            self.fail_join(cx);
        } else if lookup.left_ms == 0 {
            cx.world.count_drop(EXPIRED);
        } else if !cx.world.may_retransmit() {
            // The origin asks again.
            cx.world.count_drop(DropReason::Overload);
        } else if !self.is_asked_as_owner(&lookup) {
            self.answer_or_forward_past(cx, &lookup, to.id, request.source);
        } else if self.predecessor == Some(to) {
            self.answer_in_place(cx, &lookup, request.source);
        } else {
            self.answer_as_owner(cx, &lookup, request.source);
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
            answer.owner == from
                || self.rule(pending.purpose) == AnswerRule::Predecessor
                    && self.config.ids.allows(answer.owner)
        };
        let answered = cx.match_reply_from_any(lookup, fits);
        if let Some(Request { kind: Kind::Origin(pending), .. }) = answered {
            self.note_alive(cx, from);
            self.finish_lookup(cx, pending, from, answer);
        }
    }
}

/// The lookup of this node that is registered under this identifier.
pub(super) fn origin_of(cx: &Context<'_, Ring>, lookup: RequestId) -> Option<PendingLookup> {
    let request = cx.requests.at(cx.requests.find(lookup)?)?;
    match request.kind {
        Kind::Origin(pending) if request.node == cx.node => Some(pending),
        _ => None,
    }
}

/// Removes and returns the lookup that [`origin_of`] finds.
pub(super) fn take_origin(cx: &mut Context<'_, Ring>, lookup: RequestId) -> Option<PendingLookup> {
    let pending = origin_of(cx, lookup)?;
    cx.cancel(cx.requests.find(lookup)?);
    Some(pending)
}
