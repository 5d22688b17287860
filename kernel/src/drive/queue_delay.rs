//! How long messages wait before they are handled, and when the wait is too long.
//!
//! A queue absorbs bursts. A queue that stays long absorbs nothing: it only delays, and the askers give
//! up. Then old messages that ask for new work are best dropped, until waits are short again (Nichols and
//! Jacobson, *Controlling queue delay*, CACM 55(7), 2012).
//!
//! **Invariant:** plain arithmetic; time is an argument.

use core::time::Duration;

use crate::base::Time;

/// Longer waits are too long.
pub const WAIT_MAX: Duration = Duration::from_millis(100);
/// The wait below which an overload is over.
const WAIT_SHORT: Duration = Duration::from_millis(50);
/// Waits may be too long for this time before old work is dropped.
const PATIENCE: Duration = Duration::from_millis(500);

/// The state of one queue.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueueDelay {
    /// Since when waits have been too long.
    slow_since: Option<Time>,
}

impl QueueDelay {
    /// Records how long a message had waited that the driver took out at `now`. A driver that takes out
    /// several at a time records the longest wait.
    #[inline]
    pub fn record(&mut self, now: Time, wait: Duration) {
        if wait <= WAIT_SHORT {
            self.slow_since = None;
        } else if wait > WAIT_MAX {
            self.slow_since.get_or_insert(now);
        }
    }

    /// Records that the queue is empty.
    #[inline]
    pub fn record_empty(&mut self) {
        self.slow_since = None;
    }

    /// Whether work that has waited for so long is to be dropped at `now`.
    #[inline]
    #[must_use]
    pub fn is_too_old(&self, now: Time, wait: Duration) -> bool {
        wait > WAIT_MAX && self.slow_since.is_some_and(|since| now.since(since) >= PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_served_and_a_standing_queue_is_cut() {
        let (ms, mut queue) = (Duration::from_millis, QueueDelay::default());
        let at = |millis| Time::ZERO + ms(millis);
        for now in 0..400 {
            queue.record(at(now), ms(300));
            assert!(!queue.is_too_old(at(now), ms(300)), "a burst");
        }
        queue.record(at(400), ms(20));
        queue.record(at(401), ms(300));
        assert!(!queue.is_too_old(at(900), ms(300)), "a new burst");
        assert!(queue.is_too_old(at(901), ms(300)), "it stands");
        assert!(!queue.is_too_old(at(901), ms(100)), "not old itself");
        queue.record(at(902), ms(70));
        assert!(queue.is_too_old(at(903), ms(101)), "not short yet");
        queue.record(at(904), ms(50));
        assert!(!queue.is_too_old(at(5000), ms(300)));
    }
}
