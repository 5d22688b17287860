//! Judges every answer against the truth, off the message path.
//!
//! Shards report memberships and answers in batches. An answer is judged only once [`SETTLED`] has
//! passed since it came, when every change up to then has surely been reported.
//!
//! **Invariant:** each reported answer is judged once, by the complete history of its window.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::{Id, Time};

use super::shared::{Record, Shared};
use crate::truth::Truth;

/// Several times longer than a shard keeps records to itself.
const SETTLED: Duration = Duration::from_millis(300);

#[derive(Debug)]
pub(super) struct Judge {
    truth: Truth,
    waiting: VecDeque<Answer>,
    pub(super) correct: u64,
    pub(super) incorrect: u64,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    key: Id,
    owner: Id,
    issued: Time,
    answered: Time,
}

impl Judge {
    pub(super) fn new() -> Judge {
        Judge { truth: Truth::new(), waiting: VecDeque::new(), correct: 0, incorrect: 0 }
    }

    /// Takes what the shards have reported and judges what has settled by `now`.
    pub(super) fn work(&mut self, shared: &Shared, now: Time) {
        while let Some(batch) = shared.records.pop() {
            for record in batch {
                match record {
                    Record::Joined { id, at } => self.truth.join(id, at),
                    Record::Gone { id, at } => self.truth.leave(id, at),
                    Record::Answered { key, owner, issued, answered } => {
                        self.waiting.push_back(Answer { key, owner, issued, answered });
                    }
                }
            }
        }
        while let Some(answer) = self.waiting.front()
            && answer.answered + SETTLED <= now
        {
            self.judge_first();
        }
    }

    /// Judges everything that is left; the shards have stopped.
    pub(super) fn finish(&mut self, shared: &Shared) {
        self.work(shared, Time::ZERO);
        while !self.waiting.is_empty() {
            self.judge_first();
        }
    }

    fn judge_first(&mut self) {
        let Some(Answer { key, owner, issued, answered }) = self.waiting.pop_front() else {
            return;
        };
        let correct = self.truth.judge(key, owner, issued, answered);
        *(if correct { &mut self.correct } else { &mut self.incorrect }) += 1;
    }
}
