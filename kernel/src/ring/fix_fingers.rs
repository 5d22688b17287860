//! Fix fingers: refreshes one slot per interval, in turn. A node that has just joined does the
//! first round without pauses.
//!
//! **Invariant:** a peer becomes a finger only after it has answered.

use crate::base::Peer;
use crate::node::Context;
use crate::ring::message::Purpose;
use crate::ring::node::RingNode;
use crate::ring::protocol::Ring;
use crate::ring::request::Probe;

impl RingNode {
    /// Schedules the next refresh, and starts one unless one is in flight.
    pub(crate) fn begin_fix_fingers(&mut self, cx: &mut Context<'_, Ring>) {
        if let Some(period) = self.config.fix_fingers {
            self.fix_at = cx.now + cx.rng.jitter(period);
        }
        if !self.fixing && self.is_member() {
            self.refresh_next_slot(cx);
        }
    }

    fn refresh_next_slot(&mut self, cx: &mut Context<'_, Ring>) {
        let shape = self.fingers.shape();
        let lowest = self.fingers.boundary() + 1;
        if lowest >= shape.slots() {
            (self.fixing, self.initial_fill) = (false, false);
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

    /// Handles the lookup result for `slot`: `owner` is the first node at or after its start.
    /// `answered` means that it has answered itself.
    pub(crate) fn on_finger_found(
        &mut self,
        cx: &mut Context<'_, Ring>,
        slot: usize,
        owner: Peer,
        answered: bool,
    ) {
        let slots = self.fingers.shape().slots();
        let found = if owner == self.me { slots } else { self.fingers.slot_of(owner.id) };
        let passed = self.fingers.entries().find(|&(at, _)| (slot..found).contains(&at));
        if let Some((_, finger)) = passed {
            self.remember_passed(cx, finger);
        }
        // No node lies in the slots in between, so they need no lookups.
        self.fingers.clear(slot, found.max(slot));
        self.next_slot = self.next_slot.max(found.min(slots) as u16 + 1);
        let new = found > self.fingers.boundary() && found < slots && !self.fingers.contains(owner);
        if new && answered {
            self.fingers.insert(owner);
        }
        if !(new && !answered && self.ping(cx, owner, Probe::Finger)) {
            self.finish_slot(cx);
        }
    }

    pub(crate) fn on_finger_alive(&mut self, cx: &mut Context<'_, Ring>, finger: Peer) {
        self.fingers.insert(finger);
        self.finish_slot(cx);
    }

    pub(crate) fn on_finger_failed(&mut self, cx: &mut Context<'_, Ring>) {
        self.finish_slot(cx);
    }

    fn finish_slot(&mut self, cx: &mut Context<'_, Ring>) {
        self.fixing = false;
        if usize::from(self.next_slot) >= self.fingers.shape().slots() {
            self.next_slot = 0;
            self.initial_fill = false;
        }
        if self.initial_fill && self.is_member() {
            // From the timer, not recursively: lookups that this node answers itself would nest.
            self.fix_at = cx.now;
            self.arm(cx);
        }
    }
}
