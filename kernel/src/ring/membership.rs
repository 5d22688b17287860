//! Coming and going: a ring's start, join, and announced departure.
//!
//! **Invariant:** a node is a member from the moment it has a live list, never before.

use core::time::Duration;

use crate::base::{Id, Peer, Peers, Time};
use crate::node::{Context, Cookie, DropReason};
#[cfg(feature = "defects")]
use crate::ring::Defect;
use crate::ring::event::Event;
use crate::ring::failed_contacts::FailedContacts;
use crate::ring::message::{Message, Purpose};
use crate::ring::node::{Phase, QUICK_CHECKS, RingNode};
use crate::ring::protocol::Ring;
use crate::ring::rank::rank_at_or_after;
use crate::ring::request::{Ask, Kind, OwnLookup};

/// A join that has not led to a place by then has failed.
const JOIN_DEADLINE: Duration = Duration::from_secs(3);

impl RingNode {
    /// Becomes a member with exact tables: `ring` is all members, this node among them, in
    /// ascending order of identifiers.
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
        self.list_changed();
        self.predecessor = (count > 1).then(|| clockwise(count - 1));
        let shape = self.fingers.shape();
        // From the top, so that each entry is copied only as far as the one above it.
        for slot in (self.fingers.boundary() + 1..shape.slots()).rev() {
            let start = self.me.id.add(shape.start(slot));
            let owner = ring[rank_at_or_after(ring, start) % count];
            if self.fingers.slot_of(owner.id) == slot {
                self.fingers.insert(owner);
            }
        }
        self.phase = Phase::Member;
        self.begin_maintenance(cx);
    }

    /// Joins the ring that `bootstrap` is a member of. Ends in [`Event::Joined`] or
    /// [`Event::JoinFailed`].
    pub fn join(&mut self, cx: &mut Context<'_, Ring>, bootstrap: Peer) {
        let deadline = cx.now + JOIN_DEADLINE;
        self.phase = Phase::Joining;
        self.stabilize_at = deadline;
        self.arm(cx);
        let own = OwnLookup {
            token: 0,
            key: self.me.id,
            purpose: Purpose::Join,
            deadline,
            timeouts: 0,
            failed: FailedContacts::default(),
            payload: None,
        };
        let Some(lookup) = self.open(cx, own, 0, JOIN_DEADLINE) else {
            return self.fail_join(cx);
        };
        let wait = self.probe_timeout(0);
        let kind = Kind::Forward { lookup };
        if let Some(request) = cx.request(bootstrap, 0, kind, wait) {
            self.send(cx, bootstrap, &Message::Lookup { request, lookup });
        }
    }

    /// Leaves the ring and says so. The driver removes the node afterwards.
    pub fn leave(&mut self, cx: &mut Context<'_, Ring>) {
        let (predecessor, successors) = (self.predecessor, Peers::Table(self.successors.peers()));
        let message = Message::Leave { predecessor, successors };
        for neighbor in [predecessor, self.successors.first()].into_iter().flatten() {
            self.send(cx, neighbor, &message);
        }
        self.phase = Phase::Outside;
        (self.stabilize_at, self.fix_at) = (Time::NEVER, Time::NEVER);
        self.arm(cx);
    }

    pub(crate) fn fail_join(&mut self, cx: &mut Context<'_, Ring>) {
        if self.phase == Phase::Joining {
            self.phase = Phase::Outside;
            self.stabilize_at = Time::NEVER;
            self.arm(cx);
            cx.report(Event::JoinFailed);
        }
    }

    /// `teller` says that this node's place is between it and its first successor.
    pub(crate) fn on_place_found(&mut self, cx: &mut Context<'_, Ring>, teller: Peer) {
        if self.phase == Phase::Joining
            && !self.ask_neighbors(cx, teller, Ask::Join, Cookie::default(), 0)
        {
            self.fail_join(cx);
        }
    }

    /// `m`, which may be this node's predecessor, has told its list.
    pub(crate) fn on_place_told(
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
        let first = list.at(0).unwrap_or(m);
        let is_place = |first: Id| me.is_between(m.id, first);
        if first != m && !is_place(first.id) {
            // Somebody has joined in between: the place is further on.
            if first.id.is_between(m.id, me) {
                self.ask_neighbors(cx, first, Ask::Join, cookie, 0);
            } else {
                self.fail_join(cx);
            }
            return;
        }
        self.successors.adopt(me, first, list.skip_first(), |_| true);
        #[cfg(feature = "defects")]
        if self.has(Defect::FirstEntryOnly) {
            self.successors.adopt(me, first, Peers::NONE, |_| true);
        } else if self.has(Defect::SelfAsSuccessor) {
            self.successors.adopt_exact(core::iter::once(self.me));
        }
        self.list_changed();
        self.predecessor = Some(m);
        self.phase = Phase::Member;
        self.filling = self.config.fix_fingers.is_some();
        cx.report(Event::Joined);
        self.begin_maintenance(cx);
        self.notify_first(cx);
        self.quick_checks = QUICK_CHECKS;
        self.check_soon(cx);
        if self.filling {
            self.fix_at = cx.now;
            self.arm(cx);
        }
    }

    pub(crate) fn on_leave(
        &mut self,
        cx: &mut Context<'_, Ring>,
        from: Peer,
        predecessor: Option<Peer>,
        successors: Peers<'_>,
    ) {
        if !self.knows(from) {
            cx.world.count_drop(DropReason::UnknownPeer);
            return;
        }
        let was_predecessor = self.predecessor == Some(from);
        let was_first = self.successors.first() == Some(from);
        self.stabilizing &= !was_first;
        self.bury(cx, from);
        // Who takes its place is asked first: a departure may be forged, and who is named be dead.
        if was_first && let Some(next) = successors.at(0) {
            self.consider(cx, next);
        }
        if was_predecessor && let Some(candidate) = predecessor {
            self.rectify(cx, candidate, false);
        }
    }
}
