//! Judges every answer against the truth, off the message path.
//!
//! Whoever directs nodes reports who is a member and what was answered. An answer is judged only
//! once every change up to then has surely been reported; when that is, the engine knows.
//!
//! **Invariant:** each reported answer is judged once, by the complete history of its window.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::{Id, Time};

use crate::truth::Truth;

/// Departures are forgotten this often.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// Something the judge must know.
#[derive(Clone, Copy, Debug)]
pub enum Record {
    /// A node has become a member.
    Joined {
        /// Who.
        id: Id,
        /// When.
        at: Time,
    },
    /// A member has left or crashed.
    Gone {
        /// Who.
        id: Id,
        /// When.
        at: Time,
    },
    /// A lookup has been answered.
    Answered {
        /// What was looked up.
        key: Id,
        /// Who was named.
        owner: Id,
        /// When it should have been issued.
        issued: Time,
        /// When the answer came.
        answered: Time,
    },
}

/// Judges answers in the order in which they are reported.
#[derive(Debug)]
pub struct Judge {
    truth: Truth,
    waiting: VecDeque<Answer>,
    /// Lookups never last longer than this.
    deadline: Duration,
    forgotten: Time,
    /// Answers that named the true owner.
    pub correct: u64,
    /// Answers that named another.
    pub incorrect: u64,
    /// When those came, in the order in which they were reported.
    incorrect_at: Vec<Time>,
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    key: Id,
    owner: Id,
    issued: Time,
    answered: Time,
}

impl Judge {
    /// A judge of lookups that never last longer than `deadline`, who so far knows `truth`.
    #[must_use]
    pub fn new(truth: Truth, deadline: Duration) -> Judge {
        let (waiting, forgotten) = (VecDeque::new(), Time::ZERO);
        let incorrect_at = Vec::new();
        Judge { truth, waiting, deadline, forgotten, correct: 0, incorrect: 0, incorrect_at }
    }

    /// Takes a record.
    pub fn take(&mut self, record: Record) {
        match record {
            Record::Joined { id, at } => self.truth.join(id, at),
            Record::Gone { id, at } => self.truth.leave(id, at),
            Record::Answered { key, owner, issued, answered } => {
                self.waiting.push_back(Answer { key, owner, issued, answered });
            }
        }
    }

    /// When each incorrect answer came.
    #[must_use]
    pub fn incorrect_at(&self) -> &[Time] {
        &self.incorrect_at
    }

    /// Judges what was answered by `t`: everything up to then has been reported.
    pub fn settle(&mut self, t: Time) {
        while let Some(answer) = self.waiting.pop_front_if(|answer| answer.answered <= t) {
            let Answer { key, owner, issued, answered } = answer;
            if self.truth.judge(key, owner, issued, answered) {
                self.correct += 1;
            } else {
                self.incorrect += 1;
                self.incorrect_at.push(answered);
            }
        }
        if t.since(self.forgotten) > self.deadline + FORGET_EVERY && t != Time::NEVER {
            self.forgotten = t - self.deadline;
            self.truth.forget_before(self.forgotten);
        }
    }
}
