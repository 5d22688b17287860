//! Arrival: taking over the items of a range of keys.
//!
//! A node that joins, or whose predecessor is gone, owns keys of which it may not have all items. Until
//! it has asked its holders for what they have, it answers no question about these keys.
//!
//! ```text
//!   predecessor ─────────┬─────────────┬──── this node ──── holder ──── holder
//!                        │ arriving    │ complete
//!                        from          ready_from
//! ```
//!
//! **Invariant:** a key is owned only if it lies after the predecessor and in the complete part.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::node::{RequestId, Router};
use crate::store::event::Event;
use crate::store::holders::{HolderSet, Holders};
use crate::store::message::{MessageWith, Progress};
use crate::store::node::{Cx, StoreNode};
use crate::store::request::Kind;
use crate::store::sum::Range;

/// The pause before a holder that was not ready is asked again.
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait for the next sign of a holder that is sending.
const PATIENCE: Duration = Duration::from_secs(2);

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrival {
    me: Option<Id>,
    predecessor: Option<Peer>,
    /// The keys after this one, up to the node, are complete.
    ready_from: Option<Id>,
    /// The part that was complete and has gone to a new predecessor last.
    ceded: Option<Range>,
    /// The part that is arriving.
    arriving: Option<Range>,
    /// Numbers the changes of `arriving`; 0 before the first.
    number: u32,
    /// The holders for which `asked` and `done` count.
    holders: Holders,
    asked: HolderSet,
    done: HolderSet,
    /// Holders that have not answered for a while.
    silent: HolderSet,
    /// Whether one that has answered had every write that was acknowledged.
    had_all: bool,
    retry_at: Option<Time>,
    /// When the node became a member.
    member_since: Time,
    /// Whether it has still to report that it has arrived.
    is_new: bool,
    is_member: bool,
}

impl Arrival {
    /// The node has all items of its range.
    pub(super) fn start_complete(&mut self, me: Peer, predecessor: Option<Peer>) {
        let ready_from = predecessor.map(|peer| peer.id);
        let me = Some(me.id);
        *self = Arrival { me, predecessor, ready_from, is_member: true, ..Arrival::default() };
    }

    /// Whether [`update`](Self::update) is due.
    pub(super) fn is_new_predecessor(&self, predecessor: Option<Peer>) -> bool {
        self.predecessor != predecessor || !self.is_member
    }

    /// Takes note of the predecessor.
    pub(super) fn update(&mut self, now: Time, me: Peer, predecessor: Option<Peer>) {
        if !self.is_member {
            (self.is_member, self.is_new, self.member_since) = (true, true, now);
        }
        (self.me, self.predecessor) = (Some(me.id), predecessor);
        let Some(Peer { id: from, .. }) = predecessor else { return };
        let arriving = match self.ready_from {
            None => Some(Range { from, to: me.id }),
            Some(ready_from) if ready_from == from => None,
            Some(ready_from) if from.is_between(ready_from, me.id) => {
                self.ceded = Some(Range { from: ready_from, to: from });
                self.ready_from = Some(from);
                None
            }
            Some(to) => Some(Range { from, to }),
        };
        if arriving != self.arriving {
            self.arriving = arriving;
            self.number = self.number.wrapping_add(1).max(1);
            (self.asked, self.done, self.silent) = (0, 0, 0);
            (self.had_all, self.retry_at) = (false, None);
        }
    }

    /// Whether the node owns `key` and has its items.
    pub(super) fn has(&self, key: Id) -> bool {
        let (Some(me), Some(predecessor), Some(ready_from)) =
            (self.me, self.predecessor, self.ready_from)
        else {
            return false;
        };
        me.owns(key, predecessor.id) && me.owns(key, ready_from)
    }

    /// Whether the node owns a range and has all its items.
    pub(super) const fn is_complete(&self) -> bool {
        self.predecessor.is_some() && self.ready_from.is_some() && self.arriving.is_none()
    }

    /// Whether it has had all items of some range since it became a member.
    pub(super) const fn has_arrived(&self) -> bool {
        self.ready_from.is_some()
    }

    /// The range that the node owns and has all items of.
    pub(super) fn complete_range(&self) -> Option<Range> {
        let (me, predecessor, ready_from) = (self.me?, self.predecessor?.id, self.ready_from?);
        let from = if me.owns(ready_from, predecessor) && ready_from != me {
            ready_from
        } else {
            predecessor
        };
        Some(Range { from, to: me })
    }

    /// Whether the node was the owner of `range` and had all its items, until its present predecessor
    /// came.
    pub(super) fn has_ceded(&self, range: Range) -> bool {
        self.ceded.is_some_and(|ceded| ceded.covers(range))
    }

    /// When the node became a member.
    pub(super) const fn member_since(&self) -> Time {
        self.member_since
    }

    /// The time of the next attempt.
    pub(super) fn next_at(&self) -> Time {
        self.retry_at.unwrap_or(Time::NEVER)
    }

    /// Uses these holders from now on.
    fn set_holders(&mut self, holders: &Holders) {
        if self.holders != *holders {
            self.asked = holders.carried_over(&self.holders, self.asked);
            self.done = holders.carried_over(&self.holders, self.done);
            self.silent = holders.carried_over(&self.holders, self.silent);
            self.holders = *holders;
        }
    }
}

impl<R: Router> StoreNode<R> {
    /// Asks the holders that have not been asked for the items of the range that is arriving. Ends the
    /// arrival if all have sent what they had.
    pub(super) fn continue_arrival(&mut self, cx: &mut Cx<'_, R>) {
        self.arrival.set_holders(&self.holders);
        let Some(range) = self.arrival.arriving else { return };
        if self.arrival.retry_at.is_some_and(|at| cx.now >= at) {
            self.arrival.retry_at = None;
        }
        let holders = self.holders;
        let has_all = self.arrival.had_all || self.repairs.keeps_all_of(range, cx.now);
        let silent = if has_all { self.arrival.silent } else { 0 };
        if (self.arrival.done | silent) == holders.all() {
            return self.end_arrival(cx, range);
        }
        if self.arrival.retry_at.is_some() {
            return;
        }
        let number = self.arrival.number;
        for (place, &holder) in holders.peers().iter().enumerate() {
            if (self.arrival.asked | self.arrival.done) & 1 << place != 0 {
                continue;
            }
            if self.ask_to_sync(cx, holder, range, number) {
                self.arrival.asked |= 1 << place;
            } else {
                self.arrival.retry_at = Some(cx.now + PAUSE);
            }
        }
    }

    fn end_arrival(&mut self, cx: &mut Cx<'_, R>, range: Range) {
        self.arrival.arriving = None;
        self.arrival.ready_from = Some(range.from);
        self.arrival.retry_at = None;
        if self.arrival.done != self.holders.all() {
            // The last owner may have assigned numbers that were not heard of.
            self.clock.lead(cx.now, self.config.skew);
        }
        self.repairs.soon(cx.now);
        if core::mem::take(&mut self.arrival.is_new) {
            let items = self.table.within(range).count() as u32;
            let took = cx.now.since(self.arrival.member_since);
            cx.report(Event::Arrived { took, items });
        }
    }

    /// Asks `holder` for its newer items in `range`. Returns whether it was asked.
    fn ask_to_sync(&self, cx: &mut Cx<'_, R>, holder: Peer, range: Range, arrival: u32) -> bool {
        let Range { from: after, to } = range;
        let wait = self.wait(cx, 0);
        let request = cx.request(holder, 0, Kind::Sync { arrival, after, to }, wait);
        if let Some(id) = request {
            self.send_sync(cx, holder, id, after, to);
        }
        request.is_some()
    }

    /// Asks `holder` for its newer items under `key`. Nothing waits for them.
    pub(super) fn fetch_key(&self, cx: &mut Cx<'_, R>, holder: Peer, key: Id) {
        self.ask_to_sync(cx, holder, Range { from: before(key), to: key }, 0);
    }

    pub(super) fn send_sync(
        &self,
        cx: &mut Cx<'_, R>,
        to: Peer,
        request: RequestId,
        after: Id,
        last: Id,
    ) {
        let (cookie, range) = (self.cookies.of(to), Range { from: after, to: last });
        self.send(cx, to, &MessageWith::Sync { request, cookie, range });
    }

    /// Handles the reply to a request for newer items.
    pub(super) fn on_synced(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        progress: Progress,
        clock: u64,
    ) {
        let is_sync = |kind: &Kind| matches!(kind, Kind::Sync { .. });
        let Some(handle) = cx.find_request(request, from, is_sync) else { return };
        self.clock.observe(clock, cx.now, self.config.skew);
        if progress == Progress::Begun {
            cx.world.arm_request(handle, cx.now + PATIENCE);
            return;
        }
        let Some(Kind::Sync { arrival, .. }) = self.take_replied(cx, handle, request, false) else {
            return;
        };
        if arrival != self.arrival.number || self.arrival.arriving.is_none() {
            return;
        }
        let all = self.holders.all();
        let Some(place) = self.holders.place(from) else { return };
        match progress {
            Progress::Done => self.arrival.done |= 1 << place,
            Progress::DoneByHolder => {
                self.arrival.done |= 1 << place;
                self.arrival.had_all = true;
            }
            Progress::DoneByOwner => self.arrival.done = all,
            Progress::Begun | Progress::NotNow => {
                self.arrival.asked &= !(1 << place);
                self.arrival.retry_at = Some(cx.now + PAUSE.max(self.wait(cx, 0)));
            }
        }
        self.continue_arrival(cx);
    }

    /// A holder has not answered for a while. It is not waited for if another node had everything: what
    /// only that holder has was not acknowledged.
    pub(super) fn on_sync_silence(&mut self, cx: &mut Cx<'_, R>, holder: Peer, arrival: u32) {
        if arrival == self.arrival.number
            && let Some(place) = self.holders.place(holder)
        {
            self.arrival.silent |= 1 << place;
            self.continue_arrival(cx);
        }
    }

    /// A holder did not answer a request for newer items.
    pub(super) fn on_sync_failed(&mut self, cx: &mut Cx<'_, R>, holder: Peer, arrival: u32) {
        if arrival == self.arrival.number
            && let Some(place) = self.holders.place(holder)
        {
            self.arrival.asked &= !(1 << place);
            self.arrival.retry_at = Some(cx.now + PAUSE);
        }
    }
}

/// The key before `key`.
pub(super) fn before(key: Id) -> Id {
    key.add(crate::Distance::MAX)
}
