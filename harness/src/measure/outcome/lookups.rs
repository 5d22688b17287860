//! Figures of lookups.
//!
//! **Invariant:** units are in the names, and every figure is 0 where nothing was counted.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use super::statistics::{self, mean, nearest_rank, per, quantile_us};
use crate::measure::metrics::Metrics;

/// Results of lookups. Each issued one ends as completed, failed, shed or orphaned. Shares are of
/// those that [count](Lookups::counted), unless stated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookups {
    /// Lookups that were due.
    pub issued: u64,
    /// Lookups answered before their deadline.
    pub completed: u64,
    /// Completed lookups that named the key's true owner at some instant between issue and answer.
    /// For item queries, see [`Asked::correct`](super::Asked::correct).
    pub correct: u64,
    /// Completed lookups that named anything else.
    pub incorrect: u64,
    /// Lookups without an answer before their deadline.
    pub failed: u64,
    /// Lookups refused at their origin for want of room.
    pub shed: u64,
    /// Lookups whose origin left or crashed before the answer, or in an interrupted run, that had none
    /// when it ended. Results of older versions count them as failed.
    #[serde(default)]
    pub orphaned: u64,
    /// Completed lookups that a node answered for its predecessor, which was silent and would own the
    /// key.
    #[serde(default)]
    pub under_suspicion: u64,
    /// Completed lookups per second.
    pub per_s: f64,
    /// Completed lookups per second of the closed loop that ran before the warm-up, if the load is
    /// a multiple of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_per_s: Option<f64>,
    /// Hops per completed lookup.
    pub hops: Hops,
    /// Contacts that did not answer in time, on every branch, per completed or failed lookup.
    pub timeouts: Timeouts,
    /// Time from the intended start to the answer, of completed lookups.
    pub latency_us: Latency,
    /// Time from the intended start to the issue: how far the load generator lagged behind its
    /// schedule. Lookups that were refused at once have no lag.
    pub lag_us: Lag,
    /// All messages that lookups of the phase caused, whenever they were sent, per lookup that was not
    /// shed.
    pub messages: Messages,
}

/// Hops per lookup. A hop is a transfer between two distinct live nodes on the way from the origin
/// to the node that knows the answer. Percentiles use the nearest rank; they are 0 if no lookup
/// completed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hops {
    /// Mean.
    pub mean: f64,
    /// 1st percentile.
    pub p1: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// Maximum.
    pub max: u64,
    /// `histogram[i]` is the number of lookups with `i` hops. The last entry is that of the maximum.
    pub histogram: Vec<u64>,
}

/// Timeouts per lookup, on all its branches. Percentiles use the nearest rank; they are 0 if no lookup
/// ended. A percentile above 4,094 reads 4,095.
///
/// Over UDP, a node that waits in vain does not know for which lookup, unless its branch leads to the
/// answer. So the mean comes from the nodes' own counts, and the percentiles from the branches that
/// led to the answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Mean.
    pub mean: f64,
    /// 1st percentile.
    pub p1: u64,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
}

/// Latencies in microseconds; 0 if nothing was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Mean.
    pub mean: f64,
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// 99.9th percentile.
    pub p99_9: f64,
    /// Maximum.
    pub max: f64,
    /// The whole distribution in whole microseconds: HdrHistogram's V2 format, deflated, in base64.
    pub histogram: String,
}

/// Delays of the load generator in microseconds; 0 if nothing was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lag {
    /// Median.
    pub p50: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Maximum.
    pub max: f64,
}

/// Messages per lookup. In the simulator each is known. Over UDP they are counted from the first to the
/// last lookup of the phase; earlier ones that are in progress at its start are taken to cause as many
/// messages after it as those in progress when no more start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Messages {
    /// Mean.
    pub mean: f64,
}

impl Lookups {
    /// Summarizes `metrics` of a phase that lasted `measured`.
    #[must_use]
    pub fn new(metrics: &Metrics, measured: Duration) -> Lookups {
        Lookups {
            issued: metrics.issued,
            completed: metrics.completed,
            correct: metrics.correct,
            incorrect: metrics.incorrect,
            failed: metrics.failed,
            shed: metrics.shed,
            orphaned: metrics.orphaned,
            under_suspicion: metrics.under_suspicion,
            per_s: per(metrics.completed as f64, measured.as_secs_f64()),
            capacity_per_s: None,
            hops: Hops::new(metrics.hops()),
            timeouts: Timeouts::new(metrics),
            latency_us: Latency::new(metrics.latency()),
            lag_us: Lag::new(metrics.lag()),
            messages: Messages {
                mean: per(
                    metrics.messages as f64,
                    (metrics.completed + metrics.failed + metrics.orphaned) as f64,
                ),
            },
        }
    }

    /// The lookups that the system had to answer: those issued, without the shed and the orphaned.
    #[must_use]
    pub const fn counted(&self) -> u64 {
        self.issued.saturating_sub(self.shed + self.orphaned)
    }
}

impl Hops {
    /// Summarizes counts: `counts[i]` lookups had `i` hops.
    #[must_use]
    pub fn new(counts: &[u64]) -> Hops {
        let len = counts.iter().rposition(|&count| count > 0).map_or(0, |last| last + 1);
        Hops {
            mean: mean(counts),
            p1: nearest_rank(counts, 1),
            p50: nearest_rank(counts, 50),
            p99: nearest_rank(counts, 99),
            max: len.saturating_sub(1) as u64,
            histogram: counts[..len].to_vec(),
        }
    }
}

impl Timeouts {
    /// Summarizes the timeouts of the lookups that completed or failed.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Timeouts {
        let counts = metrics.timeouts();
        let ended = metrics.completed + metrics.failed;
        Timeouts {
            mean: per(metrics.silent_contacts as f64, ended as f64),
            p1: nearest_rank(counts, 1),
            p50: nearest_rank(counts, 50),
            p99: nearest_rank(counts, 99),
        }
    }
}

impl Latency {
    /// Summarizes a histogram of nanoseconds.
    #[must_use]
    pub fn new(ns: &Histogram<u64>) -> Latency {
        let at = |quantile| quantile_us(ns, quantile);
        Latency {
            mean: ns.mean() / 1e3,
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p99_9: at(0.999),
            max: at(1.0),
            histogram: statistics::encode(&statistics::in_microseconds(ns)),
        }
    }

    /// Decodes the histogram, which is in whole microseconds.
    ///
    /// # Errors
    ///
    /// If the text is not an encoded histogram; the message says why.
    pub fn decode_histogram(&self) -> Result<Histogram<u64>, String> {
        statistics::decode(&self.histogram)
    }
}

impl Lag {
    /// Summarizes a histogram of nanoseconds.
    #[must_use]
    pub fn new(ns: &Histogram<u64>) -> Lag {
        let at = |quantile| quantile_us(ns, quantile);
        Lag { p50: at(0.5), p99: at(0.99), max: at(1.0) }
    }
}
