//! The events of one shard, in exact order.
//!
//! A calendar queue (Brown, *Calendar queues*, CACM 31(10), 1988) of two wheels and a heap for the
//! rest:
//!
//! ```text
//! near     1,024 ticks of 2^17 ns or less, from the next one on (0.13 s)
//! far      1,024 blocks of 1,024 ticks (137 s), moved to near one by one
//! beyond   everything later
//! ```
//!
//! An event is appended to the slot of its tick. The tick is sorted when it is opened. So events
//! are written and read sequentially in memory. An event for the open tick or an earlier one is
//! late and goes into a heap, which is slow. So a tick is no longer than the least delay of the network:
//! then no message is late.
//!
//! **Invariant:** events leave in the order of their [`Key`]s.

mod batch;
mod key;
#[cfg(test)]
mod tests;
mod wheel;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::mem;
use std::time::Duration;

use hopwise_kernel::node::MessageOf;
use hopwise_kernel::{Protocol, Time};

use self::batch::Contents;
pub(crate) use self::batch::{Batch, Command, Envelope, InFlight};
pub(crate) use self::key::{EventKind, Key, source};
use self::wheel::{SLOT_BITS, SLOTS, Slot, Spare, Wheel};
use crate::base::nanoseconds::as_ns;

/// The length of a tick is at most this power of two, in nanoseconds.
const TICK_BITS_MAX: u32 = 17;
/// The length of a tick is at least this power of two: 1 µs.
const TICK_BITS_MIN: u32 = 10;

/// A slot and the spare memory for it.
type SlotAndSpare<'a, P, Q> = (&'a mut Slot<P, Q>, &'a mut Spare<P, Q>);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Queue<P: Protocol, Q> {
    /// The length of a tick is this power of two, in nanoseconds.
    tick_bits: u32,
    /// The tick that was opened last.
    tick: u64,
    near: Wheel<P, Q>,
    far: Wheel<P, Q>,
    beyond: Slot<P, Q>,
    /// Separate for each wheel: near slots hold many messages, far slots hardly any.
    near_spare: Spare<P, Q>,
    far_spare: Spare<P, Q>,
    late: BinaryHeap<Reverse<Key>>,
    late_contents: Contents<P, Q>,
}

impl<P: Protocol, Q: Copy> Queue<P, Q> {
    /// An empty queue for a network in which every message takes `least_delay` or more.
    pub(crate) fn new(least_delay: Duration) -> Queue<P, Q> {
        let bits = as_ns(least_delay).max(1).ilog2();
        Queue {
            tick_bits: bits.clamp(TICK_BITS_MIN, TICK_BITS_MAX),
            tick: 0,
            near: Wheel::new(),
            far: Wheel::new(),
            beyond: Slot::default(),
            near_spare: Spare::default(),
            far_spare: Spare::default(),
            late: BinaryHeap::new(),
            late_contents: Contents::default(),
        }
    }

    /// Adds a timer.
    #[inline]
    pub(crate) fn enter_timer(&mut self, key: Key) {
        if let Some((slot, spare)) = self.slot(key.time) {
            slot.push(key, spare);
        } else {
            self.late.push(Reverse(key));
        }
    }

    /// Adds a message.
    #[inline]
    pub(crate) fn enter_message(
        &mut self,
        key: Key,
        envelope: Envelope,
        message: &MessageOf<'_, P>,
    ) {
        self.enter(key, |contents| contents.add_message(envelope, message));
    }

    /// Takes all events out of `batch`.
    #[inline]
    pub(crate) fn take(&mut self, batch: &mut Batch<P, Q>) {
        if batch.keys.is_empty() {
            return;
        }
        batch.keys.iter().for_each(|&key| self.take_one(key, &batch.contents));
        batch.clear();
    }

    /// The first late event.
    #[inline]
    pub(crate) fn first_late(&self) -> Option<Key> {
        self.late.peek().map(|&Reverse(key)| key)
    }

    /// When the first event after the open tick is due; [`Time::NEVER`] if there is none.
    #[inline]
    pub(crate) fn next_due(&self) -> Time {
        let near = self.near.next_after(self.tick).map(|tick| self.near.earliest(tick));
        let block = self.far.next_after(self.tick >> SLOT_BITS);
        let far = block.map(|block| self.far.earliest(block));
        near.into_iter().chain(far).fold(self.beyond.earliest, Time::min)
    }

    /// Moves the first late event into `single` and returns its new key.
    #[inline]
    pub(crate) fn take_late(&mut self, single: &mut Batch<P, Q>) -> Option<Key> {
        let Reverse(key) = self.late.pop()?;
        single.clear();
        let kind = single.contents.add_copy(key.kind, &self.late_contents);
        Some(Key { kind, ..key })
    }

    /// Opens the next tick that has events: moves them into `open`, sorted. Returns false if there
    /// is none. All events of `open` and all late events must be processed. Callers wait until the
    /// tick is due, because any event for an earlier tick is late from then on, and late events are
    /// slow.
    #[inline]
    pub(crate) fn open_next(&mut self, open: &mut Batch<P, Q>) -> bool {
        open.clear();
        self.late_contents.clear();
        loop {
            let near = self.near.next_after(self.tick);
            let far = self.far.next_after(self.tick >> SLOT_BITS).map(|block| block << SLOT_BITS);
            let beyond = self.tick_of(self.beyond.earliest) >> SLOT_BITS << SLOT_BITS;
            let beyond = (self.beyond.earliest != Time::NEVER).then_some(beyond);
            let waiting = far.into_iter().chain(beyond).min();
            if let Some(start) = waiting
                && near.is_none_or(|tick| start <= tick)
            {
                // Events of the outer wheel move to the inner one before they are due.
                self.tick = self.tick.max(start.saturating_sub(1));
                let slot = if beyond == Some(start) {
                    mem::take(&mut self.beyond)
                } else {
                    self.far.remove(start >> SLOT_BITS)
                };
                let nothing = Contents::default();
                let contents = slot.contents.as_deref().unwrap_or(&nothing);
                for key in slot.chunks.iter().flatten() {
                    self.take_one(*key, contents);
                }
                self.far_spare.keep(slot);
                continue;
            }
            let Some(tick) = near else { return false };
            self.tick = tick;
            let mut slot = self.near.remove(tick);
            slot.chunks.iter().for_each(|chunk| open.keys.extend_from_slice(chunk));
            open.earliest = slot.earliest;
            if let Some(contents) = &mut slot.contents {
                mem::swap(&mut **contents, &mut open.contents);
            }
            self.near_spare.keep(slot);
            open.keys.sort_unstable();
            return true;
        }
    }

    /// Adds an event of a batch or of an outer slot.
    fn take_one(&mut self, key: Key, from: &Contents<P, Q>) {
        match key.kind {
            EventKind::NodeTimer | EventKind::RequestTimer(_) | EventKind::ServiceEnd => {
                self.enter_timer(key);
            }
            kind => self.enter(key, |contents| contents.add_copy(kind, from)),
        }
    }

    /// Adds an event. `add` adds its content to the given contents.
    #[inline]
    fn enter(&mut self, key: Key, add: impl FnOnce(&mut Contents<P, Q>) -> EventKind) {
        if let Some((slot, spare)) = self.slot(key.time) {
            let kind = add(slot.contents.get_or_insert_with(|| spare.contents()));
            slot.push(Key { kind, ..key }, spare);
        } else {
            let kind = add(&mut self.late_contents);
            self.late.push(Reverse(Key { kind, ..key }));
        }
    }

    /// The slot for events at `time`; `None` if its tick is open or over.
    #[inline]
    fn slot(&mut self, time: Time) -> Option<SlotAndSpare<'_, P, Q>> {
        let tick = self.tick_of(time);
        if tick <= self.tick {
            return None;
        }
        let (block, now) = (tick >> SLOT_BITS, self.tick >> SLOT_BITS);
        Some(if tick - self.tick <= SLOTS as u64 {
            (self.near.slot(tick), &mut self.near_spare)
        } else if block - now < SLOTS as u64 {
            (self.far.slot(block), &mut self.far_spare)
        } else {
            (&mut self.beyond, &mut self.far_spare)
        })
    }

    #[inline]
    const fn tick_of(&self, time: Time) -> u64 {
        time.as_ns() >> self.tick_bits
    }
}
