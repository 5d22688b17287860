//! Finding the owner of a key by greedy routing: starting and ending a lookup, choosing the next
//! hop.
//!
//! ```text
//! recursive   each hop forwards the lookup; the last one answers the origin
//! iterative   the origin asks one hop after the other
//! delivery    looks up a key, then sends a payload to its owner
//! ```
//!
//! A contact that does not answer costs one timeout; the retry goes to the closest entry *before*
//! it. So a retry needs to know only the identifier of the failed contact, as a limit. Retries end
//! because each limit is closer to the node than the last.
//!
//! **Invariant:** every hop is strictly closer to the key than the one before, and hop budgets
//! strictly decrease: every lookup ends.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::node::{Context, LookupDone, PayloadHandle};
use crate::ring::config::LookupMode;
use crate::ring::event::Event;
use crate::ring::failed_contacts::FailedContacts;
use crate::ring::message::{MAX_HOP_BUDGET, Purpose, Step};
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::{PendingLookup, Probe};

/// An origin without an answer restarts its lookup after this many hop timeouts, then after twice
/// as many, and so on.
const RESTART_HOP_TIMEOUTS: u32 = 16;
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
        let failed = FailedContacts::default();
        let pending = PendingLookup { token, key, purpose, deadline, timeouts: 0, failed, payload };
        self.start_lookup(cx, pending, 0)
    }

    /// Starts or restarts a lookup after `attempts` unanswered ones. Returns whether it was
    /// started.
    pub(crate) fn start_lookup(
        &mut self,
        cx: &mut Context<'_, Ring>,
        pending: PendingLookup,
        attempts: u8,
    ) -> bool {
        match self.route_pending(cx, &pending, pending.key) {
            Step::Owner(owner) => {
                self.finish_lookup(cx, pending, owner, self.me, 0, 0);
                return true;
            }
            Step::Next(peer) if self.config.lookup == LookupMode::Iterative => {
                return self.request_step(
                    cx,
                    peer,
                    self.first_iteration(pending, MAX_HOP_BUDGET),
                    pending.key,
                );
            }
            Step::Next(_) | Step::Stuck => {}
        }
        let restart =
            (self.hop_timeout() * RESTART_HOP_TIMEOUTS).max(MIN_RESTART) * (1 << attempts.min(10));
        let wait = restart.min(pending.deadline.since(cx.now));
        let Some(lookup) = self.register_origin(cx, pending, attempts, wait) else { return false };
        self.answer_or_forward(cx, lookup);
        true
    }

    /// Ends a lookup of this node with the answer of `responder`.
    pub(super) fn finish_lookup(
        &mut self,
        cx: &mut Context<'_, Ring>,
        pending: PendingLookup,
        owner: Peer,
        responder: Peer,
        hops: u8,
        timeouts: u8,
    ) {
        match pending.purpose {
            Purpose::User if pending.payload.is_some() => self.deliver(cx, pending, owner),
            Purpose::User | Purpose::UpperLayer => {
                let (token, key) = (pending.token, pending.key);
                let done = LookupDone { token, key, owner, hops, timeouts };
                cx.report(Event::LookupDone(done));
            }
            Purpose::FixFingers => self.on_finger_found(cx, pending.token as usize, owner),
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

    /// The next step of a lookup of `key` from this node, through nodes before `limit` only.
    pub(crate) fn route(&self, cx: &Context<'_, Ring>, key: Id, limit: Id) -> Step {
        if key == self.me.id {
            return Step::Owner(self.me);
        }
        let Some(first) = self.successors.first() else { return Step::Stuck };
        if self.me.id.distance_to(key) <= self.me.id.distance_to(first.id) {
            return Step::Owner(first);
        }
        if let Some(next) = self.closest_live(cx, limit) {
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
            match self.route(cx, pending.key, limit) {
                Step::Next(next) if pending.failed.contains(next.id) => limit = next.id,
                step => return step,
            }
        }
    }

    /// The closest entry strictly between this node and `limit` that is not suspected.
    #[inline]
    fn closest_live(&self, cx: &Context<'_, Ring>, mut limit: Id) -> Option<Peer> {
        let avoid = |peer: Peer| self.avoids(cx, peer);
        while let Some(finger) = self.fingers.closest_preceding(limit) {
            if !avoid(finger) {
                return Some(finger);
            }
            limit = finger.id;
        }
        let before = self.successors.count_before(self.me.id, limit);
        self.successors.peers()[..before].iter().rev().copied().find(|&peer| !avoid(peer))
    }

    /// Whether lookups go around `peer` because it recently did not answer.
    #[inline]
    pub(super) fn avoids(&self, cx: &Context<'_, Ring>, peer: Peer) -> bool {
        self.config.remember_failures && self.suspects.contains(self.secret, peer, cx.now)
    }

    /// `peer` did not answer: suspects it, and probes whether it is alive.
    pub(crate) fn suspect(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        self.round_trips.record_timeout();
        if self.config.remember_failures && !self.suspects.contains(self.secret, peer, cx.now) {
            self.suspects.insert(self.secret, peer, cx.now, false);
            if self.config.stabilize.is_some() {
                self.ping(cx, peer, 0, Probe::Suspect);
            }
        }
    }
}
