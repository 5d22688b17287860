//! The runs of a comparison of both ways to store a value: each with each size of values, puts and gets,
//! and gets after nodes have left or crashed.
//!
//! **Invariant:** the scenarios differ only in the way, the size, the operations and the departures.

use std::time::Duration;

use crate::commands::compare::runs::{PlanError, refuse};
use crate::scenario::{
    Amount, Fault, FaultKind, Load, Measure, Rate, RateChange, Scenario, ScenarioError, StoreKind,
    Target,
};
use crate::systems::Registry;

/// The sizes of values that are compared by default, in bytes.
pub const DEFAULT_SIZES: [u32; 4] = [16, 64, 256, 1000];

/// Both ways, in the order of the table.
pub(super) const WAYS: [StoreKind; 2] = [StoreKind::Direct, StoreKind::Reference];

/// The shares of nodes that depart, in percent.
pub const GONE_PERCENT: [u32; 3] = [10, 30, 50];

/// Announced departures take so long: one node after the other leaves.
const LEAVING: Duration = Duration::from_secs(30);
/// Gets begin so long after the first departure, when the ring has healed and copies are made again.
const SETTLED: Duration = Duration::from_secs(45);

/// The runs of a comparison.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The sizes of values, in bytes.
    pub sizes: Vec<u32>,
    /// The runs.
    pub runs: Vec<Planned>,
}

/// One run of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Its scenario.
    pub scenario: Scenario,
    /// Where values are kept.
    pub way: StoreKind,
    /// The size of values, in bytes.
    pub value_bytes: u32,
    /// What is asked, and what happens before.
    pub case: Case,
}

/// What a run asks, and what happens before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// Puts.
    Put,
    /// Gets, with all nodes there.
    Get,
    /// Gets, after so many percent of the nodes have left, announced.
    Left(u32),
    /// Gets, after so many percent of the nodes have crashed.
    Crashed(u32),
}

impl AsRef<Scenario> for Planned {
    fn as_ref(&self) -> &Scenario {
        &self.scenario
    }
}

impl Case {
    /// Every case.
    pub fn all() -> impl Iterator<Item = Case> {
        let gone = |case: fn(u32) -> Case| GONE_PERCENT.into_iter().map(case);
        [Case::Put, Case::Get].into_iter().chain(gone(Case::Left)).chain(gone(Case::Crashed))
    }

    /// Its name in the folders of runs.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Case::Put => "put".to_owned(),
            Case::Get => "get".to_owned(),
            Case::Left(percent) => format!("get-{percent}-left"),
            Case::Crashed(percent) => format!("get-{percent}-crashed"),
        }
    }

    const fn operations(self) -> &'static str {
        match self {
            Case::Put => "put",
            Case::Get | Case::Left(_) | Case::Crashed(_) => "get",
        }
    }

    fn fault(self) -> Option<Fault> {
        let (kind, over, percent) = match self {
            Case::Put | Case::Get => return None,
            Case::Left(percent) => (FaultKind::Leave, LEAVING, percent),
            Case::Crashed(percent) => (FaultKind::Crash(Target::Random), Duration::ZERO, percent),
        };
        let amount = Amount::Fraction(f64::from(percent) / 100.0);
        Some(Fault { at: Duration::ZERO, over, kind, amount })
    }
}

impl Plan {
    /// Plans the runs for these sizes of values. `load` loads the scenario with some values (dotted key,
    /// value) set.
    ///
    /// # Errors
    ///
    /// If any of the scenarios is invalid, or does not say how many gets begin after the departures.
    pub fn new(
        sizes: &[u32],
        nodes: Option<u32>,
        load: impl Fn(&[(String, String)]) -> Result<Scenario, ScenarioError>,
    ) -> Result<Plan, PlanError> {
        let mut sizes = sizes.to_vec();
        sizes.sort_unstable();
        sizes.dedup();
        let mut runs = Vec::new();
        for way in WAYS {
            for &value_bytes in &sizes {
                for case in Case::all() {
                    let mut values = vec![
                        ("store.kind", way_name(way).to_owned()),
                        ("store.value_bytes", value_bytes.to_string()),
                        ("store.operations", case.operations().to_owned()),
                    ];
                    values.extend(nodes.map(|nodes| ("nodes", nodes.to_string())));
                    let values: Vec<(String, String)> =
                        values.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
                    let mut scenario = load(&values)?;
                    scenario.name = format!("{}-{value_bytes}-{}", way_name(way), case.name());
                    if let Some(fault) = case.fault() {
                        wait_for(&mut scenario, fault)?;
                    }
                    runs.push(Planned { scenario, way, value_bytes, case });
                }
            }
        }
        Ok(Plan { sizes, runs })
    }
}

/// Adds a fault at the start of the measured phase, and lets lookups begin when it is over.
fn wait_for(scenario: &mut Scenario, fault: Fault) -> Result<(), PlanError> {
    let (Load::PerSecond(rate), None, Measure::Lasting(length)) =
        (scenario.workload.load, &scenario.workload.profile, scenario.phases.measure)
    else {
        return Err(PlanError::NoRate);
    };
    let over = Duration::ZERO;
    let silence = RateChange { at: Duration::ZERO, lookups_per_s: Rate::PerSecond(0.0), over };
    let begin = RateChange { at: SETTLED, lookups_per_s: rate, over };
    scenario.workload.profile = Some(vec![silence, begin]);
    scenario.phases.measure = Measure::Lasting(SETTLED + length);
    scenario.faults.push(fault);
    Ok(())
}

/// The name of a way, as `store.kind` takes it.
#[must_use]
pub(super) const fn way_name(way: StoreKind) -> &'static str {
    match way {
        StoreKind::Direct => "direct",
        StoreKind::Reference => "reference",
    }
}

/// What the plan sets itself, and what to write instead of setting it.
const PLANNED: [(&str, &str); 5] = [
    ("nodes", "write --nodes N"),
    ("store.kind", "leave it out; both are compared"),
    ("store.value_bytes", "write --sizes N,N,..."),
    ("store.operations", "leave it out; puts and gets are compared"),
    ("name", "leave it out; the way, the size of values and the case name a run"),
];

/// Checks that `set` (dotted key, value) sets nothing that the plan sets itself.
///
/// # Errors
///
/// [`PlanError::Varied`].
pub fn refuse_planned(registry: &Registry, set: &[(String, String)]) -> Result<(), PlanError> {
    refuse(registry, set, &PLANNED)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(sizes: &[u32], more: &[(&str, &str)]) -> Result<Plan, PlanError> {
        let registry = Registry::built_in();
        let more: Vec<(String, String)> =
            more.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        Plan::new(sizes, Some(64), |values| {
            registry.load("compare-storage", &[&more, values].concat())
        })
    }

    #[test]
    fn each_size_has_each_way_and_each_case_once() {
        let Plan { sizes, runs } = plan_of(&[100, 16, 100], &[]).expect("all can be run");
        assert_eq!((sizes, runs.len()), (vec![16, 100], 2 * 2 * 8));
        for way in WAYS {
            for size in [16, 100] {
                for case in Case::all() {
                    let is_it = |run: &&Planned| {
                        let store = run.scenario.store.as_ref().expect("values are stored");
                        (store.kind, store.value_bytes, run.case) == (way, size, case)
                    };
                    assert_eq!(runs.iter().filter(is_it).count(), 1, "{way:?} {size} {case:?}");
                }
            }
        }
        let mut names: Vec<&str> = runs.iter().map(|run| &*run.scenario.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), runs.len(), "each has a folder of its own");
        assert!(runs.iter().all(|run| run.scenario.nodes == 64));
    }

    #[test]
    fn gets_begin_after_the_departures() {
        for run in plan_of(&[16], &[]).expect("all can be run").runs {
            let scenario = &run.scenario;
            match run.case {
                Case::Put | Case::Get => assert!(scenario.faults.is_empty()),
                Case::Left(_) | Case::Crashed(_) => {
                    let profile = scenario.workload.profile.as_ref().expect("the rate changes");
                    let over = scenario.faults[0].over;
                    assert_eq!(profile[0].lookups_per_s, Rate::PerSecond(0.0));
                    assert!(over < profile[1].at);
                }
            }
        }
        let closed = plan_of(&[16], &[("workload.in_flight", "8")]);
        assert_eq!(closed.map(|_| ()), Err(PlanError::NoRate));
    }

    #[test]
    fn what_the_plan_sets_is_refused() {
        for (key, instead) in PLANNED {
            let set = [(key.to_owned(), "1".to_owned())];
            let error = refuse_planned(&Registry::built_in(), &set).expect_err(key).to_string();
            assert!(error.contains(&format!("--set {key}")) && error.contains(instead), "{error}");
        }
        let other = [("store.population".to_owned(), "5".to_owned())];
        assert_eq!(refuse_planned(&Registry::built_in(), &other), Ok(()));
    }
}
