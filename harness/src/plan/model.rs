//! What a system must give to be planned.
//!
//! **Invariant:** an estimate has no figure that is not a number.

use core::fmt;
use core::time::Duration;
use std::fmt::Debug;

use serde::Serialize;

use crate::plan::Conditions;
use crate::scenario::duration;

/// The model of a system.
pub trait Model: Debug + Sync {
    /// The parameters that a plan may choose, each with its values in ascending order.
    fn axes(&self, conditions: &Conditions) -> Vec<Axis>;

    /// The estimates for these conditions. Points have a value for each of `axes`, which are some of those of
    /// [`axes`](Model::axes), possibly with other values.
    ///
    /// # Errors
    ///
    /// If the conditions are impossible for the model. The message says what to write instead.
    fn evaluate(&self, conditions: &Conditions, axes: &[Axis])
    -> Result<Box<dyn Evaluate>, String>;
}

/// Estimates the figures of points under fixed conditions.
pub trait Evaluate: Debug {
    /// Whether the values of `point` go together.
    fn is_possible(&self, point: &[Value]) -> bool;

    /// The figures of `point`. Means are exact to the model; latency percentiles and the share of failed lookups
    /// are left to [`refine`](Evaluate::refine).
    fn estimate(&self, point: &[Value]) -> Estimate;

    /// Adds the figures that need the whole distribution of latencies.
    fn refine(&self, point: &[Value], estimate: &mut Estimate);

    /// How long a run of `point` takes to forget its start, in seconds. A measured phase of the same length covers
    /// all periodic work.
    fn settle_s(&self, point: &[Value]) -> f64;
}

/// A parameter, named by its scenario key, and its values.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Axis {
    /// The scenario key.
    pub key: String,
    /// A short name, for tables.
    pub name: &'static str,
    /// The values, in ascending order.
    pub values: Vec<Value>,
}

/// A value of a parameter.
#[derive(Clone, Copy, PartialEq, PartialOrd, Debug)]
pub enum Value {
    /// A number.
    Whole(u32),
    /// A time.
    Time(Duration),
}

impl Value {
    /// The number; that of a time is its seconds.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Value::Whole(number) => number,
            Value::Time(time) => u32::try_from(time.as_secs()).unwrap_or(u32::MAX),
        }
    }

    /// The time in seconds; a number counts as seconds.
    #[must_use]
    pub fn seconds(self) -> f64 {
        match self {
            Value::Whole(number) => number.into(),
            Value::Time(time) => time.as_secs_f64(),
        }
    }
}

/// As a scenario has it.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Whole(number) => f.pad(&number.to_string()),
            Value::Time(time) => f.pad(&duration::text(*time)),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Whole(number) => to.serialize_u32(*number),
            Value::Time(_) => to.collect_str(self),
        }
    }
}

/// What a point gives and costs.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Estimate {
    /// Hops of a lookup, on average.
    pub hops: f64,
    /// Contacts of a lookup that do not answer in time, on average.
    pub timeouts: f64,
    /// The latency of a lookup, on average, in seconds.
    pub latency_mean_s: f64,
    /// The 99th percentile of the latency, in seconds.
    pub latency_p99_s: f64,
    /// The share of lookups without a correct answer.
    pub failed: f64,
    /// Bytes of maintenance per node and second, with IPv4 and UDP headers.
    pub bytes_per_node_s: f64,
    /// Its parts.
    pub upkeep: Upkeep,
    /// Messages of all kinds, those of lookups too, per node and second.
    pub messages_per_node_s: f64,
    /// Memory of a node in bytes.
    pub memory_bytes: f64,
    /// Peers that a node knows.
    pub entries: f64,
    /// The time until a copy on a crashed node is made anew, in seconds.
    pub repair_s: f64,
    /// The probability that an item is lost within a year.
    pub data_loss_per_year: f64,
    /// How often a node loses all its successors at once, per node and year.
    pub isolations_per_year: f64,
}

/// The parts of maintenance, in bytes per node and second.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Upkeep {
    /// Verifying neighbors.
    pub stabilize: f64,
    /// Refreshing far entries.
    pub refresh: f64,
    /// Pings of contacts that did not answer.
    pub probe: f64,
    /// Joins and departures.
    pub churn: f64,
}
