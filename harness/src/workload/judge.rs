//! Judges every answer against the truth, off the message path.
//!
//! Whoever directs nodes reports who is a member and what was answered. An answer is judged only
//! once every change up to then has surely been reported; when that is, the engine knows.
//!
//! **Invariant:** each reported answer is judged once, by the complete history of its window.

use std::collections::VecDeque;
use std::time::Duration;

use hopwise_kernel::items::Text;
use hopwise_kernel::{Id, Time};

use crate::workload::items::{ItemTruth, Wanted};
use crate::workload::truth::Truth;

/// Departures are forgotten this often.
const FORGET_EVERY: Duration = Duration::from_secs(1);

/// Something the judge must know.
#[derive(Clone, Copy, Debug)]
pub enum Record {
    /// A node has become a member.
    Joined {
        /// Who.
        id: Id,
        /// On which host, as its engine numbers them.
        host: u32,
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
    /// A question for an item has been answered.
    Found {
        /// What was asked.
        wanted: Wanted,
        /// The best item that was named, and who is to have it; nothing if nothing fits.
        best: Option<(Text, Id)>,
        /// When it should have been issued.
        issued: Time,
        /// When the answer came.
        answered: Time,
    },
}

/// Judges answers in the order in which they are reported.
#[derive(Debug)]
pub struct Judge {
    truth: Known,
    waiting: VecDeque<Answer>,
    /// Lookups never last longer than this.
    deadline: Duration,
    forgotten: Time,
    /// Answers that named the true owner, or the truth about items.
    pub correct: u64,
    /// Of those, answers to questions that did not name the item.
    pub correct_fuzzy: u64,
    /// All others.
    pub incorrect: u64,
    /// When those came, in the order in which they were reported.
    incorrect_at: Vec<Time>,
}

/// What the judge knows: all that lookups, or all that questions for items, are judged by.
#[derive(Debug)]
enum Known {
    Owners(Truth),
    Holders(ItemTruth),
}

#[derive(Clone, Copy, Debug)]
struct Answer {
    said: Said,
    issued: Time,
    answered: Time,
}

#[derive(Clone, Copy, Debug)]
enum Said {
    Owner { key: Id, owner: Id },
    Holder { wanted: Wanted, best: Option<(Text, Id)> },
}

impl Judge {
    /// A judge of lookups that never last longer than `deadline`, who so far knows `truth`.
    #[must_use]
    pub fn new(truth: Truth, deadline: Duration) -> Judge {
        Judge::knowing(Known::Owners(truth), deadline)
    }

    /// A judge of questions for items that never last longer than `deadline`, who so far knows
    /// `truth`.
    #[must_use]
    pub fn of_items(truth: ItemTruth, deadline: Duration) -> Judge {
        Judge::knowing(Known::Holders(truth), deadline)
    }

    fn knowing(truth: Known, deadline: Duration) -> Judge {
        Judge {
            truth,
            waiting: VecDeque::new(),
            deadline,
            forgotten: Time::ZERO,
            correct: 0,
            correct_fuzzy: 0,
            incorrect: 0,
            incorrect_at: Vec::new(),
        }
    }

    /// Takes a record.
    pub fn take(&mut self, record: Record) {
        match record {
            Record::Joined { id, host, at } => self.truth.join(id, host, at),
            Record::Gone { id, at } => self.truth.leave(id, at),
            Record::Answered { key, owner, issued, answered } => {
                let said = Said::Owner { key, owner };
                self.waiting.push_back(Answer { said, issued, answered });
            }
            Record::Found { wanted, best, issued, answered } => {
                let said = Said::Holder { wanted, best };
                self.waiting.push_back(Answer { said, issued, answered });
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
            if self.truth.judge(&answer) {
                self.correct += 1;
                self.correct_fuzzy += u64::from(answer.is_fuzzy());
            } else {
                self.incorrect += 1;
                self.incorrect_at.push(answer.answered);
            }
        }
        if t.since(self.forgotten) > self.deadline + FORGET_EVERY && t != Time::NEVER {
            self.forgotten = t - self.deadline;
            self.truth.forget_before(self.forgotten);
        }
    }
}

impl Known {
    fn join(&mut self, id: Id, host: u32, at: Time) {
        match self {
            Known::Owners(truth) => truth.join(id, at),
            Known::Holders(truth) => truth.join(id, host, at),
        }
    }

    fn leave(&mut self, id: Id, at: Time) {
        match self {
            Known::Owners(truth) => truth.leave(id, at),
            Known::Holders(truth) => truth.leave(id, at),
        }
    }

    fn judge(&mut self, answer: &Answer) -> bool {
        let Answer { said, issued, answered } = *answer;
        match (self, said) {
            (Known::Owners(truth), Said::Owner { key, owner }) => {
                truth.judge(key, owner, issued, answered)
            }
            (Known::Holders(truth), Said::Holder { wanted, best }) => {
                truth.judge(wanted, best, issued, answered)
            }
            // Nobody asked that.
            (Known::Owners(_), Said::Holder { .. }) | (Known::Holders(_), Said::Owner { .. }) => {
                false
            }
        }
    }

    fn forget_before(&mut self, t: Time) {
        match self {
            Known::Owners(truth) => truth.forget_before(t),
            Known::Holders(truth) => truth.forget_before(t),
        }
    }
}

impl Answer {
    fn is_fuzzy(&self) -> bool {
        matches!(self.said, Said::Holder { wanted, .. } if !wanted.how.is_exact())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hopwise_kernel::Distance;
    use hopwise_kernel::items::Match;

    use super::*;
    use crate::scenario::Items;
    use crate::workload::items::Catalogue;

    const HOSTS: u32 = 4;
    const DEADLINE: Duration = Duration::from_secs(2);

    fn id(host: u32) -> Id {
        Id::ZERO.add(Distance::multiple_of_power(host, 157))
    }

    fn at(s: u64) -> Time {
        Time::from_ns(s * 1_000_000_000)
    }

    #[test]
    fn answers_about_items_are_counted_by_kind() {
        let items = Items { population: 20, replicas: 1.0, ..Items::default() };
        let catalogue = Arc::new(Catalogue::new(&items, HOSTS, &[], 1));
        let members = (0..HOSTS).map(|host| (id(host), host));
        let truth = ItemTruth::of_members(catalogue.clone(), members, at(1));
        let mut judge = Judge::of_items(truth, DEADLINE);
        let found = |how, holder: Option<u32>, t| Record::Found {
            wanted: Wanted { item: 0, how },
            best: holder.map(|host| (catalogue.names().name(0).expect("named"), id(host))),
            issued: at(t),
            answered: at(t + 1),
        };
        let holder = catalogue.holders(0)[0];
        let other = (holder + 1) % HOSTS;
        judge.take(found(Match::Exact, Some(holder), 10));
        judge.take(found(Match::Words, Some(holder), 11));
        judge.take(found(Match::Exact, Some(other), 12));
        judge.take(found(Match::Exact, None, 13));
        judge.settle(at(12));
        assert_eq!((judge.correct, judge.correct_fuzzy, judge.incorrect), (2, 1, 0));
        judge.settle(at(14));
        assert_eq!((judge.correct, judge.correct_fuzzy, judge.incorrect), (2, 1, 2));
        assert_eq!(judge.incorrect_at(), [at(13), at(14)]);
        // Once its only holder has gone, nothing is the right answer, and the holder is not.
        judge.take(Record::Gone { id: id(holder), at: at(20) });
        judge.take(found(Match::Exact, None, 19));
        judge.take(found(Match::Exact, Some(holder), 21));
        judge.settle(at(30));
        assert_eq!((judge.correct, judge.correct_fuzzy, judge.incorrect), (3, 1, 3));
        // It returns to another host, and has no longer what it had.
        judge.take(Record::Joined { id: id(holder), host: other, at: at(31) });
        judge.take(found(Match::Exact, Some(holder), 32));
        judge.settle(Time::NEVER);
        assert_eq!((judge.correct, judge.correct_fuzzy, judge.incorrect), (3, 1, 4));
    }
}
