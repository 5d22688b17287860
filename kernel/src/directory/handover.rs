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
use crate::items::words::word;
use crate::items::{Hit, Index, WordIndex};
use crate::node::{Context, Router};

/// Slots of the index that one step visits.
const SLOTS_PER_STEP: u32 = 64;
/// Time between two steps.
const PAUSE: Duration = Duration::from_millis(5);

/// The progress of the handover to a new predecessor.
#[derive(Clone, Debug)]
pub(super) struct Handover {
    /// The last known predecessor.
    known: Option<Peer>,
    /// Whether that predecessor is gone and has not been replaced.
    lost: bool,
    /// The place in the index that comes next.
    slot: u32,
    /// The place in the index of words that comes next, once the other is done.
    word_slot: u32,
    next_at: Time,
}

impl Handover {
    /// No handover.
    pub(super) const fn new() -> Handover {
        Handover { known: None, lost: false, slot: 0, word_slot: 0, next_at: Time::NEVER }
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
            (self.slot, self.word_slot, self.next_at) = (0, 0, now);
        }
    }

    /// Takes the next step if it is due: sends references to the predecessor.
    pub(super) fn step<R: Router>(
        &mut self,
        cx: &mut Context<'_, Directory<R::Protocol>>,
        me: Peer,
        index: &Index,
        words: Option<&WordIndex>,
    ) {
        let now = cx.now;
        if now < self.next_at {
            return;
        }
        let Some(newcomer) = self.known.filter(|_| !self.lost) else {
            self.next_at = Time::NEVER;
            return;
        };
        let mut is_over = true;
        let mut send = |reference: &Reference, expires: Time| {
            if !R::owns(reference.key(), me, newcomer) {
                send_copy::<R>(cx, me, newcomer, reference, 0, expires.since(now));
            }
        };
        if self.slot < index.slots() {
            let end = self.slot.saturating_add(SLOTS_PER_STEP).min(index.slots());
            let references = (self.slot..end).filter_map(|slot| index.at(now, slot));
            references.for_each(|(hit, expires)| send(&Reference { hit, word: None }, expires));
            self.slot = end;
            is_over = end == index.slots() && words.is_none_or(WordIndex::is_empty);
        } else if let Some(words) = words {
            let end = self.word_slot.saturating_add(SLOTS_PER_STEP).min(words.slots());
            let references = (self.word_slot..end).filter_map(|slot| words.at(now, slot));
            references.for_each(|(hit, word, expires)| {
                send(&Reference { hit, word: Some(word) }, expires);
            });
            self.word_slot = end;
            is_over = end == words.slots();
        }
        self.next_at = if is_over { Time::NEVER } else { now + PAUSE };
    }
}

/// A reference as nodes hand it over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reference {
    pub(super) hit: Hit,
    /// The number of the word of the name under which it is kept; `None`: under the whole name.
    pub(super) word: Option<u8>,
}

impl Reference {
    /// Its key: the hash of the name or of the word.
    pub(super) fn key(&self) -> Id {
        let name = &self.hit.name;
        let word = self.word.and_then(|number| word(name, number));
        Id::of_name(word.as_ref().unwrap_or(name).as_bytes())
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
    words: Option<&WordIndex>,
    copies: u8,
) {
    let now = cx.now;
    let mut send = |reference: &Reference, expires: Time| {
        if predecessor.is_none_or(|peer| R::owns(reference.key(), me, peer)) {
            send_copy::<R>(cx, me, successor, reference, copies, expires.since(now));
        }
    };
    for (hit, expires) in (0..index.slots()).filter_map(|slot| index.at(now, slot)) {
        send(&Reference { hit, word: None }, expires);
    }
    let Some(words) = words else { return };
    for (hit, word, expires) in (0..words.slots()).filter_map(|slot| words.at(now, slot)) {
        send(&Reference { hit, word: Some(word) }, expires);
    }
}

/// Sends a reference that expires after `lifetime` to `to`, which makes `copies` further copies.
pub(super) fn send_copy<R: Router>(
    cx: &mut Context<'_, Directory<R::Protocol>>,
    me: Peer,
    to: Peer,
    &Reference { hit, word }: &Reference,
    copies: u8,
    lifetime: Duration,
) {
    let lifetime_ms = u32::try_from(lifetime.as_millis()).unwrap_or(u32::MAX);
    cx.world.send(me, to, &MessageWith::Copy { hit, word, copies, lifetime_ms });
}
