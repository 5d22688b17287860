//! The figures of a run in the last second or so.
//!
//! **Invariant:** plain data.

use std::time::Duration;

use crate::measure::metrics::Metrics;

/// Figures of the last second or so.
#[derive(Clone, Copy, Debug, Default)]
pub struct Snapshot {
    /// The phase the run is in.
    pub phase: &'static str,
    /// Time since the run began.
    pub elapsed: Duration,
    /// Live nodes.
    pub live_nodes: usize,
    /// Lookups issued per second.
    pub issued_per_s: f64,
    /// Lookups completed per second.
    pub lookups_per_s: f64,
    /// Lookups per second that ended without an answer.
    pub failed_per_s: f64,
    /// Median of the latencies.
    pub p50: Duration,
    /// 99th percentile of the latencies.
    pub p99: Duration,
    /// Mean of the hops.
    pub hops_mean: f64,
    /// Bytes of maintenance per second that all nodes sent.
    pub maintenance_bytes_per_s: f64,
}

impl Snapshot {
    /// The figures of an interval of this length that ends now, from the lookups that ended and the bytes
    /// of maintenance that were sent in it.
    #[must_use]
    pub fn of_interval(
        phase: &'static str,
        elapsed: Duration,
        live_nodes: usize,
        lookups: &Metrics,
        maintenance_bytes: u64,
        length: Duration,
    ) -> Snapshot {
        let per_s = |count: u64| count as f64 / length.as_secs_f64().max(1e-9);
        let latency =
            |quantile| Duration::from_nanos(lookups.latency().value_at_quantile(quantile));
        let hops: u64 = (0..).zip(lookups.hops()).map(|(hops, count)| hops * count).sum();
        Snapshot {
            phase,
            elapsed,
            live_nodes,
            issued_per_s: per_s(lookups.issued),
            lookups_per_s: per_s(lookups.completed),
            failed_per_s: per_s(lookups.failed),
            p50: latency(0.5),
            p99: latency(0.99),
            hops_mean: hops as f64 / lookups.completed.max(1) as f64,
            maintenance_bytes_per_s: per_s(maintenance_bytes),
        }
    }

    /// The values in the order of the [layout of a run](crate::live::feed::layout::RUN). There are no
    /// latencies without lookups.
    pub(super) fn values(&self) -> Vec<Option<f64>> {
        let of_lookups = |value: f64| (self.lookups_per_s > 0.0).then_some(value);
        let in_ms = |time: Duration| 1e3 * time.as_secs_f64();
        vec![
            Some(self.live_nodes as f64),
            Some(self.issued_per_s),
            Some(self.lookups_per_s),
            Some(self.failed_per_s),
            of_lookups(in_ms(self.p50)),
            of_lookups(in_ms(self.p99)),
            of_lookups(self.hops_mean),
            Some(self.maintenance_bytes_per_s / self.live_nodes.max(1) as f64),
        ]
    }
}
