//! Repair: finds what another node lacks in a range of keys, and copies it there.
//!
//! ```text
//! this node  Compare range, sum ──▶ peer
//!            ◀── the same           nothing to do
//!            ◀── nothing there      copy all
//!            ◀── sums of 16 parts   go on with the parts that differ
//!            ◀── fingerprints       copy the items that are not among them
//! ```
//!
//! An owner compares its range with each holder from time to time. A node compares a range with another
//! that asks for its items. And a node returns *stray* items, which no owner has compared for some time,
//! to their owner before it forgets them.
//!
//! **Invariant:** all repairs of a node together send at most the configured bytes per second, but for
//! one burst of `BURST_ITEMS` items each; a repair removes no item that another node has not taken.

use core::time::Duration;

use zerocopy::{FromBytes, IntoBytes};

use crate::base::{Peer, Time};
use crate::node::{MessageOf, RequestId, Router};
#[cfg(feature = "defects")]
use crate::store::StoreDefect;
use crate::store::arrival::LONGEST_ARRIVAL;
use crate::store::message::{Difference, MessageWith, Progress};
use crate::store::node::{Cx, StoreNode};
use crate::store::operation::Name;
use crate::store::repairs::{Level, MAX_DEPTH, Purpose, Repair, State};
use crate::store::request::Kind;
use crate::store::sum::{
    MAX_FINGERPRINTS, MAX_SUMS_BYTES, PARTS, PackedSum, Range, Sum, fingerprint,
};
use crate::store::table::{Item, ItemHandle};
use crate::store::wire::COPY_HEAD_BYTES;

/// The time between two attempts to find the owner of a part that was ceded and that no node has asked for.
const UNCLAIMED: Duration = Duration::from_millis(500);
/// Nodes to which a node that leaves sends its items: the next one may be leaving as well.
const HEIRS: usize = 2;
/// Items that a repair sends before it waits for the replies.
const BURST_ITEMS: usize = 32;

impl<R: Router> StoreNode<R> {
    /// Does what is due: begins repairs, and continues those that may send.
    pub(super) fn run_repairs(&mut self, cx: &mut Cx<'_, R>) {
        if !self.may_repair() {
            // Otherwise a timer that is due would expire again at once, for ever.
            return self.repairs.stop();
        }
        if cx.now >= self.repairs.due {
            self.begin_repairs(cx);
        }
        if cx.now >= self.repairs.wake_at {
            self.repairs.wake_at = Time::NEVER;
            for at in (0..self.repairs.running.len()).rev() {
                if let Some(&Repair { number, .. }) = self.repairs.running.get(at) {
                    self.continue_repair(cx, number);
                }
            }
        }
    }

    /// Begins to compare the range that this node owns with each holder.
    fn begin_repairs(&mut self, cx: &mut Cx<'_, R>) {
        let Some(period) = self.config.repair else {
            self.repairs.due = Time::NEVER;
            return;
        };
        let pause = if self.arrival.unclaimed(cx.now).is_some() { UNCLAIMED } else { period };
        self.repairs.due = cx.now + cx.rng.jitter(pause.min(period));
        self.table.purge(self.clock.wall_us(cx.now));
        #[cfg(feature = "defects")]
        if self.has(StoreDefect::DeletionsPurged) {
            self.table.remove_if(|item| item.body.deleted && !item.in_round);
        }
        if let Some(range) = self.arrival.complete_range() {
            let holders = self.holders;
            for &holder in holders.peers() {
                let is_same = |it: &Repair| it.peer == holder && it.purpose == Purpose::Holder;
                if !self.repairs.running.iter().any(is_same)
                    && self.repairs.begin(holder, range, Purpose::Holder)
                {
                    self.continue_repair(cx, self.repairs.last);
                }
            }
            if holders.peers().is_empty() {
                self.release_behind(cx);
            }
        }
        self.look_up_owner_of_return(cx);
    }

    /// Takes the next step of a repair, unless it waits for a reply or has to wait for its turn to send.
    pub(super) fn continue_repair(&mut self, cx: &mut Cx<'_, R>, number: u32) {
        let rate = self.config.repair_bytes_per_s;
        self.repairs.budget.refill(cx.now, rate);
        let Some(at) = self.repairs.position(number) else { return };
        let repair = self.repairs.running[at];
        if repair.in_flight > 0 || repair.state == State::Comparing {
            return;
        }
        let ready_at = self.repairs.budget.ready_at(rate);
        if ready_at > cx.now {
            self.repairs.wake_at = self.repairs.wake_at.min(ready_at);
            return;
        }
        match repair.state {
            State::Comparing => {}
            State::Waiting => {
                if self.repairs.running[at].advance() {
                    self.continue_repair(cx, number);
                } else {
                    self.end_repair(cx, number, true);
                }
            }
            State::Next => {
                let wait = self.wait(cx, 0);
                match cx.request(repair.peer, 0, Kind::Compare(number), wait) {
                    Some(id) => {
                        self.repairs.running[at].state = State::Comparing;
                        self.send_compare(cx, repair.peer, id, number);
                    }
                    None => self.end_repair(cx, number, false),
                }
            }
            State::CopyingAll => self.copy_burst(cx, number),
        }
    }

    pub(super) fn send_compare(
        &mut self,
        cx: &mut Cx<'_, R>,
        to: Peer,
        request: RequestId,
        number: u32,
    ) {
        let Some(at) = self.repairs.position(number) else { return };
        let Repair { current: range, purpose, depth, .. } = self.repairs.running[at];
        let is_owner = purpose == Purpose::Holder && depth == 0;
        let sum = self.table.sum(range, self.clock.wall_us(cx.now));
        self.send_sum(cx, to, request, range, sum, is_owner);
    }

    /// Asks `to` how its items in `range` differ from those of this node, which have this sum.
    fn send_sum(
        &mut self,
        cx: &mut Cx<'_, R>,
        to: Peer,
        request: RequestId,
        range: Range,
        sum: Sum,
        is_owner: bool,
    ) {
        let cookie = self.cookies.of(to);
        let message = MessageWith::Compare { request, cookie, range, sum, is_owner };
        self.count_digest(&message);
        self.send(cx, to, &message);
    }

    /// Handles a comparison by a node that has proved its address.
    pub(super) fn on_compare(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        range: Range,
        theirs: Sum,
        is_owner: bool,
    ) {
        if self
            .arrival
            .arriving
            .is_some_and(|arriving| range.covers(arriving) || arriving.covers(range))
            && !is_owner
        {
            // It has items of the range that is arriving, and this node may not know it.
            self.arrival.add_source(from);
            self.continue_arrival(cx);
        }
        let wall_us = self.clock.wall_us(cx.now);
        let mine = self.table.sum(range, wall_us);
        if is_owner && range.to == from.id {
            self.repairs.add_ward(from, range, cx.now, mine == theirs);
            if mine == theirs && self.arrival.arriving.is_some() {
                // The sender may be about to leave, and may have sent what was missing.
                self.continue_arrival(cx);
            }
        }
        let is_short = |sum: Sum| sum.count as usize <= MAX_FINGERPRINTS;
        let mut sums = [0; MAX_SUMS_BYTES];
        let (difference, length) = if mine == theirs {
            (Difference::None, 0)
        } else if mine.count == 0 {
            (Difference::Empty, 0)
        } else if is_short(mine) && is_short(theirs) {
            let places = sums.as_chunks_mut::<8>().0.iter_mut();
            let items = self.table.within(range).filter(|(_, it)| it.body.expires_us > wall_us);
            let prints = items.map(|(_, it)| fingerprint(&it.name, it.body.version));
            let mut length = 0;
            for (place, print) in places.zip(prints) {
                *place = print.to_be_bytes();
                length += size_of::<u64>();
            }
            (Difference::Items, length)
        } else {
            let mut length = 0;
            for number in 0..PARTS {
                let sum = range.part(number).map_or(mine, |part| self.table.sum(part, wall_us));
                let packed = PackedSum::from(sum);
                let room = &mut sums[length..length + size_of::<PackedSum>()];
                room.copy_from_slice(packed.as_bytes());
                length += size_of::<PackedSum>();
            }
            (Difference::Parts, length)
        };
        let reply = MessageWith::Compared { request, difference, sums: &sums[..length] };
        self.count_digest(&reply);
        self.send(cx, from, &reply);
    }

    /// Handles the reply to a comparison.
    pub(super) fn on_compared(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        difference: Difference,
        sums: &[u8],
    ) {
        let is_compare = |kind: &Kind| matches!(kind, Kind::Compare(_));
        let Some(handle) = cx.find_request(request, from, is_compare) else { return };
        let Some(Kind::Compare(number)) = self.take_replied(cx, handle, request, true) else {
            return;
        };
        let Some(at) = self.repairs.position(number) else { return };
        match difference {
            Difference::None => self.repairs.running[at].state = State::Waiting,
            Difference::Empty => self.repairs.running[at].state = State::CopyingAll,
            Difference::Parts => self.descend(at, sums, self.clock.wall_us(cx.now)),
            Difference::Items => self.copy_missing(cx, at, sums),
        }
        self.continue_repair(cx, number);
    }

    /// The peer has told the sums of the parts of the current range.
    fn descend(&mut self, at: usize, sums: &[u8], wall_us: u64) {
        let repair = &mut self.repairs.running[at];
        let range = repair.current;
        let is_whole = usize::from(repair.depth) == MAX_DEPTH || range.part(0).is_none();
        let (chunks, rest) = sums.as_chunks::<{ size_of::<PackedSum>() }>();
        if is_whole || chunks.len() != PARTS || !rest.is_empty() {
            repair.state = State::CopyingAll;
            return;
        }
        let mut level = Level { range, ..Level::default() };
        for (number, chunk) in chunks.iter().enumerate() {
            let (Ok(packed), Some(part)) = (PackedSum::read_from_bytes(chunk), range.part(number))
            else {
                continue;
            };
            let (theirs, mine) = (Sum::from(packed), self.table.sum(part, wall_us));
            repair.is_behind |= theirs.count > mine.count;
            if theirs != mine && mine.count > 0 {
                level.differ |= 1 << number;
                level.empty |= u16::from(theirs.count == 0) << number;
            }
        }
        repair.levels[usize::from(repair.depth)] = level;
        repair.depth += 1;
        repair.state = State::Waiting;
    }

    /// The peer has told the fingerprints of its items in the current range: copies what is not among
    /// them.
    fn copy_missing(&mut self, cx: &mut Cx<'_, R>, at: usize, prints: &[u8]) {
        let (prints, _) = prints.as_chunks::<8>();
        let has = |print: u64| prints.contains(&print.to_be_bytes());
        let wall_us = self.clock.wall_us(cx.now);
        let Repair { current, number, .. } = self.repairs.running[at];
        self.repairs.running[at].state = State::Waiting;
        let mut missing = [None; MAX_FINGERPRINTS];
        let mut known = 0;
        let mut places = missing.iter_mut();
        for (handle, item) in self.table.within(current) {
            if item.body.expires_us <= wall_us {
                continue;
            }
            if has(fingerprint(&item.name, item.body.version)) {
                known += 1;
            } else if let Some(place) = places.next() {
                *place = Some(handle);
            }
        }
        self.repairs.running[at].is_behind |= known < prints.len();
        for handle in missing.into_iter().flatten() {
            self.push(cx, number, handle);
        }
    }

    /// Copies the next items of a range of which the peer has nothing.
    fn copy_burst(&mut self, cx: &mut Cx<'_, R>, number: u32) {
        let Some(at) = self.repairs.position(number) else { return };
        let Repair { current, copied, .. } = self.repairs.running[at];
        let wall_us = self.clock.wall_us(cx.now);
        let place = |name: &Name| (current.from.distance_to(name.key), name.provider);
        let is_next = |(_, item): &(ItemHandle, &Item)| {
            item.body.expires_us > wall_us
                && copied.is_none_or(|copied| place(&copied) < place(&item.name))
        };
        let mut burst = [None; BURST_ITEMS];
        let items = self.table.within(current).filter(is_next);
        for (room, (handle, item)) in burst.iter_mut().zip(items) {
            *room = Some((handle, item.name));
        }
        let repair = &mut self.repairs.running[at];
        match burst.last().copied().flatten() {
            Some((_, last)) => repair.copied = Some(last),
            None => repair.state = State::Waiting,
        }
        for (handle, _) in burst.into_iter().flatten() {
            self.push(cx, number, handle);
        }
        self.continue_repair(cx, number);
    }

    /// Copies one item to the peer of a repair.
    fn push(&mut self, cx: &mut Cx<'_, R>, number: u32, item: ItemHandle) {
        let (Some(at), Some(copy)) = (self.repairs.position(number), self.copy_request(item))
        else {
            return;
        };
        let peer = self.repairs.running[at].peer;
        let bytes = self.table.at(item).map_or(0, |item| item.body.value.len()) + COPY_HEAD_BYTES;
        let wait = self.wait(cx, 0);
        if let Some(id) = cx.request(peer, 0, Kind::Push { repair: number, item: copy }, wait) {
            self.send_copy(cx, peer, id, copy);
            self.repairs.running[at].in_flight += 1;
            self.repairs.budget.bytes -= bytes as i64;
            self.counts.repairs += 1;
            self.counts.repair_bytes += bytes as u64;
        } else {
            self.repairs.running[at].has_failed = true;
        }
    }

    /// The peer of a repair has answered a copy: whether it was held, and whether it has a newer one.
    pub(super) fn on_pushed(
        &mut self,
        cx: &mut Cx<'_, R>,
        number: u32,
        held: bool,
        is_newer: bool,
    ) {
        let Some(at) = self.repairs.position(number) else { return };
        let repair = &mut self.repairs.running[at];
        repair.in_flight = repair.in_flight.saturating_sub(1);
        repair.is_behind |= is_newer;
        repair.has_failed |= !held;
        self.continue_repair(cx, number);
    }

    /// Ends a repair. `is_done`: the peer has everything that this node has in the range.
    pub(super) fn end_repair(&mut self, cx: &mut Cx<'_, R>, number: u32, is_done: bool) {
        let Some(at) = self.repairs.position(number) else { return };
        let repair = self.repairs.running.swap_remove(at);
        let Repair { peer, range, purpose, is_behind, has_failed, .. } = repair;
        let is_done = is_done && !has_failed;
        match purpose {
            Purpose::Asked(request) if is_done => {
                let must_wait =
                    self.arrival.must_wait(cx.now, peer, range) || self.has_grants(cx, range, peer);
                let progress = if must_wait {
                    Progress::NotNow
                } else if self.arrival.has_ceded(cx.now, range, peer) {
                    Progress::DoneByOwner
                } else if self.repairs.keeps_all_of(range, cx.now) {
                    Progress::DoneByHolder
                } else {
                    Progress::Done
                };
                if !must_wait {
                    self.arrival.give(range, peer);
                }
                self.send_synced(cx, peer, request, progress);
            }
            Purpose::Holder if is_done && !is_behind => self.on_holder_complete(cx, peer),
            Purpose::Holder if is_done => {
                let Range { from: after, to } = range;
                let wait = self.wait(cx, 0);
                if let Some(id) = cx.request(peer, 0, Kind::Sync { arrival: 0, after, to }, wait) {
                    self.send_sync(cx, peer, id, after, to);
                }
            }
            Purpose::Stray if is_done => self.forget_strays(cx, range),
            // The next part.
            Purpose::Ceded => self.look_up_owner_of_return(cx),
            Purpose::Asked(_) | Purpose::Holder | Purpose::Stray => {}
        }
    }

    /// Handles a request for newer items by a node that has proved its address.
    pub(super) fn on_sync(
        &mut self,
        cx: &mut Cx<'_, R>,
        from: Peer,
        request: RequestId,
        range: Range,
    ) {
        let is_same = |it: &&mut Repair| {
            it.peer == from && it.range == range && matches!(it.purpose, Purpose::Asked(_))
        };
        if let Some(repair) = self.repairs.running.iter_mut().find(is_same) {
            repair.purpose = Purpose::Asked(request);
            return self.send_synced(cx, from, request, Progress::Begun);
        }
        // Nodes that all wait for each other have nothing to wait for.
        let may_have_all = self.arrival.has_left
            || self.arrival.has_arrived()
            || cx.now.since(self.arrival.member_since()) > LONGEST_ARRIVAL;
        let is_begun = may_have_all
            && !self.arrival.must_wait(cx.now, from, range)
            && !self.has_grants(cx, range, from)
            && self.repairs.begin(from, range, Purpose::Asked(request));
        let progress = if is_begun { Progress::Begun } else { Progress::NotNow };
        self.send_synced(cx, from, request, progress);
        if is_begun {
            self.continue_repair(cx, self.repairs.last);
        }
    }

    fn send_synced(&self, cx: &mut Cx<'_, R>, to: Peer, request: RequestId, progress: Progress) {
        let (is_predecessor, clock) = (self.arrival.is_predecessor(to), self.clock.last());
        self.send(cx, to, &MessageWith::Synced { request, progress, is_predecessor, clock });
    }

    fn count_digest(&mut self, message: &MessageWith<&[u8], MessageOf<'_, R::Protocol>>) {
        let bytes = match message {
            MessageWith::Compare { .. } => size_of::<Range>() + size_of::<PackedSum>(),
            MessageWith::Compared { sums, .. } => 1 + sums.len(),
            _ => 0,
        };
        self.counts.digest_bytes += bytes as u64;
    }

    /// Sends to the next nodes what no other node may have, before this node leaves: everything unless all
    /// holders have it, otherwise what is not settled. Then compares its range with theirs: a node to which
    /// all items came knows that it has them all.
    pub(super) fn hand_over_all(&mut self, cx: &mut Cx<'_, R>) {
        let Some(range) = self.arrival.claimed_range() else { return };
        // The predecessor has just left: its range is this node's, too.
        let is_orphaned = self.arrival.predecessor.is_none();
        let range = if is_orphaned { self.repairs.with_ward_before(range) } else { range };
        // Nothing is known to be elsewhere before all holders have been found complete. Nor is what a node
        // sent that has just left.
        let sends_all = self.config.replicas() == 1
            || is_orphaned
            || self.arrival.arriving.is_some()
            || self.repairs.complete != self.holders.all();
        let mut next = [Peer::default(); HEIRS];
        let heirs = self.router.replicas().iter().zip(&mut next).map(|(&it, to)| *to = it).count();
        let wall_us = self.clock.wall_us(cx.now);
        for (handle, item) in self.table.within(range) {
            if (sends_all || !item.settled)
                && item.body.expires_us > wall_us
                && let Some(copy) = self.copy_request(handle)
            {
                for &heir in &next[..heirs] {
                    // The node has left when the reply arrives, so no request waits for it.
                    let id = RequestId::first(cx.rng.next_u64());
                    self.send_copy(cx, heir, id, copy);
                }
            }
        }
        let Some(range) = self.arrival.complete_range() else { return };
        let sum = self.table.sum(range, wall_us);
        for &heir in &next[..heirs] {
            let request = RequestId::first(cx.rng.next_u64());
            self.send_sum(cx, heir, request, range, sum, true);
        }
    }
}
