//! Handover: moves references to their new owner when a node joins or leaves, instead of waiting
//! until they are published again.
//!
//! ```text
//! join      predecessor ── new node ◀─ Copy ── this node     all references that this node stores but
//!                                                            no longer owns: step by step
//! leave     this node ── Copy ─▶ successor ── Copy ─▶ …      all references that this node owns: at
//!                                                            once
//! ```
//!
//! A crash needs no handover: the new owner already has copies. Until the next publication there is
//! one copy less of each reference, also of those that a leaving node stored for other owners. The
//! next publication also repairs references that are lost in transit, or that arrive after the
//! departure that they belong to and are rejected.
//!
//! A reference is handed over with its remaining lifetime, so it never outlives its holder's last
//! publication by more than the configured lifetime.
//!
//! **Invariant:** one step visits at most [`SLOTS_PER_STEP`] slots of the index, however often
//! predecessors change.

use core::time::Duration;

use crate::base::{Id, Peer, Time};
use crate::directory::message::MessageWith;
use crate::directory::protocol::Directory;
use crate::items::{Hit, Index};
use crate::node::{Context, Router};

/// Slots of the index that one step visits.
const SLOTS_PER_STEP: u32 = 64;
/// Time between two steps.
const PAUSE: Duration = Duration::from_millis(5);

/// The progress of the handover to a new predecessor.
#[derive(Debug)]
pub(super) struct Handover {
    /// The last known predecessor.
    known: Option<Peer>,
    /// Whether that predecessor is gone and has not been replaced.
    lost: bool,
    /// The place in the index that comes next.
    slot: u32,
    next_at: Time,
}

impl Handover {
    /// No handover.
    pub(super) const fn new() -> Handover {
        Handover { known: None, lost: false, slot: 0, next_at: Time::NEVER }
    }

    /// The time of the next step.
    pub(super) const fn next_at(&self) -> Time {
        self.next_at
    }

    /// Updates the predecessor of the node `me`. Starts a handover if it is new: nearer than
    /// the last one, or the last one after it was gone, since it may have lost its references.
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

    /// Takes the next step if it is due: sends references to the predecessor.
    pub(super) fn step<R: Router>(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
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

/// Sends all references that the leaving node `me` owns to `successor`, which makes `copies`
/// further copies of each. Sends at most one message per entry of the index.
pub(super) fn hand_over_all<R: Router>(
    cx: &mut Context<'_, Directory<R::Protocol>>,
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

/// The key of a reference: the hash of its name.
pub(super) fn key_of(hit: &Hit) -> Id {
    Id::of_name(hit.name.as_bytes())
}

/// Sends a reference that expires after `lifetime` to `to`, which makes `copies` further copies.
pub(super) fn send_copy<R: Router>(
    cx: &mut Context<'_, Directory<R::Protocol>>,
    me: Peer,
    to: Peer,
    hit: &Hit,
    copies: u8,
    lifetime: Duration,
) {
    let lifetime_ms = u32::try_from(lifetime.as_millis()).unwrap_or(u32::MAX);
    cx.world.send(me, to, &MessageWith::Copy { hit: *hit, copies, lifetime_ms });
}
