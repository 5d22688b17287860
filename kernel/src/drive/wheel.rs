//! A hierarchical timer wheel over a fixed set of timers.
//!
//! ```text
//! level 0   256 slots of one tick      ┐
//! level 1   256 slots of 256 ticks     ├ a timer lies in the level where its deadline first
//! level 2   256 slots of 65,536 ticks  ┘ differs from now, and moves down as time passes
//! ```
//!
//! Timers are numbered `0 .. capacity` by their owner; each has at most one deadline. Arming,
//! disarming and expiring are O(1), and the links lie in one array allocated at construction
//! (Varghese and Lauck, *Hashed and hierarchical timing wheels*, SOSP 1987, scheme 7).
//!
//! **Invariant:** a timer never fires before its deadline, and fires at most one tick after it if
//! [`TimerWheel::expire`] is called then. Nothing is allocated after construction.

use alloc::boxed::Box;
use alloc::vec;

use crate::base::Time;

/// Length of one tick: 2^18 ns, about 0.26 ms.
pub const TICK_NS: u64 = 1 << TICK_BITS;

const TICK_BITS: u32 = 18;
const SLOT_BITS: u32 = 8;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 3;
/// Timers with a deadline further away (73 minutes) wait in the last slot and are filed again
/// when it expires.
const MAX_AHEAD: u64 = (1 << (SLOT_BITS * LEVELS as u32)) - 1;
const NONE: u32 = u32::MAX;

/// A timer wheel. See the [module](self).
#[derive(Debug)]
pub struct TimerWheel {
    timers: Box<[Timer]>,
    /// The first timer of each slot, per level.
    heads: Box<[[u32; SLOTS]; LEVELS]>,
    occupied: [[u64; SLOTS / 64]; LEVELS],
    /// All ticks before this one have expired.
    tick: u64,
    armed: usize,
}

impl Clone for TimerWheel {
    fn clone(&self) -> TimerWheel {
        TimerWheel { timers: self.timers.clone(), heads: self.heads.clone(), ..*self }
    }

    /// Reuses the memory.
    fn clone_from(&mut self, source: &TimerWheel) {
        self.timers.clone_from(&source.timers);
        self.heads.clone_from(&source.heads);
        self.occupied = source.occupied;
        (self.tick, self.armed) = (source.tick, source.armed);
    }
}

#[derive(Clone, Copy, Debug)]
struct Timer {
    /// The first tick at whose start the deadline has passed.
    tick: u64,
    next: u32,
    /// Previous timer in the list; or, for the first one, `FIRST | level << 8 | slot`.
    previous: u32,
}

const FIRST: u32 = 1 << 31;
const IDLE: Timer = Timer { tick: 0, next: NONE, previous: NONE };

impl TimerWheel {
    /// A wheel for timers `0 .. capacity`, none of them armed. `capacity` must be below 2^31.
    #[must_use]
    pub fn new(capacity: usize) -> TimerWheel {
        assert!(capacity < FIRST as usize, "a wheel holds fewer than 2^31 timers");
        TimerWheel {
            timers: vec![IDLE; capacity].into_boxed_slice(),
            heads: Box::new([[NONE; SLOTS]; LEVELS]),
            occupied: [[0; SLOTS / 64]; LEVELS],
            tick: 0,
            armed: 0,
        }
    }

    /// How many timers are armed.
    #[must_use]
    pub const fn armed(&self) -> usize {
        self.armed
    }

    /// Arms `timer` for `at`. Replaces an earlier deadline.
    ///
    /// # Panics
    ///
    /// If `timer` is not below the capacity.
    #[inline(always)]
    pub fn arm(&mut self, timer: u32, at: Time) {
        self.disarm(timer);
        if at == Time::NEVER {
            return;
        }
        let due = (at.as_ns().saturating_add(TICK_NS - 1)) >> TICK_BITS;
        self.timers[timer as usize].tick = due.max(self.tick);
        self.armed += 1;
        self.link(timer);
    }

    /// Disarms `timer` if it is armed.
    #[inline]
    pub fn disarm(&mut self, timer: u32) {
        if self.timers[timer as usize].previous != NONE {
            self.unlink(timer);
            self.armed -= 1;
        }
    }

    /// The time at which to call [`expire`](Self::expire) next: no later than the next deadline, or
    /// [`Time::NEVER`] if no timer is armed.
    #[must_use]
    pub fn next_expiry(&self) -> Time {
        if self.armed == 0 {
            return Time::NEVER;
        }
        let mut soonest = u64::MAX;
        for level in 0..LEVELS {
            let shift = SLOT_BITS * level as u32;
            let here = (self.tick >> shift) as usize % SLOTS;
            if let Some(ahead) = self.next_occupied(level, here) {
                soonest = soonest.min(((self.tick >> shift) + ahead as u64) << shift);
            }
        }
        Time::from_ns(soonest.max(self.tick) << TICK_BITS)
    }

    /// Disarms and returns a timer whose deadline has passed by `now`. Call it until it returns
    /// `None`.
    #[inline]
    pub fn expire(&mut self, now: Time) -> Option<u32> {
        if self.armed == 0 {
            // No timer to visit on the way: jump.
            self.tick = self.tick.max(now.as_ns() >> TICK_BITS);
            return None;
        }
        let last = now.as_ns() >> TICK_BITS;
        while self.tick <= last {
            let slot = self.tick as usize % SLOTS;
            let timer = self.heads[0][slot];
            if timer != NONE {
                self.unlink(timer);
                if self.timers[timer as usize].tick > self.tick {
                    self.link(timer);
                    continue;
                }
                self.armed -= 1;
                return Some(timer);
            }
            if self.tick == last {
                break;
            }
            self.advance(last);
        }
        None
    }

    /// Moves to the next tick that has timers or a cascade, at most to `last`.
    fn advance(&mut self, last: u64) {
        let slot = self.tick as usize % SLOTS;
        let to_boundary = (SLOTS - slot) as u64;
        let ahead = self.next_occupied(0, slot).map_or(to_boundary, |ahead| ahead as u64);
        let step = ahead.min(to_boundary).max(1).min(last - self.tick);
        self.tick += step;
        if self.tick.is_multiple_of(SLOTS as u64) {
            self.cascade(1);
        }
    }

    /// Moves the timers of the slot that starts now down one level.
    fn cascade(&mut self, level: usize) {
        if level == LEVELS {
            return;
        }
        let slot = (self.tick >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        if slot == 0 {
            self.cascade(level + 1);
        }
        let mut timer = self.heads[level][slot];
        self.heads[level][slot] = NONE;
        self.occupied[level][slot / 64] &= !(1 << (slot % 64));
        while timer != NONE {
            let next = self.timers[timer as usize].next;
            self.link(timer);
            timer = next;
        }
    }

    #[inline]
    fn link(&mut self, timer: u32) {
        let due = self.timers[timer as usize].tick.min(self.tick + MAX_AHEAD);
        let differing = (due ^ self.tick) | 1;
        let level = ((63 - differing.leading_zeros()) / SLOT_BITS) as usize;
        // A deadline just past the wrap-around of the top level differs above that level. The
        // slots of the top level repeat, so the timer belongs there.
        let level = level.min(LEVELS - 1);
        let slot = (due >> (SLOT_BITS * level as u32)) as usize % SLOTS;
        let head = self.heads[level][slot];
        if head != NONE {
            self.timers[head as usize].previous = timer;
        }
        self.heads[level][slot] = timer;
        self.occupied[level][slot / 64] |= 1 << (slot % 64);
        let entry = &mut self.timers[timer as usize];
        entry.next = head;
        entry.previous = FIRST | (level as u32) << SLOT_BITS | slot as u32;
    }

    #[inline]
    fn unlink(&mut self, timer: u32) {
        let Timer { next, previous, .. } = self.timers[timer as usize];
        if previous & FIRST != 0 {
            let (level, slot) =
                ((previous >> SLOT_BITS) as usize & 0xff, previous as usize % SLOTS);
            self.heads[level][slot] = next;
            if next == NONE {
                self.occupied[level][slot / 64] &= !(1 << (slot % 64));
            }
        } else {
            self.timers[previous as usize].next = next;
        }
        if next != NONE {
            self.timers[next as usize].previous = previous;
        }
        self.timers[timer as usize].previous = NONE;
    }

    /// The distance in slots from `slot` to the next occupied one, going round; 0 for `slot`
    /// itself. On levels above the first, the timers of `slot` have been moved down, so it counts
    /// as a full turn.
    fn next_occupied(&self, level: usize, slot: usize) -> Option<usize> {
        let words = &self.occupied[level];
        let first = if level == 0 { 0 } else { 1 };
        let mut ahead = first;
        while ahead <= SLOTS {
            let at = (slot + ahead) % SLOTS;
            let bits = words[at / 64] >> (at % 64);
            if bits != 0 {
                return Some(ahead + bits.trailing_zeros() as usize);
            }
            ahead += 64 - at % 64;
        }
        None
    }
}
