//! Workloads: when lookups start, what they ask, and whether answers are correct.
//!
//! A [`Workload`] is a kind of question with a truth that judges its answers: owners of keys
//! ([`keys`]), holders of items ([`items`]), reads and writes of values ([`values`]), or what another
//! system defines.
//!
//! **Invariant:** the truth follows from joins and departures, never from what nodes believe.

pub mod arrivals;
pub mod deaths;
pub mod divided;
pub mod items;
pub mod judge;
pub mod keys;
pub mod presence;
pub mod rate_curve;
pub mod truth;
pub mod values;

use std::fmt::Debug;
use std::time::Duration;

use hopwise_kernel::{Id, Rng, Time};

use crate::Scenario;
use crate::churn::NodesPerHost;
use crate::measure::stored::{Contents, ValueVerdicts};
use crate::measure::tally::Tally;

pub use self::items::ItemWorkload;
pub use self::keys::KeyWorkload;
pub use self::presence::Presence;
pub use self::truth::OwnerTruth;
pub use self::values::ValueWorkload;

/// The keys of a population, each once.
pub type Population<'a> = Box<dyn Iterator<Item = Id> + 'a>;

/// A kind of question, and how its answers are judged.
///
/// A value is what all questions of a run have in common. Every shard has a clone, so large parts
/// belong behind an `Arc`.
pub trait Workload: Clone + Debug + Send + Sync + 'static {
    /// What is asked for, in one word. `items` asks for those of the scenario's section `items`, and
    /// `values` for those of `store`. Any other workload goes without these sections.
    const NAME: &'static str;

    /// A question to a node.
    type Question: Copy + Debug + Send + 'static;
    /// The answer of a node.
    type Answer: Copy + Debug + Send + 'static;
    /// The truth that judges answers.
    type Truth: Truth<Self::Question, Self::Answer>;

    /// Creates the workload of a run. Hosts in `without` hold nothing that questions ask for.
    ///
    /// # Errors
    ///
    /// If the scenario lacks something. The message says what to write.
    fn new(scenario: &Scenario, without: &[u32]) -> Result<Self, String>;

    /// Tells on how many nodes the system keeps what is stored under a key.
    #[must_use]
    fn with_replicas(self, _replicas: u32) -> Self {
        self
    }

    /// Tells how many nodes each host runs. If there are several, what is stored under a key is kept on
    /// different hosts, as far as there are so many among the owner's next `successors` nodes.
    #[must_use]
    fn with_nodes_per_host(self, _per_host: NodesPerHost, _successors: u32) -> Self {
        self
    }

    /// The keys of all that can be asked for, if they are a finite population: what nodes own of them is
    /// the load of a ring.
    fn population(&self) -> Option<Population<'_>> {
        None
    }

    /// Draws the next question.
    fn draw(&self, rng: &mut Rng) -> Self::Question;

    /// Creates the truth at time `at`, with these members and their hosts.
    fn truth(&self, members: impl Iterator<Item = (Id, u32)>, at: Time) -> Self::Truth;

    /// The identifier that the question looks up, if it is about one.
    fn key(_question: &Self::Question) -> Option<Id> {
        None
    }

    /// Whether the requester goes on after this answer to obtain what it names.
    fn is_followed_up(&self, _answer: &Self::Answer) -> bool {
        false
    }

    /// What follows from an answer. By default the question is answered.
    fn next(&self, _question: &Self::Question, _answer: &Self::Answer) -> Next<Self::Question> {
        Next::Completed
    }

    /// Whether the question changes what later ones find. The truth is told of such questions, in every
    /// phase, when they are issued and when they end.
    #[must_use]
    fn is_change(_question: &Self::Question) -> bool {
        false
    }

    /// Whether several things may match a question. Such questions are counted separately.
    #[must_use]
    fn is_fuzzy(_question: &Self::Question) -> bool {
        false
    }

    /// Records a question that was answered or failed. Those refused at their origin, and those
    /// whose origin departed, are not recorded.
    fn record_issued(&self, _question: &Self::Question, _tally: &mut Tally) {}

    /// Records a question that failed, with the answer that says why, if there is one.
    fn record_failed(
        &self,
        _question: &Self::Question,
        _answer: Option<&Self::Answer>,
        _tally: &mut Tally,
    ) {
    }

    /// Records an answer.
    fn record_answered(
        &self,
        _question: &Self::Question,
        _answer: &Self::Answer,
        _tally: &mut Tally,
    ) {
    }

    /// Records that what an answer named was obtained (with duration and size in bytes) or was not.
    fn record_followed_up(
        &self,
        _question: &Self::Question,
        _obtained: Option<(Duration, u64)>,
        _tally: &mut Tally,
    ) {
    }
}

/// What follows from an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next<Q> {
    /// The question is answered.
    Completed,
    /// The question has failed. The answer says why.
    Failed,
    /// The same node is asked this as well. Both are one lookup.
    Ask(Q),
}

/// The history of membership, which decides whether answers `A` to questions `Q` are correct.
///
/// Events of one identifier arrive in order of time. Those of different identifiers may arrive in
/// any order, but a judgement considers only events that have arrived.
pub trait Truth<Q, A>: Debug {
    /// Records that the node `id` joined at `at`, on `host`.
    fn join(&mut self, id: Id, host: u32, at: Time);

    /// Records that the node `id` left or crashed at `at`.
    fn leave(&mut self, id: Id, at: Time);

    /// Records that the node `id` crashed at `at`. By default the same as [`leave`](Truth::leave).
    fn crash(&mut self, id: Id, at: Time) {
        self.leave(id, at);
    }

    /// Records that a question that [changes](Workload::is_change) something was issued at `at`.
    fn issue(&mut self, _question: &Q, _at: Time) {}

    /// Records that such a question ended at `at`. `None`: without an answer, so that its change may
    /// take effect later or never.
    fn end(&mut self, _question: &Q, _answer: Option<&A>, _at: Time) {}

    /// Says when the measured phase begins. By default that does not matter.
    fn begin_phase(&mut self, _from: Time) {}

    /// Whether the answer was correct at some instant from `issued` to `answered`, inclusive.
    fn judge(&mut self, question: &Q, answer: &A, issued: Time, answered: Time) -> bool;

    /// Forgets what only questions issued before `t` need. None of those is judged any more.
    fn forget_before(&mut self, t: Time);

    /// The history of membership, if this truth keeps it in the order of identifiers. If not, the
    /// judge of a ring keeps its own.
    fn members(&self) -> Option<&OwnerTruth> {
        None
    }

    /// What this truth found out about values, if it judges values. `stored` is what nodes hold at
    /// `end`, the end of the run.
    fn verdicts(&self, _stored: &Contents, _end: Time) -> Option<ValueVerdicts> {
        None
    }
}
