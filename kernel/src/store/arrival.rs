//! How far the arrival of a range of keys is: which nodes were asked, and what they had.
//!
//! ```text
//!   predecessor ─────────┬─────────────┬──── this node ──── successor ──── holder
//!                        │ arriving    │ complete
//!                        from          ready_from
//! ```
//!
//! While many nodes join between two others, a node may not know the last owner of its range, nor that one
//! this node. So an owner remembers what it has ceded, and to whom it has sent the items. It looks up the
//! owner of a part that no node has asked for, and offers it the items. A node that has been sent more than it
//! then needs, because others have joined before it, has *custody* of the rest: it stands in for the last owner
//! towards these.
//!
//! **Invariant:** a key is owned only if it lies in the complete part, and after the predecessor if there is one; of
//! a ceded part, one node at most is told that it has everything.

use core::time::Duration;

use crate::base::{FixedVec, Id, Peer, Time};
use crate::store::sum::Range;

/// A node does not confirm that its predecessor owns the keys of the one before for so long. By then
/// these two have found each other, or the one before is dead.
const ACQUAINTANCE: Duration = Duration::from_secs(5);
/// The most nodes that are asked for one arrival.
const MAX_SOURCES: usize = 48;
/// A node that became a member less than this ago may not know of the one that owned its range until then:
/// many may have joined between them. It owns nothing before that one has sent its items, or as long as
/// this. And so long that one says that it was the owner.
pub(super) const LONGEST_ARRIVAL: Duration = Duration::from_secs(10);
/// The most parts of a range that are remembered after they have gone to others.
const MAX_CEDED: usize = 64;
/// Parts that follow each other, that went within this time, and that no node has asked for, are one part.
const SAME_TIME: Duration = Duration::from_secs(1);

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) me: Option<Id>,
    pub(super) predecessor: Option<Peer>,
    /// The keys after this one, up to the node, are complete.
    pub(super) ready_from: Option<Id>,
    /// The node was stopped for so long that others may own its keys, and has had no new predecessor since.
    pub(super) was_absent: bool,
    /// The parts that were complete and have gone to nodes that joined.
    ceded: FixedVec<Ceded>,
    /// The range of which the last owner has sent all items, while this node does not own it yet.
    custody: Option<Range>,
    /// Where the range began that it took over last.
    taken_from: Option<Id>,
    /// The predecessor that the present one has come after, and when.
    pub(super) before_last: Option<(Id, Time)>,
    /// The part that is arriving.
    pub(super) arriving: Option<Range>,
    /// Numbers the changes of `arriving`; 0 before the first.
    pub(super) number: u32,
    /// The nodes that are asked.
    pub(super) sources: FixedVec<Source>,
    /// The nodes that follow this one, up to so many, are sources besides the holders.
    pub(super) width: usize,
    pub(super) next: Option<Peer>,
    /// Whether a successor has gone since the node became a member.
    pub(super) has_lost_next: bool,
    /// The successor that has confirmed that this node is its predecessor.
    pub(super) confirmed_by: Option<Peer>,
    /// What the best of the sources had.
    pub(super) had: Had,
    pub(super) retry_at: Option<Time>,
    /// When the node became a member.
    pub(super) member_since: Time,
    /// Whether it has still to report that it has arrived.
    pub(super) is_new: bool,
    pub(super) is_member: bool,
    /// The node was a member and has left. It still answers what was on its way to it.
    pub(super) has_left: bool,
}

/// A part of the range that this node owned.
#[derive(Clone, Copy, Debug)]
struct Ceded {
    range: Range,
    since: Time,
    /// The node to which its items were sent, and which can own the part from then on; `None` if no node has
    /// asked for them.
    sent_to: Option<Id>,
}

/// A node that this node asks for items.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source {
    pub(super) peer: Peer,
    pub(super) state: State,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
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
pub(super) enum Had {
    /// Something, or nothing.
    #[default]
    Any,
    /// Every write that was acknowledged.
    All,
    /// All that was written.
    AllAsOwner,
}

impl Arrival {
    /// Of a node that is no member.
    pub(super) fn new() -> Arrival {
        Arrival::with(FixedVec::with_capacity(MAX_SOURCES), FixedVec::with_capacity(MAX_CEDED), 0)
    }

    const fn with(sources: FixedVec<Source>, ceded: FixedVec<Ceded>, number: u32) -> Arrival {
        Arrival {
            me: None,
            predecessor: None,
            ready_from: None,
            was_absent: false,
            ceded,
            custody: None,
            taken_from: None,
            before_last: None,
            arriving: None,
            number,
            sources,
            width: 0,
            next: None,
            has_lost_next: false,
            confirmed_by: None,
            had: Had::Any,
            retry_at: None,
            member_since: Time::ZERO,
            is_new: false,
            is_member: false,
            has_left: false,
        }
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.sources.capacity() * size_of::<Source>() + self.ceded.capacity() * size_of::<Ceded>()
    }

    /// The node has all items of its range.
    pub(super) fn start_complete(&mut self, me: Peer, predecessor: Option<Peer>) {
        self.reset();
        (self.me, self.predecessor, self.is_member) = (Some(me.id), predecessor, true);
        self.ready_from = predecessor.map(|peer| peer.id);
    }

    /// The node is no member any more.
    pub(super) fn reset(&mut self) {
        let mut sources = core::mem::replace(&mut self.sources, FixedVec::with_capacity(0));
        let mut ceded = core::mem::replace(&mut self.ceded, FixedVec::with_capacity(0));
        sources.clear();
        ceded.clear();
        *self = Arrival::with(sources, ceded, self.number);
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
        self.me = Some(me.id);
        let Some(Peer { id: from, .. }) = predecessor else {
            self.custody = None;
            return;
        };
        self.was_absent = false;
        self.before_last = before.filter(|it| from.is_between(it.id, me.id)).map(|it| (it.id, now));
        let arriving = match self.ready_from {
            None => Some(Range { from, to: me.id }),
            Some(ready_from) if ready_from == from => None,
            Some(ready_from) if from.is_between(ready_from, me.id) => {
                self.cede(now, Range { from: ready_from, to: from });
                self.ready_from = Some(from);
                None
            }
            Some(to) => Some(Range { from, to }),
        };
        if let Some(range) = arriving {
            // Others may have owned it meanwhile.
            self.ceded.retain(|it| !range.contains(it.range.to));
        }
        if arriving != self.arriving {
            self.arriving = arriving;
            self.number = self.number.wrapping_add(1).max(1);
            // Nodes that wait for others may be the only ones that have the items.
            self.sources.retain(|it| it.state != State::Silent);
            self.sources.iter_mut().for_each(|it| it.state = State::New);
            (self.width, self.confirmed_by, self.had) = (0, None, Had::Any);
            self.retry_at = None;
        }
        self.narrow_custody(now, from);
    }

    /// The last owner of `asked` has sent all its items to this node.
    pub(super) fn take_custody(&mut self, now: Time, asked: Range) {
        if Some(asked.to) != self.me {
            return;
        }
        match (self.arriving, self.predecessor, self.taken_from) {
            (Some(_), Some(predecessor), _) => {
                self.custody = Some(asked);
                self.narrow_custody(now, predecessor.id);
            }
            // It has asked again since, for less, and owns that by now.
            (None, _, Some(from)) if asked.contains(from) && from != asked.to => {
                self.cede(now, Range { from: asked.from, to: from });
            }
            _ => {}
        }
    }

    /// What lies before the predecessor goes on to the nodes that have joined there since it was asked for.
    fn narrow_custody(&mut self, now: Time, predecessor: Id) {
        let Some(custody) = &mut self.custody else { return };
        if predecessor != custody.from && !custody.contains(predecessor) {
            // The one before is gone: another node may have owned its part.
            self.custody = None;
            return;
        }
        if custody.contains(predecessor) && predecessor != custody.to {
            let before = Range { from: custody.from, to: predecessor };
            custody.from = predecessor;
            self.cede(now, before);
        }
        if self.arriving.is_some_and(|range| self.custody.is_some_and(|it| it.covers(range))) {
            self.had = Had::AllAsOwner;
        }
    }

    /// Takes note of the successor. If the one before is gone, the node after it may own the range for which
    /// this node has custody, before it knows this node.
    pub(super) fn set_next(&mut self, next: Option<Peer>) {
        let before = core::mem::replace(&mut self.next, next);
        let (Some(me), Some(before)) = (self.me, before) else { return };
        let is_nearer = next.is_some_and(|it| it == before || it.id.is_between(me, before.id));
        if !is_nearer {
            (self.custody, self.has_lost_next) = (None, true);
        }
    }

    /// The arriving range is complete.
    pub(super) fn end(&mut self, range: Range) {
        (self.arriving, self.ready_from, self.retry_at) = (None, Some(range.from), None);
        (self.custody, self.taken_from) = (None, Some(range.from));
        self.sources.clear();
    }

    /// Whether the node owns `key` and has its items.
    pub(super) fn has(&self, key: Id) -> bool {
        self.complete_range().is_some_and(|range| range.contains(key))
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
        let (me, ready_from) = (self.me?, self.ready_from?);
        let from = match self.predecessor {
            // No other node can own that meanwhile, unless this one is cut off.
            None if self.was_absent || self.next.is_none() => return None,
            None => ready_from,
            Some(it) if me.owns(ready_from, it.id) && ready_from != me => ready_from,
            Some(it) => it.id,
        };
        Some(Range { from, to: me })
    }

    /// The range that the node owns, whether it has all items or not; that of which it has all items while
    /// the predecessor is not known.
    pub(super) fn claimed_range(&self) -> Option<Range> {
        let from = self.predecessor.map(|it| it.id).or(self.ready_from)?;
        Some(Range { from, to: self.me? })
    }

    /// Whether the node owns `key`, whether it has its items or not.
    pub(super) fn claims(&self, key: Id) -> bool {
        self.claimed_range().is_some_and(|range| range.contains(key))
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

    /// A part of the range goes to the predecessor.
    fn cede(&mut self, now: Time, range: Range) {
        if let Some(last) = self.ceded.last_mut()
            && last.sent_to.is_none()
            && last.range.to == range.from
            && now.since(last.since) < SAME_TIME
        {
            last.range.to = range.to;
            return;
        }
        if self.ceded.len() == self.ceded.capacity() {
            self.ceded.remove(0);
        }
        self.ceded.push(Ceded { range, since: now, sent_to: None });
    }

    /// Whether this node was the last owner of `range`, as far as `peer` does not own it.
    pub(super) fn has_ceded(&self, now: Time, range: Range, peer: Peer) -> bool {
        // It may have been ceded in several steps.
        let free = self.ceded.iter().filter(|it| {
            it.sent_to.is_none_or(|other| other == peer.id) && now.since(it.since) < LONGEST_ARRIVAL
        });
        range.is_covered_by(free.map(|it| it.range))
    }

    /// All items of `range` were sent to `peer`, which can own it from now on.
    pub(super) fn give(&mut self, range: Range, peer: Peer) {
        for at in (0..self.ceded.len()).rev() {
            let it = self.ceded[at];
            let overlaps = range.contains(it.range.to) || it.range.contains(range.to);
            if !overlaps || it.sent_to.is_some() {
                continue;
            }
            self.ceded.remove(at);
            let ends_within = it.range.contains(range.to);
            let starts_within = it.range.contains(range.from) && range.from != it.range.to;
            let to = if ends_within { range.to } else { it.range.to };
            let from = if starts_within { range.from } else { it.range.from };
            let parts = [
                (Range { from: it.range.from, to: from }, None),
                (Range { from, to }, Some(peer.id)),
                (Range { from: to, to: it.range.to }, None),
            ];
            for (part, sent_to) in parts {
                if part.from != part.to && self.ceded.len() < self.ceded.capacity() {
                    self.ceded.push(Ceded { range: part, sent_to, ..it });
                }
            }
        }
    }

    /// A ceded part that no node has asked for: its owner may not know this node.
    pub(super) fn unclaimed(&self, now: Time) -> Option<Range> {
        let is_unclaimed =
            |it: &&Ceded| it.sent_to.is_none() && now.since(it.since) < LONGEST_ARRIVAL;
        self.ceded.iter().find(is_unclaimed).map(|it| it.range)
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
    pub(super) fn is_alone(&self) -> bool {
        self.predecessor.map(|it| it.id) == self.me
    }

    /// Whether the successor is known to have this node as its predecessor.
    pub(super) fn is_confirmed(&self) -> bool {
        self.is_alone() || self.next.is_some() && self.confirmed_by == self.next
    }

    pub(super) fn source_mut(&mut self, peer: Peer) -> Option<&mut Source> {
        self.sources.iter_mut().find(|it| it.peer.is_same_destination(peer))
    }

    /// Adds a source, unless it is one.
    pub(super) fn add_source(&mut self, peer: Peer) {
        if Some(peer.id) != self.me
            && self.source_mut(peer).is_none()
            && self.sources.len() < MAX_SOURCES
        {
            self.sources.push(Source { peer, state: State::New });
        }
    }

    /// Tries again after a pause.
    pub(super) fn retry(&mut self, at: Time) {
        self.retry_at = Some(self.retry_at.map_or(at, |before| before.min(at)));
    }
}
