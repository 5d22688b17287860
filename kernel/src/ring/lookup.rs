//! Finding the owner of a key: greedy routing, recursive and iterative, and the routing interface
//! `send(key, bytes)` on top of it.
//!
//! A contact that does not answer costs one timeout; the next try goes to the closest entry *before*
//! it. So the failed contact's identifier, as a limit, is all that a retry must remember, and
//! retries end because limits only come closer.
//!
//! **Invariant:** every hop is strictly closer to the key than the one before, and hop budgets
//! strictly decrease: a lookup ends.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::node::{Context, LookupDone, PayloadHandle, RequestId};
use crate::ring::config::LookupMode;
use crate::ring::event::Event;
use crate::ring::failed_contacts::FailedContacts;
use crate::ring::message::{Lookup, MAX_HOP_BUDGET, Message, Purpose, Step};
use crate::ring::node::RingNode;
use crate::ring::protocol::{BUDGET_SPENT, NOT_OWNER, Ring, STUCK};
use crate::ring::request::{Iteration, Kind, OwnLookup, Probe, Request};

/// An origin that hears nothing asks again after so many hop timeouts, then twice as many, …
const RESTART_HOP_TIMEOUTS: u32 = 16;
const MIN_RESTART: Duration = Duration::from_millis(50);

impl RingNode {
    /// Looks up the owner of `key`. Ends in [`Event::LookupDone`] or, after the configured
    /// deadline, [`Event::LookupFailed`], either of them with `token`; the first possibly at once.
    ///
    /// Returns whether it was begun; it is not if too many requests are in flight, or this node is
    /// no member of a ring.
    pub fn lookup(&mut self, cx: &mut Context<'_, Ring>, key: Id, token: u64) -> bool {
        self.is_member() && self.begin_lookup(cx, key, token, Purpose::User, None)
    }

    /// Sends `payload` (at most [`MAX_PAYLOAD`](crate::node::MAX_PAYLOAD) bytes) to the owner of
    /// `key`. Ends in [`Event::Sent`] or [`Event::SendFailed`] with `token`.
    ///
    /// Returns whether it was begun; see [`lookup`](Self::lookup). A payload that is too long, or
    /// one more than 64 at a time, is refused too.
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
        let Some(kept) = cx.requests.keep_payload(payload) else { return false };
        let begun = self.begin_lookup(cx, key, token, Purpose::User, Some(kept));
        if !begun {
            cx.requests.free_payload(kept);
        }
        begun
    }

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
        let own = OwnLookup { token, key, purpose, deadline, timeouts: 0, failed, payload };
        self.start(cx, own, 0)
    }

    pub(crate) fn start(
        &mut self,
        cx: &mut Context<'_, Ring>,
        own: OwnLookup,
        attempts: u8,
    ) -> bool {
        match self.route_own(cx, &own, own.key) {
            Step::Owner(owner) => {
                self.finish(cx, own, owner, self.me, 0, 0);
                return true;
            }
            Step::Next(peer) if self.config.lookup == LookupMode::Iterative => {
                return self.step(cx, peer, self.first_step(own, MAX_HOP_BUDGET), own.key);
            }
            Step::Next(_) | Step::Stuck => {}
        }
        let patience =
            (self.hop_timeout() * RESTART_HOP_TIMEOUTS).max(MIN_RESTART) * (1 << attempts.min(10));
        let wait = patience.min(own.deadline.since(cx.now));
        let Some(lookup) = self.open(cx, own, attempts, wait) else { return false };
        self.hand_on(cx, lookup);
        true
    }

    /// A recursive lookup as it sets out from here; its answer is waited for. Nothing if too many
    /// requests are in flight.
    pub(crate) fn open(
        &self,
        cx: &mut Context<'_, Ring>,
        own: OwnLookup,
        attempts: u8,
        wait: Duration,
    ) -> Option<Lookup> {
        let lookup = cx.request(self.me, attempts, Kind::Origin(own), wait)?;
        let OwnLookup { purpose, key, timeouts, .. } = own;
        let (origin, budget) = (self.me, MAX_HOP_BUDGET);
        Some(Lookup { lookup, purpose, key, origin, budget, hops: 0, timeouts, known: false })
    }

    /// The origin's patience is spent: ends the lookup, or begins it again.
    pub(crate) fn restart(&mut self, cx: &mut Context<'_, Ring>, request: Request, own: OwnLookup) {
        if cx.now >= own.deadline || !self.start(cx, own, request.retries + 1) {
            self.fail(cx, own);
        }
    }

    fn fail(&mut self, cx: &mut Context<'_, Ring>, own: OwnLookup) {
        if let Some(kept) = own.payload {
            cx.requests.free_payload(kept);
            cx.report(Event::SendFailed { token: own.token });
            return;
        }
        match own.purpose {
            Purpose::User | Purpose::UpperLayer => {
                let (token, timeouts) = (own.token, own.timeouts);
                cx.report(Event::LookupFailed { token, timeouts });
            }
            Purpose::FixFingers => self.on_finger_failed(cx),
            Purpose::Join | Purpose::Stabilize => self.fail_join(cx),
        }
    }

    /// A lookup of this node's own has its answer, given by `teller`.
    fn finish(
        &mut self,
        cx: &mut Context<'_, Ring>,
        own: OwnLookup,
        owner: Peer,
        teller: Peer,
        hops: u8,
        timeouts: u8,
    ) {
        match own.purpose {
            Purpose::User if own.payload.is_some() => self.deliver(cx, own, owner),
            Purpose::User | Purpose::UpperLayer => {
                let (token, key) = (own.token, own.key);
                let done = LookupDone { token, key, owner, hops, timeouts };
                cx.report(Event::LookupDone(done));
            }
            Purpose::FixFingers => self.on_finger_found(cx, own.token as usize, owner),
            Purpose::Join | Purpose::Stabilize => self.on_place_found(cx, teller),
        }
    }

    /// Where a lookup for `key` goes from here, if nobody at or after `limit` will do.
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
        // Nobody in between is left to ask, but this node's own list may have the gap.
        let owner = self.successors.peers().get(self.successors.count_before(self.me.id, key));
        owner.map_or(Step::Stuck, |&owner| Step::Owner(owner))
    }

    /// As [`route`](Self::route), past contacts that did not answer this lookup.
    fn route_own(&self, cx: &Context<'_, Ring>, own: &OwnLookup, mut limit: Id) -> Step {
        loop {
            match self.route(cx, own.key, limit) {
                Step::Next(next) if own.failed.contains(next.id) => limit = next.id,
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

    /// Whether `peer` lately did not answer, and this node remembers that.
    #[inline]
    fn avoids(&self, cx: &Context<'_, Ring>, peer: Peer) -> bool {
        self.config.remember_failures && self.suspects.contains(self.secret, peer, cx.now)
    }

    /// Takes over a lookup: answers it or forwards it. Returns whether it was taken over.
    pub(crate) fn hand_on(&mut self, cx: &mut Context<'_, Ring>, lookup: Lookup) -> bool {
        self.hand_on_before(cx, lookup, lookup.key)
    }

    fn hand_on_before(&mut self, cx: &mut Context<'_, Ring>, lookup: Lookup, limit: Id) -> bool {
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
            // Taken over and ended: unacknowledged, it would make the previous hop suspect this
            // node, and then every other that it tries instead.
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
            self.hand_on_before(cx, lookup, to.id);
        } else {
            // A join's first contact: the driver names another one.
            self.fail_join(cx);
        }
    }

    /// `peer` did not answer: avoids it from now on, and asks whether it lives.
    pub(crate) fn suspect(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        self.round_trips.record_timeout();
        if self.config.remember_failures && !self.suspects.contains(self.secret, peer, cx.now) {
            self.suspects.insert(self.secret, peer, cx.now, false);
            if self.config.stabilize.is_some() {
                self.ping(cx, peer, 0, Probe::Suspect);
            }
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
        let is_own_lookup = |kind: &Kind| matches!(kind, Kind::Origin(_));
        let answered = cx.match_reply_from_any(lookup, is_own_lookup);
        if let Some(Request { kind: Kind::Origin(own), .. }) = answered {
            self.finish(cx, own, owner, from, hops, timeouts);
        }
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

    /// An iterative lookup that begins here.
    fn first_step(&self, own: OwnLookup, budget: u8) -> Iteration {
        let known = self.successors.covers(self.me.id, own.key);
        Iteration { own, previous: self.me, hops: 0, known, budget }
    }

    /// Asks `to` for the next step.
    fn step(&self, cx: &mut Context<'_, Ring>, to: Peer, so_far: Iteration, limit: Id) -> bool {
        let wait = self.hop_timeout().min(so_far.own.deadline.since(cx.now));
        let kind = Kind::Iterate(so_far);
        let Some(request) = cx.request(to, 0, kind, wait) else { return false };
        let OwnLookup { purpose, key, .. } = so_far.own;
        self.send(cx, to, &Message::FindNext { request, purpose, key, limit });
        true
    }

    pub(crate) fn on_step(
        &mut self,
        cx: &mut Context<'_, Ring>,
        id: RequestId,
        from: Peer,
        step: Step,
        knows: bool,
    ) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Iterate(_)));
        let Some(Request { kind: Kind::Iterate(so_far), .. }) = matched else { return };
        let Iteration { own, hops, known, budget, .. } = so_far;
        let now_hops = hops.saturating_add(u8::from(!known));
        let begun = match step {
            Step::Owner(owner) => {
                self.finish(cx, own, owner, from, now_hops, own.timeouts);
                true
            }
            // Only onwards, or a liar could lead in circles.
            Step::Next(next) if budget > 1 && next.id.is_between(from.id, own.key) => {
                let budget = budget - 1;
                if own.failed.contains(next.id) || self.avoids(cx, next) {
                    // `from` has not noticed: asks it for somebody else, which is no hop.
                    let so_far = Iteration { own, previous: self.me, hops, known, budget };
                    self.step(cx, from, so_far, next.id)
                } else {
                    let (hops, known) = (now_hops, known || knows);
                    let so_far = Iteration { own, previous: from, hops, known, budget };
                    self.step(cx, next, so_far, own.key)
                }
            }
            Step::Next(_) | Step::Stuck => self.again_later(cx, own),
        };
        if !begun {
            self.fail(cx, own);
        }
    }

    pub(crate) fn on_step_timeout(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        so_far: Iteration,
    ) {
        let Iteration { own, previous, hops, known, budget } = so_far;
        // At the deadline it has had less time than others.
        if cx.now < own.deadline {
            self.suspect(cx, to);
        }
        let mut own = OwnLookup { timeouts: own.timeouts.saturating_add(1), ..own };
        own.failed.insert(to.id);
        let begun = if cx.now >= own.deadline || budget <= 1 {
            false
        } else if previous != self.me {
            // Ask who named it for somebody else; if that one is gone too, begin from here.
            let (hops, budget) = (hops.saturating_sub(u8::from(!known)), budget - 1);
            let so_far = Iteration { own, previous: self.me, hops, known, budget };
            self.step(cx, previous, so_far, to.id)
        } else {
            match self.route_own(cx, &own, to.id) {
                Step::Owner(owner) => {
                    self.finish(cx, own, owner, self.me, 0, own.timeouts);
                    true
                }
                Step::Next(next) => self.step(cx, next, self.first_step(own, budget - 1), own.key),
                Step::Stuck => self.again_later(cx, own),
            }
        };
        if !begun {
            self.fail(cx, own);
        }
    }

    /// Nobody can help now; maintenance may have mended the tables by the next attempt.
    fn again_later(&mut self, cx: &mut Context<'_, Ring>, own: OwnLookup) -> bool {
        let wait = MIN_RESTART.min(own.deadline.since(cx.now));
        cx.request(self.me, 0, Kind::Origin(own), wait).is_some()
    }

    fn deliver(&mut self, cx: &mut Context<'_, Ring>, own: OwnLookup, owner: Peer) {
        let Some(kept) = own.payload else { return };
        if owner == self.me {
            let (key, from) = (own.key, self.me);
            let payload = cx.requests.payload(kept);
            cx.world.report(cx.node, Event::Received { key, from }, payload);
            cx.requests.free_payload(kept);
            cx.report(Event::Sent { token: own.token, owner });
            return;
        }
        let wait = self.probe_timeout(0);
        let Some(request) = cx.request(owner, 0, Kind::Deliver(own), wait) else {
            return self.fail(cx, own);
        };
        let payload = cx.requests.payload(kept);
        let message = Message::Deliver { request, key: own.key, payload };
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
        let Some(Request { kind: Kind::Deliver(own), to, .. }) = matched else { return };
        if let Some(kept) = own.payload {
            cx.requests.free_payload(kept);
        }
        cx.report(Event::Sent { token: own.token, owner: to });
    }

    /// Not acknowledged: the owner may have changed, so looks it up again.
    pub(crate) fn on_deliver_timeout(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        own: OwnLookup,
    ) {
        self.suspect(cx, to);
        if cx.now >= own.deadline || !self.start(cx, own, 0) {
            self.fail(cx, own);
        }
    }
}
