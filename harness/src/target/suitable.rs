//! What a scenario may not say if its load goes to a ring that runs elsewhere.
//!
//! **Invariant:** a message names the key, and what to write.

use crate::Scenario;
use crate::scenario::{ChurnModel, Engine, Load, Network};

/// Checks a scenario.
///
/// # Errors
///
/// What to write instead.
pub(super) fn check(scenario: &Scenario) -> Result<(), String> {
    let refuse = |key: &str, instead: &str| {
        Err(format!(
            "{key}: with --target, nodes run elsewhere, and this run does not command them: {instead}"
        ))
    };
    if scenario.store.is_none() {
        return refuse("store", "write a section [store], whose reads and writes are driven");
    }
    if scenario.engine == Engine::Sim {
        return refuse("engine = \"sim\"", "write engine = \"udp\", or nothing");
    }
    if scenario.churn.model != ChurnModel::Off {
        return refuse("churn.model", "write churn.model = \"off\", or nothing");
    }
    if !scenario.faults.is_empty() {
        return refuse("fault", "leave the faults out");
    }
    let plain = Network::default();
    if scenario.network.latency != plain.latency {
        return refuse("network.latency", "leave it out");
    }
    if scenario.network.loss != plain.loss {
        return refuse("network.loss", "leave it out");
    }
    if matches!(scenario.workload.load, Load::PerNode(_)) {
        return refuse(
            "workload.lookup_interval",
            "write workload.lookups_per_s or workload.in_flight",
        );
    }
    Ok(())
}
