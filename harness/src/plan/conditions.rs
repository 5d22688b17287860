//! What is given: the size, the sessions, the load and the network.
//!
//! **Invariant:** the scenario is valid and has the same churn, load and delays; only its size may differ.

use crate::Scenario;
use crate::plan::Sessions;
use crate::scenario::{ChurnModel, Load};

/// The conditions under which a system is planned.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// The number of nodes, which may be more than a run can have.
    pub nodes: u64,
    /// The network, the churn and the deadline of a lookup.
    pub scenario: Scenario,
}

impl Conditions {
    /// How long members stay.
    #[must_use]
    pub fn sessions(&self) -> Sessions {
        let churn = &self.scenario.churn;
        Sessions::new((churn.model == ChurnModel::Sessions).then_some(churn.session))
    }

    /// Lookups that each node starts per second.
    #[must_use]
    pub fn lookups_per_node_s(&self) -> f64 {
        match self.scenario.workload.load {
            Load::PerNode(interval) => 1.0 / interval.as_secs_f64(),
            Load::PerSecond(rate) => rate.per_s(0.0) / self.nodes as f64,
            Load::InFlight(_) => 0.0,
        }
    }

    /// The same with another number of nodes.
    #[must_use]
    pub fn with_nodes(&self, nodes: u64) -> Conditions {
        Conditions { nodes, ..self.clone() }
    }
}
