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
//!   an owner or as a holder, a silent holder is not waited for. If none had, more nodes are asked, and a new
//!   node waits for the last owner to find it, for so long as that says that it was the owner.
//!
//! A node whose predecessor is gone goes on to answer for the complete part while it waits for the next one.
//! No other node can own that: a node between needs the confirmation of this one, which has none as its
//! predecessor.
//!
//! **Invariant:** a key is owned only if it lies in the complete part, and after the predecessor if there is one.

use core::time::Duration;

use crate::base::{Id, Peer};
use crate::node::{RequestId, Router};
#[cfg(feature = "defects")]
use crate::store::StoreDefect;
use crate::store::arrival::{Had, LONGEST_ARRIVAL, Source, State};
use crate::store::event::Event;
use crate::store::message::{MessageWith, Progress};
use crate::store::node::{Cx, StoreNode};
use crate::store::request::Kind;
use crate::store::sum::Range;

/// The pause before a node that was not ready is asked again.
const PAUSE: Duration = Duration::from_millis(50);
/// How long to wait for the next sign of a node that is sending.
const PATIENCE: Duration = Duration::from_secs(2);

impl<R: Router> StoreNode<R> {
    /// Asks the sources that have not been asked for the items of the range that is arriving. Ends the
    /// arrival if nothing is missing.
    pub(super) fn continue_arrival(&mut self, cx: &mut Cx<'_, R>) {
        self.arrival.set_next(self.router.replicas().first().copied());
        if self.arrival.retry_at.is_some_and(|at| cx.now >= at) {
            self.arrival.retry_at = None;
        }
        let Some(range) = self.arrival.arriving else { return };
        if !self.arrival.has_arrived() || self.arrival.sources.is_empty() {
            // The previous owners of the range, as they have compared it with this node.
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
                let may_end = had != Had::Any || self.arrival.is_alone() || self.is_settled(cx);
                if may_end && self.arrival.is_confirmed() {
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
    /// one any more are not waited for, unless they owned a part of the range, or no source had every
    /// write yet: many nodes may have joined before the last owner, which lets this node wait.
    fn update_sources(&mut self) {
        let (holders, next) = (self.holders, self.router.replicas());
        let wide = &next[..self.arrival.width.min(next.len())];
        let range = self.arrival.arriving.unwrap_or_default();
        let had = self.arrival.had;
        self.arrival.sources.retain(|it| {
            let is_needed = it.state == State::Done || had == Had::Any && it.state != State::Silent;
            next.contains(&it.peer) || range.contains(it.peer.id) || is_needed
        });
        for &peer in holders.peers().iter().chain(next.first()).chain(wide) {
            self.arrival.add_source(peer);
        }
    }

    /// Whether each source has sent what it had, or is not waited for.
    fn is_answered(&self) -> bool {
        let had = self.arrival.had;
        #[cfg(feature = "defects")]
        if self.has(StoreDefect::FirstSourceSuffices)
            && self.arrival.sources.iter().any(|it| it.state == State::Done)
        {
            return true;
        }
        had == Had::AllAsOwner
            || self.arrival.sources.iter().all(|it| match it.state {
                State::Done => true,
                State::Silent => had != Had::Any || self.holders.place(it.peer).is_none(),
                State::New | State::Asked => false,
            })
    }

    /// Whether the node that owned the range before is not waited for: it is gone, as one that is silent may
    /// be it, or it would have found this one by now. If not, this is asked again in time.
    fn is_settled(&mut self, cx: &Cx<'_, R>) -> bool {
        let range = self.arrival.arriving.unwrap_or_default();
        let is_gone = self.arrival.sources.iter().any(|it| match it.state {
            State::Silent => true,
            // It has left: an owner of a part would not have sent it.
            State::Done => range.contains(it.peer.id),
            State::New | State::Asked => false,
        });
        if is_gone || self.arrival.has_lost_next {
            return true;
        }
        let settled_at = self.arrival.member_since() + LONGEST_ARRIVAL;
        if cx.now < settled_at {
            self.arrival.retry(settled_at);
        }
        cx.now >= settled_at
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
        self.popular.on_taken_over(|key| range.contains(key));
        self.arrival.end(range);
        self.repairs.end_wards_within(range);
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
        self.ask_to_sync(cx, holder, Range::of_key(key), 0);
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
        let Some(Kind::Sync { arrival, after, to }) = self.take_replied(cx, handle, request, false)
        else {
            return;
        };
        if progress == Progress::DoneByOwner && arrival != 0 {
            // Also if others have joined since this was asked: their items have come along.
            self.arrival.take_custody(cx.now, Range { from: after, to });
        }
        if arrival != self.arrival.number || self.arrival.arriving.is_none() {
            return self.continue_arrival(cx);
        }
        let retry_at = cx.now + PAUSE.max(self.wait(cx, 0));
        let Some(source) = self.arrival.source_mut(from) else { return };
        let had = match progress {
            Progress::DoneByOwner => Had::AllAsOwner,
            // One that follows no more may have missed writes since.
            Progress::DoneByHolder if self.router.replicas().contains(&from) => Had::All,
            Progress::DoneByHolder => Had::Any,
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
