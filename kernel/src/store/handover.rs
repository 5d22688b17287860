//! References change hands when their owner changes, rather than wait until they are published again.
//!
//! ```text
//! joins     predecessor ── newcomer ◀─ Copy ── this node     all that this node keeps and does not
//!                                                            own alone: step by step
//! leaves    this node ── Copy ─▶ successor ── Copy ─▶ …      all that this node owns: at once
//! ```
//!
//! A crash needs none of this: whoever owns the references then has copies of them. There is one less
//! of each until they are published again, and so there is of what a leaving node kept for others. A
//! reference that is lost on the way, or overtaken by the departure it belongs to, has the same remedy.
//!
//! A reference is handed over with the time it has left: nothing outlives its holder because others
//! come and go.
//!
//! **Invariant:** one step looks at [`SLOTS_PER_STEP`] places at most, however often predecessors
//! change.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::items::{Hit, Index};
use crate::node::{Context, Router};
use crate::store::message::MessageWith;
use crate::store::protocol::Stored;

/// Places of the index that one step looks at.
const SLOTS_PER_STEP: u32 = 64;
/// Time from one step to the next.
const PAUSE: Duration = Duration::from_millis(5);

/// How far a newcomer has been given what it is to keep.
#[derive(Debug)]
pub(super) struct Handover {
    /// The predecessor known last.
    known: Option<Peer>,
    /// It is no longer there, and nobody has taken its place.
    lost: bool,
    /// The place in the index that comes next.
    slot: u32,
    next_at: Time,
}

impl Handover {
    /// Nobody has come yet.
    pub(super) const fn new() -> Handover {
        Handover { known: None, lost: false, slot: 0, next_at: Time::NEVER }
    }

    /// When the next step is due.
    pub(super) const fn next_at(&self) -> Time {
        self.next_at
    }

    /// Looks at who is the predecessor of the node `me` now, and begins if that is a newcomer: nearer
    /// than the one before, or that one again, which may have lost all it had.
    pub(super) fn update_predecessor(&mut self, now: Time, me: Peer, predecessor: Option<Peer>) {
        let Some(new) = predecessor else {
            self.lost = true;
            return;
        };
        if self.known == Some(new) && !self.lost {
            return;
        }
        self.lost = false;
        let old = self.known.replace(new);
        if old.is_some_and(|old| !old.id.is_between(new.id, me.id)) {
            (self.slot, self.next_at) = (0, now);
        }
    }

    /// Takes the next step if it is due: tells the predecessor what it is to keep.
    pub(super) fn step<R: Router>(
        &mut self,
        cx: &mut Context<'_, Stored<R::Protocol>>,
        me: Peer,
        index: &Index,
    ) {
        let now = cx.now;
        if now < self.next_at {
            return;
        }
        let Some(newcomer) = self.known.filter(|_| !self.lost) else {
            self.next_at = Time::NEVER;
            return;
        };
        let end = self.slot.saturating_add(SLOTS_PER_STEP).min(index.slots());
        for (hit, expires) in (self.slot..end).filter_map(|slot| index.at(now, slot)) {
            if !R::owns(key_of(&hit), me, newcomer) {
                send_copy::<R>(cx, me, newcomer, &hit, 0, expires.since(now));
            }
        }
        self.slot = end;
        self.next_at = if end < index.slots() { now + PAUSE } else { Time::NEVER };
    }
}

/// Tells `successor` all that `me`, which is leaving and has that predecessor, owns; it has so many
/// copies made. As many messages as the index has room for, at most.
pub(super) fn hand_over_all<R: Router>(
    cx: &mut Context<'_, Stored<R::Protocol>>,
    me: Peer,
    predecessor: Option<Peer>,
    successor: Peer,
    index: &Index,
    copies: u8,
) {
    let now = cx.now;
    for (hit, expires) in (0..index.slots()).filter_map(|slot| index.at(now, slot)) {
        if predecessor.is_none_or(|peer| R::owns(key_of(&hit), me, peer)) {
            send_copy::<R>(cx, me, successor, &hit, copies, expires.since(now));
        }
    }
}

/// Where on the ring a reference belongs.
pub(super) fn key_of(hit: &Hit) -> Id {
    Id::of_name(hit.name.as_bytes())
}

/// Has `to` keep a reference that lapses so much later.
pub(super) fn send_copy<R: Router>(
    cx: &mut Context<'_, Stored<R::Protocol>>,
    me: Peer,
    to: Peer,
    hit: &Hit,
    copies: u8,
    lifetime: Duration,
) {
    let lifetime_ms = u32::try_from(lifetime.as_millis()).unwrap_or(u32::MAX);
    cx.world.send(me, to, &MessageWith::Copy { hit: *hit, copies, lifetime_ms });
}
