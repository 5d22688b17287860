//! Arrival: taking over the items of a range of keys.
//!
//! A node that joins, or whose predecessor is gone, owns keys of which it may not have all items. Until
//! it has asked its holders for what they have, it answers no question about these keys. And its
//! successor must have taken it as its predecessor: otherwise another node may own them still.
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
use crate::store::holders::{HolderSet, Holders, MAX_HOLDERS};
use crate::store::message::{MessageWith, Progress};
use crate::store::node::{Cx, StoreNode};
use crate::store::request::Kind;
use crate::store::sum::Range;

/// The pause before a holder that was not ready is asked again.
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait for the next sign of a holder that is sending.
const PATIENCE: Duration = Duration::from_secs(2);
/// The successor has confirmed that this node is its predecessor. A bit that no holder has.
const NEXT: HolderSet = 1 << MAX_HOLDERS;
/// A node does not confirm that its predecessor owns the keys of the one before for so long. By then
/// these two have found each other, or the one before is dead.
const ACQUAINTANCE: Duration = Duration::from_secs(5);

const _: () = assert!(MAX_HOLDERS < HolderSet::BITS as usize);

/// See the [module](self).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Arrival {
    me: Option<Id>,
    predecessor: Option<Peer>,
    /// The keys after this one, up to the node, are complete.
    ready_from: Option<Id>,
    /// The part that was complete and has gone to the present predecessor.
    ceded: Option<Range>,
    /// The predecessor that the present one has come after, and when.
    before_last: Option<(Id, Time)>,
    /// The part that is arriving.
    arriving: Option<Range>,
    /// Numbers the changes of `arriving`; 0 before the first.
    number: u32,
    /// The holders and the successor for which `asked` and `done` count.
    holders: Holders,
    next: Option<Peer>,
    asked: HolderSet,
    done: HolderSet,
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

    /// Whether the successor has changed.
    pub(super) fn is_new_next(&self, next: Option<Peer>) -> bool {
        self.next != next
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
        let before = core::mem::replace(&mut self.predecessor, predecessor);
        (self.me, self.ceded) = (Some(me.id), None);
        let Some(Peer { id: from, .. }) = predecessor else { return };
        self.before_last = before.filter(|it| from.is_between(it.id, me.id)).map(|it| (it.id, now));
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
            (self.asked, self.done, self.retry_at) = (0, 0, None);
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

    /// Whether this node must not send the items of `range` to `peer`, which wants to own it: because
    /// it, or a node that it knows, owns a part.
    pub(super) fn must_wait(&self, now: Time, peer: Peer, range: Range) -> bool {
        let owns_any = self.complete_range().is_some_and(|mine| {
            mine.contains(range.to) || range.contains(mine.to) && mine.to != range.from
        });
        let is_known = |(id, since): (Id, Time)| {
            id != peer.id
                && range.to == peer.id
                && range.contains(id)
                && id != range.from
                && now.since(since) < ACQUAINTANCE
        };
        owns_any || self.before_last.is_some_and(is_known)
    }

    /// What a node says that has sent `peer` all that it has in `range`.
    pub(super) fn done_for(&self, peer: Peer, range: Range) -> Progress {
        if !self.predecessor.is_some_and(|it| it.is_same_destination(peer)) {
            Progress::Done
        } else if self.ceded.is_some_and(|ceded| ceded.covers(range)) {
            Progress::DoneByOwner
        } else {
            Progress::DoneBySuccessor
        }
    }

    /// When the node became a member.
    pub(super) const fn member_since(&self) -> Time {
        self.member_since
    }

    /// The time of the next attempt.
    pub(super) fn next_at(&self) -> Time {
        self.retry_at.unwrap_or(Time::NEVER)
    }

    /// Uses these holders and this successor from now on.
    fn set_neighbors(&mut self, holders: &Holders, next: Option<Peer>) {
        let kept = if self.next == next { NEXT } else { 0 };
        if self.holders != *holders || kept == 0 {
            let before = &self.holders;
            self.asked = holders.carried_over(before, self.asked) | self.asked & kept;
            self.done = holders.carried_over(before, self.done) | self.done & kept;
            (self.holders, self.next) = (*holders, next);
        }
    }

    /// Whether this node is the only member.
    fn is_alone(&self) -> bool {
        self.predecessor.map(|it| it.id) == self.me
    }
}

impl<R: Router> StoreNode<R> {
    /// Asks the holders and the successor, if they have not been asked, for the items of the range that
    /// is arriving. Ends the arrival if all have sent what they had.
    pub(super) fn continue_arrival(&mut self, cx: &mut Cx<'_, R>) {
        let next = self.router.replicas().first().copied();
        self.arrival.set_neighbors(&self.holders, next);
        if self.arrival.retry_at.is_some_and(|at| cx.now >= at) {
            self.arrival.retry_at = None;
        }
        let Some(range) = self.arrival.arriving else { return };
        let holders = self.holders;
        let needed = holders.all() | if self.arrival.is_alone() { 0 } else { NEXT };
        if self.arrival.done & needed == needed {
            return self.end_arrival(cx, range);
        }
        if self.arrival.retry_at.is_some() {
            return;
        }
        let next_is_holder = next.is_none_or(|next| holders.place(next).is_some());
        let other = next.filter(|_| !next_is_holder).map(|next| (next, NEXT));
        let places = holders
            .peers()
            .iter()
            .enumerate()
            .map(|(place, &it)| (it, 1 << place | if Some(it) == next { NEXT } else { 0 }));
        for (peer, bits) in places.chain(other) {
            if bits & !(self.arrival.asked | self.arrival.done) == 0 {
                continue;
            }
            if self.ask_to_sync(cx, peer, range, self.arrival.number) {
                self.arrival.asked |= bits;
            } else {
                self.arrival.retry_at = Some(cx.now + PAUSE);
            }
        }
    }

    fn end_arrival(&mut self, cx: &mut Cx<'_, R>, range: Range) {
        self.arrival.arriving = None;
        self.arrival.ready_from = Some(range.from);
        self.arrival.retry_at = None;
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
        let bits = self.arrival_bits(from);
        match progress {
            Progress::Done => self.arrival.done |= bits & !NEXT,
            Progress::DoneBySuccessor => self.arrival.done |= bits,
            Progress::DoneByOwner => self.arrival.done = self.holders.all() | NEXT,
            Progress::Begun | Progress::NotNow => {}
        }
        if bits & !self.arrival.done != 0 {
            self.arrival.asked &= !bits | self.arrival.done;
            self.arrival.retry_at = Some(cx.now + PAUSE.max(self.wait(cx, 0)));
        }
        self.continue_arrival(cx);
    }

    /// A node did not answer a request for newer items.
    pub(super) fn on_sync_failed(&mut self, cx: &mut Cx<'_, R>, peer: Peer, arrival: u32) {
        if arrival == self.arrival.number && self.arrival.arriving.is_some() {
            self.arrival.asked &= !self.arrival_bits(peer);
            self.arrival.retry_at = Some(cx.now + PAUSE);
        }
    }

    /// The place of `peer` among the holders, and [`NEXT`] if it is the successor.
    fn arrival_bits(&self, peer: Peer) -> HolderSet {
        let place = self.holders.place(peer).map_or(0, |place| 1 << place);
        let is_next = self.arrival.next.is_some_and(|it| it.is_same_destination(peer));
        place | if is_next { NEXT } else { 0 }
    }
}

/// The key before `key`.
pub(super) fn before(key: Id) -> Id {
    key.add(crate::Distance::MAX)
}
