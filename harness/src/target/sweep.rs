//! One question for each key, some at a time, each asked again until it is answered.
//!
//! **Invariant:** no more than a stated number are in progress.

use std::ops::Range;
use std::time::Duration;

use hopwise_kernel::Time;

use crate::workload::values::{Answer, Question};

/// How often a question is asked.
const TRIES: u8 = 5;
/// The pause before a question is asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Sweep {
    /// The keys whose questions are to be asked now, from the last one, and how often that was done.
    waiting: Vec<(u32, u8)>,
    /// Those whose questions are asked again later.
    again: Vec<(Time, u32, u8)>,
    /// By token: what was asked, when and how often.
    asked: Vec<Option<(Question, Time, u8)>>,
    free: Vec<usize>,
    most: usize,
    /// Keys whose questions were not answered.
    pub(super) unanswered: u64,
    /// Keys whose questions were.
    pub(super) answered: u64,
    /// When the last answer came.
    pub(super) progressed_at: Time,
}

/// How a question ended.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Ended {
    pub(super) question: Question,
    pub(super) asked_at: Time,
    /// Whether there was an answer, and neither a refusal nor an unknown end.
    pub(super) is_answered: bool,
}

impl Sweep {
    /// Asks about these keys, at most `most` at a time.
    pub(super) fn new(keys: Range<u32>, most: usize, now: Time) -> Sweep {
        Sweep {
            waiting: keys.rev().map(|key| (key, 0)).collect(),
            again: Vec::new(),
            asked: vec![None; most],
            free: (0..most).rev().collect(),
            most,
            unanswered: 0,
            answered: 0,
            progressed_at: now,
        }
    }

    /// Whether all questions have ended.
    pub(super) fn is_over(&self) -> bool {
        self.waiting.is_empty() && self.again.is_empty() && self.in_progress() == 0
    }

    pub(super) fn in_progress(&self) -> usize {
        self.most - self.free.len()
    }

    /// When a question is to be asked again.
    pub(super) fn next_due(&self) -> Time {
        self.again.iter().map(|&(at, ..)| at).min().unwrap_or(Time::NEVER)
    }

    /// Asks as many questions as there is room for. `ask` asks about a key, and returns what it asked.
    pub(super) fn turn(&mut self, now: Time, mut ask: impl FnMut(u32, u64) -> Option<Question>) {
        if !self.again.is_empty() {
            let waiting = &mut self.waiting;
            self.again.retain(|&(at, key, tries)| {
                if at <= now {
                    waiting.push((key, tries));
                }
                at > now
            });
        }
        while let (Some(&(key, tries)), Some(&token)) = (self.waiting.last(), self.free.last())
            && let Some(question) = ask(key, token as u64)
        {
            self.waiting.pop();
            self.free.pop();
            self.asked[token] = Some((question, now, tries + 1));
        }
    }

    /// Takes the end of a question. One without an answer, or that was refused, is asked again.
    pub(super) fn on_end(
        &mut self,
        now: Time,
        token: u64,
        answer: Option<Answer>,
    ) -> Option<Ended> {
        let (question, asked_at, tries) = self.asked.get_mut(token as usize)?.take()?;
        self.free.push(token as usize);
        let is_answered =
            answer.is_some_and(|it| !matches!(it, Answer::Refused(_) | Answer::Unknown));
        if is_answered {
            self.answered += 1;
            self.progressed_at = now;
        } else if tries < TRIES {
            self.again.push((now + PAUSE * u32::from(tries), question.key, tries));
        } else {
            self.unanswered += 1;
        }
        Some(Ended { question, asked_at, is_answered })
    }
}

#[cfg(test)]
mod tests {
    use hopwise_kernel::store::Refusal;

    use super::*;
    use crate::workload::values::Act;

    #[test]
    fn each_key_is_asked_about_until_there_is_an_answer() {
        let (mut sweep, mut now) = (Sweep::new(0..5, 2, Time::ZERO), Time::ZERO);
        let mut asked = [0; 5];
        while !sweep.is_over() {
            let mut tokens = Vec::new();
            sweep.turn(now, |key, token| {
                tokens.push((key, token));
                Some(Question { key, act: Act::Read })
            });
            assert!(sweep.in_progress() <= 2);
            for (key, token) in tokens {
                asked[key as usize] += 1;
                // Key 3 is refused twice, key 4 always.
                let answer = match (key, asked[key as usize]) {
                    (3, 1..=2) => Some(Answer::Refused(Refusal::Overloaded)),
                    (4, _) => None,
                    _ => Some(Answer::Absent),
                };
                let ended = sweep.on_end(now, token, answer).expect("it was asked");
                assert_eq!((ended.question.key, ended.asked_at), (key, now));
                assert_eq!(sweep.on_end(now, token, answer), None, "once");
            }
            now = if sweep.next_due() == Time::NEVER { now } else { now + PAUSE };
        }
        assert_eq!(asked, [1, 1, 1, 3, u32::from(TRIES)]);
        assert_eq!((sweep.answered, sweep.unanswered), (4, 1));
    }
}
