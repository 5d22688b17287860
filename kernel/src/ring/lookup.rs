//! Finding the owner of a key by greedy routing: starting and ending a lookup, choosing the next
//! hop.
//!
//! ```text
//! recursive   each hop forwards the lookup; the owner answers the origin
//! iterative   the origin asks one hop after the other, the owner last
//! delivery    looks up a key, then sends a payload to its owner
//! ```
//!
//! *Routing.* A node whose successor list covers the key sends the lookup to the first entry at or
//! after the key. Any other node sends it to its closest entry before the key. A contact that does not
//! answer costs one timeout. The retry goes to the closest entry *before* it. So a retry needs to know
//! only the identifier of the failed contact, as a limit. Retries end because each limit is closer to
//! the node than the last.
//!
//! *The owner answers.* A node that is asked as the owner answers if the key lies between its
//! predecessor and itself. Otherwise it asks its predecessor. After a few such steps back the list that
//! named it was too old, and the lookup goes on to the last node before the key.
//!
//! *If the owner is silent*, another node may have joined beside it, and lists are up to as many rounds
//! of stabilize old as they are long. So the lookup goes on to the last node before the key, which has
//! the latest news ([`Stage::RouteExact`]). That node tries the entries at and after the key one by
//! one. A node that it asks answers under suspicion if its own predecessor is silent, too.
//!
//! With [`AnswerRule::Predecessor`] the first node that knows the owner answers.
//!
//! **Invariant:** hop budgets strictly decrease: every lookup ends. With [`AnswerRule::Owner`], an
//! origin reports only an owner that has answered it.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::node::{Context, DropReason, LookupDone, PayloadHandle, RequestId, Source};
use crate::ring::config::{AnswerRule, LookupMode};
use crate::ring::doubts::DoubtNumber;
use crate::ring::event::Event;
use crate::ring::failed_contacts::FailedContacts;
use crate::ring::message::{MAX_HOP_BUDGET, Purpose, Stage};
use crate::ring::node::{Phase, RingNode};
use crate::ring::protocol::Ring;
use crate::ring::request::{PendingLookup, Probe};
use crate::ring::steps::{Answer, Route};

/// An origin without an answer asks again after this many hop timeouts, then after twice as many, and
/// so on.
pub(super) const RESTART_HOP_TIMEOUTS: u32 = 8;
/// The wait grows at most by two to this power.
const MAX_RESTART_DOUBLINGS: u8 = 3;
/// Shortest time after which a lookup is restarted.
pub(super) const MIN_RESTART: Duration = Duration::from_millis(50);

impl RingNode {
    /// Looks up the owner of `key`. Ends in [`Event::LookupDone`], possibly during this call, or
    /// after the configured deadline in [`Event::LookupFailed`]; both carry `token`.
    ///
    /// Returns whether the lookup was started. It is refused if too many requests are in flight or
    /// the node is not a member.
    pub fn lookup(&mut self, cx: &mut Context<'_, Ring>, key: Id, token: u64) -> bool {
        self.is_member() && self.begin_lookup(cx, key, token, Purpose::User, None)
    }

    /// Starts a lookup with the configured deadline, and with a payload if it is part of a
    /// delivery.
    pub(crate) fn begin_lookup(
        &mut self,
        cx: &mut Context<'_, Ring>,
        key: Id,
        token: u64,
        purpose: Purpose,
        payload: Option<PayloadHandle>,
    ) -> bool {
        let deadline = cx.now + self.config.deadline;
        self.begin_lookup_until(cx, key, token, purpose, payload, deadline)
    }

    pub(crate) fn begin_lookup_until(
        &mut self,
        cx: &mut Context<'_, Ring>,
        key: Id,
        token: u64,
        purpose: Purpose,
        payload: Option<PayloadHandle>,
        deadline: Time,
    ) -> bool {
        // Maintenance has room of its own in the table of requests.
        let is_work = matches!(purpose, Purpose::User | Purpose::UpperLayer);
        if is_work && cx.requests.is_crowded() {
            cx.world.count_drop(DropReason::Overload);
            return false;
        }
        let failed = FailedContacts::default();
        let (timeouts, doubt) = (0, DoubtNumber::default());
        let pending =
            PendingLookup { token, key, purpose, deadline, timeouts, failed, payload, doubt };
        self.start_lookup(cx, pending, 0, None)
    }

    /// Starts a lookup, or asks again after `attempts` unanswered ones under the same `name`. Returns
    /// whether it was started.
    pub(crate) fn start_lookup(
        &mut self,
        cx: &mut Context<'_, Ring>,
        mut pending: PendingLookup,
        attempts: u8,
        name: Option<RequestId>,
    ) -> bool {
        let PendingLookup { key, purpose, .. } = pending;
        let first = match self.route_pending(cx, &pending, key) {
            Route::Stuck if self.has_answer(&pending) => return false,
            // Each attempt goes another way, as long as there is one.
            Route::Stuck => self.route(cx, purpose, key, key, Stage::Route),
            route => route,
        };
        if let Route::Owner(owner) = first {
            let answer = Answer { owner, under_suspicion: false, hops: 0, timeouts: 0 };
            self.finish_lookup(cx, pending, self.me, answer);
            return true;
        }
        if let Route::Next(next, Stage::Route) = first
            && self.notes_first_hops()
        {
            pending.failed.insert(next.id);
            self.note_first_hop(&pending, next.id);
        }
        if let (Route::Next(next, stage), LookupMode::Iterative) = (first, self.config.lookup) {
            let first = self.first_iteration(pending, stage, MAX_HOP_BUDGET);
            return self.request_step(cx, next, first);
        }
        let wait = self.restart_wait(cx, &pending, attempts);
        let Some(lookup) = self.register_origin(cx, pending, attempts, wait, name) else {
            return false;
        };
        if let Route::Next(next, stage) = first {
            self.forward(cx, &lookup, next, stage, Source::OWN);
        }
        true
    }

    /// How long the origin waits for an answer after `attempts` unanswered ones. If nodes may lie, silence
    /// tells nothing of the load, so the wait does not grow while there are other first hops.
    pub(super) fn restart_wait(
        &self,
        cx: &Context<'_, Ring>,
        pending: &PendingLookup,
        attempts: u8,
    ) -> Duration {
        let restart = (self.hop_timeout(cx, 0) * RESTART_HOP_TIMEOUTS).max(MIN_RESTART)
            * (1 << attempts.saturating_sub(self.config.first_hops - 1).min(MAX_RESTART_DOUBLINGS));
        restart.min(pending.deadline.since(cx.now))
    }

    /// Ends a lookup of this node with the answer of `responder`.
    pub(super) fn finish_lookup(
        &mut self,
        cx: &mut Context<'_, Ring>,
        pending: PendingLookup,
        responder: Peer,
        answer: Answer,
    ) {
        if let Some((pending, believed)) = self.believed(cx, pending, answer) {
            // An earlier answer is believed only if it came from the owner that it names.
            let is_earlier = believed.owner != answer.owner;
            let responder = if is_earlier { believed.owner } else { responder };
            self.end_lookup(cx, pending, responder, believed);
        }
    }

    fn end_lookup(
        &mut self,
        cx: &mut Context<'_, Ring>,
        pending: PendingLookup,
        responder: Peer,
        answer: Answer,
    ) {
        let Answer { owner, under_suspicion, hops, timeouts } = answer;
        match pending.purpose {
            Purpose::User if pending.payload.is_some() => self.deliver(cx, pending, owner),
            Purpose::User | Purpose::UpperLayer => {
                let (token, key) = (pending.token, pending.key);
                let done = LookupDone { token, key, owner, hops, timeouts, under_suspicion };
                cx.report(Event::LookupDone(done));
            }
            Purpose::FixFingers if self.refutes(cx, &pending, owner) => self.on_finger_failed(cx),
            Purpose::FixFingers => {
                self.on_finger_found(cx, pending.token as usize, owner, owner == responder);
            }
            Purpose::Join if self.phase == Phase::Visiting => {
                self.on_sample_answer(cx, &pending, responder, answer);
            }
            Purpose::Join if self.is_member() => {
                self.on_place_found(cx, pending.token, responder, owner);
            }
            Purpose::Join | Purpose::Stabilize => self.on_join_lookup_done(cx, responder),
        }
    }

    pub(super) fn fail_lookup(&mut self, cx: &mut Context<'_, Ring>, mut pending: PendingLookup) {
        if self.try_other_first_hop(cx, pending) {
            return;
        }
        if let Some(answer) = self.end_doubt(&mut pending) {
            return self.end_lookup(cx, pending, answer.owner, answer);
        }
        if let Some(handle) = pending.payload {
            cx.requests.free_payload(handle);
            cx.report(Event::SendFailed { token: pending.token });
            return;
        }
        match pending.purpose {
            Purpose::User | Purpose::UpperLayer => {
                let (token, timeouts) = (pending.token, pending.timeouts);
                cx.report(Event::LookupFailed { token, timeouts });
            }
            Purpose::FixFingers => self.on_finger_failed(cx),
            Purpose::Join if self.phase == Phase::Visiting => {
                self.end_sample(cx, RequestId(pending.token));
            }
            Purpose::Join | Purpose::Stabilize => self.on_join_lookup_failed(cx),
        }
    }

    /// The rule for lookups with this purpose. A node that joins looks for its predecessor, so that
    /// one answers.
    #[inline]
    pub(super) fn rule(&self, purpose: Purpose) -> AnswerRule {
        match purpose {
            Purpose::Join => AnswerRule::Predecessor,
            _ => self.config.answer,
        }
    }

    /// Whether this node owns `key`, as far as it knows.
    pub(super) fn owns(&self, key: Id) -> bool {
        key == self.me.id || self.predecessor.is_some_and(|peer| self.me.id.owns(key, peer.id))
    }

    /// Where a lookup of `key`, for which this node was asked in the way of `stage`, goes from here.
    /// `limit` is the key, or a contact that did not answer: one before the key stands for all entries
    /// from there to the key, one at or after the key for all entries from the key to there.
    #[inline]
    pub(crate) fn route(
        &self,
        cx: &Context<'_, Ring>,
        purpose: Purpose,
        key: Id,
        limit: Id,
        stage: Stage,
    ) -> Route {
        match self.rule(purpose) {
            AnswerRule::Predecessor => self.route_to_predecessor(cx, key, limit, stage),
            AnswerRule::Owner if self.owns(key) => Route::Owner(self.me),
            AnswerRule::Owner if self.successors.covers(self.me.id, key) => {
                self.route_covered(cx, key, limit, stage)
            }
            AnswerRule::Owner => {
                let stage = if stage.is_owner() { Stage::RouteExact } else { stage };
                self.closest(cx, limit).map_or(Route::Stuck, |next| Route::Next(next, stage))
            }
        }
    }

    /// As [`route`](Self::route), if the successor list covers the key.
    fn route_covered(&self, cx: &Context<'_, Ring>, key: Id, limit: Id, stage: Stage) -> Route {
        let me = self.me.id;
        let list = self.successors.peers();
        let before = self.successors.count_before(me, key);
        let is_past_key = limit != key && me.distance_to(limit) >= me.distance_to(key);
        let tried = if is_past_key {
            self.successors.count_before(me, limit)
                + usize::from(list.iter().any(|peer| peer.id == limit))
        } else {
            before
        };
        let untried = list.get(tried..).unwrap_or_default();
        let owner = untried.iter().copied().find(|&peer| !self.avoids(cx, peer));
        // Without repair, no list is newer than another one.
        let is_exact = before == 0 || self.config.stabilize.is_none();
        // If a node before the key was silent, the owner has been tried already.
        if (stage == Stage::Route || is_exact) && (limit == key || is_past_key) {
            // Goes straight to the owner unless that seems to be silent.
            let first = list.get(before).copied();
            if let Some(owner) = owner
                && (is_exact || Some(owner) == first)
            {
                let stage = if is_exact { Stage::OwnerExact } else { Stage::Owner };
                return Route::Next(owner, stage);
            }
        }
        let limit = if is_past_key { key } else { limit };
        if let Some(next) = self.closest_where(limit, |peer| !self.avoids(cx, peer)) {
            return Route::Next(next, Stage::RouteExact);
        }
        // All nodes before the key are silent, so this one is the last before it.
        let owner = owner.or(untried.first().copied());
        owner.map_or(Route::Stuck, |owner| Route::Next(owner, Stage::OwnerExact))
    }

    fn route_to_predecessor(
        &self,
        cx: &Context<'_, Ring>,
        key: Id,
        limit: Id,
        stage: Stage,
    ) -> Route {
        if key == self.me.id {
            return Route::Owner(self.me);
        }
        let Some(first) = self.successors.first() else {
            return if self.is_alone() { Route::Owner(self.me) } else { Route::Stuck };
        };
        if self.me.id.distance_to(key) <= self.me.id.distance_to(first.id) {
            return Route::Owner(first);
        }
        if let Some(next) = self.closest_where(limit, |peer| !self.avoids(cx, peer)) {
            let known = stage.is_owner() || self.successors.covers(self.me.id, key);
            return Route::Next(next, if known { Stage::Owner } else { Stage::Route });
        }
        // No closer node is left to ask, but the successor list may contain the owner.
        let owner = self.successors.peers().get(self.successors.count_before(self.me.id, key));
        owner.map_or(Route::Stuck, |&owner| Route::Owner(owner))
    }

    /// As [`route`](Self::route), but skips contacts that did not answer this lookup.
    pub(super) fn route_pending(
        &self,
        cx: &Context<'_, Ring>,
        pending: &PendingLookup,
        mut limit: Id,
    ) -> Route {
        loop {
            match self.route(cx, pending.purpose, pending.key, limit, Stage::Route) {
                Route::Next(next, stage)
                    if !stage.is_owner()
                        && (pending.failed.contains(next.id)
                            || self.has_tried(pending, next.id))
                        && next.id != limit =>
                {
                    limit = next.id;
                }
                route => return route,
            }
        }
    }

    /// The closest entry before `limit`. If all are suspected, the closest one of those: where much is
    /// lost, a suspect is better than nothing.
    #[inline]
    fn closest(&self, cx: &Context<'_, Ring>, limit: Id) -> Option<Peer> {
        self.closest_where(limit, |peer| !self.avoids(cx, peer))
            .or_else(|| self.closest_where(limit, |_| true))
    }

    /// The closest entry strictly between this node and `limit` for which `fits` holds.
    #[inline]
    fn closest_where(&self, mut limit: Id, fits: impl Fn(Peer) -> bool) -> Option<Peer> {
        while let Some(finger) = self.fingers.closest_preceding(limit) {
            if fits(finger) {
                return Some(finger);
            }
            limit = finger.id;
        }
        let before = self.successors.count_before(self.me.id, limit);
        self.successors.peers()[..before].iter().rev().copied().find(|&peer| fits(peer))
    }

    /// Whether lookups go around `peer` because it recently did not answer.
    #[inline]
    pub(super) fn avoids(&self, cx: &Context<'_, Ring>, peer: Peer) -> bool {
        self.config.remember_failures && self.suspects.contains(self.secret, peer, cx.now)
    }

    /// `peer` did not answer: suspects it, and probes whether it is alive.
    pub(crate) fn suspect(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        if !self.config.remember_failures {
            // No probe will measure how long its replies take.
            self.round_trips.record_timeout();
        } else if !self.suspects.contains(self.secret, peer, cx.now) {
            self.suspects.insert(self.secret, peer, cx.now, false);
            if self.config.stabilize.is_some() {
                self.ping(cx, peer, Probe::Suspect);
            }
        }
    }
}
