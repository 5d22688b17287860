//! The repairs of a node that are in progress, and the ranges of which it keeps copies.
//!
//! **Invariant:** the number of repairs and of ranges is bounded; a ward is complete only if its owner has
//! compared it and found no difference.

use core::time::Duration;

use crate::base::{FixedVec, Id, Peer, Time};
use crate::node::RequestId;
use crate::store::holders::HolderSet;
use crate::store::operation::Name;
use crate::store::sum::Range;

/// Ranges are split so often; what differs then is copied whole.
pub(super) const MAX_DEPTH: usize = 8;
/// Repairs at a time besides one for each holder.
const OTHER_REPAIRS: usize = 4;
/// Time from a change of the neighborhood to the repairs that it causes.
const SOON: Duration = Duration::from_millis(100);
/// An item is stray if no owner has compared it for so many periods of repair.
pub(super) const STRAY_PERIODS: u32 = 4;

/// The repairs of a node.
#[derive(Clone, Debug)]
pub(super) struct Repairs {
    pub(super) running: FixedVec<Repair>,
    /// The number of the last repair.
    pub(super) last: u32,
    /// When the owner compares its range with the holders again.
    pub(super) due: Time,
    /// When a repair may send again.
    pub(super) wake_at: Time,
    pub(super) budget: Budget,
    /// The ranges that owners have compared with this node.
    pub(super) wards: FixedVec<Ward>,
    /// Whether the owner is looked up to which items return: a ceded part or a stray item.
    pub(super) is_looking_up_return: bool,
    /// The time between two comparisons by an owner.
    pub(super) period: Duration,
    /// The holders that have everything.
    pub(super) complete: HolderSet,
}

/// A range of which this node keeps copies for its owner.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ward {
    pub(super) owner: Peer,
    pub(super) range: Range,
    pub(super) compared_at: Time,
    /// Whether the copies were the same as the owner's items then. Later writes are acknowledged only
    /// once they are here, too.
    pub(super) is_complete: bool,
}

/// Bytes that may be sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Budget {
    pub(super) bytes: i64,
    pub(super) at: Time,
}

/// A repair in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Repair {
    pub(super) number: u32,
    pub(super) peer: Peer,
    pub(super) range: Range,
    pub(super) purpose: Purpose,
    /// The parts of nested ranges that are still to be compared.
    pub(super) levels: [Level; MAX_DEPTH],
    pub(super) depth: u8,
    pub(super) state: State,
    /// The range that `state` is about.
    pub(super) current: Range,
    /// The last item of `current` that was copied, if all of them are.
    pub(super) copied: Option<Name>,
    /// Copies whose replies are missing.
    pub(super) in_flight: u16,
    /// Whether the peer has something newer.
    pub(super) is_behind: bool,
    /// Whether the peer could not take a copy, or could not be sent it.
    pub(super) has_failed: bool,
}

/// What a repair is for.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Purpose {
    /// This node owns the range, and the peer is a holder.
    Holder,
    /// The peer has asked for the items.
    Asked(RequestId),
    /// The peer owns the range, which this node owned before, and may not know this node.
    Ceded,
    /// The peer owns the range, and this node is to forget its items.
    Stray,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
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
pub(super) struct Level {
    pub(super) range: Range,
    pub(super) differ: u16,
    /// Those of which the peer has nothing.
    pub(super) empty: u16,
}

impl Repairs {
    pub(super) fn new(replicas: usize, period: Option<Duration>) -> Repairs {
        Repairs {
            running: FixedVec::with_capacity(replicas + OTHER_REPAIRS),
            last: 0,
            due: Time::NEVER,
            wake_at: Time::NEVER,
            budget: Budget::default(),
            wards: FixedVec::with_capacity(2 * replicas + 2),
            is_looking_up_return: false,
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

    pub(super) const fn end_return_lookup(&mut self) {
        self.is_looking_up_return = false;
    }

    pub(super) fn position(&self, number: u32) -> Option<usize> {
        self.running.iter().position(|repair| repair.number == number)
    }

    pub(super) fn begin(&mut self, peer: Peer, range: Range, purpose: Purpose) -> bool {
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
    pub(super) fn is_ward(&self, key: Id, now: Time) -> bool {
        self.wards.iter().any(|it| it.range.contains(key) && self.is_recent(it, now))
    }

    /// The owner that compared `key` with this node last. This node has every write that it has acknowledged
    /// since, unless others have joined in between.
    pub(super) fn owner_kept_for(&self, key: Id, now: Time) -> Option<Peer> {
        let is_kept =
            |it: &&Ward| it.is_complete && it.range.contains(key) && self.is_recent(it, now);
        let newest = self.wards.iter().filter(is_kept).max_by_key(|it| it.compared_at);
        newest.map(|it| it.owner)
    }

    /// Whether this node has every write in `range` that its owners have acknowledged.
    pub(super) fn keeps_all_of(&self, range: Range, now: Time) -> bool {
        // Several owners in a row may be gone.
        let kept = self.wards.iter().filter(|it| it.is_complete && self.is_recent(it, now));
        range.is_covered_by(kept.map(|it| it.range))
    }

    /// The nodes that owned keys of `range` when they last compared them with this node.
    pub(super) fn owners_within(&self, range: Range) -> impl Iterator<Item = Peer> {
        let within = self
            .wards
            .iter()
            .filter(move |it| range.contains(it.range.to) && it.range.to != range.from);
        within.map(|it| it.owner)
    }

    /// A range, and before it the one that another node owned when it last compared it with this node.
    pub(super) fn with_ward_before(&self, range: Range) -> Range {
        let before = self.wards.iter().find(|it| it.range.to == range.from);
        Range { from: before.map_or(range.from, |it| it.range.from), ..range }
    }

    /// This node has taken over `range`, so it may not get the writes of others to parts of it.
    pub(super) fn end_wards_within(&mut self, range: Range) {
        for ward in self.wards.iter_mut().filter(|it| range.contains(it.range.to)) {
            ward.is_complete = false;
        }
    }

    pub(super) fn is_recent(&self, ward: &Ward, now: Time) -> bool {
        now.since(ward.compared_at) < self.period * STRAY_PERIODS
    }

    /// The owner of `range` has compared it with this node.
    pub(super) fn add_ward(&mut self, owner: Peer, range: Range, now: Time, is_same: bool) {
        let same = self.wards.iter().position(|it| it.range.to == range.to);
        let was_complete =
            same.is_some_and(|at| self.wards[at].is_complete && self.wards[at].range.covers(range));
        let new = Ward { owner, range, compared_at: now, is_complete: is_same || was_complete };
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
    pub(super) fn refill(&mut self, now: Time, bytes_per_s: u32) {
        let rate = f64::from(bytes_per_s);
        let earned = (now.since(self.at).as_secs_f64() * rate) as i64;
        if earned > 0 {
            // A tenth of a second is saved up at most.
            let most = i64::from(bytes_per_s / 10).max(1);
            self.bytes = self.bytes.saturating_add(earned).min(most);
            self.at = now;
        }
    }

    /// When something may be sent again.
    pub(super) fn ready_at(&self, bytes_per_s: u32) -> Time {
        if self.bytes > 0 {
            return self.at;
        }
        let missing = (1 - self.bytes) as f64 / f64::from(bytes_per_s.max(1));
        // A little more, so that what is earned by then does not round down to less.
        self.at + Duration::from_secs_f64(missing.min(3600.0)) + Duration::from_micros(1)
    }
}

impl Repair {
    /// Moves on to the next range. Returns false if there is none.
    pub(super) fn advance(&mut self) -> bool {
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
