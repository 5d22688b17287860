//! The last answers of an owner, which it repeats if a request is repeated.
//!
//! A request is repeated for a limited time only, so its answer is kept for a limited time, too. A new answer
//! takes the place of one that is older, so a node that answers seldom never touches most of the memory.
//!
//! **Invariant:** the number of answers is bounded; the oldest one is forgotten first.

use core::time::Duration;

use crate::base::{FixedVec, Peer, Time};
use crate::node::RequestId;
use crate::store::message::Answer;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct AnsweredRequests {
    /// The requests, without the numbers of their attempts. Apart from the rest, since all are searched.
    requests: FixedVec<RequestId>,
    answers: FixedVec<Answered>,
    most: usize,
    /// How long an answer is kept at least, while there are not `most`.
    kept: Duration,
    /// The place of the oldest one.
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
    /// Room for `most` answers, each of which may be needed for `kept`.
    pub(super) fn new(most: usize, kept: Duration) -> AnsweredRequests {
        let (requests, answers) = (FixedVec::with_capacity(most), FixedVec::with_capacity(most));
        AnsweredRequests { requests, answers, most, kept, oldest: 0, forgotten: None }
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
        let is_over = |oldest: &Answered| now.since(oldest.at) > self.kept;
        let is_full = self.answers.len() >= self.most;
        let oldest = self.answers.get_mut(self.oldest).filter(|oldest| is_full || is_over(oldest));
        if let Some(oldest) = oldest {
            self.forgotten = Some(oldest.at);
            *oldest = answered;
            self.requests[self.oldest] = request;
            self.oldest = (self.oldest + 1) % self.answers.len();
        } else if !is_full {
            // As in any ring, the newest one comes before the oldest one.
            let place = if self.oldest == 0 { self.answers.len() } else { self.oldest };
            self.requests.insert(place, request);
            self.answers.insert(place, answered);
            if self.oldest > 0 {
                self.oldest += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::{Address, Id};

    const KEPT: Duration = Duration::from_secs(6);

    fn client() -> Peer {
        Peer { id: Id::ZERO, address: Address::from_bits(1) }
    }

    fn answer() -> Answer {
        Answer::InProgress
    }

    proptest! {
        #[test]
        fn every_answer_is_kept_for_its_time_or_said_to_be_forgotten(
            most in 1_usize..12,
            pauses_ms in prop::collection::vec(0_u64..3000, 1..200),
        ) {
            let mut answered = AnsweredRequests::new(most, KEPT);
            let mut twin: Vec<(Time, RequestId)> = Vec::new();
            let mut now = Time::ZERO;
            for (number, pause) in (0..).zip(pauses_ms) {
                now = now + Duration::from_millis(pause);
                let request = RequestId::first(number);
                answered.add(now, client(), request, answer());
                twin.push((now, request));
                prop_assert!(answered.answers.len() <= most);
                let newest = twin.len().saturating_sub(most);
                for (place, &(at, request)) in twin.iter().enumerate() {
                    let is_found = answered.find(client(), request).is_some();
                    let is_needed = place >= newest && now.since(at) <= KEPT;
                    prop_assert!(is_found || !is_needed, "{} of {}", place, twin.len());
                    let age = now.since(at) + Duration::from_nanos(1);
                    prop_assert!(is_found || answered.has_forgotten(now, age));
                }
            }
        }
    }

    #[test]
    fn an_owner_that_answers_seldom_uses_few_places() {
        let mut answered = AnsweredRequests::new(1024, KEPT);
        for number in 0..10_000 {
            let now = Time::ZERO + Duration::from_secs(number);
            answered.add(now, client(), RequestId::first(number), answer());
        }
        assert!(answered.answers.len() <= 8, "{}", answered.answers.len());
    }
}
