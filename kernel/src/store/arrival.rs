//! Arrival: taking over the items of a range of keys.
//!
//! A node that joins, or whose predecessor is gone, owns keys of which it may not have all items. Until
//! it has them, it answers no question about these keys.
//!
//! ```text
//!   predecessor ─────────┬─────────────┬──── this node ──── successor ──── holder
//!                        │ arriving    │ complete
//!                        from          ready_from
//! ```
//!
//! An arrival ends when
//!
//! * the successor has said that this node is its predecessor: otherwise another node may own the keys;
//! * the nodes that owned keys of the range until now have answered, or are silent: one that is alive owns
//!   them still;
//! * all holders have sent what they have. If one of all these had every write that was acknowledged, as
//!   an owner or as a holder, a silent holder is not waited for. If none had, more nodes are asked.
//!
//! **Invariant:** a key is owned only if it lies after the predecessor and in the complete part.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::node::{RequestId, Router};
use crate::store::event::Event;
use crate::store::message::{MessageWith, Progress};
use crate::store::node::{Cx, StoreNode};
use crate::store::request::Kind;
use crate::store::sum::Range;

/// The pause before a node that was not ready is asked again.
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait for the next sign of a node that is sending.
const PATIENCE: Duration = Duration::from_secs(2);
/// A node does not confirm that its predecessor owns the keys of the one before for so long. By then
/// these two have found each other, or the one before is dead.
const ACQUAINTANCE: Duration = Duration::from_secs(5);
/// The most nodes that are asked for one arrival.
const MAX_SOURCES: usize = 48;

/// See the [module](self).
#[derive(Debug)]
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
    /// The nodes that are asked.
    sources: Vec<Source>,
    /// The nodes that follow this one, up to so many, are sources besides the holders.
    width: usize,
    next: Option<Peer>,
    /// The successor that has confirmed that this node is its predecessor.
    confirmed_by: Option<Peer>,
    /// What the best of the sources had.
    had: Had,
    retry_at: Option<Time>,
    /// When the node became a member.
    member_since: Time,
    /// Whether it has still to report that it has arrived.
    is_new: bool,
    is_member: bool,
}

/// A node that is asked for items.
#[derive(Clone, Copy, Debug)]
struct Source {
    peer: Peer,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// It has to be asked.
    New,
    Asked,
    /// It has sent what it had.
    Done,
    /// It has not answered for a while.
    Silent,
}

/// What a source had.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
enum Had {
    /// Something, or nothing.
    #[default]
    Any,
    /// Every write that was acknowledged.
    All,
    /// All that was written.
    AllAsOwner,
}

impl Default for Arrival {
    fn default() -> Arrival {
        Arrival {
            me: None,
            predecessor: None,
            ready_from: None,
            ceded: None,
            before_last: None,
            arriving: None,
            number: 0,
            sources: Vec::with_capacity(MAX_SOURCES),
            width: 0,
            next: None,
            confirmed_by: None,
            had: Had::Any,
            retry_at: None,
            member_since: Time::ZERO,
            is_new: false,
            is_member: false,
        }
    }
}

impl Arrival {
    pub(super) const fn heap_bytes(&self) -> usize {
        self.sources.capacity() * size_of::<Source>()
    }

    /// The node has all items of its range.
    pub(super) fn start_complete(&mut self, me: Peer, predecessor: Option<Peer>) {
        self.reset();
        (self.me, self.predecessor, self.is_member) = (Some(me.id), predecessor, true);
        self.ready_from = predecessor.map(|peer| peer.id);
    }

    /// The node is no member any more.
    pub(super) fn reset(&mut self) {
        let mut sources = core::mem::take(&mut self.sources);
        sources.clear();
        let number = self.number;
        *self = Arrival {
            me: None,
            predecessor: None,
            ready_from: None,
            ceded: None,
            before_last: None,
            arriving: None,
            number,
            sources,
            width: 0,
            next: None,
            confirmed_by: None,
            had: Had::Any,
            retry_at: None,
            member_since: Time::ZERO,
            is_new: false,
            is_member: false,
        };
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
            self.sources.clear();
            (self.width, self.confirmed_by, self.had) = (0, None, Had::Any);
            self.retry_at = None;
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

    /// Whether this node was the owner of `range` until its present predecessor came.
    pub(super) fn has_ceded(&self, range: Range) -> bool {
        self.ceded.is_some_and(|ceded| ceded.covers(range))
    }

    /// Whether `peer` is the predecessor of this node.
    pub(super) fn is_predecessor(&self, peer: Peer) -> bool {
        self.predecessor.is_some_and(|it| it.is_same_destination(peer))
    }

    /// When the node became a member.
    pub(super) const fn member_since(&self) -> Time {
        self.member_since
    }

    /// The time of the next attempt.
    pub(super) fn next_at(&self) -> Time {
        self.retry_at.unwrap_or(Time::NEVER)
    }

    /// Whether this node is the only member.
    fn is_alone(&self) -> bool {
        self.predecessor.map(|it| it.id) == self.me
    }

    /// Whether the successor is known to have this node as its predecessor.
    fn is_confirmed(&self) -> bool {
        self.is_alone() || self.next.is_some() && self.confirmed_by == self.next
    }

    fn source_mut(&mut self, peer: Peer) -> Option<&mut Source> {
        self.sources.iter_mut().find(|it| it.peer.is_same_destination(peer))
    }

    /// Adds a source, unless it is one.
    fn add_source(&mut self, peer: Peer) {
        if Some(peer.id) != self.me
            && self.source_mut(peer).is_none()
            && self.sources.len() < MAX_SOURCES
        {
            self.sources.push(Source { peer, state: State::New });
        }
    }

    /// Tries again after a pause.
    fn retry(&mut self, at: Time) {
        self.retry_at = Some(self.retry_at.map_or(at, |before| before.min(at)));
    }
}

impl<R: Router> StoreNode<R> {
    /// Asks the sources that have not been asked for the items of the range that is arriving. Ends the
    /// arrival if nothing is missing.
    pub(super) fn continue_arrival(&mut self, cx: &mut Cx<'_, R>) {
        self.arrival.next = self.router.replicas().first().copied();
        if self.arrival.retry_at.is_some_and(|at| cx.now >= at) {
            self.arrival.retry_at = None;
        }
        let Some(range) = self.arrival.arriving else { return };
        if !self.arrival.has_arrived() || self.arrival.sources.is_empty() {
            // Who owned the range before is known from then on, whatever they compare later.
            for owner in self.repairs.owners_within(range) {
                self.arrival.add_source(owner);
            }
        }
        if self.repairs.keeps_all_of(range, cx.now) {
            self.arrival.had = self.arrival.had.max(Had::All);
        }
        self.update_sources();
        while self.is_answered() {
            let (had, next) = (self.arrival.had, self.router.replicas());
            if had != Had::Any || self.arrival.width >= next.len() {
                if self.arrival.is_confirmed() {
                    return self.end_arrival(cx, range);
                }
                break;
            }
            self.arrival.width =
                (self.arrival.width + 1 + self.holders.peers().len()).min(next.len());
            self.update_sources();
        }
        self.ask_sources(cx, range);
    }

    /// The holders are sources, the successor, and more nodes if need be. Nodes that do not follow this
    /// one any more are not waited for, unless they owned a part of the range.
    fn update_sources(&mut self) {
        let (holders, next) = (self.holders, self.router.replicas());
        let wide = &next[..self.arrival.width.min(next.len())];
        let range = self.arrival.arriving.unwrap_or_default();
        self.arrival.sources.retain(|it| {
            next.contains(&it.peer) || range.contains(it.peer.id) || it.state == State::Done
        });
        for &peer in holders.peers().iter().chain(next.first()).chain(wide) {
            self.arrival.add_source(peer);
        }
    }

    /// Whether each source has sent what it had, or is not waited for.
    fn is_answered(&self) -> bool {
        let had = self.arrival.had;
        had == Had::AllAsOwner
            || self.arrival.sources.iter().all(|it| match it.state {
                State::Done => true,
                State::Silent => had != Had::Any || self.holders.place(it.peer).is_none(),
                State::New | State::Asked => false,
            })
    }

    fn ask_sources(&mut self, cx: &mut Cx<'_, R>, range: Range) {
        if self.arrival.retry_at.is_some() {
            return;
        }
        // The successor is asked again until it confirms.
        let unconfirmed = self.arrival.next.filter(|_| !self.arrival.is_confirmed());
        for at in 0..self.arrival.sources.len() {
            let Source { peer, state } = self.arrival.sources[at];
            let is_due = state == State::New || state == State::Done && Some(peer) == unconfirmed;
            if !is_due {
                continue;
            }
            if self.ask_to_sync(cx, peer, range, self.arrival.number) {
                self.arrival.sources[at].state = State::Asked;
            } else {
                self.arrival.retry(cx.now + PAUSE);
            }
        }
    }

    fn end_arrival(&mut self, cx: &mut Cx<'_, R>, range: Range) {
        let is_heard_of_all = self.arrival.sources.iter().all(|it| it.state == State::Done);
        if !is_heard_of_all && self.arrival.had != Had::AllAsOwner {
            // The last owner may have assigned numbers that were not heard of.
            self.clock.lead(cx.now, self.config.skew);
        }
        let arrival = &mut self.arrival;
        (arrival.arriving, arrival.ready_from, arrival.retry_at) = (None, Some(range.from), None);
        arrival.sources.clear();
        self.repairs.soon(cx.now);
        if core::mem::take(&mut self.arrival.is_new) {
            let items = self.table.within(range).count() as u32;
            let took = cx.now.since(self.arrival.member_since);
            cx.report(Event::Arrived { took, items });
        }
    }

    /// Asks `peer` for its newer items in `range`. Returns whether it was asked.
    fn ask_to_sync(&self, cx: &mut Cx<'_, R>, peer: Peer, range: Range, arrival: u32) -> bool {
        let Range { from: after, to } = range;
        let wait = self.wait(cx, 0);
        let request = cx.request(peer, 0, Kind::Sync { arrival, after, to }, wait);
        if let Some(id) = request {
            self.send_sync(cx, peer, id, after, to);
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
        is_predecessor: bool,
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
        let retry_at = cx.now + PAUSE.max(self.wait(cx, 0));
        let Some(source) = self.arrival.source_mut(from) else { return };
        let had = match progress {
            Progress::DoneByOwner => Had::AllAsOwner,
            Progress::DoneByHolder => Had::All,
            Progress::Begun | Progress::Done | Progress::NotNow => Had::Any,
        };
        let is_done = progress != Progress::NotNow;
        source.state = if is_done { State::Done } else { State::New };
        self.arrival.had = self.arrival.had.max(had);
        if is_done && is_predecessor {
            self.arrival.confirmed_by = Some(from);
        }
        if !is_done || self.arrival.next == Some(from) && !self.arrival.is_confirmed() {
            self.arrival.retry(retry_at);
        }
        self.continue_arrival(cx);
    }

    /// A source has not answered for a while.
    pub(super) fn on_sync_silence(&mut self, cx: &mut Cx<'_, R>, peer: Peer, arrival: u32) {
        if arrival == self.arrival.number
            && let Some(source) = self.arrival.source_mut(peer)
        {
            source.state = State::Silent;
            self.continue_arrival(cx);
        }
    }

    /// A source has not answered any attempt.
    pub(super) fn on_sync_failed(&mut self, cx: &mut Cx<'_, R>, peer: Peer, arrival: u32) {
        let is_needed = self.router.replicas().contains(&peer);
        if arrival == self.arrival.number
            && self.arrival.arriving.is_some()
            && is_needed
            && let Some(source) = self.arrival.source_mut(peer)
        {
            source.state = State::New;
            self.arrival.retry(cx.now + PAUSE);
        }
    }
}

/// The key before `key`.
pub(super) fn before(key: Id) -> Id {
    key.add(crate::Distance::MAX)
}
