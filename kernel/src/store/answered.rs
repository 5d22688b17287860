//! The last answers of an owner, which it repeats if a request is repeated.
//!
//! **Invariant:** the number of answers is fixed; the oldest one is forgotten first.

use alloc::vec::Vec;
use core::time::Duration;

use crate::base::{Peer, Time};
use crate::node::RequestId;
use crate::store::message::Answer;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct AnsweredRequests {
    /// The requests, without the numbers of their attempts. Apart from the rest, since all are searched.
    requests: Vec<RequestId>,
    answers: Vec<Answered>,
    most: usize,
    /// The place of the oldest one, once there are `most`.
    oldest: usize,
    /// When the last one that was forgotten had been answered.
    forgotten: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
struct Answered {
    client: Peer,
    answer: Answer,
    at: Time,
}

impl AnsweredRequests {
    /// Room for `most` answers.
    pub(super) fn new(most: usize) -> AnsweredRequests {
        let (requests, answers) = (Vec::with_capacity(most), Vec::with_capacity(most));
        AnsweredRequests { requests, answers, most, oldest: 0, forgotten: None }
    }

    pub(super) const fn heap_bytes(&self) -> usize {
        self.most * (size_of::<RequestId>() + size_of::<Answered>())
    }

    /// The answer that an attempt at this request got.
    pub(super) fn find(&self, client: Peer, request: RequestId) -> Option<Answer> {
        let wanted = request.with_attempt(0);
        let place = self.requests.iter().position(|&it| it == wanted)?;
        let answered = self.answers[place];
        (answered.client == client).then_some(answered.answer)
    }

    /// Whether an answer of the last `age` may have been forgotten.
    pub(super) fn has_forgotten(&self, now: Time, age: Duration) -> bool {
        self.forgotten.is_some_and(|at| now.since(at) < age)
    }

    /// Adds an answer.
    pub(super) fn add(&mut self, now: Time, client: Peer, request: RequestId, answer: Answer) {
        let (request, answered) = (request.with_attempt(0), Answered { client, answer, at: now });
        if self.answers.len() < self.most {
            self.requests.push(request);
            self.answers.push(answered);
        } else if let Some(oldest) = self.answers.get_mut(self.oldest) {
            self.forgotten = Some(oldest.at);
            *oldest = answered;
            self.requests[self.oldest] = request;
            self.oldest = (self.oldest + 1) % self.most;
        }
    }
}
