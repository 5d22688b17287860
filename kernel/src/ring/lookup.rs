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
//! answer costs one timeout. The retry goes to the closest entry *before* it, or *after* it if it was
//! to be the owner. So a retry needs to know only the identifier of the failed contact, as a limit.
//! Retries end because each limit is closer to the node than the last, or further from the key.
//!
//! *The owner answers.* A node that is asked as the owner answers if the key lies between its
//! predecessor and itself. Otherwise its predecessor is asked. If that is silent, too, the node answers
//! in its place, under suspicion: the previous hop has found all nodes silent that it knows between the
//! key and this node. With [`AnswerRule::Predecessor`] the first node that knows the owner answers.
//!
//! **Invariant:** hop budgets strictly decrease: every lookup ends. With [`AnswerRule::Owner`], an
//! origin reports only an owner that has answered it.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::node::{Confidence, Context, LookupDone, PayloadHandle, RequestId};
use crate::ring::config::{AnswerRule, LookupMode};
use crate::ring::event::Event;
use crate::ring::failed_contacts::FailedContacts;
use crate::ring::message::{MAX_HOP_BUDGET, Purpose, Step};
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::{PendingLookup, Probe};

/// An origin without an answer asks again after this many hop timeouts, then after twice as many, and
/// so on.
const RESTART_HOP_TIMEOUTS: u32 = 8;
/// The wait grows at most by two to this power.
const MAX_RESTART_DOUBLINGS: u8 = 3;
/// Shortest time after which a lookup is restarted.
pub(super) const MIN_RESTART: Duration = Duration::from_millis(50);

/// The answer to a lookup, as it arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) owner: Peer,
    pub(crate) under_suspicion: bool,
    pub(crate) hops: u8,
    pub(crate) timeouts: u8,
}

/// What one step of an iterative lookup asks for: see
/// [`FindNext`](crate::ring::message::MessageWith::FindNext).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) purpose: Purpose,
    pub(crate) key: Id,
    pub(crate) limit: Id,
    pub(crate) known: bool,
}

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
        let failed = FailedContacts::default();
        let pending = PendingLookup { token, key, purpose, deadline, timeouts: 0, failed, payload };
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
            // Each attempt goes another way, as long as there is one.
            Step::Stuck => self.route(cx, purpose, key, key),
            step => step,
        };
        let (next, known) = match first {
            Step::Owner(owner) if owner == self.me || self.rule(purpose) == AnswerRule::Predecessor => {
                let answer = Answer { owner, under_suspicion: false, hops: 0, timeouts: 0 };
                self.finish_lookup(cx, pending, self.me, answer);
                return true;
            }
            Step::Owner(owner) => (Some(owner), true),
            Step::Next(next) => (Some(next), false),
            Step::Stuck => (None, false),
        };
        if let (Some(next), LookupMode::Iterative) = (next, self.config.lookup) {
            let first = self.first_iteration(pending, known, MAX_HOP_BUDGET);
            return self.request_step(cx, next, first);
        }
        if let (Some(next), false) = (next, known) {
            pending.failed.insert(next.id);
        }
        let restart = (self.hop_timeout(0) * RESTART_HOP_TIMEOUTS).max(MIN_RESTART)
            * (1 << attempts.min(MAX_RESTART_DOUBLINGS));
        let wait = restart.min(pending.deadline.since(cx.now));
        let Some(lookup) = self.register_origin(cx, pending, attempts, wait, name) else {
            return false;
        };
        if let Some(next) = next {
            self.forward(cx, lookup, next, known);
        }
        true
    }

    /// Ends a lookup of this node with the answer of `responder`.
    pub(super) fn finish_lookup(
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
            Purpose::FixFingers => {
                self.on_finger_found(cx, pending.token as usize, owner, owner == responder);
            }
            Purpose::Join | Purpose::Stabilize => self.on_join_lookup_done(cx, responder),
        }
    }

    pub(super) fn fail_lookup(&mut self, cx: &mut Context<'_, Ring>, pending: PendingLookup) {
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
            Purpose::Join | Purpose::Stabilize => self.fail_join(cx),
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

    /// The next step of a lookup of `key` from this node. `limit` is the key, or a contact that did
    /// not answer: one before the key stands for all entries from there to the key, one at or after
    /// the key for all entries from the key to there.
    #[inline]
    pub(crate) fn route(&self, cx: &Context<'_, Ring>, purpose: Purpose, key: Id, limit: Id) -> Step {
        match self.rule(purpose) {
            AnswerRule::Owner => self.route_to_owner(cx, key, limit),
            AnswerRule::Predecessor => self.route_to_predecessor(cx, key, limit),
        }
    }

    #[inline]
    fn route_to_owner(&self, cx: &Context<'_, Ring>, key: Id, limit: Id) -> Step {
        let me = self.me.id;
        if self.successors.covers(me, key) || key == me {
            if self.owns(key) {
                return Step::Owner(self.me);
            }
            return self.route_covered(cx, key, limit);
        }
        if self.owns(key) {
            return Step::Owner(self.me);
        }
        self.closest(cx, limit)
    }

    /// As [`route_to_owner`](Self::route_to_owner), if the successor list covers the key.
    fn route_covered(&self, cx: &Context<'_, Ring>, key: Id, limit: Id) -> Step {
        let me = self.me.id;
        let list = self.successors.peers();
        let first = self.successors.count_before(me, key);
        let is_after = me.distance_to(limit) >= me.distance_to(key);
        let from = if limit != key && is_after {
            self.successors.count_before(me, limit)
                + usize::from(list.iter().any(|peer| peer.id == limit))
        } else {
            first
        };
        let candidates = list.get(from..).unwrap_or_default();
        if let Some(&owner) = candidates.iter().find(|&&peer| !self.avoids(cx, peer)) {
            return Step::Owner(owner);
        }
        // All entries from the key on are silent. A node before the key may know another one.
        let limit = if is_after { key } else { limit };
        match (self.closest(cx, limit), candidates.first()) {
            (Step::Next(next), _) if !self.avoids(cx, next) => Step::Next(next),
            (_, Some(&owner)) => Step::Owner(owner),
            (step, None) => step,
        }
    }

    fn route_to_predecessor(&self, cx: &Context<'_, Ring>, key: Id, limit: Id) -> Step {
        if key == self.me.id {
            return Step::Owner(self.me);
        }
        let Some(first) = self.successors.first() else { return Step::Stuck };
        if self.me.id.distance_to(key) <= self.me.id.distance_to(first.id) {
            return Step::Owner(first);
        }
        if let Some(next) = self.closest_where(limit, |peer| !self.avoids(cx, peer)) {
            return Step::Next(next);
        }
        // No closer node is left to ask, but the successor list may contain the owner.
        let owner = self.successors.peers().get(self.successors.count_before(self.me.id, key));
        owner.map_or(Step::Stuck, |&owner| Step::Owner(owner))
    }

    /// As [`route`](Self::route), but skips contacts that did not answer this lookup.
    pub(super) fn route_pending(
        &self,
        cx: &Context<'_, Ring>,
        pending: &PendingLookup,
        mut limit: Id,
    ) -> Step {
        loop {
            match self.route(cx, pending.purpose, pending.key, limit) {
                Step::Next(next) if pending.failed.contains(next.id) && next.id != limit => {
                    limit = next.id;
                }
                step => return step,
            }
        }
    }

    /// The closest entry before `limit`. If all are suspected, the closest one of those: where much is
    /// lost, a suspect is better than nothing.
    #[inline]
    fn closest(&self, cx: &Context<'_, Ring>, limit: Id) -> Step {
        self.closest_where(limit, |peer| !self.avoids(cx, peer))
            .or_else(|| self.closest_where(limit, |_| true))
            .map_or(Step::Stuck, Step::Next)
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

    /// The number of unanswered attempts after which a lookup goes on without the node that should be
    /// the owner; if this node was asked as the owner, after which it answers for its predecessor.
    pub(super) fn attempts_at_owner(&self, asked_as_owner: bool) -> u8 {
        if asked_as_owner {
            let needed = self.loss.attempts(Confidence::Claim);
            needed.saturating_sub(self.predecessor_silence).max(1)
        } else {
            self.loss.attempts(Confidence::GoOn)
        }
    }
}
