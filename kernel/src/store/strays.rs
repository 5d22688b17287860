//! Items that return to their owner: ceded parts and stray items.
//!
//! A *ceded part* is a range that this node owned until another node joined before it. Usually the new owner asks for
//! its items; one that does not may know nothing of this node.
//!
//! A *stray item* is a copy that no owner has compared for some time.
//! Nodes that join push others out of the set of holders. Once all holders have everything, the owner
//! tells the nodes behind them to forget their copies. What is missed that way becomes stray.
//!
//! **Invariant:** a node forgets an item only if it neither owns it nor keeps it for an owner, and if an
//! owner has it.

use core::time::Duration;

use crate::base::{Distance, Id, Peer, Time};
use crate::node::{LookupPurpose, RequestId, Router};
use crate::store::message::MessageWith;
use crate::store::node::{Cx, StoreNode};
use crate::store::repairs::{Purpose, STRAY_PERIODS};
use crate::store::request::Kind;
use crate::store::sum::Range;

/// Nodes behind the last holder that may forget their copies.
const RELEASED: usize = 2;

impl<R: Router> StoreNode<R> {
    /// Looks up the owner to which items return next: that of a ceded part that no node has asked for, else
    /// that of a stray item. One return is in progress at a time.
    pub(super) fn look_up_owner_of_return(&mut self, cx: &mut Cx<'_, R>) {
        let is_busy = self.repairs.is_looking_up_return
            || self
                .repairs
                .running
                .iter()
                .any(|it| matches!(it.purpose, Purpose::Stray | Purpose::Ceded));
        if is_busy {
            return;
        }
        let unclaimed = self.first_unclaimed(cx.now);
        let Some(key) = unclaimed.or_else(|| self.first_stray(cx.now)) else { return };
        let deadline = cx.now + self.config.deadline;
        let wait = self.config.deadline + Duration::from_secs(1);
        let Some(RequestId(token)) = cx.request(self.me, 0, Kind::Return(key), wait) else {
            return;
        };
        self.repairs.is_looking_up_return = true;
        let started = self.route(cx, |router, cx| {
            router.look_up(cx, key, token, LookupPurpose::Maintenance, deadline)
        });
        if !started {
            self.take_waiting(cx, token);
            self.repairs.end_return_lookup();
        }
    }

    /// The first key of a part that was ceded and that no node has asked for.
    fn first_unclaimed(&self, now: Time) -> Option<Id> {
        let range = self.arrival.unclaimed(now)?;
        Some(range.from.add(Distance::multiple_of_power(1, 0)))
    }

    /// The key of an item that this node neither owns nor keeps for an owner.
    fn first_stray(&self, now: Time) -> Option<Id> {
        if !self.arrival.is_complete() || self.is_new(now) {
            return None;
        }
        let mut all = self.table.within(Range { from: self.me.id, to: self.me.id });
        let stray = all.find(|(_, it)| !it.in_round && self.is_stray(now, it.name.key));
        stray.map(|(_, it)| it.name.key)
    }

    /// Whether the node has been a member for too short a time to know its wards.
    fn is_new(&self, now: Time) -> bool {
        now.since(self.arrival.member_since()) < self.repairs.period * STRAY_PERIODS
    }

    fn is_stray(&self, now: Time, key: Id) -> bool {
        !self.arrival.has(key) && !self.repairs.is_ward(key, now)
    }

    /// A holder has all items of this node's range. Once all holders have, the nodes behind them, which
    /// were holders before others joined, may forget their copies.
    pub(super) fn on_holder_complete(&mut self, cx: &mut Cx<'_, R>, holder: Peer) {
        let Some(place) = self.holders.place(holder) else { return };
        let (before, all) = (self.repairs.complete, self.holders.all());
        self.repairs.complete |= 1 << place;
        if before != all && self.repairs.complete == all {
            self.release_behind(cx);
        }
    }

    /// All holders have what this node owns: tells the nodes behind them.
    pub(super) fn release_behind(&self, cx: &mut Cx<'_, R>) {
        let Some(range) = self.arrival.complete_range() else { return };
        if !self.arrival.is_complete() {
            return;
        }
        let next = self.router.replicas();
        let behind = match self.holders.peers().last() {
            Some(last) => next.iter().position(|it| it == last).map(|at| &next[at + 1..]),
            None => Some(next),
        };
        for &peer in behind.unwrap_or_default().iter().take(RELEASED) {
            let cookie = self.cookies.of(peer);
            self.send(cx, peer, &MessageWith::Release { cookie, range });
        }
    }

    /// Handles a release by a node that has proved its address.
    pub(super) fn on_release(&mut self, cx: &Cx<'_, R>, range: Range) {
        self.forget_strays(cx, range);
    }

    /// The owner to which items return was found: gives it all that it owns.
    pub(super) fn return_to_owner(&mut self, cx: &mut Cx<'_, R>, key: Id, owner: Peer) {
        self.repairs.end_return_lookup();
        let range = Range { from: Range::of_key(key).from, to: owner.id };
        let is_unclaimed = self.first_unclaimed(cx.now) == Some(key);
        let purpose = if is_unclaimed { Purpose::Ceded } else { Purpose::Stray };
        if owner.id != self.me.id && self.repairs.begin(owner, range, purpose) {
            self.continue_repair(cx, self.repairs.last);
        }
    }

    /// The owner of `range` has all that this node has of it.
    pub(super) fn forget_strays(&mut self, cx: &Cx<'_, R>, range: Range) {
        let (repairs, arrival, now) = (&self.repairs, &self.arrival, cx.now);
        self.table.remove_if(|item| {
            let key = item.name.key;
            range.contains(key)
                && !item.in_round
                && !arrival.claims(key)
                && !repairs.is_ward(key, now)
        });
    }
}
