//! Maintaining the neighborhood: stabilize, notify, rectify, and removing dead peers. The rules are
//! Zave's (IEEE TSE 2017).
//!
//! *The last node.* A node that loses its only contact cannot tell from that whether others live. So two
//! nodes notice while both live that neither knows a third one. If one of them leaves or is declared
//! dead, the other is alone: it becomes its own predecessor, owns every key, and takes in nodes that
//! join. The same holds if a node leaves that names only this one and others that are gone, and if a node
//! that was alone loses the only one that it has taken in since. A node that lost several contacts one
//! after another may be cut off instead: it owns nothing.
//!
//! **Invariant:** a peer becomes first successor or predecessor only after it has answered.

use core::mem;

use crate::base::{Peer, Peers, Time};
use crate::node::{Context, Cookie, DropReason, PeerRoundTrips, RequestId};
#[cfg(feature = "defects")]
use crate::ring::Defect;
use crate::ring::event::Event;
use crate::ring::membership::ROUNDS_TO_JOIN;
use crate::ring::message::Message;
use crate::ring::node::{MAX_EARLY_CHECKS, RingNode};
use crate::ring::protocol::Ring;
use crate::ring::request::{Kind, NeighborsReason, Probe, Request};

/// A node that sends a different cookie each time is given up after this many.
const MAX_COOKIES: u8 = 3;

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
        self.count_round(cx);
        if self.is_member() {
            self.ask_lost_contact(cx);
            if !self.stabilizing {
                self.check_first_successor(cx);
            }
        }
    }

    /// The node was stopped for so long that others must have taken it for dead, and have taken over its
    /// keys. It owns nothing until a predecessor makes itself known, as after a join.
    /// A node that is alone keeps them: no other node is there to take them over.
    #[cold]
    pub(crate) fn come_back(&mut self, cx: &mut Context<'_, Ring>) {
        if self.is_member() && self.config.stabilize.is_some() && !self.is_alone() {
            self.predecessor = None;
            self.is_pair = false;
            self.early_checks_left = MAX_EARLY_CHECKS;
            self.stabilize_at = cx.now;
            self.arm(cx);
        }
    }

    pub(crate) fn check_first_successor(&mut self, cx: &mut Context<'_, Ring>) {
        let first = match self.successors.first() {
            Some(first) => Some(first),
            None if self.ask_finger(cx) => return,
            // Asks the predecessor. If there is none, asks those that it knew, one after another: they may have
            // been considered dead by mistake.
            None => self.other_predecessor().or_else(|| self.successors.next_fallback()),
        };
        self.stabilizing = first.is_some_and(|first| {
            let cookie = self.last_cookie.for_peer(first);
            self.request_neighbors(cx, first, NeighborsReason::Stabilize, cookie, 0)
        });
    }

    /// This node has lost all successors: asks the next finger clockwise that is not suspected. It becomes the
    /// first successor until a node before it is known. Returns whether a finger was asked.
    fn ask_finger(&mut self, cx: &mut Context<'_, Ring>) -> bool {
        let mut fingers = self.fingers.entries().map(|(_, finger)| finger);
        let next = fingers.find(|&finger| !self.avoids(cx, finger));
        drop(fingers);
        next.is_some_and(|next| {
            self.request_neighbors(cx, next, NeighborsReason::Candidate, Cookie::default(), 0)
        })
    }

    /// Whether `peer` was asked because this node has lost all successors.
    fn is_asked_finger(&self, peer: Peer) -> bool {
        self.is_member()
            && self.config.stabilize.is_some()
            && self.successors.first().is_none()
            && self.fingers.contains(peer)
    }

    /// Asks `to` for its neighbors, with the last of `cookies` cookies that it has sent.
    pub(crate) fn request_neighbors(
        &mut self,
        cx: &mut Context<'_, Ring>,
        to: Peer,
        reason: NeighborsReason,
        cookie: Cookie,
        cookies: u8,
    ) -> bool {
        let mut wait = self.probe_timeout(cx, to, 0);
        if reason == NeighborsReason::Candidate && cookies == 0 {
            wait = self.wait_for_stranger(cx, to, wait);
        }
        let kind = Kind::Neighbors { reason, cookie, cookies };
        let Some(request) = cx.request(to, 0, kind, wait) else {
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
        let Some(Request { kind: Kind::Neighbors { reason, cookie: tried, cookies }, .. }) =
            matched
        else {
            return;
        };
        if tried == cookie || cookies == MAX_COOKIES {
            self.on_neighbors_failed(cx, from, reason);
        } else {
            self.request_neighbors(cx, from, reason, cookie, cookies + 1);
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
        let round_trip = matched.and_then(|request| request.round_trip(id, cx.now));
        let Some(Request { kind: Kind::Neighbors { reason, cookie, .. }, .. }) = matched else {
            #[cfg(feature = "defects")]
            if self.has(Defect::StaleReply) {
                self.adopt_list(cx.now, from, successors);
            }
            return;
        };
        // The join may have failed meanwhile.
        if reason != NeighborsReason::Join && !self.is_member() {
            self.stabilizing &= reason != NeighborsReason::Stabilize;
            return;
        }
        match reason {
            NeighborsReason::Stabilize => {
                self.stabilizing = false;
                // One that has answered under another identifier is known by that from now on.
                let is_first = |first: Peer| first.is_same_destination(from);
                if !self.successors.first().is_none_or(is_first) {
                    return; // Another node has become the first successor meanwhile.
                }
                self.last_cookie.learn(from, cookie);
                self.adopt_list(cx.now, from, successors);
                self.is_pair = self.is_paired_with(from, predecessor, successors);
                if predecessor == Some(self.me) {
                    self.early_checks_left = 0;
                    self.confirm_join(cx);
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
                    Some(candidate) if self.may_be_successor(candidate) => {
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
                if self.may_be_successor(from) {
                    self.last_cookie.learn(from, cookie);
                    self.adopt_list(cx.now, from, successors);
                    self.is_pair = self.is_paired_with(from, predecessor, successors);
                    if self.rounds_to_join > 0 {
                        self.rounds_to_join = ROUNDS_TO_JOIN;
                    }
                    if let Some(round_trip) = round_trip {
                        self.record_neighbor(from, round_trip);
                    }
                    self.early_checks_left =
                        if predecessor == Some(self.me) { 0 } else { MAX_EARLY_CHECKS };
                    self.schedule_early_check(cx);
                    if let Some(nearer) = predecessor
                        && self.may_be_successor(nearer)
                    {
                        let (reason, none) = (NeighborsReason::Candidate, Cookie::default());
                        self.request_neighbors(cx, nearer, reason, none, 0);
                        return;
                    }
                }
                self.notify_successor(cx);
            }
            NeighborsReason::Join => self.on_join_reply(cx, from, cookie, successors),
        }
    }

    /// Schedules an early check of the first successor, as long as it does not know this node. Of
    /// several nodes that join the same gap, none has seen the others.
    pub(crate) fn schedule_early_check(&mut self, cx: &mut Context<'_, Ring>) {
        let Some(first) = self.successors.first() else { return };
        if self.early_checks_left == 0 || self.config.stabilize.is_none() {
            return;
        }
        let retries = MAX_EARLY_CHECKS - self.early_checks_left;
        let soon = cx.now + self.timeout_for(cx, first, retries);
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
                // It may have been declared dead meanwhile, and its successor be in its place.
                if self.successors.first().is_none() || self.knows_destination(to) {
                    self.declare_dead(cx, to);
                }
            }
            NeighborsReason::Candidate if self.is_asked_finger(to) => {
                if self.config.remember_failures {
                    self.suspect(cx, to);
                } else {
                    self.declare_dead(cx, to);
                }
                if !self.stabilizing {
                    self.check_first_successor(cx);
                }
            }
            NeighborsReason::Candidate => self.notify_successor(cx),
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
        let is_farther = |predecessor: Peer| !candidate.id.is_between(predecessor.id, self.me.id);
        #[cfg(feature = "defects")]
        let is_farther = |it: Peer| is_farther(it) && !self.has(Defect::AnyNotifier);
        match self.predecessor {
            Some(predecessor) if predecessor == candidate => self.predecessor_heard = cx.now.into(),
            Some(predecessor) if is_farther(predecessor) => {
                self.probe_predecessor(cx, Some(candidate));
            }
            _ if answered => self.adopt_predecessor(cx, candidate),
            // One at a time, so that notifications cannot fill the table of requests.
            _ if self.probing_candidate => {}
            _ => self.probing_candidate = self.ping(cx, candidate, Probe::Rectify),
        }
    }

    /// Asks the predecessor whether it is alive, for `candidate` to take its place if it is not.
    pub(crate) fn probe_predecessor(
        &mut self,
        cx: &mut Context<'_, Ring>,
        candidate: Option<Peer>,
    ) {
        if let Some(predecessor) = self.predecessor
            && !self.probing_predecessor
        {
            self.probing_predecessor = self.ping(cx, predecessor, Probe::Predecessor(candidate));
        }
    }

    /// When the predecessor is overdue: it asks for this node's neighbors in each round of stabilize,
    /// which takes up to one and a half periods. Later rounds are not waited for.
    pub(crate) fn predecessor_due(&self, now: Time) -> Time {
        #[cfg(feature = "defects")]
        if self.has(Defect::UnprobedSuccessor) || self.has(Defect::UnprobedPredecessor) {
            return Time::NEVER;
        }
        match self.config.stabilize {
            Some(period)
                if self.other_predecessor().is_some()
                    && !self.probing_predecessor
                    && self.is_member() =>
            {
                self.predecessor_heard.to_time(now) + period + period / 5
            }
            _ => Time::NEVER,
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
        if self.may_be_successor(candidate) && cx.has_room_for_others() {
            self.request_neighbors(cx, candidate, NeighborsReason::Candidate, Cookie::default(), 0);
        }
    }

    pub(crate) fn on_pong(&mut self, cx: &mut Context<'_, Ring>, id: RequestId, from: Peer) {
        let matched = self.match_reply(cx, id, from, |kind| matches!(kind, Kind::Probe(_)));
        let Some(Request { kind: Kind::Probe(probe), .. }) = matched else { return };
        let round_trip = matched.and_then(|request| request.round_trip(id, cx.now));
        match probe {
            Probe::Suspect | Probe::NextSuccessor | Probe::Departed | Probe::Leaving(_) => {}
            Probe::Rectify => {
                self.probing_candidate = false;
                self.rectify(cx, from, true);
                if let Some(round_trip) = round_trip {
                    self.record_neighbor(from, round_trip);
                }
            }
            Probe::Predecessor(candidate) => {
                self.probing_predecessor = false;
                if self.predecessor.is_some_and(|it| it.is_same_destination(from) && it != from) {
                    // It was known by an identifier that is not its own.
                    self.adopt_predecessor(cx, from);
                } else if let Some(candidate) = candidate.filter(|&it| self.knows_destination(it)) {
                    // The candidate does not know of the predecessor, or took it for dead. An unknown one may
                    // not have sent the notification, which is shorter than this; it hears of the
                    // predecessor when it asks for the neighbors of this node.
                    self.send(cx, candidate, &Message::Introduce { peer: from });
                }
                self.arm(cx);
            }
            Probe::Finger => self.on_finger_alive(cx, from),
        }
    }

    /// `to` did not answer any attempt of a probe.
    pub(crate) fn on_probe_failed(&mut self, cx: &mut Context<'_, Ring>, to: Peer, probe: Probe) {
        match probe {
            Probe::Suspect | Probe::NextSuccessor => self.declare_dead(cx, to),
            Probe::Departed => {}
            Probe::Leaving(candidate) => {
                let is_predecessor =
                    self.predecessor.is_some_and(|peer| peer.is_same_destination(to));
                self.declare_dead(cx, to);
                if is_predecessor && let Some(candidate) = candidate {
                    self.rectify(cx, candidate, false);
                }
            }
            Probe::Rectify => self.probing_candidate = false,
            Probe::Predecessor(candidate) => {
                self.probing_predecessor = false;
                self.declare_dead(cx, to);
                if let Some(candidate) = candidate {
                    self.rectify(cx, candidate, false);
                }
                self.arm(cx);
            }
            Probe::Finger => self.on_finger_failed(cx),
        }
    }

    /// Removes `peer` from every table, because it was silent for so long that it must be dead.
    pub(crate) fn declare_dead(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        if !self.suspects.is_dead(self.secret, peer, cx.now) && self.knows_destination(peer) {
            cx.report(Event::DeclaredDead { peer });
            self.ping(cx, peer, Probe::Departed);
            self.remember_dead(cx, peer);
        }
        self.remove(cx, peer);
    }

    /// Removes `peer`, which is dead or has left, from every table.
    pub(crate) fn remove(&mut self, cx: &mut Context<'_, Ring>, peer: Peer) {
        self.suspects.insert(self.secret, peer, cx.now, true);
        self.fingers.remove(peer.address);
        self.predecessor.take_if(|predecessor| predecessor.is_same_destination(peer));
        let was_first =
            self.successors.first().is_some_and(|first| first.is_same_destination(peer));
        #[cfg(feature = "defects")]
        let listed = match self.successors.peers().iter().find(|it| it.address == peer.address) {
            Some(&listed) if self.has(Defect::AddressIsNode) => listed,
            _ => peer,
        };
        #[cfg(not(feature = "defects"))]
        let listed = peer;
        if self.successors.remove(listed) {
            self.update_finger_boundary();
        }
        #[cfg(feature = "defects")]
        if was_first
            && self.has(Defect::TwoDropped)
            && let Some(next) = self.successors.first()
        {
            self.successors.remove(next);
            self.update_finger_boundary();
        }
        if was_first {
            self.first_round_trips = PeerRoundTrips::default();
            // The next one does not wait for what this one was asked last.
            self.stabilizing = false;
        }
        let was_pair = mem::take(&mut self.is_pair);
        if self.is_isolated() {
            self.successors.keep_fallback(peer);
            if was_pair && self.is_member() {
                self.predecessor = Some(self.me);
            }
        } else if was_first && self.is_member() && self.config.stabilize.is_some() {
            self.check_first_successor(cx);
        }
    }

    /// Whether no table contains another node.
    fn is_isolated(&self) -> bool {
        self.successors.first().is_none()
            && self.other_predecessor().is_none()
            && self.fingers.entries().next().is_none()
    }

    /// Whether `peer`, which has named these neighbors, and this node know no third node.
    fn is_paired_with(&self, peer: Peer, predecessor: Option<Peer>, successors: Peers<'_>) -> bool {
        let is_peer = |known: Peer| known.is_same_destination(peer);
        predecessor.is_none_or(|peer| peer == self.me)
            && successors.iter().all(|successor| successor == self.me)
            && self.successors.peers().iter().copied().all(is_peer)
            && self.other_predecessor().is_none_or(is_peer)
            && self.fingers.entries().all(|(_, finger)| is_peer(finger))
    }

    /// Whether `candidate` lies before the first successor. It may have been declared dead: if another
    /// node knows it as a neighbor, it is asked once more.
    pub(super) fn may_be_successor(&self, candidate: Peer) -> bool {
        self.successors.first().is_none_or(|first| self.is_closer_successor(candidate.id, first.id))
            && candidate.id != self.me.id
    }

    pub(crate) fn notify_successor(&self, cx: &mut Context<'_, Ring>) {
        if let Some(first) = self.successors.first() {
            self.send(cx, first, &Message::Notify);
        }
    }

    fn adopt_predecessor(&mut self, cx: &mut Context<'_, Ring>, candidate: Peer) {
        // The candidate may die before it is asked for its neighbors. If it is all that this node knows,
        // the node is alone again: others that the candidate took in make themselves known here, too.
        let is_only_contact = match self.successors.first() {
            Some(first) => self.is_pair && first == candidate,
            None => self.is_alone() && self.is_isolated(),
        };
        self.is_pair = is_only_contact;
        let old = self.predecessor.replace(candidate);
        self.predecessor_round_trips = PeerRoundTrips::default();
        self.predecessor_heard = cx.now.into();
        self.predecessor_silence = 0;
        self.send(cx, candidate, &Message::Adopted);
        match old {
            // It was alone, so the candidate is its successor, too.
            Some(old) if old == self.me => self.consider_successor(cx, candidate),
            Some(old) => self.send(cx, old, &Message::Introduce { peer: candidate }),
            None => {}
        }
        self.arm(cx);
    }
}
