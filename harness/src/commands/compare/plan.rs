//! The runs of a comparison: each system at each size, without and with each kind of crash.
//!
//! **Invariant:** the scenarios of one size differ only in the system and the fault.

use std::time::Duration;

use crate::scenario::{Amount, Fault, FaultKind, Scenario, ScenarioError, System, Target};

/// One run of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Its scenario.
    pub scenario: Scenario,
    /// Its fault.
    pub crash: Crash,
}

/// The fault at the start of the measured phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Crash {
    /// No node crashes.
    None,
    /// The node that received the most messages crashes.
    Busiest,
    /// A third of all nodes crash.
    Third,
}

impl Crash {
    /// Every kind.
    pub const ALL: [Crash; 3] = [Crash::None, Crash::Busiest, Crash::Third];

    /// Its name in the folders of runs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Crash::None => "peace",
            Crash::Busiest => "busiest-crashed",
            Crash::Third => "third-crashed",
        }
    }

    fn fault(self) -> Option<Fault> {
        let (amount, target) = match self {
            Crash::None => return None,
            Crash::Busiest => (Amount::Count(1), Target::Busiest),
            Crash::Third => (Amount::Fraction(1.0 / 3.0), Target::Random),
        };
        let (at, over) = (Duration::ZERO, Duration::ZERO);
        Some(Fault { at, over, kind: FaultKind::Crash(target), amount })
    }
}

/// Plans the runs for these numbers of nodes, the longest first. `load` loads the scenario with
/// some values (dotted key, value) set.
///
/// # Errors
///
/// If any of the scenarios is invalid.
pub fn plan(
    nodes: &[u32],
    load: impl Fn(&[(String, String)]) -> Result<Scenario, ScenarioError>,
) -> Result<Vec<Planned>, ScenarioError> {
    let mut sizes = nodes.to_vec();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    let mut runs = Vec::new();
    for nodes in sizes {
        // Flooding takes longest.
        for system in [System::Flood, System::Ring, System::Central] {
            for crash in Crash::ALL {
                let values = [
                    ("nodes".to_owned(), nodes.to_string()),
                    ("system".to_owned(), system.name().to_owned()),
                    ("items.population".to_owned(), nodes.to_string()),
                ];
                let mut scenario = load(&values)?;
                scenario.faults.extend(crash.fault());
                scenario.name = format!("{}-{nodes}-{}", system.name(), crash.name());
                runs.push(Planned { scenario, crash });
            }
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(nodes: &[u32]) -> Vec<Planned> {
        let load = |values: &[(String, String)]| Scenario::load("compare", values);
        plan(nodes, load).expect("all can be run")
    }

    #[test]
    fn each_size_has_each_system_and_each_crash_once() {
        let runs = plan_of(&[64, 32, 64]);
        assert_eq!(runs.len(), 2 * 3 * 3);
        for nodes in [32, 64] {
            for system in System::ALL {
                for crash in Crash::ALL {
                    let is_it = |run: &&Planned| {
                        (run.scenario.nodes, run.scenario.system, run.crash)
                            == (nodes, system, crash)
                    };
                    assert_eq!(runs.iter().filter(is_it).count(), 1);
                }
            }
        }
    }

    #[test]
    fn runs_of_a_size_differ_only_in_system_and_fault() {
        let runs = plan_of(&[64]);
        let common = |run: &Planned| Scenario {
            system: System::Ring,
            name: String::new(),
            faults: Vec::new(),
            ..run.scenario.clone()
        };
        assert!(runs.iter().all(|run| common(run) == common(&runs[0])));
        assert!(runs.iter().all(|run| run.scenario.items.is_some()), "all share items");
    }
}
