//! Iterative lookups: the origin asks one hop after the other for the next one, and the owner last.
//!
//! **Invariant:** a lookup has one request in flight at a time, and its budget decreases with each
//! step. Before the owner, it follows only hops that are closer to the key.

use crate::base::Peer;
use crate::node::{Confidence, Context, RequestHandle, RequestId};
use crate::ring::config::AnswerRule;
use crate::ring::lookup::MIN_RESTART;
use crate::ring::message::{Message, Stage, Step};
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::recursive::MAX_BACKWARD;
use crate::ring::request::{Chance, Iteration, Kind, PendingLookup, Request};
use crate::ring::steps::{Answer, Route, Wanted};

impl RingNode {
    /// The state of an iterative lookup before its first hop.
    pub(super) fn first_iteration(
        &self,
        pending: PendingLookup,
        stage: Stage,
        budget: u8,
    ) -> Iteration {
        let (previous, limit, previous_stage) = (self.me, pending.key, Stage::Route);
        let (hops, backward, chance) = (0, 0, Chance::First);
        Iteration {
            pending,
            previous,
            previous_stage,
            limit,
            hops,
            stage,
            budget,
            backward,
            chance,
        }
    }

    /// Asks `to` for the next step.
    pub(super) fn request_step(
        &self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        iteration: Iteration,
    ) -> bool {
        let wait = self.hop_timeout(cx, 0).min(iteration.pending.deadline.since(cx.now));
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
        let &Iteration { pending: PendingLookup { purpose, key, .. }, limit, stage, .. } =
            iteration;
        self.send(cx, to, &Message::FindNext { request, purpose, key, limit, stage });
    }

    /// The number of attempts at one step before the lookup goes another way.
    pub(super) fn step_attempts(&self, iteration: &Iteration) -> u8 {
        let is_owner =
            iteration.stage.is_owner() && self.rule(iteration.pending.purpose) == AnswerRule::Owner;
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
        let wait = self.hop_timeout(cx, request.retries + 1).min(left);
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
        let (step, stage, under_suspicion) = self.next_step(cx, wanted);
        let purpose = wanted.purpose;
        let reply = Message::FindNextReply { request, purpose, step, stage, under_suspicion };
        self.send(cx, from, &reply);
    }

    /// What this node replies to a step: the next step, how to take it, and whether the answer is
    /// given under suspicion.
    fn next_step(&self, cx: &Context<'_, Ring>, wanted: Wanted) -> (Step, Stage, bool) {
        let Wanted { purpose, key, limit, stage } = wanted;
        let is_asked_as_owner = stage.is_owner() && self.rule(purpose) == AnswerRule::Owner;
        let predecessor = self.predecessor.filter(|peer| peer.id != limit);
        let (route, under_suspicion) = match predecessor {
            _ if !is_asked_as_owner || self.owns(key) => {
                (self.route(cx, purpose, key, limit, stage), false)
            }
            Some(predecessor) => (Route::Next(predecessor, Stage::Owner), false),
            // The origin has tried the predecessor, or there is none.
            None if stage == Stage::OwnerExact || self.config.stabilize.is_none() => {
                (Route::Owner(self.me), true)
            }
            None => (self.route(cx, purpose, key, key, Stage::RouteExact), false),
        };
        match route {
            Route::Owner(owner) => (Step::Owner(owner), Stage::Owner, under_suspicion),
            Route::Next(next, stage) => (Step::Next(next), stage, false),
            Route::Stuck => (Step::Stuck, Stage::Route, false),
        }
    }

    pub(crate) fn on_find_next_reply(
        &mut self,
        cx: &mut Context<'_, Ring>,
        id: RequestId,
        from: Peer,
        step: Step,
        stage: Stage,
        under_suspicion: bool,
    ) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Iterate(_)));
        let Some(Request { kind: Kind::Iterate(iteration), .. }) = matched else { return };
        self.take_step(cx, iteration, from, step, stage, under_suspicion);
    }

    /// Goes on as `from` has replied.
    fn take_step(
        &mut self,
        cx: &mut Context<'_, Ring>,
        iteration: Iteration,
        from: Peer,
        step: Step,
        stage: Stage,
        under_suspicion: bool,
    ) {
        let Iteration { mut pending, hops, budget, backward, .. } = iteration;
        let rule = self.rule(pending.purpose);
        let counts = rule == AnswerRule::Owner || !iteration.stage.is_owner();
        let now_hops = hops.saturating_add(u8::from(counts));
        let next = match step {
            Step::Owner(owner)
                if owner == from
                    || rule == AnswerRule::Predecessor && self.config.ids.allows(owner) =>
            {
                let (hops, timeouts) = (now_hops, pending.timeouts);
                let answer = Answer { owner, under_suspicion, hops, timeouts };
                return self.finish_lookup(cx, pending, from, answer);
            }
            // On the way, only a closer node is accepted: otherwise a lying node could cause a loop.
            Step::Next(next)
                if rule == AnswerRule::Owner && stage != Stage::Route
                    || next.id.is_between(from.id, pending.key) =>
            {
                Some(next)
            }
            Step::Owner(_) | Step::Next(_) | Step::Stuck => None,
        };
        let started = match next {
            Some(next) if budget > 1 => {
                let budget = budget - 1;
                // One missing reply is no evidence against an owner.
                let is_avoided =
                    (!stage.is_owner() || rule == AnswerRule::Predecessor) && self.avoids(cx, next);
                let is_backward = rule == AnswerRule::Owner
                    && iteration.stage.is_owner()
                    && stage == Stage::Owner;
                let is_far_back = is_backward && backward == MAX_BACKWARD;
                let backward = backward.saturating_add(u8::from(is_backward));
                // To ask `from` for another node is not a hop.
                let again = Iteration { previous: self.me, budget, backward, ..iteration };
                if is_far_back {
                    // The list that named the owner was too old.
                    let limit = pending.key;
                    self.ask(cx, from, Iteration { stage: Stage::RouteExact, limit, ..again })
                } else if pending.failed.contains(next.id) || is_avoided {
                    // `from` does not know that `next` failed.
                    self.ask(cx, from, Iteration { limit: next.id, ..again })
                } else {
                    let iteration = Iteration {
                        pending,
                        previous: from,
                        previous_stage: iteration.stage,
                        limit: pending.key,
                        hops: now_hops,
                        stage,
                        budget,
                        backward,
                        chance: match iteration.chance {
                            Chance::Second => Chance::Last,
                            Chance::First | Chance::Last => Chance::First,
                        },
                    };
                    self.ask(cx, next, iteration)
                }
            }
            _ => self.goes_elsewhere(cx, &mut pending) || self.retry_later(cx, pending),
        };
        if !started {
            self.fail_lookup(cx, pending);
        }
    }

    /// Asks `to` for the next step; it may be this node.
    fn ask(&mut self, cx: &mut Context<'_, Ring>, to: Peer, iteration: Iteration) -> bool {
        if to.is_same_destination(self.me) {
            self.take_own_step(cx, iteration);
            return true;
        }
        self.request_step(cx, to, iteration)
    }

    fn take_own_step(&mut self, cx: &mut Context<'_, Ring>, iteration: Iteration) {
        let Iteration { pending: PendingLookup { purpose, key, .. }, limit, stage, .. } = iteration;
        let wanted = Wanted { purpose, key, limit, stage };
        let (step, stage, under_suspicion) = self.next_step(cx, wanted);
        self.take_step(cx, iteration, self.me, step, stage, under_suspicion);
    }

    pub(crate) fn on_find_next_failed(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        iteration: Iteration,
    ) {
        let Iteration {
            pending,
            previous,
            previous_stage,
            hops,
            stage,
            budget,
            backward,
            chance,
            ..
        } = iteration;
        // If the deadline cut the wait short, the timeout proves nothing.
        if cx.now < pending.deadline {
            self.suspect(cx, to);
        }
        let mut pending = PendingLookup { timeouts: pending.timeouts.saturating_add(1), ..pending };
        pending.failed.insert(to.id);
        let started = if cx.now >= pending.deadline || budget <= 1 {
            false
        } else if chance == Chance::Last && self.goes_elsewhere(cx, &mut pending) {
            true
        } else if previous != self.me {
            // Asks the previous hop for another node. If that fails too, starts again from here.
            let is_owner_rule = self.rule(pending.purpose) == AnswerRule::Owner;
            let counted = is_owner_rule || !stage.is_owner();
            let again = Iteration {
                pending,
                previous: self.me,
                previous_stage: Stage::Route,
                limit: to.id,
                hops: hops.saturating_sub(u8::from(counted)),
                stage: if is_owner_rule { previous_stage } else { stage },
                budget: budget - 1,
                backward,
                chance: Chance::Second,
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
        match self.route_pending(cx, &pending, failed.id) {
            Route::Owner(owner) => {
                let timeouts = pending.timeouts;
                let answer = Answer { owner, under_suspicion: false, hops: 0, timeouts };
                self.finish_lookup(cx, pending, self.me, answer);
                true
            }
            Route::Next(next, stage) => {
                self.request_step(cx, next, self.first_iteration(pending, stage, budget))
            }
            Route::Stuck => self.retry_later(cx, pending),
        }
    }

    /// Restarts the lookup after a pause, in which maintenance may repair the tables.
    fn retry_later(&mut self, cx: &mut Context<'_, Ring>, pending: PendingLookup) -> bool {
        let wait = MIN_RESTART.min(pending.deadline.since(cx.now));
        cx.request(self.me, 0, Kind::Origin(pending), wait).is_some()
    }
}
