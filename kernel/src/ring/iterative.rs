//! Iterative lookups: the origin asks one hop after the other for the next one.
//!
//! **Invariant:** a lookup has one request in flight at a time, and follows only hops that are
//! closer to the key.

use crate::base::{Id, Peer};
use crate::node::{Context, RequestId};
use crate::ring::lookup::MIN_RESTART;
use crate::ring::message::{Message, Purpose, Step};
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::{Iteration, Kind, PendingLookup, Request};

impl RingNode {
    /// The state of an iterative lookup before its first hop.
    pub(super) fn first_iteration(&self, pending: PendingLookup, budget: u8) -> Iteration {
        let known = self.successors.covers(self.me.id, pending.key);
        Iteration { pending, previous: self.me, hops: 0, known, budget }
    }

    /// Asks `to` for the closest node before `limit`.
    pub(super) fn request_step(
        &self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        iteration: Iteration,
        limit: Id,
    ) -> bool {
        let wait = self.hop_timeout().min(iteration.pending.deadline.since(cx.now));
        let kind = Kind::Iterate(iteration);
        let Some(request) = cx.request(to, 0, kind, wait) else { return false };
        let PendingLookup { purpose, key, .. } = iteration.pending;
        self.send(cx, to, &Message::FindNext { request, purpose, key, limit });
        true
    }

    pub(crate) fn on_find_next(
        &mut self,
        cx: &mut Context<'_, Ring>,
        from: Peer,
        request: RequestId,
        purpose: Purpose,
        key: Id,
        limit: Id,
    ) {
        let step = self.route(cx, key, limit);
        let knows = matches!(step, Step::Owner(_)) || self.successors.covers(self.me.id, key);
        self.send(cx, from, &Message::FindNextReply { request, purpose, step, knows });
    }

    pub(crate) fn on_find_next_reply(
        &mut self,
        cx: &mut Context<'_, Ring>,
        id: RequestId,
        from: Peer,
        step: Step,
        knows: bool,
    ) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Iterate(_)));
        let Some(Request { kind: Kind::Iterate(iteration), .. }) = matched else { return };
        let Iteration { pending, hops, known, budget, .. } = iteration;
        let now_hops = hops.saturating_add(u8::from(!known));
        let started = match step {
            Step::Owner(owner) => {
                self.finish_lookup(cx, pending, owner, from, now_hops, pending.timeouts);
                true
            }
            // Only a closer node is accepted: otherwise a lying node could cause a loop.
            Step::Next(next) if budget > 1 && next.id.is_between(from.id, pending.key) => {
                let budget = budget - 1;
                if pending.failed.contains(next.id) || self.avoids(cx, next) {
                    // `from` does not know that `next` failed. Asks it for another node; this is
                    // not a hop.
                    let iteration = Iteration { pending, previous: self.me, hops, known, budget };
                    self.request_step(cx, from, iteration, next.id)
                } else {
                    let (hops, known) = (now_hops, known || knows);
                    let iteration = Iteration { pending, previous: from, hops, known, budget };
                    self.request_step(cx, next, iteration, pending.key)
                }
            }
            Step::Next(_) | Step::Stuck => self.retry_later(cx, pending),
        };
        if !started {
            self.fail_lookup(cx, pending);
        }
    }

    pub(crate) fn on_find_next_timeout(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        iteration: Iteration,
    ) {
        let Iteration { pending, previous, hops, known, budget } = iteration;
        // If the deadline cut the wait short, the timeout proves nothing.
        if cx.now < pending.deadline {
            self.suspect(cx, to);
        }
        let mut pending = PendingLookup { timeouts: pending.timeouts.saturating_add(1), ..pending };
        pending.failed.insert(to.id);
        let started = if cx.now >= pending.deadline || budget <= 1 {
            false
        } else if previous != self.me {
            // Asks the previous hop for another node. If that fails too, starts again from here.
            let (hops, budget) = (hops.saturating_sub(u8::from(!known)), budget - 1);
            let iteration = Iteration { pending, previous: self.me, hops, known, budget };
            self.request_step(cx, previous, iteration, to.id)
        } else {
            match self.route_pending(cx, &pending, to.id) {
                Step::Owner(owner) => {
                    self.finish_lookup(cx, pending, owner, self.me, 0, pending.timeouts);
                    true
                }
                Step::Next(next) => self.request_step(
                    cx,
                    next,
                    self.first_iteration(pending, budget - 1),
                    pending.key,
                ),
                Step::Stuck => self.retry_later(cx, pending),
            }
        };
        if !started {
            self.fail_lookup(cx, pending);
        }
    }

    /// Restarts the lookup after a pause, in which maintenance may repair the tables.
    fn retry_later(&mut self, cx: &mut Context<'_, Ring>, pending: PendingLookup) -> bool {
        let wait = MIN_RESTART.min(pending.deadline.since(cx.now));
        cx.request(self.me, 0, Kind::Origin(pending), wait).is_some()
    }
}
