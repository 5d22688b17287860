//! How far the arrival of a range of keys is: which nodes were asked, and what they had.
//!
//! ```text
//!   predecessor ─────────┬─────────────┬──── this node ──── successor ──── holder
//!                        │ arriving    │ complete
//!                        from          ready_from
//! ```
//!
//! **Invariant:** a key is owned only if it lies after the predecessor and in the complete part.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::store::sum::Range;

/// A node does not confirm that its predecessor owns the keys of the one before for so long. By then
/// these two have found each other, or the one before is dead.
const ACQUAINTANCE: Duration = Duration::from_secs(5);
/// The most nodes that are asked for one arrival.
const MAX_SOURCES: usize = 48;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) me: Option<Id>,
    pub(super) predecessor: Option<Peer>,
    /// The keys after this one, up to the node, are complete.
    pub(super) ready_from: Option<Id>,
    /// The part that was complete and has gone to the present predecessor.
    pub(super) ceded: Option<Range>,
    /// The predecessor that the present one has come after, and when.
    pub(super) before_last: Option<(Id, Time)>,
    /// The part that is arriving.
    pub(super) arriving: Option<Range>,
    /// Numbers the changes of `arriving`; 0 before the first.
    pub(super) number: u32,
    /// The nodes that are asked.
    pub(super) sources: Vec<Source>,
    /// The nodes that follow this one, up to so many, are sources besides the holders.
    pub(super) width: usize,
    pub(super) next: Option<Peer>,
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
        Arrival::with(Vec::with_capacity(MAX_SOURCES), 0)
    }

    const fn with(sources: Vec<Source>, number: u32) -> Arrival {
        Arrival {
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
        }
    }

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
        *self = Arrival::with(sources, self.number);
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
