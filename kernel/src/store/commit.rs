//! Rounds of copies, which make writes durable.
//!
//! ```text
//! Write ──▶ owner   body: version 2 ── Copy ──▶ each holder
//! Write ──▶ owner   queued: version 3, waits for the round
//! Read  ──▶ owner   waits for the round
//!                   ◀─ Copied ─ all holders: version 2 is committed, and the read sees it
//!                   body: version 3 ── Copy ──▶ each holder           …
//! ```
//!
//! One round at a time copies one version of an item. Writes that arrive meanwhile replace each other
//! in the queue: only the last one is copied, and all are answered when it is committed.
//!
//! **Invariant:** a version is committed once all holders have it or a later one.

use crate::base::{Peer, Time};
use crate::node::Router;
#[cfg(feature = "defects")]
use crate::store::StoreDefect;
use crate::store::holders::{HolderSet, Holders};
use crate::store::message::Answer;
use crate::store::node::{Cx, StoreNode};
use crate::store::request::{CopyRequest, Kind};
use crate::store::rounds::{Pending, Round, SWEEP, Waiting};
use crate::store::table::{Body, ItemHandle};
use crate::store::version::Version;

impl<R: Router> StoreNode<R> {
    /// Copies the body of an item to all holders. [`check_round`](Self::check_round) must follow.
    pub(super) fn begin_round(&mut self, cx: &mut Cx<'_, R>, item: ItemHandle) {
        let Some(it) = self.table.at_mut(item) else { return };
        it.in_round = true;
        it.settled = false;
        let copy = CopyRequest { item, number: it.body.version.number };
        let began_at = cx.now;
        self.owner.rounds.push(Round { item, began_at, queued: None, acked: 0, failed: 0 });
        self.copy_to(cx, copy, self.holders.all());
    }

    /// Sends a copy to each of these holders.
    fn copy_to(&mut self, cx: &mut Cx<'_, R>, copy: CopyRequest, to: HolderSet) {
        let holders = self.holders;
        for (place, &holder) in holders.peers().iter().enumerate() {
            if to & 1 << place == 0 {
                continue;
            }
            let wait = self.wait(cx, 0);
            match cx.request(holder, 0, Kind::Copy(copy), wait) {
                Some(id) => self.send_copy(cx, holder, id, copy),
                None => {
                    if let Some(round) = self.owner.round_of(copy.item) {
                        self.owner.rounds[round].failed |= 1 << place;
                    }
                }
            }
        }
    }

    /// Ends the round of an item if all holders have answered.
    pub(super) fn check_round(&mut self, cx: &mut Cx<'_, R>, item: ItemHandle) {
        let all = self.holders.all();
        while let Some(at) = self.owner.round_of(item) {
            let Round { acked, failed, .. } = self.owner.rounds[at];
            #[cfg(feature = "defects")]
            let acked = if self.has(StoreDefect::MajoritySuffices)
                && (acked & all).count_ones() * 2 >= all.count_ones()
            {
                all
            } else {
                acked
            };
            if acked & all == all {
                let exposed_until = self.exposed_until(cx.now, at);
                if cx.now < exposed_until {
                    self.owner.sweep_at = self.owner.sweep_at.min(exposed_until);
                    return;
                }
                self.commit(cx, at);
            } else if (acked | failed) & all == all {
                return self.fail_round(cx, at);
            } else {
                return;
            }
        }
    }

    /// All holders have the version of the round.
    fn commit(&mut self, cx: &mut Cx<'_, R>, at: usize) {
        let Round { item: handle, queued, .. } = self.owner.rounds.swap_remove(at);
        let Some(item) = self.table.at_mut(handle) else { return };
        (item.settled, item.in_round) = (true, false);
        let committed = item.body;
        if let Some(next) = queued {
            item.body = next;
            self.begin_round(cx, handle);
        } else {
            self.grant(cx, handle);
        }
        self.end_waiting(
            cx,
            |it| it.item == handle && it.number <= committed.version.number,
            |it| match it.answer {
                Pending::Write(answer) | Pending::Fact(answer) => (answer, None),
                Pending::Value => (Answer::Absent, Some(committed)),
            },
        );
        if queued.is_some() {
            self.table.free(committed.value);
        }
    }

    /// Some holder cannot take the version of the round. Its fate is unknown.
    fn fail_round(&mut self, cx: &mut Cx<'_, R>, at: usize) {
        let Round { item: handle, queued, acked, .. } = self.owner.rounds.swap_remove(at);
        if let Some(next) = queued {
            self.table.replace(handle, next);
        }
        if let Some(item) = self.table.at_mut(handle) {
            (item.settled, item.in_round) = (false, false);
        }
        let unknown = self.unknown(acked);
        self.end_waiting(cx, |it| it.item == handle, |it| (it.answer.failed(unknown), None));
    }

    /// The answer to a write of which these holders have a copy.
    fn unknown(&self, acked: HolderSet) -> Answer {
        let answered = 1 + acked.count_ones() as u8;
        Answer::Unknown { answered, needed: 1 + self.holders.peers().len() as u8 }
    }

    /// Answers and removes the operations that `is_over`.
    fn end_waiting(
        &mut self,
        cx: &mut Cx<'_, R>,
        is_over: impl Fn(&Waiting) -> bool,
        answer: impl Fn(&Waiting) -> (Answer, Option<Body>),
    ) {
        let mut at = 0;
        while let Some(&waiting) = self.owner.waiting.get(at) {
            if !is_over(&waiting) {
                at += 1;
                continue;
            }
            self.owner.waiting.swap_remove(at);
            let Waiting { client, request, .. } = waiting;
            match answer(&waiting) {
                (_, Some(body)) => self.answer_value(cx, client, request, body),
                (answer, None) => {
                    if !matches!(waiting.answer, Pending::Value) && answer != Answer::NotHere {
                        self.owner.answered.add(cx.now, client, request, answer);
                    }
                    self.answer(cx, client, request, answer, &[]);
                }
            }
        }
    }

    /// A holder has answered a copy of this version with the one that it holds.
    pub(super) fn on_copied_to(
        &mut self,
        cx: &mut Cx<'_, R>,
        holder: Peer,
        copy: CopyRequest,
        held: bool,
        version: Version,
    ) {
        let Some(at) = self.owner.round_of(copy.item) else { return };
        let Some(item) = self.table.at(copy.item) else { return };
        let mine = item.body.version;
        let Some(place) = self.holders.place(holder) else { return };
        if copy.number != mine.number {
            return; // A copy of an earlier round.
        }
        if held && version > mine {
            return self.overtake(cx, at, holder, version);
        }
        let round = &mut self.owner.rounds[at];
        *(if held { &mut round.acked } else { &mut round.failed }) |= 1 << place;
        self.check_round(cx, copy.item);
    }

    /// A holder has a version above that of the round: another node was the owner, too. A write of this
    /// node comes after it, so it gets a higher number. What is only copied on gives way.
    fn overtake(&mut self, cx: &mut Cx<'_, R>, at: usize, holder: Peer, version: Version) {
        let handle = self.owner.rounds[at].item;
        let Some(item) = self.table.at(handle) else { return };
        let old = item.body.version;
        let is_write = |it: &Waiting| {
            it.item == handle && it.number == old.number && matches!(it.answer, Pending::Write(_))
        };
        if !self.owner.waiting.iter().any(is_write) {
            let key = item.name.key;
            self.fail_round(cx, at);
            return self.fetch_key(cx, holder, key);
        }
        self.counts.conflicts += 1;
        let number = self.clock.next(cx.now);
        if let Some(item) = self.table.at_mut(handle) {
            item.body.version.number = number;
            item.body.previous = version;
        }
        for waiting in self.owner.waiting.iter_mut().filter(|it| it.item == handle) {
            if waiting.number <= old.number {
                waiting.number = number;
                if let Pending::Write(Answer::Done { version, .. }) = &mut waiting.answer {
                    version.number = number;
                }
            }
        }
        let round = &mut self.owner.rounds[at];
        (round.acked, round.failed) = (0, 0);
        if let Some(queued) = &mut round.queued {
            // It must stay above what it follows.
            let next = self.clock.next(cx.now);
            let queued_number = core::mem::replace(&mut queued.version.number, next);
            for waiting in self.owner.waiting.iter_mut().filter(|it| it.item == handle) {
                if waiting.number > number.min(old.number) && waiting.number <= queued_number {
                    waiting.number = next;
                }
            }
        }
        self.copy_to(cx, CopyRequest { item: handle, number }, self.holders.all());
        self.check_round(cx, handle);
    }

    /// Whether a round still waits for this copy at `holder`.
    pub(super) fn is_copying(&self, copy: CopyRequest, holder: Peer) -> bool {
        let Some(item) = self.table.at(copy.item) else { return false };
        item.in_round
            && item.body.version.number == copy.number
            && self.holders.place(holder).is_some()
    }

    /// A holder did not answer any attempt at a copy.
    pub(super) fn on_copy_failed(&mut self, cx: &mut Cx<'_, R>, holder: Peer, copy: CopyRequest) {
        if self.is_copying(copy, holder)
            && let Some(at) = self.owner.round_of(copy.item)
            && let Some(place) = self.holders.place(holder)
        {
            self.owner.rounds[at].failed |= 1 << place;
            self.check_round(cx, copy.item);
        }
    }

    /// The holders have changed: continues all rounds with the new ones.
    pub(super) fn copy_to_new_holders(&mut self, cx: &mut Cx<'_, R>, before: &Holders) {
        let holders = self.holders;
        for at in 0..self.owner.rounds.len() {
            let round = &mut self.owner.rounds[at];
            round.acked = holders.carried_over(before, round.acked);
            round.failed = holders.carried_over(before, round.failed);
        }
        let known = holders.carried_over(before, before.all());
        // From the last round: one that ends gives its place to a later one, or to one that begins.
        for at in (0..self.owner.rounds.len()).rev() {
            let Some(&Round { item, .. }) = self.owner.rounds.get(at) else { continue };
            let Some(it) = self.table.at(item) else { continue };
            let copy = CopyRequest { item, number: it.body.version.number };
            self.copy_to(cx, copy, holders.all() & !known);
            self.check_round(cx, item);
        }
    }

    /// Ends the rounds of items that this node does not own any more. What they copied may yet win.
    pub(super) fn end_foreign_rounds(&mut self, cx: &mut Cx<'_, R>) {
        let mut at = 0;
        while let Some(round) = self.owner.rounds.get(at) {
            let key = self.table.at(round.item).map(|item| item.name.key);
            if key.is_some_and(|key| self.arrival.has(key)) {
                at += 1;
            } else {
                self.fail_round(cx, at);
            }
        }
    }

    /// Ends all rounds.
    pub(super) fn end_all_rounds(&mut self, cx: &mut Cx<'_, R>) {
        while !self.owner.rounds.is_empty() {
            self.fail_round(cx, 0);
        }
        self.owner.sweep_at = Time::NEVER;
    }

    /// Answers the operations that have waited too long.
    pub(super) fn sweep(&mut self, cx: &mut Cx<'_, R>) {
        if cx.now < self.owner.sweep_at {
            return;
        }
        let now = cx.now;
        let unknown = self.unknown(0);
        self.end_waiting(cx, |it| it.until <= now, |it| (it.answer.failed(unknown), None));
        // Those that have waited for the end of grants.
        for at in (0..self.owner.rounds.len()).rev() {
            if let Some(&Round { item, .. }) = self.owner.rounds.get(at) {
                self.check_round(cx, item);
            }
        }
        let is_idle = self.owner.waiting.is_empty() && self.owner.rounds.is_empty();
        self.owner.sweep_at = if is_idle { Time::NEVER } else { now + SWEEP };
    }
}
