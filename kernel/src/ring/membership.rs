//! Starting a ring, joining it, and leaving it.
//!
//! *Leaving.* A node announces its departure to its predecessor and its first successor, which remove it at
//! once. Anyone who can forge a source address could announce the departure of a live node. So the
//! announcement carries a proof: a number that follows from the [cookie](crate::node::cookie) that the two
//! neighbors share since the one asked the other for its neighbors. Without it, the receiver asks the node
//! that is said to leave, and removes it only if it does not answer.
//!
//! **Invariant:** a node becomes a member only when it has a live successor list. An announced departure
//! without proof changes no table by itself.

use core::mem;
use core::time::Duration;

use crate::base::{Id, Peer, Peers, Time};
use crate::node::{Context, Cookie, DropReason, MAX_BOOTSTRAPS, RequestId};
#[cfg(feature = "defects")]
use crate::ring::Defect;
use crate::ring::doubts::DoubtNumber;
use crate::ring::event::Event;
use crate::ring::failed_contacts::FailedContacts;
use crate::ring::message::{HANDED_OVER, Message, Purpose, Stage};
use crate::ring::node::{MAX_EARLY_CHECKS, Phase, RingNode};
use crate::ring::protocol::Ring;
use crate::ring::rank::rank_at_or_after;
use crate::ring::recursive::take_origin;
use crate::ring::request::{Kind, NeighborsReason, PendingLookup, Probe};

/// A node gives up its join after so many rounds of stabilize in which no successor has adopted it.
pub(super) const ROUNDS_TO_JOIN: u8 = 32;
/// A node that has not found its position through a bootstrap after this time goes on to the next one.
const JOIN_DEADLINE: Duration = Duration::from_secs(3);

impl RingNode {
    /// Becomes a member with exact tables. `ring` contains all members, including this node, sorted
    /// by identifier. A ring may begin with this node alone.
    ///
    /// # Panics
    ///
    /// If this node is not in `ring`.
    pub fn start_linked(&mut self, cx: &mut Context<'_, Ring>, ring: &[Peer]) {
        let here = rank_at_or_after(ring, self.me.id);
        assert!(ring.get(here) == Some(&self.me), "a node starts in a ring that it is part of");
        let count = ring.len();
        let clockwise = |steps: usize| ring[(here + steps) % count];
        let reach = self.config.successors.min((count - 1).min(255) as u8);
        self.successors.adopt_exact((1..=reach.into()).map(clockwise));
        self.update_finger_boundary();
        self.predecessor = Some(clockwise(count - 1));
        self.is_pair = count == 2;
        let shape = self.fingers.shape();
        // From the top, so that each entry is copied only up to the one above it.
        for slot in (self.fingers.boundary() + 1..shape.slots()).rev() {
            let start = self.me.id.add(shape.start(slot));
            let owner = ring[rank_at_or_after(ring, start) % count];
            if self.fingers.slot_of(owner.id) == slot {
                self.fingers.insert(owner);
            }
        }
        self.predecessor_heard = cx.now.into();
        self.phase = Phase::Member;
        self.begin_maintenance(cx);
    }

    /// Joins the ring of which `bootstraps` are members. They are tried in this order: one that does
    /// not answer costs one timeout. Ends in [`Event::Joined`], or in [`Event::JoinFailed`] once the
    /// last of them was of no help.
    ///
    /// Tries [`MAX_BOOTSTRAPS`] at most, and at most one more than the successor list is long: the list
    /// holds those that are still to be tried.
    pub fn join(&mut self, cx: &mut Context<'_, Ring>, bootstraps: &[Peer]) {
        self.phase = Phase::Joining;
        match self.hold_bootstraps(bootstraps) {
            Some(first) => self.contact(cx, first),
            None => self.end_join(cx),
        }
    }

    /// Returns the first of `bootstraps`, and keeps the others in the successor list.
    pub(super) fn hold_bootstraps(&mut self, bootstraps: &[Peer]) -> Option<Peer> {
        let own = self.me.address;
        let mut others = bootstraps.iter().copied().filter(|peer| peer.address != own);
        let first = others.next();
        self.successors.adopt_exact(others.take(MAX_BOOTSTRAPS - 1));
        first
    }

    /// Asks `bootstrap` for the position of this node.
    fn contact(&mut self, cx: &mut Context<'_, Ring>, bootstrap: Peer) {
        let wait = self.probe_timeout(cx, bootstrap, 0);
        // A bootstrap has its time to answer, however long that is.
        let patience = if wait < JOIN_DEADLINE { JOIN_DEADLINE } else { wait + JOIN_DEADLINE };
        let deadline = cx.now + patience;
        self.stabilize_at = deadline;
        self.arm(cx);
        if !self.look_up_through(cx, bootstrap, 0, self.me.id, wait, patience) {
            self.end_join(cx);
        }
    }

    /// Looks up `key` through `contact`, for the node before the key to answer. The contact has to acknowledge
    /// it within `wait`, and an answer must arrive within `patience`. Returns whether there was room for the
    /// requests.
    pub(super) fn look_up_through(
        &self,
        cx: &mut Context<'_, Ring>,
        contact: Peer,
        token: u64,
        key: Id,
        wait: Duration,
        patience: Duration,
    ) -> bool {
        let pending = PendingLookup {
            token,
            key,
            purpose: Purpose::Join,
            deadline: cx.now + patience,
            timeouts: 0,
            failed: FailedContacts::default(),
            payload: None,
            doubt: DoubtNumber::default(),
        };
        let Some(lookup) = self.register_origin(cx, pending, 0, patience, None) else {
            return false;
        };
        let kind = Kind::Forward { lookup, stage: Stage::Route };
        let Some(request) = cx.request(contact, 0, kind, wait) else {
            take_origin(cx, lookup.lookup);
            return false;
        };
        self.send(cx, contact, &Message::Lookup { request, lookup });
        true
    }

    /// Leaves the ring and announces it. The driver removes the node afterwards.
    pub fn leave(&mut self, cx: &mut Context<'_, Ring>) {
        let (before, first) = (self.other_predecessor(), self.successors.first());
        // The predecessor asks for this node's neighbors, with the cookie that it got here. This node asks
        // the first successor, with the cookie that it got there.
        let shared_with_predecessor = before.map(|peer| self.secret.cookie_for(peer.address));
        let shared_with_first = first.map(|peer| self.last_cookie.for_peer(peer));
        for (to, shared) in [(before, shared_with_predecessor), (first, shared_with_first)] {
            let Some(to) = to else { continue };
            if let Some(proof) = shared.and_then(Cookie::departure) {
                self.announce(cx, to, Some(proof));
            }
            self.announce(cx, to, None);
        }
        self.phase = Phase::Outside;
        (self.stabilize_at, self.fix_at) = (Time::NEVER, Time::NEVER);
        self.arm(cx);
    }

    /// Announces to the neighbor `to` that this node leaves, and names its neighbors.
    fn announce(&self, cx: &mut Context<'_, Ring>, to: Peer, proof: Option<RequestId>) {
        let list = self.successors.peers();
        let successors = Peers::Table(&list[..list.len().min(HANDED_OVER)]);
        let (predecessor, purpose) = (self.other_predecessor(), Purpose::Stabilize);
        let message = match proof {
            Some(request) => Message::NeighborsReply { request, purpose, predecessor, successors },
            None => Message::Leave { predecessor, successors },
        };
        self.send(cx, to, &message);
    }

    /// The bootstrap that was asked last is of no help: asks the next one, or fails the join.
    pub(crate) fn fail_join(&mut self, cx: &mut Context<'_, Ring>) {
        if self.phase != Phase::Joining {
            return;
        }
        match self.next_bootstrap() {
            Some(next) => self.contact(cx, next),
            None => self.end_join(cx),
        }
    }

    /// Takes the next bootstrap that has not been tried.
    pub(super) fn next_bootstrap(&mut self) -> Option<Peer> {
        let next = self.successors.first()?;
        self.successors.remove(next);
        Some(next)
    }

    /// The lookup of this node's position has not been answered in time. An earlier one, through another
    /// bootstrap, does not matter any more.
    pub(crate) fn on_join_lookup_failed(&mut self, cx: &mut Context<'_, Ring>) {
        if cx.now >= self.stabilize_at {
            self.fail_join(cx);
        }
    }

    /// Counts a round of stabilize, an early one too. Fails the join if no successor has adopted this node
    /// after [`ROUNDS_TO_JOIN`] of them, since it found its present place.
    pub(crate) fn count_round(&mut self, cx: &mut Context<'_, Ring>) {
        if self.rounds_to_join == 1 {
            self.end_join(cx);
        }
        self.rounds_to_join = self.rounds_to_join.saturating_sub(1);
    }

    pub(super) fn end_join(&mut self, cx: &mut Context<'_, Ring>) {
        self.phase = Phase::Outside;
        self.predecessor = None;
        self.early_checks_left = 0;
        self.initial_fill = false;
        (self.stabilize_at, self.fix_at) = (Time::NEVER, Time::NEVER);
        self.arm(cx);
        cx.report(Event::JoinFailed);
    }

    /// The lookup of a join has ended: the position of this node is between `responder` and the
    /// first successor of `responder`.
    pub(crate) fn on_join_lookup_done(&mut self, cx: &mut Context<'_, Ring>, responder: Peer) {
        if self.phase == Phase::Joining
            && !self.request_neighbors(cx, responder, NeighborsReason::Join, Cookie::default(), 0)
        {
            self.fail_join(cx);
        }
    }

    /// Handles the successor list of `m`, which may become this node's predecessor.
    pub(crate) fn on_join_reply(
        &mut self,
        cx: &mut Context<'_, Ring>,
        m: Peer,
        cookie: Cookie,
        list: Peers<'_>,
    ) {
        if self.phase != Phase::Joining {
            return;
        }
        let me = self.me.id;
        // A node that returns is still in the lists of others.
        let list = if list.at(0) == Some(self.me) { list.skip_first() } else { list };
        let first = list.at(0).unwrap_or(m);
        let is_position = |first: Id| me.is_between(m.id, first);
        let is_elsewhere = first != m && !is_position(first.id);
        #[cfg(feature = "defects")]
        let is_elsewhere = is_elsewhere && !self.has(Defect::StalePosition);
        if is_elsewhere {
            // Another node has joined in between: the position is further on.
            if first.id.is_between(m.id, me) {
                self.request_neighbors(cx, first, NeighborsReason::Join, cookie, 0);
            } else {
                self.fail_join(cx);
            }
            return;
        }
        let ids = self.config.ids;
        self.successors.adopt(me, first, list.skip_first(), |peer| ids.allows(peer));
        #[cfg(feature = "defects")]
        if self.has(Defect::FirstEntryOnly) {
            self.successors.adopt(me, first, Peers::NONE, |_| true);
        } else if self.has(Defect::SelfAsSuccessor) {
            self.successors.adopt_exact(core::iter::once(self.me));
        }
        self.update_finger_boundary();
        self.predecessor = Some(m);
        self.predecessor_heard = cx.now.into();
        self.phase = Phase::Member;
        self.initial_fill = self.config.fix_fingers.is_some();
        self.rounds_to_join = ROUNDS_TO_JOIN;
        let counts_at_once = self.config.stabilize.is_none();
        #[cfg(feature = "defects")]
        let counts_at_once = counts_at_once || self.has(Defect::UnprobedPredecessor);
        if counts_at_once {
            self.confirm_join(cx);
        }
        self.begin_maintenance(cx);
        self.notify_successor(cx);
        self.early_checks_left = MAX_EARLY_CHECKS;
        self.schedule_early_check(cx);
        if self.initial_fill {
            self.fix_at = cx.now;
            self.arm(cx);
        }
    }

    /// The successor has taken this node as its predecessor: lookups of its keys now end here.
    pub(crate) fn on_adopted(&mut self, cx: &mut Context<'_, Ring>, from: Peer) {
        if self.successors.first() == Some(from) {
            self.confirm_join(cx);
        }
    }

    /// Reports that the node has joined, if it has not done so yet.
    pub(crate) fn confirm_join(&mut self, cx: &mut Context<'_, Ring>) {
        if mem::take(&mut self.rounds_to_join) > 0 {
            cx.report(Event::Joined);
        }
    }

    /// `from` is said to leave. Nodes of older programs do not prove it, and a node that has just met a
    /// neighbor cannot: so asks `from`, and removes it only if it is silent.
    pub(crate) fn on_leave(
        &mut self,
        cx: &mut Context<'_, Ring>,
        from: Peer,
        predecessor: Option<Peer>,
    ) {
        if !self.knows(from) {
            cx.world.count_drop(DropReason::UnknownPeer);
        } else if !self.suspects.contains(self.secret, from, cx.now) {
            self.ping(cx, from, Probe::Leaving(predecessor));
        }
    }

    /// Whether `number` proves that `from` leaves.
    pub(crate) fn is_departure(&self, from: Peer, number: RequestId) -> bool {
        let shared = [self.secret.cookie_for(from.address), self.last_cookie.for_peer(from)];
        shared.into_iter().any(|cookie| cookie.departure() == Some(number))
    }

    /// `from` has proved that it leaves.
    pub(crate) fn on_departure(
        &mut self,
        cx: &mut Context<'_, Ring>,
        from: Peer,
        predecessor: Option<Peer>,
        successors: Peers<'_>,
    ) {
        if !self.is_member() {
            return cx.world.count_drop(DropReason::NotMember);
        }
        if !self.knows(from) {
            return cx.world.count_drop(DropReason::UnknownPeer);
        }
        let was_predecessor = self.predecessor == Some(from);
        let was_first = self.successors.first() == Some(from);
        let is_me_or_gone =
            |peer: Peer| peer == self.me || self.suspects.is_dead(self.secret, peer, cx.now);
        self.is_pair |=
            predecessor.is_none_or(is_me_or_gone) && successors.iter().all(is_me_or_gone);
        let next = successors.at(0).filter(|_| was_first);
        let may_live = |&it: &Peer| !is_me_or_gone(it) && self.config.ids.allows(it);
        if let Some(next) = next.filter(may_live) {
            // `from` knows its successors better than this node, which learned them from `from`. So the nodes
            // before `next` have left.
            self.successors.skip_to(from, next);
        }
        self.remove(cx, from);
        // A node that is not in the list is asked before it is adopted: it may be dead.
        if let Some(next) = next {
            self.consider_successor(cx, next);
        }
        if was_predecessor && let Some(candidate) = predecessor {
            self.rectify(cx, candidate, false);
        }
    }
}
