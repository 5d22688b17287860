//! Maintaining the neighborhood: stabilize, notify, rectify, and removing dead peers. The rules are
//! Zave's (IEEE TSE 2017).
//!
//! **Invariant:** a peer becomes first successor or predecessor only after it has answered.

use crate::base::{Peer, Peers, Time};
use crate::node::{Context, Cookie, DropReason, RequestId};
#[cfg(feature = "defects")]
use crate::ring::Defect;
use crate::ring::message::Message;
use crate::ring::node::{MAX_EARLY_CHECKS, PROBE_ATTEMPTS, RingNode};
use crate::ring::protocol::Ring;
use crate::ring::request::{Kind, NeighborsReason, Probe, Request};

impl RingNode {
    /// Starts the periodic timers.
    pub(crate) fn begin_maintenance(&mut self, cx: &mut Context<'_, Ring>) {
        let mut next = |period| match period {
            Some(period) => cx.now + cx.rng.jitter(period),
            None => Time::NEVER,
        };
        self.stabilize_at = next(self.config.stabilize);
        self.fix_at = next(self.config.fix_fingers);
        self.arm(cx);
    }

    /// Schedules the next round of stabilize, and starts one unless one is in flight.
    pub(crate) fn begin_stabilize(&mut self, cx: &mut Context<'_, Ring>) {
        if let Some(period) = self.config.stabilize {
            self.stabilize_at = cx.now + cx.rng.jitter(period);
        }
        if !self.stabilizing {
            self.check_first_successor(cx);
        }
    }

    pub(crate) fn check_first_successor(&mut self, cx: &mut Context<'_, Ring>) {
        // With an empty list, asks the next node clockwise that it knows. If it knows none, asks
        // the last one it knew, which may have been considered dead by mistake.
        let first = self
            .successors
            .first()
            .or_else(|| self.fingers.entries().next().map(|(_, finger)| finger))
            .or(self.predecessor)
            .or(self.successors.fallback());
        self.stabilizing = first.is_some_and(|first| {
            let cookie = self.last_cookie.for_peer(first);
            self.request_neighbors(cx, first, NeighborsReason::Stabilize, cookie, 0)
        });
    }

    pub(crate) fn request_neighbors(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        reason: NeighborsReason,
        cookie: Cookie,
        retries: u8,
    ) -> bool {
        let wait = self.probe_timeout(retries);
        let kind = Kind::Neighbors { reason, cookie };
        let Some(request) = cx.request(to, retries, kind, wait) else {
            self.stabilizing &= reason != NeighborsReason::Stabilize;
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
        // A first cookie shows that the peer is alive, so earlier attempts do not count.
        let attempts = if tried == Cookie::default() { 0 } else { retries + 1 };
        if tried == cookie || attempts >= PROBE_ATTEMPTS {
            self.on_neighbors_failed(cx, from, reason);
        } else {
            self.request_neighbors(cx, from, reason, cookie, attempts);
        }
    }

    pub(crate) fn on_neighbors_reply(
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
            NeighborsReason::Stabilize => {
                self.stabilizing = false;
                if self.successors.first().is_some_and(|first| first != from) {
                    return; // Another node has become the first successor meanwhile.
                }
                self.last_cookie.learn(from, cookie);
                self.adopt_list(cx.now, from, successors);
                if predecessor == Some(self.me) {
                    self.early_checks_left = 0;
                }
                self.schedule_early_check(cx);
                #[cfg(feature = "defects")]
                if self.has(Defect::UnprobedSuccessor)
                    && let Some(candidate) = predecessor
                    && self.is_closer_successor(candidate.id, from.id)
                {
                    let list = self.successors.peers().to_vec();
                    self.successors.adopt(self.me.id, candidate, Peers::Table(&list), |_| true);
                    self.update_finger_boundary();
                    return self.notify_successor(cx);
                }
                match predecessor {
                    Some(candidate) if self.may_be_successor(cx, candidate) => {
                        self.request_neighbors(
                            cx,
                            candidate,
                            NeighborsReason::Candidate,
                            Cookie::default(),
                            0,
                        );
                    }
                    _ => self.notify_successor(cx),
                }
            }
            NeighborsReason::Candidate => {
                if self.may_be_successor(cx, from) {
                    self.last_cookie.learn(from, cookie);
                    self.adopt_list(cx.now, from, successors);
                    self.early_checks_left =
                        if predecessor == Some(self.me) { 0 } else { MAX_EARLY_CHECKS };
                    self.schedule_early_check(cx);
                }
                self.notify_successor(cx);
            }
            NeighborsReason::Join => self.on_join_reply(cx, from, cookie, successors),
        }
    }

    /// Schedules an early check of the first successor, as long as it does not know this node. Of
    /// several nodes that join the same gap, none has seen the others.
    pub(crate) fn schedule_early_check(&mut self, cx: &mut Context<'_, Ring>) {
        if self.early_checks_left == 0 || self.config.stabilize.is_none() {
            return;
        }
        let soon = cx.now + self.probe_timeout(MAX_EARLY_CHECKS - self.early_checks_left);
        self.early_checks_left -= 1;
        self.stabilize_at = self.stabilize_at.min(soon);
        self.arm(cx);
    }

    /// `to` did not answer any of several requests for its neighbors.
    pub(crate) fn on_neighbors_failed(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        reason: NeighborsReason,
    ) {
        match reason {
            NeighborsReason::Stabilize => {
                self.stabilizing = false;
                self.remove_dead(cx, to);
            }
            NeighborsReason::Candidate => {
                self.suspects.insert(self.secret, to, cx.now, true);
                self.notify_successor(cx);
            }
            NeighborsReason::Join => self.fail_join(cx),
        }
    }

    /// Rectify: `candidate` may be this node's predecessor. `answered` means that it has just
    /// proved to be alive; its notification does not prove it, because it may be old.
    pub(crate) fn rectify(&mut self, cx: &mut Context<'_, Ring>, candidate: Peer, answered: bool) {
        #[cfg(feature = "defects")]
        if self.has(Defect::UnprobedPredecessor) {
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
            self.consider_successor(cx, candidate);
        } else {
            cx.world.count_drop(DropReason::UnknownPeer);
        }
    }

    /// Asks `candidate` for its neighbors if it may become the first successor.
    pub(crate) fn consider_successor(&mut self, cx: &mut Context<'_, Ring>, candidate: Peer) {
        if self.may_be_successor(cx, candidate) && cx.has_room_for_others() {
            self.request_neighbors(cx, candidate, NeighborsReason::Candidate, Cookie::default(), 0);
        }
    }

    pub(crate) fn on_pong(&mut self, cx: &mut Context<'_, Ring>, id: RequestId, from: Peer) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Probe(_)));
        let Some(Request { kind: Kind::Probe(probe), .. }) = matched else { return };
        match probe {
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
        probe: Probe,
    ) {
        if request.retries + 1 < PROBE_ATTEMPTS {
            self.ping(cx, request.to, request.retries + 1, probe);
            return;
        }
        match probe {
            Probe::Suspect => self.remove_dead(cx, request.to),
            Probe::Rectify => {}
            Probe::Predecessor(candidate) => {
                self.probing_predecessor = false;
                self.remove_dead(cx, request.to);
                self.rectify(cx, candidate, false);
            }
            Probe::Finger => self.on_finger_failed(cx),
        }
    }

    /// Removes `peer`, which is dead or has left, from every table.
    pub(crate) fn remove_dead(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        self.suspects.insert(self.secret, peer, cx.now, true);
        self.fingers.remove(peer.address);
        self.predecessor.take_if(|predecessor| predecessor.is_same_destination(peer));
        let was_first =
            self.successors.first().is_some_and(|first| first.is_same_destination(peer));
        if self.successors.remove(peer) {
            self.update_finger_boundary();
        }
        let is_isolated = self.successors.first().is_none()
            && self.predecessor.is_none()
            && self.fingers.entries().next().is_none();
        if is_isolated {
            self.successors.keep_fallback(peer);
        } else if was_first && !self.stabilizing && self.config.stabilize.is_some() {
            self.check_first_successor(cx);
        }
    }

    /// Whether `candidate` lies before the first successor and is not known to be dead.
    fn may_be_successor(&self, cx: &Context<'_, Ring>, candidate: Peer) -> bool {
        self.successors.first().is_none_or(|first| self.is_closer_successor(candidate.id, first.id))
            && candidate.id != self.me.id
            && !self.suspects.is_dead(self.secret, candidate, cx.now)
    }

    pub(crate) fn notify_successor(&self, cx: &mut Context<'_, Ring>) {
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
