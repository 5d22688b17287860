//! How long the steps of joins took.
//!
//! **Invariant:** a step that no join had is left out.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::statistics::quantile_us;
use crate::measure::join_times::{JoinStep, JoinTimes};

/// The steps of the joins that ended in the measured phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JoinUs {
    /// From when the node was told to join until a bootstrap had answered, silent ones and failed
    /// attempts included. Only systems that report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<StepTimes>,
    /// From there until the node had chosen its identifier. Only where identifiers are chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<StepTimes>,
    /// From there until the node was a member: other nodes know it and look its keys up there. In the
    /// simulator, a chosen identifier takes effect up to 10 ms later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routing: Option<StepTimes>,
    /// From when the node had its own tables until it had all items of its range and answered for them.
    /// Begins a little before the end of `routing`. Only where nodes store values; joins of which this
    /// step ended in the measured phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<StepTimes>,
}

/// Times in microseconds. Times above 60 s count as 60 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StepTimes {
    /// Joins that had this step.
    pub count: u64,
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Maximum.
    pub max: f64,
}

impl JoinUs {
    /// Summarizes the times; `None` if there were no joins.
    #[must_use]
    pub fn new(times: &JoinTimes) -> Option<JoinUs> {
        let of = |step| times.of(step).as_ref().map(StepTimes::new);
        let steps = JoinUs {
            contact: of(JoinStep::Contact),
            place: of(JoinStep::Place),
            routing: of(JoinStep::Routing),
            items: of(JoinStep::Items),
        };
        (steps != JoinUs::default()).then_some(steps)
    }

    /// The steps that there were, in their order, with their names.
    pub fn steps(&self) -> impl Iterator<Item = (&'static str, StepTimes)> {
        let JoinUs { contact, place, routing, items } = *self;
        let steps =
            [("contact", contact), ("place", place), ("routing", routing), ("items", items)];
        steps.into_iter().filter_map(|(name, times)| Some((name, times?)))
    }
}

impl StepTimes {
    /// Summarizes a histogram of nanoseconds.
    fn new(ns: &Histogram<u64>) -> StepTimes {
        let at = |quantile| quantile_us(ns, quantile);
        let (count, mean) = (ns.len(), ns.mean() / 1e3);
        StepTimes { count, mean, p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) }
    }
}
