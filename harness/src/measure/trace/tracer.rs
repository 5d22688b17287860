//! What takes the steps of traced lookups while a run goes on.
//!
//! **Invariant:** what it is told of a run does not depend on the number of threads.

use hopwise_kernel::Id;

use super::{Selection, Step};
use crate::measure::event_log::LoggedLookup;

/// Takes the steps of traced lookups, window by window.
///
/// A lookup that is under way when it is first selected has no step of kind
/// [`Asked`](super::StepKind::Asked): its trace is not whole.
pub trait Tracer {
    /// Returns which lookups are traced in the next window.
    fn selection(&mut self, numbers: Numbers) -> Selection;

    /// Takes the steps of a window: by time, then by place, then in the order in which the node made
    /// them. At least one.
    fn take_steps(&mut self, steps: &[Step]);

    /// Learns how a lookup of the measured phase ended, traced or not.
    fn take_end(&mut self, ended: Ended);

    /// Learns the messages and timeouts of a traced lookup, once it can cause no more.
    fn take_costs(&mut self, number: u32, messages: u32, timeouts: u32);
}

/// The numbers of the lookups so far.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Numbers {
    /// The first lookup of the measured phase, if it has started.
    pub first_measured: Option<u32>,
    /// The number after that of the last lookup, which starts in the next window.
    pub end: u32,
}

/// How a lookup of the measured phase ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// As in a log. The question and the answer are empty unless the lookup is selected.
    pub lookup: LoggedLookup,
    /// The identifier that was looked up, if the question has one.
    pub key: Option<Id>,
    /// The owner of that key by the truth, when the lookup ended.
    pub owner: Option<Id>,
}
