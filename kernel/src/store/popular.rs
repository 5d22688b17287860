//! What a node knows of popular values: which ones it owns, for which ones it may answer as a holder, and
//! which holders it asks as an origin.
//!
//! **Invariant:** all tables are bounded; without a threshold they are empty, and no value is popular.

use core::time::Duration;

use crate::base::{FixedVec, Id, Peer, Time};
use crate::store::holders::Holders;
use crate::store::table::ItemHandle;
use crate::store::version::Version;

/// A holder may answer for so long after it has received a grant.
pub(super) const GRANT_LIFE: Duration = Duration::from_secs(1);
/// The longest time that a message takes, beyond what its sender has counted.
pub(super) const TRANSIT: Duration = Duration::from_secs(1);
/// Reads are counted for so long before it is decided again what is popular.
const PERIOD: Duration = Duration::from_secs(1);
/// An origin asks a holder for so long before it asks the owner again.
const ASSIGNMENT: Duration = Duration::from_secs(5);
/// Values that an owner counts the reads of, at most.
const TRACKED: usize = 8;
/// Grants that a holder has, at most.
const HELD: usize = 8;
/// Holders that an origin asks, at most.
const ASSIGNED: usize = 8;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Popular {
    /// Reads in a period that make a value popular; 0: none ever is.
    threshold: u32,
    tracked: FixedVec<Tracked>,
    period_ends: Time,
    /// The place of the node that answers next.
    turn: usize,
    /// Nodes that were holders before may answer until then.
    exposed_until: Time,
    held: FixedVec<Held>,
    assigned: FixedVec<Assigned>,
}

/// A value that this node owns.
#[derive(Clone, Copy, Debug)]
struct Tracked {
    item: ItemHandle,
    key: Id,
    /// Reads in this period; fewer, if many other values were read.
    reads: u32,
    is_popular: bool,
    /// The last version for which holders may answer, and when they were told.
    granted: Option<(Version, Time)>,
}

/// The right to answer for an owner.
#[derive(Clone, Copy, Debug)]
struct Held {
    item: ItemHandle,
    key: Id,
    version: Version,
    owner: Peer,
    until: Time,
}

/// A holder that answers reads of a key.
#[derive(Clone, Copy, Debug)]
struct Assigned {
    key: Id,
    holder: Peer,
    until: Time,
}

impl Popular {
    pub(super) fn new(threshold: Option<u32>) -> Popular {
        let capacity = |most| if threshold.is_some() { most } else { 0 };
        Popular {
            threshold: threshold.map_or(0, |threshold| threshold.max(1)),
            tracked: FixedVec::with_capacity(capacity(TRACKED)),
            period_ends: Time::ZERO,
            turn: 0,
            exposed_until: Time::ZERO,
            held: FixedVec::with_capacity(capacity(HELD)),
            assigned: FixedVec::with_capacity(capacity(ASSIGNED)),
        }
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.tracked.capacity() * size_of::<Tracked>()
            + self.held.capacity() * size_of::<Held>()
            + self.assigned.capacity() * size_of::<Assigned>()
    }

    /// Whether a value can be popular.
    pub(super) const fn is_possible(&self) -> bool {
        self.threshold > 0
    }

    /// Counts a read at the owner of a value that `replicas` nodes keep. Returns whether the value is
    /// popular.
    ///
    /// Of many values the most popular ones are found (Misra and Gries, *Finding repeated elements*,
    /// 1982): what makes up more than a ninth of all reads is never missed.
    pub(super) fn count_read(
        &mut self,
        now: Time,
        item: ItemHandle,
        key: Id,
        replicas: u32,
    ) -> bool {
        if !self.is_possible() {
            return false;
        }
        if now >= self.period_ends {
            self.end_period(now, replicas);
        }
        let at = match self.tracked.iter().position(|it| it.item == item) {
            Some(at) => at,
            None => {
                let is_free = |it: &Tracked| it.reads == 0 && !it.is_popular && !it.is_granted(now);
                let new = Tracked { item, key, reads: 0, is_popular: false, granted: None };
                if self.tracked.len() < self.tracked.capacity() {
                    self.tracked.push(new);
                    self.tracked.len() - 1
                } else if let Some(at) = self.tracked.iter().position(is_free) {
                    self.tracked[at] = new;
                    at
                } else {
                    for it in &mut self.tracked {
                        it.reads = it.reads.saturating_sub(1);
                    }
                    return false;
                }
            }
        };
        let it = &mut self.tracked[at];
        it.reads = it.reads.saturating_add(1);
        it.is_popular |= it.reads >= self.threshold;
        it.is_popular
    }

    /// Decides which values are still popular: their owner sees only its share of the reads.
    fn end_period(&mut self, now: Time, replicas: u32) {
        self.period_ends = now + PERIOD;
        for it in &mut self.tracked {
            it.is_popular &= it.reads >= (self.threshold / (2 * replicas.max(1))).max(1);
            it.reads = 0;
        }
    }

    /// Whether the holders must be told that they may answer for this version, at the latest now.
    pub(super) fn needs_grant(&self, now: Time, item: ItemHandle, version: Version) -> bool {
        self.tracked.iter().any(|it| {
            let is_fresh = |(of, at): (Version, Time)| of == version && now < at + GRANT_LIFE / 2;
            it.item == item && it.is_popular && !it.granted.is_some_and(is_fresh)
        })
    }

    /// The holders have been told.
    pub(super) fn on_granted(&mut self, now: Time, item: ItemHandle, version: Version) {
        if let Some(it) = self.tracked.iter_mut().find(|it| it.item == item) {
            it.granted = Some((version, now));
        }
    }

    /// The holder that is to answer the next reads of an origin; `None` if the owner is to.
    pub(super) fn next_holder(&mut self, holders: &Holders) -> Option<Peer> {
        self.turn = (self.turn + 1) % (holders.peers().len() + 1);
        holders.peers().get(self.turn).copied()
    }

    /// Nodes that hold grants may be holders no more.
    pub(super) fn on_holders_changed(&mut self) {
        let ends = self.tracked.iter().filter_map(|it| Some(grant_end(it.granted?.1)));
        self.exposed_until = ends.fold(self.exposed_until, Time::max);
    }

    /// This node takes over the keys of which `contains` is true. What it may answer for, others may, too, also
    /// such as it does not know.
    pub(super) fn on_taken_over(&mut self, contains: impl Fn(Id) -> bool) {
        let held = self.held.iter().filter(|it| contains(it.key)).map(|it| it.until + TRANSIT);
        self.exposed_until = held.fold(self.exposed_until, Time::max);
    }

    /// Until when nodes may answer that are not asked for their consent to a write. In the past if there
    /// are none.
    pub(super) const fn exposed_until(&self) -> Time {
        self.exposed_until
    }

    /// Whether nodes may answer reads of a key of which `contains` is true, because this node or an
    /// owner other than `asker` has allowed it.
    pub(super) fn is_answered_elsewhere(
        &self,
        now: Time,
        contains: impl Fn(Id) -> bool,
        asker: Peer,
    ) -> bool {
        let is_running = |it: &Tracked| it.is_granted(now) && contains(it.key);
        let is_held = |it: &Held| now < it.until + TRANSIT && it.owner != asker && contains(it.key);
        now < self.exposed_until
            || self.tracked.iter().any(is_running)
            || self.held.iter().any(is_held)
    }

    /// The owner of an item allows this node to answer for this version.
    pub(super) fn hold(
        &mut self,
        now: Time,
        item: ItemHandle,
        key: Id,
        version: Version,
        owner: Peer,
    ) {
        let new = Held { item, key, version, owner, until: now + GRANT_LIFE };
        let is_free = |it: &Held| it.item == item || it.until + TRANSIT <= now;
        put(&mut self.held, new, is_free);
    }

    /// Whether this node may answer for this version of an item that it does not own.
    pub(super) fn may_answer(&self, now: Time, item: ItemHandle, version: Version) -> bool {
        self.held.iter().any(|it| it.item == item && it.version == version && now < it.until)
    }

    /// An owner has named a holder that answers reads of `key`.
    pub(super) fn assign(&mut self, now: Time, key: Id, holder: Peer) {
        let new = Assigned { key, holder, until: now + ASSIGNMENT };
        let is_free = |it: &Assigned| it.key == key || it.until <= now;
        put(&mut self.assigned, new, is_free);
    }

    /// The holder to ask for the value of `key`.
    pub(super) fn assigned(&self, now: Time, key: Id) -> Option<Peer> {
        let it = self.assigned.iter().find(|it| it.key == key && now < it.until)?;
        Some(it.holder)
    }

    /// The holder does not answer for `key`.
    pub(super) fn unassign(&mut self, key: Id, holder: Peer) {
        self.assigned.retain(|it| it.key != key || it.holder != holder);
    }
}

impl Tracked {
    /// Whether a holder may still answer because of a grant.
    fn is_granted(&self, now: Time) -> bool {
        self.granted.is_some_and(|(_, at)| now < grant_end(at))
    }
}

/// When the grants are over that were sent at `at`.
fn grant_end(at: Time) -> Time {
    at + GRANT_LIFE + TRANSIT
}

/// Puts an entry into the place of one that `is_free`, or at the end. Does nothing if the table is full.
fn put<T>(table: &mut FixedVec<T>, entry: T, is_free: impl Fn(&T) -> bool) {
    if let Some(at) = table.iter().position(is_free) {
        table[at] = entry;
    } else if table.len() < table.capacity() {
        table.push(entry);
    }
}
