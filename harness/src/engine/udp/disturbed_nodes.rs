//! Pauses and wrong clocks of the nodes of a reactor.
//!
//! Messages that would reach a paused node wait in the emulated network:
//! [`Disturbances::hold`](crate::network::Disturbances::hold). Its timers wait in the reactor, and its
//! questions here.
//!
//! **Invariant:** as many questions wait as lookups are in flight, at most.

use std::time::Duration;

use hopwise_kernel::reactor::DisturbNodes;
use hopwise_kernel::{Id, Time};

use crate::network::Disturbances;

/// Timers wait so much longer than messages: a node that goes on handles first what has arrived, as it would
/// find it at its socket.
const AFTER_MESSAGES: Duration = Duration::from_millis(10);

/// The disturbances of a run, for the nodes of a reactor.
#[derive(Debug)]
pub(super) struct DisturbedNodes(pub(super) Disturbances);

impl DisturbNodes for DisturbedNodes {
    fn hold_timers(&mut self, id: Id, now: Time) -> Option<Time> {
        self.0.paused_until(id, now).map(|until| until + AFTER_MESSAGES)
    }

    fn clock(&mut self, id: Id, now: Time) -> Time {
        self.0.clock(id, now)
    }

    fn when_clock_shows(&mut self, id: Id, shown: Time, now: Time) -> Time {
        self.0.when_clock_shows(id, shown, now)
    }
}

/// A question to a node that is paused.
#[derive(Clone, Copy, Debug)]
pub(super) struct WaitingQuestion<Q> {
    /// When the pause is over.
    pub(super) at: Time,
    pub(super) place: u32,
    /// The node in that place: another one is not asked.
    pub(super) id: Id,
    pub(super) question: Q,
    pub(super) token: u64,
}

/// The questions to nodes that are paused, in the order in which they came.
#[derive(Debug)]
pub(super) struct WaitingQuestions<Q> {
    all: Vec<WaitingQuestion<Q>>,
    next_due: Time,
}

impl<Q: Copy> WaitingQuestions<Q> {
    pub(super) fn new() -> WaitingQuestions<Q> {
        WaitingQuestions { all: Vec::new(), next_due: Time::NEVER }
    }

    /// Adds a question.
    pub(super) fn add(&mut self, question: WaitingQuestion<Q>) {
        self.next_due = self.next_due.min(question.at);
        self.all.push(question);
    }

    /// When the first pause is over; [`Time::NEVER`] if no question waits.
    pub(super) fn next_due(&self) -> Time {
        self.next_due
    }

    /// Removes the questions to nodes whose pauses are over at `now`.
    pub(super) fn take_due(&mut self, now: Time) -> Vec<WaitingQuestion<Q>> {
        if now < self.next_due {
            return Vec::new();
        }
        let due = self.all.extract_if(.., |it| it.at <= now).collect();
        self.next_due = self.all.iter().map(|it| it.at).min().unwrap_or(Time::NEVER);
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_wait_until_their_pause_is_over() {
        let at = |s: u64| Time::from_ns(s * 1_000_000_000);
        let mut waiting = WaitingQuestions::new();
        assert_eq!((waiting.next_due(), waiting.take_due(at(100)).len()), (Time::NEVER, 0));
        for (token, second) in [(1, 5), (2, 3), (3, 5), (4, 9)] {
            let question =
                WaitingQuestion { at: at(second), place: 0, id: Id::ZERO, question: (), token };
            waiting.add(question);
        }
        let tokens = |due: Vec<WaitingQuestion<()>>| -> Vec<u64> {
            due.into_iter().map(|it| it.token).collect()
        };
        assert_eq!(waiting.next_due(), at(3));
        assert!(waiting.take_due(at(2)).is_empty());
        assert_eq!(tokens(waiting.take_due(at(6))), [1, 2, 3]);
        assert_eq!(waiting.next_due(), at(9));
        assert_eq!(tokens(waiting.take_due(at(9))), [4]);
        assert_eq!(waiting.next_due(), Time::NEVER);
    }
}
