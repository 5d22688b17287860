//! The timers of the requests in flight of a shard, by handle.
//!
//! Most requests are answered long before they time out, but their timers stay in the event queue
//! until they are due. In a closed loop over a fast network these would be the most of the queue. So
//! timers can be *shared*: while the queue has an entry for a handle that is not later than a new
//! timer of that handle, the new one is entered only when the earlier entry leaves the queue:
//!
//! ```text
//!   arm 50 ──▶ entered    disarm, arm 60 ──▶ not entered    at 50 ──▶ 60 is entered
//! ```
//!
//! Handles are used again at once, so one entry serves thousands of requests.
//!
//! **Invariant:** a timer that is not disarmed leaves the queue under its own key, shared or not.

use hopwise_kernel::Time;
use hopwise_kernel::node::RequestHandle;

use super::costs::LookupNumber;
use super::queue::Key;

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct RequestTimers {
    /// By handle.
    timers: Vec<Timer>,
    /// The entries of the queue by handle, since timers are shared.
    entries: Vec<Entries>,
    are_shared: bool,
}

/// The timer of a handle: the time, place and sequence of its key, and the lookup that armed it. The
/// time is [`Time::NEVER`] if it is not armed.
#[derive(Clone, Copy, Debug)]
struct Timer {
    due: Time,
    sequence: u64,
    place: u32,
    lookup: LookupNumber,
}

const UNARMED: Timer = Timer { due: Time::NEVER, sequence: 0, place: 0, lookup: 0 };

/// Entries of the queue for one handle.
#[derive(Clone, Copy, Debug)]
struct Entries {
    /// The earliest one.
    first: Time,
    /// One after that.
    second: Time,
}

impl RequestTimers {
    /// Shares timers from now on. When the queue's next event is due then depends on the division of
    /// nodes among shards, so nothing may follow from it.
    pub(super) fn share(&mut self) {
        self.are_shared = true;
    }

    /// Arms the timer of `request` with this key, on behalf of `lookup`. Returns whether the key must be
    /// entered now.
    #[inline]
    pub(super) fn arm(
        &mut self,
        RequestHandle(request): RequestHandle,
        key: &Key,
        lookup: LookupNumber,
    ) -> bool {
        let index = request as usize;
        if index >= self.timers.len() {
            self.timers.resize(index + 1, UNARMED);
        }
        let &Key { time: due, sequence, place, .. } = key;
        self.timers[index] = Timer { due, sequence, place, lookup };
        !self.are_shared || self.arm_shared(index, key.time)
    }

    /// Disarms the timer of `request`.
    #[inline]
    pub(super) fn disarm(&mut self, RequestHandle(request): RequestHandle) {
        if let Some(timer) = self.timers.get_mut(request as usize) {
            timer.due = Time::NEVER;
        }
    }

    /// The lookup on whose behalf the timer of `request` was armed last.
    pub(super) fn lookup_of(&self, RequestHandle(request): RequestHandle) -> LookupNumber {
        self.timers[request as usize].lookup
    }

    /// Whether `key`, which has left the queue, is that of the timer of `request` as armed last.
    #[inline]
    pub(super) fn is_armed(&self, RequestHandle(request): RequestHandle, key: Key) -> bool {
        let Timer { due, sequence, place, .. } = self.timers[request as usize];
        (due, sequence, place) == (key.time, key.sequence, key.place)
    }

    /// Handles that `key`, an entry of `request`, has left the queue. Returns the key that must be
    /// entered in its place.
    #[inline]
    pub(super) fn leave(&mut self, RequestHandle(request): RequestHandle, key: Key) -> Option<Key> {
        if self.are_shared { self.leave_shared(request as usize, key) } else { None }
    }

    fn arm_shared(&mut self, index: usize, due: Time) -> bool {
        if index >= self.entries.len() {
            self.entries.resize(index + 1, Entries { first: Time::NEVER, second: Time::NEVER });
        }
        self.entries[index].enter(due)
    }

    fn leave_shared(&mut self, index: usize, key: Key) -> Option<Key> {
        let entries = self.entries.get_mut(index)?;
        if entries.first != key.time {
            return None;
        }
        (entries.first, entries.second) = (entries.second, Time::NEVER);
        let Timer { due, sequence, place, .. } = self.timers[index];
        // A timer that is due now has been entered before.
        let is_waiting = due > key.time && due != Time::NEVER;
        (is_waiting && entries.enter(due)).then_some(Key { time: due, sequence, place, ..key })
    }
}

impl Entries {
    /// Adds an entry at `time`, unless an earlier one will do it. Returns whether it was added.
    fn enter(&mut self, time: Time) -> bool {
        if self.first < time {
            return false;
        }
        if time < self.first {
            self.second = self.first;
        }
        self.first = time;
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::sim::queue::{EventKind, source};

    /// What a test does after some time.
    #[derive(Clone, Debug)]
    enum Step {
        Arm { handle: u32, place: u32, after_ns: u64 },
        Disarm { handle: u32 },
    }

    fn step() -> impl Strategy<Value = (u64, Step)> {
        let handle = 0..3_u32;
        let after = prop_oneof![Just(5_u64), 0..8_u64, 50..60_u64, 500..510_u64];
        let arm = (handle.clone(), 0..2_u32, after)
            .prop_map(|(handle, place, after_ns)| Step::Arm { handle, place, after_ns });
        let disarm = handle.prop_map(|handle| Step::Disarm { handle });
        (1..4_u64, prop_oneof![arm, disarm])
    }

    /// Does `steps` and returns the keys of the timers that fired, and the most entries in the queue
    /// at a time.
    fn fired(steps: &[(u64, Step)], are_shared: bool) -> (Vec<Key>, usize) {
        let mut timers = RequestTimers::default();
        if are_shared {
            timers.share();
        }
        let (mut queue, mut fired, mut most) = (BTreeSet::<Key>::new(), Vec::new(), 0);
        let (mut now, mut sequence) = (0, 0);
        let end = (10_000, Step::Disarm { handle: 9 });
        for (pause, step) in steps.iter().chain([&end]) {
            now += pause;
            while let Some(&key) = queue.first()
                && key.time <= Time::from_ns(now)
            {
                queue.pop_first();
                let EventKind::RequestTimer(handle) = key.kind else { continue };
                let handle = RequestHandle(handle);
                queue.extend(timers.leave(handle, key));
                if timers.is_armed(handle, key) {
                    timers.disarm(handle);
                    fired.push(key);
                }
            }
            match *step {
                Step::Arm { handle, place, after_ns } => {
                    sequence += 1;
                    let time = Time::from_ns(now + after_ns);
                    let kind = EventKind::RequestTimer(handle);
                    let key = Key { time, place, source: source::TIMER, sequence, kind };
                    if timers.arm(RequestHandle(handle), &key, 0) {
                        queue.insert(key);
                    }
                }
                Step::Disarm { handle } => timers.disarm(RequestHandle(handle)),
            }
            most = most.max(queue.len());
        }
        (fired, most)
    }

    proptest! {
        #[test]
        fn shared_timers_fire_as_others_do(steps in prop::collection::vec(step(), 1..300)) {
            let (alone, _) = fired(&steps, false);
            let (shared, _) = fired(&steps, true);
            prop_assert_eq!(alone, shared);
        }
    }

    #[test]
    fn requests_that_are_answered_leave_no_timers() {
        let arm = |after_ns| (1, Step::Arm { handle: 0, place: 0, after_ns });
        let answered = |after_ns| [arm(after_ns), (1, Step::Disarm { handle: 0 })];
        let steps: Vec<_> =
            (0..100_000).flat_map(|at| answered(if at % 7 == 0 { 5000 } else { 500 })).collect();
        assert!(fired(&steps, false).1 > 250, "a timer for each request of the last 500 ns");
        assert!(fired(&steps, true).1 <= 20, "{}", fired(&steps, true).1);
    }
}
