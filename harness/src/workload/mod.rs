//! The load: when lookups begin, what they ask, and whether an answer is right.
//!
//! [`Workload`] is one kind of question with the truth that judges its answers: owners of keys
//! ([`keys`]), holders of items ([`items`]), or what another system brings along.
//!
//! **Invariant:** the truth is known from what happened to nodes, never from what nodes say.

pub mod arrivals;
pub mod items;
pub mod judge;
pub mod keys;
pub mod presence;
pub mod truth;

use std::fmt::Debug;
use std::time::Duration;

use hopwise_kernel::{Id, Rng, Time};

use crate::Scenario;
use crate::measure::tally::Tally;

pub use self::items::ItemWorkload;
pub use self::keys::KeyWorkload;
pub use self::presence::Presence;
pub use self::truth::OwnerTruth;

/// One kind of question, and how answers are judged.
///
/// A value of it is what all questions of a run have in common. Every shard has a clone, so what is
/// large lies behind an `Arc`.
pub trait Workload: Clone + Debug + Send + Sync + 'static {
    /// What is asked for, in one word. `items` asks for those of the scenario's section `items`, which
    /// any other workload goes without.
    const NAME: &'static str;

    /// What a node is asked.
    type Question: Copy + Debug + Send + 'static;
    /// What it answers.
    type Answer: Copy + Debug + Send + 'static;
    /// What is known of the nodes, and judges answers.
    type Truth: Truth<Self::Question, Self::Answer>;

    /// The workload of a run. Hosts in `without` hold nothing that could be asked for.
    ///
    /// # Errors
    ///
    /// What is missing in the scenario, and what to write.
    fn new(scenario: &Scenario, without: &[u32]) -> Result<Self, String>;

    /// Draws the next question.
    fn draw(&self, rng: &mut Rng) -> Self::Question;

    /// The truth at `at`, when these are the members, each with the host that it lives on.
    fn truth(&self, members: impl Iterator<Item = (Id, u32)>, at: Time) -> Self::Truth;

    /// Whether the node that asked goes on after this answer, to obtain what was found.
    fn is_followed_up(&self, _answer: &Self::Answer) -> bool {
        false
    }

    /// Whether a question leaves open what exactly it means; such are counted apart.
    #[must_use]
    fn is_fuzzy(_question: &Self::Question) -> bool {
        false
    }

    /// A question was handed to a node.
    fn record_issued(&self, _question: &Self::Question, _tally: &mut Tally) {}

    /// A question was answered.
    fn record_answered(
        &self,
        _question: &Self::Question,
        _answer: &Self::Answer,
        _tally: &mut Tally,
    ) {
    }

    /// What was found has been obtained, in this time and of this size in bytes, or has not.
    fn record_followed_up(
        &self,
        _question: &Self::Question,
        _obtained: Option<(Duration, u64)>,
        _tally: &mut Tally,
    ) {
    }
}

/// What is known of the nodes of a run, by which answers `A` to questions `Q` are judged.
///
/// Events of one identifier come in the order of their times. Those of different identifiers may
/// arrive in any order, but a judgement sees only what has arrived.
pub trait Truth<Q, A>: Debug {
    /// The node `id` has joined at `at`; it lives on `host`.
    fn join(&mut self, id: Id, host: u32, at: Time);

    /// The node `id` has left or crashed at `at`.
    fn leave(&mut self, id: Id, at: Time);

    /// Whether the answer was right at some instant from `issued` to `answered`, both included.
    fn judge(&mut self, question: &Q, answer: &A, issued: Time, answered: Time) -> bool;

    /// From now on no question issued before `t` is judged: what was needed for those is forgotten.
    fn forget_before(&mut self, t: Time);
}
