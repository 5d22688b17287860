//! Fix fingers: one slot is refreshed per interval, going round; a node that has just joined does
//! one round without waiting.
//!
//! **Invariant:** a peer becomes a finger only after it has answered.

use crate::base::Peer;
use crate::node::Context;
use crate::ring::message::Purpose;
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::Probe;

impl RingNode {
    pub(crate) fn begin_fix(&mut self, cx: &mut Context<'_, Ring>) {
        if let Some(period) = self.config.fix_fingers {
            self.fix_at = cx.now + cx.rng.jitter(period);
        }
        if !self.fixing && self.is_member() {
            self.fix_next(cx);
        }
    }

    fn fix_next(&mut self, cx: &mut Context<'_, Ring>) {
        let shape = self.fingers.shape();
        let lowest = self.fingers.boundary() + 1;
        if lowest >= shape.slots() {
            (self.fixing, self.filling) = (false, false);
            return;
        }
        let slot = usize::from(self.next_slot).max(lowest);
        let slot = if slot < shape.slots() { slot } else { lowest };
        self.next_slot = slot as u16 + 1;
        let key = self.me.id.add(shape.start(slot));
        self.fixing = true;
        if !self.begin_lookup(cx, key, slot as u64, Purpose::FixFingers, None) {
            self.on_finger_failed(cx);
        }
    }

    /// `owner` is the first node at or after the start of `slot`.
    pub(crate) fn on_finger_found(&mut self, cx: &mut Context<'_, Ring>, slot: usize, owner: Peer) {
        let slots = self.fingers.shape().slots();
        let found = if owner == self.me { slots } else { self.fingers.slot_of(owner.id) };
        // No node lies in the slots that were passed over: they need no lookups of their own.
        self.fingers.clear(slot, found.max(slot));
        self.next_slot = self.next_slot.max(found.min(slots) as u16 + 1);
        let new = found > self.fingers.boundary() && found < slots && !self.fingers.contains(owner);
        if !(new && self.ping(cx, owner, 0, Probe::Finger)) {
            self.slot_done(cx);
        }
    }

    pub(crate) fn on_finger_alive(&mut self, cx: &mut Context<'_, Ring>, finger: Peer) {
        self.fingers.insert(finger);
        self.slot_done(cx);
    }

    pub(crate) fn on_finger_failed(&mut self, cx: &mut Context<'_, Ring>) {
        self.slot_done(cx);
    }

    fn slot_done(&mut self, cx: &mut Context<'_, Ring>) {
        self.fixing = false;
        if usize::from(self.next_slot) >= self.fingers.shape().slots() {
            self.next_slot = 0;
            self.filling = false;
        }
        if self.filling {
            // From the timer, not from here: a run of lookups that this node answers itself would
            // otherwise nest.
            self.fix_at = cx.now;
            self.arm(cx);
        }
    }
}
