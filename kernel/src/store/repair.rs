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

use alloc::vec::Vec;
use core::time::Duration;

use zerocopy::{FromBytes, IntoBytes};

use crate::base::{Id, Peer, Time};
use crate::node::{LookupPurpose, RequestId, Router};
use crate::store::arrival::before;
use crate::store::holders::HolderSet;
use crate::store::message::{Difference, MessageWith, Progress};
use crate::store::node::{Cx, StoreNode};
use crate::store::operation::Name;
use crate::store::request::Kind;
use crate::store::sum::{PARTS, PackedSum, Range, Sum, fingerprint};
use crate::store::table::{Item, ItemHandle};
use crate::store::wire::COPY_HEAD_BYTES;

/// The most items whose fingerprints are sent.
const MAX_FINGERPRINTS: usize = 64;
/// The longest list of sums or fingerprints in a message.
pub(super) const MAX_SUMS_BYTES: usize = MAX_FINGERPRINTS * size_of::<u64>();
/// Items that a repair sends before it waits for the replies.
const BURST_ITEMS: usize = 32;
/// Ranges are split so often; what differs then is copied whole.
const MAX_DEPTH: usize = 8;
/// Repairs at a time besides one for each holder.
const OTHER_REPAIRS: usize = 4;
/// Time from a change of the neighborhood to the repairs that it causes.
const SOON: Duration = Duration::from_millis(100);
/// Nodes behind the last holder that may forget their copies.
const RELEASED: usize = 2;
/// An item is stray if no owner has compared it for so many periods of repair.
const STRAY_PERIODS: u32 = 4;

const _: () = assert!(PARTS * size_of::<PackedSum>() <= MAX_SUMS_BYTES);

/// The repairs of a node.
#[derive(Debug)]
pub(super) struct Repairs {
    running: Vec<Repair>,
    /// The number of the last repair.
    last: u32,
    /// When the owner compares its range with the holders again.
    due: Time,
    /// When a repair may send again.
    wake_at: Time,
    budget: Budget,
    /// The ranges that owners have compared with this node.
    wards: Vec<Ward>,
    is_looking_up_stray: bool,
    /// The time between two comparisons by an owner.
    period: Duration,
    /// The holders that have everything.
    complete: HolderSet,
}

/// A range of which this node keeps copies for its owner.
#[derive(Clone, Copy, Debug)]
struct Ward {
    range: Range,
    compared_at: Time,
    /// Whether the copies were the same as the owner's items then. Later writes are acknowledged only
    /// once they are here, too.
    is_complete: bool,
}

/// Bytes that may be sent.
#[derive(Clone, Copy, Debug, Default)]
struct Budget {
    bytes: i64,
    at: Time,
}

/// A repair in progress.
#[derive(Clone, Copy, Debug)]
struct Repair {
    number: u32,
    peer: Peer,
    range: Range,
    purpose: Purpose,
    /// The parts of nested ranges that are still to be compared.
    levels: [Level; MAX_DEPTH],
    depth: u8,
    state: State,
    /// The range that `state` is about.
    current: Range,
    /// The last item of `current` that was copied, if all of them are.
    copied: Option<Name>,
    /// Copies whose replies are missing.
    in_flight: u16,
    /// Whether the peer has something newer.
    is_behind: bool,
    /// Whether the peer could not take a copy, or could not be sent it.
    has_failed: bool,
}

/// What a repair is for.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Purpose {
    /// This node owns the range, and the peer is a holder.
    Holder,
    /// The peer has asked for the items.
    Asked(RequestId),
    /// The peer owns the range, and this node is to forget its items.
    Stray,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// The next range is to be compared.
    Next,
    /// The peer is to say how it differs.
    Comparing,
    /// All items in `current` are copied.
    CopyingAll,
    /// Waits for the replies to all copies.
    Waiting,
}

/// The parts of a range that differ.
#[derive(Clone, Copy, Debug, Default)]
struct Level {
    range: Range,
    differ: u16,
    /// Those of which the peer has nothing.
    empty: u16,
}

impl Repairs {
    pub(super) fn new(replicas: usize, period: Option<Duration>) -> Repairs {
        Repairs {
            running: Vec::with_capacity(replicas + OTHER_REPAIRS),
            last: 0,
            due: Time::NEVER,
            wake_at: Time::NEVER,
            budget: Budget::default(),
            wards: Vec::with_capacity(2 * replicas + 2),
            is_looking_up_stray: false,
            period: period.unwrap_or_default(),
            complete: 0,
        }
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.running.capacity() * size_of::<Repair>() + self.wards.capacity() * size_of::<Ward>()
    }

    pub(super) fn next_at(&self) -> Time {
        self.due.min(self.wake_at)
    }

    /// The neighborhood has changed.
    pub(super) fn soon(&mut self, now: Time) {
        self.complete = 0;
        self.due = self.due.min(now + SOON);
    }

    /// Ends all repairs.
    pub(super) fn stop(&mut self) {
        self.running.clear();
        self.wards.clear();
        (self.due, self.wake_at) = (Time::NEVER, Time::NEVER);
    }

    pub(super) const fn end_stray_lookup(&mut self) {
        self.is_looking_up_stray = false;
    }

    fn position(&self, number: u32) -> Option<usize> {
        self.running.iter().position(|repair| repair.number == number)
    }

    fn begin(&mut self, peer: Peer, range: Range, purpose: Purpose) -> bool {
        let has_room = self.running.len() < self.running.capacity();
        if has_room {
            self.last = self.last.wrapping_add(1);
            self.running.push(Repair {
                number: self.last,
                peer,
                range,
                purpose,
                levels: [Level::default(); MAX_DEPTH],
                depth: 0,
                state: State::Next,
                current: range,
                copied: None,
                in_flight: 0,
                is_behind: false,
                has_failed: false,
            });
        }
        has_room
    }

    /// Whether an owner has compared `key` with this node lately.
    fn is_ward(&self, key: Id, now: Time) -> bool {
        self.wards.iter().any(|it| it.range.contains(key) && self.is_recent(it, now))
    }

    /// Whether this node has every write under `key` that its owner has acknowledged.
    pub(super) fn keeps_all(&self, key: Id, now: Time) -> bool {
        let is_kept = |it: &Ward| it.is_complete && it.range.contains(key);
        self.wards.iter().any(|it| is_kept(it) && self.is_recent(it, now))
    }

    /// Whether this node has every write in `range` that its owners have acknowledged.
    pub(super) fn keeps_all_of(&self, range: Range, now: Time) -> bool {
        // From the end of the range to its start: several owners in a row may be gone.
        let mut left = range;
        for _ in 0..self.wards.len() {
            let is_last = |it: &&Ward| {
                it.is_complete && it.range.contains(left.to) && self.is_recent(it, now)
            };
            match self.wards.iter().find(is_last) {
                None => return false,
                Some(ward) if ward.range.covers(left) => return true,
                Some(ward) => left.to = ward.range.from,
            }
        }
        false
    }

    fn is_recent(&self, ward: &Ward, now: Time) -> bool {
        now.since(ward.compared_at) < self.period * STRAY_PERIODS
    }

    /// The owner of `range` has compared it with this node.
    fn add_ward(&mut self, range: Range, now: Time, is_same: bool) {
        let same = self.wards.iter().position(|it| it.range.to == range.to);
        let was_complete =
            same.is_some_and(|at| self.wards[at].is_complete && self.wards[at].range.covers(range));
        let new = Ward { range, compared_at: now, is_complete: is_same || was_complete };
        let oldest = || {
            let ages = self.wards.iter().enumerate();
            ages.min_by_key(|(_, it)| it.compared_at).map(|(at, _)| at)
        };
        match same.or_else(|| (self.wards.len() == self.wards.capacity()).then(oldest).flatten()) {
            Some(at) => self.wards[at] = new,
            None => self.wards.push(new),
        }
    }
}

impl Budget {
    /// Bytes that may be sent at `now`; none if it is not positive.
    fn refill(&mut self, now: Time, bytes_per_s: u32) {
        let rate = f64::from(bytes_per_s);
        let earned = (now.since(self.at).as_secs_f64() * rate) as i64;
        // A tenth of a second is saved up at most.
        self.bytes = (self.bytes.saturating_add(earned)).min(i64::from(bytes_per_s / 10).max(1));
        self.at = now;
    }

    /// When something may be sent again.
    fn ready_at(&self, bytes_per_s: u32) -> Time {
        if self.bytes > 0 {
            return self.at;
        }
        let missing = (1 - self.bytes) as f64 / f64::from(bytes_per_s.max(1));
        self.at + Duration::from_secs_f64(missing.min(3600.0))
    }
}

impl Repair {
    /// Moves on to the next range. Returns false if there is none.
    fn advance(&mut self) -> bool {
        while let Some(level) = self.levels[..usize::from(self.depth)].last_mut() {
            if level.differ == 0 {
                self.depth -= 1;
                continue;
            }
            let number = level.differ.trailing_zeros();
            level.differ &= level.differ - 1;
            let Some(part) = level.range.part(number as usize) else { continue };
            let is_empty = level.empty & 1 << number != 0;
            (self.current, self.copied) = (part, None);
            self.state = if is_empty { State::CopyingAll } else { State::Next };
            return true;
        }
        false
    }
}

impl<R: Router> StoreNode<R> {
    /// Does what is due: begins repairs, and continues those that may send.
    pub(super) fn run_repairs(&mut self, cx: &mut Cx<'_, R>) {
        if !self.router.is_member() {
            return;
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
        self.repairs.due = cx.now + cx.rng.jitter(period);
        self.table.purge(self.clock.wall_us(cx.now));
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
        }
        self.look_for_strays(cx);
    }

    /// Takes the next step of a repair, unless it waits for a reply or has to wait for its turn to send.
    fn continue_repair(&mut self, cx: &mut Cx<'_, R>, number: u32) {
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
        let wall_us = self.clock.wall_us(cx.now);
        let mine = self.table.sum(range, wall_us);
        if is_owner && range.to == from.id {
            self.repairs.add_ward(range, cx.now, mine == theirs);
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
                let progress = if self.arrival.has_ceded(range) {
                    Progress::DoneByOwner
                } else if self.repairs.keeps_all_of(range, cx.now) {
                    Progress::DoneByHolder
                } else {
                    Progress::Done
                };
                let clock = self.clock.last();
                self.send(cx, peer, &MessageWith::Synced { request, progress, clock });
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
        let clock = self.clock.last();
        if let Some(repair) = self.repairs.running.iter_mut().find(is_same) {
            repair.purpose = Purpose::Asked(request);
            let progress = Progress::Begun;
            return self.send(cx, from, &MessageWith::Synced { request, progress, clock });
        }
        let is_begun = self.arrival.has_arrived()
            && !self.owns_any_of(range)
            && self.repairs.begin(from, range, Purpose::Asked(request));
        let progress = if is_begun { Progress::Begun } else { Progress::NotNow };
        self.send(cx, from, &MessageWith::Synced { request, progress, clock });
        if is_begun {
            self.continue_repair(cx, self.repairs.last);
        }
    }

    /// Whether this node still answers for keys of `range`, which another node takes over.
    fn owns_any_of(&self, range: Range) -> bool {
        self.arrival.has(range.to)
    }

    fn count_digest(
        &mut self,
        message: &MessageWith<&[u8], crate::node::MessageOf<'_, R::Protocol>>,
    ) {
        let bytes = match message {
            MessageWith::Compare { .. } => size_of::<Range>() + size_of::<PackedSum>(),
            MessageWith::Compared { sums, .. } => 1 + sums.len(),
            _ => 0,
        };
        self.counts.digest_bytes += bytes as u64;
    }

    /// Looks up the owner of an item that this node neither owns nor keeps for an owner.
    fn look_for_strays(&mut self, cx: &mut Cx<'_, R>) {
        let is_busy = self.repairs.is_looking_up_stray
            || self.repairs.running.iter().any(|it| it.purpose == Purpose::Stray);
        if is_busy || !self.arrival.is_complete() || self.is_new(cx.now) {
            return;
        }
        let whole = Range { from: self.me.id, to: self.me.id };
        let now = cx.now;
        let stray = self
            .table
            .within(whole)
            .map(|(_, item)| item)
            .find(|item| !item.in_round && self.is_stray(now, item.name.key));
        let Some(key) = stray.map(|item| item.name.key) else { return };
        let deadline = cx.now + self.config.deadline;
        let wait = self.config.deadline + Duration::from_secs(1);
        let Some(RequestId(token)) = cx.request(self.me, 0, Kind::Stray(key), wait) else { return };
        self.repairs.is_looking_up_stray = true;
        let started = self.route(cx, |router, cx| {
            router.look_up(cx, key, token, LookupPurpose::Maintenance, deadline)
        });
        if !started {
            self.take_waiting(cx, token);
            self.repairs.end_stray_lookup();
        }
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
    fn on_holder_complete(&mut self, cx: &mut Cx<'_, R>, holder: Peer) {
        let Some(place) = self.holders.place(holder) else { return };
        let (before, all) = (self.repairs.complete, self.holders.all());
        self.repairs.complete |= 1 << place;
        let Some(range) = self.arrival.complete_range() else { return };
        if before == all || self.repairs.complete != all || !self.arrival.is_complete() {
            return;
        }
        let last = self.holders.peers().last();
        let next = self.router.replicas();
        let behind = last.and_then(|last| next.iter().position(|peer| peer == last));
        let Some(behind) = behind else { return };
        for &peer in next[behind + 1..].iter().take(RELEASED) {
            let cookie = self.cookies.of(peer);
            self.send(cx, peer, &MessageWith::Release { cookie, range });
        }
    }

    /// Handles a release by a node that has proved its address.
    pub(super) fn on_release(&mut self, cx: &Cx<'_, R>, range: Range) {
        self.forget_strays(cx, range);
    }

    /// The owner of a stray item was found: gives it all that it owns.
    pub(super) fn return_strays(&mut self, cx: &mut Cx<'_, R>, key: Id, owner: Peer) {
        self.repairs.end_stray_lookup();
        let range = Range { from: before(key), to: owner.id };
        if owner.id != self.me.id && self.repairs.begin(owner, range, Purpose::Stray) {
            self.continue_repair(cx, self.repairs.last);
        }
    }

    /// The owner of `range` has all that this node has of it.
    fn forget_strays(&mut self, cx: &Cx<'_, R>, range: Range) {
        let (repairs, arrival, now) = (&self.repairs, &self.arrival, cx.now);
        self.table.remove_if(|item| {
            let key = item.name.key;
            range.contains(key) && !item.in_round && !arrival.has(key) && !repairs.is_ward(key, now)
        });
    }

    /// Sends to the next node what no other node has, before this node leaves: everything if items are
    /// not copied, otherwise what is not settled.
    pub(super) fn hand_over_all(&mut self, cx: &mut Cx<'_, R>) {
        let Some(&next) = self.router.replicas().first() else { return };
        let Some(range) = self.arrival.complete_range() else { return };
        let is_alone = self.config.replicas() == 1;
        let wall_us = self.clock.wall_us(cx.now);
        for (handle, item) in self.table.within(range) {
            if (is_alone || !item.settled)
                && item.body.expires_us > wall_us
                && let Some(copy) = self.copy_request(handle)
            {
                // The reply finds nobody, so it has no request.
                let id = RequestId::first(cx.rng.next_u64());
                self.send_copy(cx, next, id, copy);
            }
        }
    }
}
