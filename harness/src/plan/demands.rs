//! What must hold.
//!
//! **Invariant:** a demand that was not made is always met.

use serde::Serialize;

use crate::plan::Estimate;

/// The demands on a system. `None`: not demanded.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize)]
pub struct Demands {
    /// The most bytes of maintenance per node and second.
    pub bytes_per_node_s: Option<f64>,
    /// The least share of lookups that are answered correctly.
    pub success: Option<f64>,
    /// The greatest 99th percentile of the latency, in seconds.
    pub p99_s: Option<f64>,
    /// The most memory of a node, in bytes.
    pub memory_bytes: Option<f64>,
    /// The greatest probability that an item is lost within a year.
    pub data_loss_per_year: Option<f64>,
}

/// One of the demands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Demand {
    /// On maintenance bytes.
    Budget,
    /// On correct answers.
    Success,
    /// On the latency.
    P99,
    /// On memory.
    Memory,
    /// On items.
    DataLoss,
}

impl Demand {
    /// All demands.
    pub const ALL: [Demand; 5] =
        [Demand::Budget, Demand::Success, Demand::P99, Demand::Memory, Demand::DataLoss];

    /// The flag that makes it.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Demand::Budget => "--budget",
            Demand::Success => "--success",
            Demand::P99 => "--p99",
            Demand::Memory => "--memory",
            Demand::DataLoss => "--data-loss",
        }
    }

    /// The figure that it bounds, and above. For [`Success`](Demand::Success) the share that fails.
    #[must_use]
    pub const fn figure(self, estimate: &Estimate) -> f64 {
        match self {
            Demand::Budget => estimate.bytes_per_node_s,
            Demand::Success => estimate.failed,
            Demand::P99 => estimate.latency_p99_s,
            Demand::Memory => estimate.memory_bytes,
            Demand::DataLoss => estimate.data_loss_per_year,
        }
    }

    /// Whether only the whole distribution of latencies tells.
    #[must_use]
    pub const fn needs_refinement(self) -> bool {
        matches!(self, Demand::Success | Demand::P99)
    }
}

impl Demands {
    /// The most that `demand` allows of its [figure](Demand::figure).
    #[must_use]
    pub fn bound(&self, demand: Demand) -> Option<f64> {
        match demand {
            Demand::Budget => self.bytes_per_node_s,
            Demand::Success => self.success.map(|share| 1.0 - share),
            Demand::P99 => self.p99_s,
            Demand::Memory => self.memory_bytes,
            Demand::DataLoss => self.data_loss_per_year,
        }
    }

    /// The figure of `demand` divided by its bound: above 1, it is not met. 0 if it was not made.
    #[must_use]
    pub fn strain(&self, demand: Demand, estimate: &Estimate) -> f64 {
        match self.bound(demand) {
            None => 0.0,
            Some(bound) => match demand.figure(estimate) {
                figure if figure <= 0.0 => 0.0,
                figure => figure / bound.max(f64::MIN_POSITIVE),
            },
        }
    }

    /// Whether `estimate` meets `demand`.
    #[must_use]
    pub fn is_met(&self, demand: Demand, estimate: &Estimate) -> bool {
        // A share such as 1 − 0.999 has rounding errors.
        self.strain(demand, estimate) <= 1.0 + 1e-9
    }

    /// The demands that `estimate` does not meet.
    pub fn unmet(&self, estimate: &Estimate) -> impl Iterator<Item = Demand> {
        Demand::ALL.into_iter().filter(|&demand| !self.is_met(demand, estimate))
    }

    /// Whether `estimate` meets all demands.
    #[must_use]
    pub fn are_met(&self, estimate: &Estimate) -> bool {
        self.unmet(estimate).next().is_none()
    }

    /// The demands without `demand`.
    #[must_use]
    pub fn without(mut self, demand: Demand) -> Demands {
        match demand {
            Demand::Budget => self.bytes_per_node_s = None,
            Demand::Success => self.success = None,
            Demand::P99 => self.p99_s = None,
            Demand::Memory => self.memory_bytes = None,
            Demand::DataLoss => self.data_loss_per_year = None,
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_is_met_up_to_its_bound() {
        let demands = Demands { success: Some(0.999), p99_s: Some(1.0), ..Demands::default() };
        let at_bounds = Estimate {
            failed: 1.0 - 0.999,
            latency_p99_s: 1.0,
            bytes_per_node_s: 1e9,
            ..Estimate::default()
        };
        assert!(demands.are_met(&at_bounds), "nothing is demanded of bytes");
        let slow = Estimate { latency_p99_s: 1.01, ..at_bounds };
        assert_eq!(demands.unmet(&slow).collect::<Vec<_>>(), [Demand::P99]);
        assert!(demands.without(Demand::P99).are_met(&slow));
        let perfect = Demands { success: Some(1.0), ..Demands::default() };
        assert!(perfect.are_met(&Estimate::default()) && !perfect.are_met(&at_bounds));
    }
}
