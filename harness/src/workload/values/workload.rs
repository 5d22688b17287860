//! Reads and writes of values as a workload.
//!
//! **Invariant:** the same for every system and engine.

use hopwise_kernel::store::Refusal;
use hopwise_kernel::{Id, Rng, Time};

use super::question::{Act, Answer, Question};
use super::source::Source;
use super::truth::{Terms, ValueTruth};
use super::value::key_of;
use crate::Scenario;
use crate::churn::NodesPerHost;
use crate::measure::tally::Tally;
use crate::workload::{Next, Population, Workload};

/// Reads and writes of values.
#[derive(Clone, Debug)]
pub struct ValueWorkload {
    source: Source,
    terms: Terms,
}

impl ValueWorkload {
    /// The number of keys so far.
    #[must_use]
    pub fn keys(&self) -> u32 {
        self.source.keys()
    }
}

impl Workload for ValueWorkload {
    const NAME: &'static str = "values";

    type Question = Question;
    type Answer = Answer;
    type Truth = ValueTruth;

    fn new(scenario: &Scenario, _without: &[u32]) -> Result<ValueWorkload, String> {
        let Some(store) = &scenario.store else {
            return Err("there are no values to read: write a [store] section".to_owned());
        };
        let terms = Terms {
            preloaded: if store.preload { store.population } else { 0 },
            value_bytes: store.value_bytes as u16,
            lifetime: store.lifetime,
            replicas: 1,
            per_host: NodesPerHost::ONE,
            successors: 0,
        };
        Ok(ValueWorkload { source: Source::new(store), terms })
    }

    fn with_replicas(mut self, replicas: u32) -> ValueWorkload {
        self.terms.replicas = replicas as usize;
        self
    }

    fn with_nodes_per_host(mut self, per_host: NodesPerHost, successors: u32) -> ValueWorkload {
        self.terms.per_host = per_host;
        self.terms.successors = successors as usize;
        self
    }

    fn population(&self) -> Option<Population<'_>> {
        Some(Box::new((0..self.keys()).map(key_of)))
    }

    fn draw(&self, rng: &mut Rng) -> Question {
        self.source.draw(rng)
    }

    fn key(question: &Question) -> Option<Id> {
        Some(key_of(question.key))
    }

    fn truth(&self, members: impl Iterator<Item = (Id, u32)>, at: Time) -> ValueTruth {
        ValueTruth::new(self.terms, members, at)
    }

    fn next(&self, question: &Question, answer: &Answer) -> Next<Question> {
        let Question { key, act } = *question;
        let version = match *answer {
            Answer::Refused(_) | Answer::Unknown => return Next::Failed,
            Answer::Found { version, .. } | Answer::NotProvided { version, .. } => Some(version),
            _ => None,
        };
        match act {
            Act::Modify { stamp } => {
                Next::Ask(Question { key, act: Act::Replace { stamp, version } })
            }
            _ => Next::Completed,
        }
    }

    fn is_change(question: &Question) -> bool {
        question.act.written().is_some()
    }

    fn record_issued(&self, question: &Question, tally: &mut Tally) {
        let values = &mut tally.values;
        match question.act {
            Act::Read => values.reads += 1,
            Act::Write { .. } => values.writes += 1,
            Act::Modify { .. } | Act::Replace { .. } => values.modifications += 1,
        }
    }

    fn record_answered(&self, _question: &Question, answer: &Answer, tally: &mut Tally) {
        let values = &mut tally.values;
        match answer {
            Answer::Found { .. } => values.found += 1,
            Answer::Absent => values.absent += 1,
            Answer::NotProvided { .. } => values.not_provided += 1,
            Answer::Written { .. } => values.acknowledged += 1,
            Answer::ConditionFailed => values.condition_failed += 1,
            Answer::Refused(_) | Answer::Unknown => {}
        }
    }

    fn record_failed(&self, question: &Question, answer: Option<&Answer>, tally: &mut Tally) {
        let values = &mut tally.values;
        match answer {
            Some(Answer::Refused(Refusal::Unreachable)) => values.unreachable += 1,
            Some(Answer::Refused(Refusal::Overloaded)) => values.overloaded += 1,
            Some(Answer::Refused(Refusal::Full)) => values.full += 1,
            Some(Answer::Refused(_)) => values.refused += 1,
            // The run ended before the answer of a read.
            None if question.act.written().is_none() => values.unreachable += 1,
            _ => values.unknown += 1,
        }
    }
}
