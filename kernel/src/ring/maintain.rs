//! Keeping the neighbourhood right: stabilize, notify, rectify, and what happens when a peer is
//! found dead. The rules are Zave's (IEEE TSE 2017).
//!
//! **Invariant:** a node enters the successor list's head, or becomes predecessor, only after it has
//! answered.

use crate::base::{Peer, Peers, Time};
use crate::node::{Context, Cookie, DropReason, RequestId};
#[cfg(feature = "defects")]
use crate::ring::Defect;
use crate::ring::message::Message;
use crate::ring::node::{PROBE_ATTEMPTS, QUICK_CHECKS, RingNode};
use crate::ring::protocol::Ring;
use crate::ring::request::{Ask, Kind, Probe, Request};

impl RingNode {
    /// Sets the periodic timers going.
    pub(crate) fn begin_maintenance(&mut self, cx: &mut Context<'_, Ring>) {
        let mut next = |period| match period {
            Some(period) => cx.now + cx.rng.jitter(period),
            None => Time::NEVER,
        };
        self.stabilize_at = next(self.config.stabilize);
        self.fix_at = next(self.config.fix_fingers);
        self.arm(cx);
    }

    pub(crate) fn begin_stabilize(&mut self, cx: &mut Context<'_, Ring>) {
        if let Some(period) = self.config.stabilize {
            self.stabilize_at = cx.now + cx.rng.jitter(period);
        }
        if !self.stabilizing {
            self.check_first_successor(cx);
        }
    }

    pub(crate) fn check_first_successor(&mut self, cx: &mut Context<'_, Ring>) {
        // A node that has lost all its list asks whoever it knows to be next clockwise, and if it
        // knows nobody, whom it knew last: it may have been held to be dead by mistake.
        let first = self
            .successors
            .first()
            .or_else(|| self.fingers.entries().next().map(|(_, finger)| finger))
            .or(self.predecessor)
            .or(self.successors.fallback());
        self.stabilizing = first.is_some_and(|first| {
            let cookie = self.last_cookie.for_peer(first);
            self.ask_neighbors(cx, first, Ask::Stabilize, cookie, 0)
        });
    }

    pub(crate) fn ask_neighbors(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        reason: Ask,
        cookie: Cookie,
        retries: u8,
    ) -> bool {
        let wait = self.probe_timeout(retries);
        let kind = Kind::Neighbors { reason, cookie };
        let Some(request) = cx.request(to, retries, kind, wait) else {
            self.stabilizing &= reason != Ask::Stabilize;
            return false;
        };
        let purpose = reason.purpose();
        self.send(cx, to, &Message::Neighbors { request, cookie, purpose });
        true
    }

    pub(crate) fn on_cookie(
        &mut self,
        cx: &mut Context<'_, Ring>,
        id: RequestId,
        from: Peer,
        cookie: Cookie,
    ) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Neighbors { .. }));
        let Some(Request { kind: Kind::Neighbors { reason, cookie: tried }, retries, .. }) =
            matched
        else {
            return;
        };
        // The first cookie is half an answer: what was lost before it does not count any more.
        let attempts = if tried == Cookie::default() { 0 } else { retries + 1 };
        if tried == cookie || attempts >= PROBE_ATTEMPTS {
            self.on_neighbors_dead(cx, from, reason);
        } else {
            self.ask_neighbors(cx, from, reason, cookie, attempts);
        }
    }

    pub(crate) fn on_neighbors(
        &mut self,
        cx: &mut Context<'_, Ring>,
        id: RequestId,
        from: Peer,
        predecessor: Option<Peer>,
        successors: Peers<'_>,
    ) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Neighbors { .. }));
        let Some(Request { kind: Kind::Neighbors { reason, cookie }, .. }) = matched else {
            #[cfg(feature = "defects")]
            if self.has(Defect::StaleReply) {
                self.adopt_list(cx.now, from, successors);
            }
            return;
        };
        match reason {
            Ask::Stabilize => {
                self.stabilizing = false;
                if self.successors.first().is_some_and(|first| first != from) {
                    return; // Another one has come in between meanwhile.
                }
                self.last_cookie.learn(from, cookie);
                self.adopt_list(cx.now, from, successors);
                if predecessor == Some(self.me) {
                    self.quick_checks = 0;
                }
                self.check_soon(cx);
                #[cfg(feature = "defects")]
                if self.has(Defect::ListUnasked)
                    && let Some(candidate) = predecessor
                    && self.is_after_me(candidate.id, from.id)
                {
                    let list = self.successors.peers().to_vec();
                    self.successors.adopt(self.me.id, candidate, Peers::Table(&list), |_| true);
                    self.list_changed();
                    return self.notify_first(cx);
                }
                match predecessor {
                    Some(candidate) if self.may_be_next(cx, candidate) => {
                        self.ask_neighbors(cx, candidate, Ask::Candidate, Cookie::default(), 0);
                    }
                    _ => self.notify_first(cx),
                }
            }
            Ask::Candidate => {
                if self.may_be_next(cx, from) {
                    self.last_cookie.learn(from, cookie);
                    self.adopt_list(cx.now, from, successors);
                    self.quick_checks = if predecessor == Some(self.me) { 0 } else { QUICK_CHECKS };
                    self.check_soon(cx);
                }
                self.notify_first(cx);
            }
            Ask::Join => self.on_place_told(cx, from, cookie, successors),
        }
    }

    /// Brings the next check of the first successor forward while it does not know this node: of
    /// several that join in one gap, each has seen the gap without the others.
    pub(crate) fn check_soon(&mut self, cx: &mut Context<'_, Ring>) {
        if self.quick_checks == 0 || self.config.stabilize.is_none() {
            return;
        }
        let soon = cx.now + self.probe_timeout(QUICK_CHECKS - self.quick_checks);
        self.quick_checks -= 1;
        self.stabilize_at = self.stabilize_at.min(soon);
        self.arm(cx);
    }

    /// `to` has answered none of several requests for its neighbours.
    pub(crate) fn on_neighbors_dead(&mut self, cx: &mut Context<'_, Ring>, to: Peer, reason: Ask) {
        match reason {
            Ask::Stabilize => {
                self.stabilizing = false;
                self.bury(cx, to);
            }
            Ask::Candidate => {
                self.suspects.insert(self.secret, to, cx.now, true);
                self.notify_first(cx);
            }
            Ask::Join => self.fail_join(cx),
        }
    }

    /// Rectify: `candidate` believes to be this node's predecessor. `answered`: it has just shown to
    /// live, which its notification, an old one perhaps, does not.
    pub(crate) fn rectify(&mut self, cx: &mut Context<'_, Ring>, candidate: Peer, answered: bool) {
        #[cfg(feature = "defects")]
        if self.has(Defect::RectifyUnasked) {
            let is_nearer = |old: Peer| candidate.id.is_between(old.id, self.me.id);
            if self.predecessor.is_none_or(is_nearer) {
                self.adopt_predecessor(cx, candidate);
            }
            return;
        }
        match self.predecessor {
            Some(predecessor) if predecessor == candidate => {}
            _ if !answered && !cx.has_room_for_others() => {}
            Some(predecessor) if !candidate.id.is_between(predecessor.id, self.me.id) => {
                if !self.probing_predecessor {
                    self.probing_predecessor =
                        self.ping(cx, predecessor, 0, Probe::Predecessor(candidate));
                }
            }
            _ if answered => self.adopt_predecessor(cx, candidate),
            _ => {
                self.ping(cx, candidate, 0, Probe::Rectify);
            }
        }
    }

    pub(crate) fn on_introduce(&mut self, cx: &mut Context<'_, Ring>, from: Peer, candidate: Peer) {
        if self.knows(from) {
            self.consider(cx, candidate);
        } else {
            cx.world.count_drop(DropReason::UnknownPeer);
        }
    }

    /// `candidate` may have come before the first successor: asks it.
    pub(crate) fn consider(&mut self, cx: &mut Context<'_, Ring>, candidate: Peer) {
        if self.may_be_next(cx, candidate) && cx.has_room_for_others() {
            self.ask_neighbors(cx, candidate, Ask::Candidate, Cookie::default(), 0);
        }
    }

    pub(crate) fn on_pong(&mut self, cx: &mut Context<'_, Ring>, id: RequestId, from: Peer) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Probe(_)));
        let Some(Request { kind: Kind::Probe(why), .. }) = matched else { return };
        match why {
            Probe::Suspect => {}
            Probe::Rectify => self.rectify(cx, from, true),
            Probe::Predecessor(_) => self.probing_predecessor = false,
            Probe::Finger => self.on_finger_alive(cx, from),
        }
    }

    pub(crate) fn on_probe_timeout(
        &mut self,
        cx: &mut Context<'_, Ring>,
        request: Request,
        why: Probe,
    ) {
        if request.retries + 1 < PROBE_ATTEMPTS {
            self.ping(cx, request.to, request.retries + 1, why);
            return;
        }
        match why {
            Probe::Suspect => self.bury(cx, request.to),
            Probe::Rectify => {}
            Probe::Predecessor(candidate) => {
                self.probing_predecessor = false;
                self.bury(cx, request.to);
                self.rectify(cx, candidate, false);
            }
            Probe::Finger => self.on_finger_failed(cx),
        }
    }

    /// `peer` is dead or gone: takes it out of every table.
    pub(crate) fn bury(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        self.suspects.insert(self.secret, peer, cx.now, true);
        self.fingers.remove(peer.address);
        self.predecessor.take_if(|predecessor| predecessor.is_same_destination(peer));
        let was_first =
            self.successors.first().is_some_and(|first| first.is_same_destination(peer));
        if self.successors.remove(peer) {
            self.list_changed();
        }
        let knows_nobody = self.successors.first().is_none()
            && self.predecessor.is_none()
            && self.fingers.entries().next().is_none();
        if knows_nobody {
            self.successors.keep_fallback(peer);
        } else if was_first && !self.stabilizing && self.config.stabilize.is_some() {
            self.check_first_successor(cx);
        }
    }

    /// Whether `candidate` lies before the first successor, and is worth asking.
    fn may_be_next(&self, cx: &Context<'_, Ring>, candidate: Peer) -> bool {
        self.successors.first().is_none_or(|first| self.is_after_me(candidate.id, first.id))
            && candidate.id != self.me.id
            && !self.suspects.is_dead(self.secret, candidate, cx.now)
    }

    pub(crate) fn notify_first(&self, cx: &mut Context<'_, Ring>) {
        if let Some(first) = self.successors.first() {
            self.send(cx, first, &Message::Notify);
        }
    }

    fn adopt_predecessor(&mut self, cx: &mut Context<'_, Ring>, candidate: Peer) {
        let old = self.predecessor.replace(candidate);
        if let Some(old) = old {
            self.send(cx, old, &Message::Introduce { peer: candidate });
        }
    }
}
