//! Iterative lookups: the origin asks one hop after the other for the next one, and the owner last.
//!
//! **Invariant:** a lookup has one request in flight at a time, and its budget decreases with each
//! step. Before the owner, it follows only hops that are closer to the key.

use crate::base::Peer;
use crate::node::{Confidence, Context, RequestHandle, RequestId};
use crate::ring::config::AnswerRule;
use crate::ring::lookup::{Answer, MIN_RESTART, Wanted};
use crate::ring::message::{Message, Step};
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::{Iteration, Kind, PendingLookup, Request};

impl RingNode {
    /// The state of an iterative lookup before its first hop, which is asked as the owner if `known`.
    pub(super) fn first_iteration(
        &self,
        pending: PendingLookup,
        known: bool,
        budget: u8,
    ) -> Iteration {
        let known = match self.rule(pending.purpose) {
            AnswerRule::Owner => known,
            AnswerRule::Predecessor => self.successors.covers(self.me.id, pending.key),
        };
        let (previous, limit) = (self.me, pending.key);
        Iteration { pending, previous, previous_known: false, limit, hops: 0, known, budget }
    }

    /// Asks `to` for the next step.
    pub(super) fn request_step(
        &self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        iteration: Iteration,
    ) -> bool {
        let wait = self.hop_timeout(0).min(iteration.pending.deadline.since(cx.now));
        let Some(request) = cx.request(to, 0, Kind::Iterate(iteration), wait) else { return false };
        self.send_step(cx, to, request, &iteration);
        true
    }

    fn send_step(
        &self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        request: RequestId,
        iteration: &Iteration,
    ) {
        let &Iteration { pending: PendingLookup { purpose, key, .. }, limit, known, .. } = iteration;
        self.send(cx, to, &Message::FindNext { request, purpose, key, limit, known });
    }

    /// The number of attempts at one step before the lookup goes another way.
    pub(super) fn step_attempts(&self, iteration: &Iteration) -> u8 {
        let is_owner =
            iteration.known && self.rule(iteration.pending.purpose) == AnswerRule::Owner;
        if is_owner { self.loss.attempts(Confidence::Claim) } else { 1 }
    }

    /// Sends a step again. Returns false if it has had all attempts.
    pub(super) fn request_step_again(
        &self,
        cx: &mut Context<'_, Ring>,
        handle: RequestHandle,
        request: &Request,
        iteration: &Iteration,
    ) -> bool {
        let left = iteration.pending.deadline.since(cx.now);
        if left.is_zero() {
            return false;
        }
        let wait = self.hop_timeout(request.retries + 1).min(left);
        let Some(id) = cx.retransmit(handle, wait) else { return false };
        self.send_step(cx, request.to, id, iteration);
        true
    }

    pub(crate) fn on_find_next(
        &mut self,
        cx: &mut Context<'_, Ring>,
        from: Peer,
        request: RequestId,
        wanted: Wanted,
    ) {
        let Wanted { purpose, key, limit, known } = wanted;
        let (step, under_suspicion) = match self.predecessor {
            _ if !known || self.rule(purpose) == AnswerRule::Predecessor || self.owns(key) => {
                let step = if known && self.owns(key) && self.rule(purpose) == AnswerRule::Owner {
                    Step::Owner(self.me)
                } else {
                    self.route(cx, purpose, key, limit)
                };
                (step, false)
            }
            // The origin has tried the predecessor, which would be the owner.
            Some(predecessor) if predecessor.id != limit => (Step::Owner(predecessor), false),
            _ => (Step::Owner(self.me), true),
        };
        let knows = matches!(step, Step::Owner(_)) || self.successors.covers(self.me.id, key);
        let reply = Message::FindNextReply { request, purpose, step, knows, under_suspicion };
        self.send(cx, from, &reply);
    }

    pub(crate) fn on_find_next_reply(
        &mut self,
        cx: &mut Context<'_, Ring>,
        id: RequestId,
        from: Peer,
        step: Step,
        knows: bool,
        under_suspicion: bool,
    ) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Iterate(_)));
        let Some(Request { kind: Kind::Iterate(iteration), .. }) = matched else { return };
        let Iteration { pending, hops, known, budget, .. } = iteration;
        let rule = self.rule(pending.purpose);
        let counts = rule == AnswerRule::Owner || !known;
        let now_hops = hops.saturating_add(u8::from(counts));
        let (next, next_known) = match step {
            Step::Owner(owner) if owner == from || rule == AnswerRule::Predecessor => {
                let (hops, timeouts) = (now_hops, pending.timeouts);
                let answer = Answer { owner, under_suspicion, hops, timeouts };
                return self.finish_lookup(cx, pending, from, answer);
            }
            Step::Owner(owner) => (Some(owner), true),
            // Only a closer node is accepted: otherwise a lying node could cause a loop.
            Step::Next(next) if next.id.is_between(from.id, pending.key) => {
                (Some(next), rule == AnswerRule::Predecessor && (known || knows))
            }
            Step::Next(_) | Step::Stuck => (None, false),
        };
        let started = match next {
            Some(next) if budget > 1 => {
                let budget = budget - 1;
                // One missing reply is no evidence against an owner.
                let is_avoided = !next_known && self.avoids(cx, next);
                if pending.failed.contains(next.id) || is_avoided {
                    // `from` does not know that `next` failed. Asks it for another node; this is
                    // not a hop.
                    let limit = next.id;
                    let again = Iteration { previous: self.me, limit, budget, ..iteration };
                    self.request_step(cx, from, again)
                } else {
                    let iteration = Iteration {
                        pending,
                        previous: from,
                        previous_known: known,
                        limit: pending.key,
                        hops: now_hops,
                        known: next_known,
                        budget,
                    };
                    self.request_step(cx, next, iteration)
                }
            }
            _ => self.retry_later(cx, pending),
        };
        if !started {
            self.fail_lookup(cx, pending);
        }
    }

    pub(crate) fn on_find_next_failed(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        iteration: Iteration,
    ) {
        let Iteration { pending, previous, previous_known, hops, known, budget, .. } = iteration;
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
            let counted = self.rule(pending.purpose) == AnswerRule::Owner || !known;
            let again = Iteration {
                pending,
                previous: self.me,
                previous_known: false,
                limit: to.id,
                hops: hops.saturating_sub(u8::from(counted)),
                known: match self.rule(pending.purpose) {
                    AnswerRule::Owner => previous_known,
                    AnswerRule::Predecessor => known,
                },
                budget: budget - 1,
            };
            self.request_step(cx, previous, again)
        } else {
            self.restart_past(cx, pending, to, budget - 1)
        };
        if !started {
            self.fail_lookup(cx, pending);
        }
    }

    /// Starts again from this node, past `failed`.
    fn restart_past(
        &mut self,
        cx: &mut Context<'_, Ring>,
        pending: PendingLookup,
        failed: Peer,
        budget: u8,
    ) -> bool {
        let is_owner_rule = self.rule(pending.purpose) == AnswerRule::Owner;
        match self.route_pending(cx, &pending, failed.id) {
            Step::Owner(owner) if owner == self.me || !is_owner_rule => {
                let timeouts = pending.timeouts;
                let answer = Answer { owner, under_suspicion: false, hops: 0, timeouts };
                self.finish_lookup(cx, pending, self.me, answer);
                true
            }
            Step::Owner(owner) => {
                self.request_step(cx, owner, self.first_iteration(pending, true, budget))
            }
            Step::Next(next) => {
                self.request_step(cx, next, self.first_iteration(pending, false, budget))
            }
            Step::Stuck => self.retry_later(cx, pending),
        }
    }

    /// Restarts the lookup after a pause, in which maintenance may repair the tables.
    fn retry_later(&mut self, cx: &mut Context<'_, Ring>, pending: PendingLookup) -> bool {
        let wait = MIN_RESTART.min(pending.deadline.since(cx.now));
        cx.request(self.me, 0, Kind::Origin(pending), wait).is_some()
    }
}
