//! The runs of a comparison: each system at each size, without and with each kind of crash.
//!
//! **Invariant:** the scenarios of one size differ only in the system and the fault.

use std::cmp::Reverse;
use std::time::Duration;

use crate::measure::growth::{Figure, Law};
use crate::scenario::{
    Amount, Fault, FaultKind, Publish, Scenario, ScenarioError, Subject, SystemSchema, Target,
    paths_of, shortened, value_of,
};
use crate::systems::{AnySystem, Registry};
use crate::workload::items::WORDS_PER_NAME;

/// The systems that are compared by default, if they are registered.
const DEFAULT_SYSTEMS: [&str; 3] = ["central", "flood", "ring"];

/// The runs of a comparison.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The systems, in the order of the table.
    pub systems: Vec<Contender>,
    /// Whether lookups ask for items; if not, for keys.
    pub has_items: bool,
    /// The runs, the longest first.
    pub runs: Vec<Planned>,
}

/// A system that is compared, and what is expected of it.
#[derive(Clone, Copy, Debug)]
pub struct Contender {
    /// Its name.
    pub name: &'static str,
    /// The name of its workload: what lookups ask its nodes for.
    pub workload: &'static str,
    /// Whether one of its nodes serves all others.
    pub has_server: bool,
    /// How its figures grow, as the literature says.
    pub growth: &'static [(Figure, Law)],
}

/// One run of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Its scenario.
    pub scenario: Scenario,
    /// Its fault.
    pub crash: Crash,
}

impl AsRef<Scenario> for Planned {
    fn as_ref(&self) -> &Scenario {
        &self.scenario
    }
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
            Crash::None => "no-crash",
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

/// Why systems cannot be compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PlanError {
    /// There is no system of that name.
    Unknown {
        /// What was written.
        name: String,
        /// The names of all systems.
        known: String,
    },
    /// One system answers only queries for items, and another answers none.
    NothingInCommon {
        /// A system and the name of its workload.
        one: (&'static str, &'static str),
        /// Another system and the name of its workload.
        other: (&'static str, &'static str),
    },
    /// A value is set that differs between the runs.
    Varied {
        /// The key as written.
        key: String,
        /// What to write instead.
        instead: &'static str,
    },
    /// One of the scenarios is wrong.
    Scenario(ScenarioError),
    /// A flag does not go with what is compared.
    NotWith {
        /// The flag.
        flag: &'static str,
        /// What to write instead.
        instead: &'static str,
    },
    /// The scenario has no rate of operations, or no length of the measured phase.
    NoRate,
}

impl std::fmt::Display for PlanError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PlanError::Unknown { name, known } => {
                let name = shortened(name);
                write!(f, "--systems {name}: there is no such system: write one of {known}")
            }
            PlanError::NothingInCommon { one: (one, its), other: (other, others) } => write!(
                f,
                "--systems {one},{other}: {one} looks up {its} and {other} looks up {others}: \
                 write systems with the same workload"
            ),
            PlanError::Varied { key, instead } => {
                write!(f, "--set {}: it differs between the runs: {instead}", shortened(key))
            }
            PlanError::Scenario(error) => error.fmt(f),
            PlanError::NotWith { flag, instead } => write!(f, "{flag}: {instead}"),
            PlanError::NoRate => write!(
                f,
                "--what storage needs a rate and a length, so that gets begin after the departures: \
                 write workload.lookups_per_s without a profile, and phases.measure"
            ),
        }
    }
}

impl std::error::Error for PlanError {}

impl From<ScenarioError> for PlanError {
    fn from(error: ScenarioError) -> PlanError {
        PlanError::Scenario(error)
    }
}

impl Plan {
    /// Plans the runs for these numbers of nodes, the longest first. If `systems` is empty, the usual
    /// ones are compared. `load` loads the scenario with some values (dotted key, value) set.
    ///
    /// # Errors
    ///
    /// If the systems cannot be compared, or if any of the scenarios is invalid.
    pub fn new(
        registry: &Registry,
        systems: &[String],
        nodes: &[u32],
        load: impl Fn(&[(String, String)]) -> Result<Scenario, ScenarioError>,
    ) -> Result<Plan, PlanError> {
        let named = if systems.is_empty() { usual(registry) } else { systems.to_vec() };
        let (systems, has_items) = contenders(registry, &named)?;
        let mut sizes = nodes.to_vec();
        sizes.sort_unstable_by(|a, b| b.cmp(a));
        sizes.dedup();
        let mut runs = Vec::new();
        for nodes in sizes {
            for system in longest_first(&systems) {
                for crash in Crash::ALL {
                    let mut values = vec![
                        ("nodes".to_owned(), nodes.to_string()),
                        ("system".to_owned(), system.name.to_owned()),
                    ];
                    if has_items {
                        values.push(("items.population".to_owned(), nodes.to_string()));
                    }
                    let mut scenario = load(&values)?;
                    if !has_items {
                        scenario.set_subject(Subject::Keys);
                    }
                    give_time_to_publish(&mut scenario);
                    scenario.faults.extend(crash.fault());
                    scenario.name = format!("{}-{nodes}-{}", system.name, crash.name());
                    runs.push(Planned { scenario, crash });
                }
            }
        }
        Ok(Plan { systems, has_items, runs })
    }
}

/// With references by word, a ring publishes each item under its name and under three words. It gets as
/// many times the time for that, so that it has no more to do at a time than with names.
fn give_time_to_publish(scenario: &mut Scenario) {
    let publications = 1 + WORDS_PER_NAME as u32;
    if let Some(items) = scenario.items.as_mut().filter(|it| it.publish == Publish::Words) {
        items.publish_within *= publications;
        scenario.phases.warmup *= publications;
    }
}

/// What the plan sets itself, and what to write instead of setting it.
const PLANNED: [(&str, &str); 4] = [
    ("nodes", "write --nodes N,N,..."),
    ("system", "write --systems S,S,..."),
    ("items.population", "write --nodes N,N,...; there are as many items as nodes"),
    ("name", "leave it out; the system, the number of nodes and the crash name a run"),
];

/// Checks that `set` (dotted key, value) sets nothing that the plan of a comparison sets itself.
///
/// # Errors
///
/// [`PlanError::Varied`].
pub fn refuse_planned(registry: &Registry, set: &[(String, String)]) -> Result<(), PlanError> {
    refuse(registry, set, &PLANNED)
}

/// Checks that `set` (dotted key, value) sets none of the keys in `planned`, each with what to write
/// instead.
pub(super) fn refuse(
    registry: &Registry,
    set: &[(String, String)],
    planned: &[(&str, &'static str)],
) -> Result<(), PlanError> {
    for (key, value) in set {
        let paths = paths_of(&value_of(value), &registry.schema().meant(key));
        let planned = planned.iter().find(|(planned, _)| paths.iter().any(|path| path == planned));
        if let Some((_, instead)) = planned {
            return Err(PlanError::Varied { key: key.clone(), instead });
        }
    }
    Ok(())
}

fn usual(registry: &Registry) -> Vec<String> {
    let known = DEFAULT_SYSTEMS.into_iter().filter(|name| registry.schema().has_system(name));
    known.map(str::to_owned).collect()
}

/// Finds the systems `names`, each once, and whether lookups ask for items. They do if every system
/// supports items.
pub(super) fn contenders(
    registry: &Registry,
    names: &[String],
) -> Result<(Vec<Contender>, bool), PlanError> {
    let mut known: Vec<&'static str> = Vec::new();
    for name in names {
        let all = registry.schema().system_names();
        let unknown = || PlanError::Unknown { name: name.clone(), known: all.join(", ") };
        let found = all.iter().find(|other| *other == name).ok_or_else(unknown)?;
        if !known.contains(found) {
            known.push(found);
        }
    }
    let subject = |has_items| if has_items { Subject::Items } else { Subject::Keys };
    let all = |has_items: bool| -> Option<Vec<&'static dyn AnySystem>> {
        known.iter().map(|name| registry.find(name, subject(has_items))).collect()
    };
    let workload = |system: &&dyn AnySystem| (system.schema().name, system.schema().workload);
    let (systems, has_items) = match (all(true), all(false)) {
        (Some(systems), _) => (systems, true),
        (None, Some(systems)) => (systems, false),
        (None, None) => {
            // One of them has no items, and another has nothing else.
            let only = |has_items| {
                known.iter().find_map(|name| {
                    let system = registry.find(name, subject(has_items));
                    system.filter(|_| registry.find(name, subject(!has_items)).is_none())
                })
            };
            let (one, other) = (only(false), only(true));
            let known = "one lacks items and one lacks the alternative";
            let (one, other) = (workload(&one.expect(known)), workload(&other.expect(known)));
            return Err(PlanError::NothingInCommon { one, other });
        }
    };
    let contender = |system: &&'static dyn AnySystem| {
        let SystemSchema { name, workload, has_server, .. } = system.schema();
        Contender { name, workload, has_server, growth: system.growth() }
    };
    Ok((systems.iter().map(contender).collect(), has_items))
}

/// The systems, those whose messages grow fastest first: they take longest.
fn longest_first(systems: &[Contender]) -> Vec<&Contender> {
    let law = |system: &&Contender| {
        let laws = system.growth.iter().filter(|(figure, _)| *figure == Figure::MessagesPerQuery);
        Reverse(laws.map(|(_, law)| *law).next().unwrap_or(Law::Linear))
    };
    let mut systems: Vec<&Contender> = systems.iter().collect();
    systems.sort_by_key(law);
    systems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_of(systems: &[&str], nodes: &[u32]) -> Result<Plan, PlanError> {
        let registry = Registry::built_in();
        let systems: Vec<String> = systems.iter().map(|name| (*name).to_owned()).collect();
        Plan::new(&registry, &systems, nodes, |values| registry.load("compare", values))
    }

    #[test]
    fn each_size_has_each_system_and_each_crash_once() {
        let Plan { systems, runs, .. } = plan_of(&[], &[64, 32, 64]).expect("all can be run");
        let names: Vec<&str> = systems.iter().map(|system| system.name).collect();
        assert_eq!(names, ["central", "flood", "ring"]);
        assert_eq!(runs.len(), 2 * 3 * 3);
        for nodes in [32, 64] {
            for system in &names {
                for crash in Crash::ALL {
                    let is_it = |run: &&Planned| {
                        (run.scenario.nodes, run.scenario.system.as_str(), run.crash)
                            == (nodes, *system, crash)
                    };
                    assert_eq!(runs.iter().filter(is_it).count(), 1);
                }
            }
        }
        let order: Vec<&str> = runs.iter().step_by(3).map(|run| &*run.scenario.system).collect();
        assert_eq!(order[..3], ["flood", "ring", "central"], "the longest first");
    }

    #[test]
    fn runs_of_a_size_differ_only_in_system_and_fault() {
        let runs = plan_of(&[], &[64]).expect("all can be run").runs;
        let common = |run: &Planned| Scenario {
            system: String::new(),
            name: String::new(),
            faults: Vec::new(),
            ..run.scenario.clone()
        };
        assert!(runs.iter().all(|run| common(run) == common(&runs[0])));
        assert!(runs.iter().all(|run| run.scenario.items.is_some()), "all share items");
    }

    #[test]
    fn words_take_longer_to_publish_in_every_system() {
        let registry = Registry::built_in();
        let load = |more: &[(String, String)], words: bool| {
            let words = words.then(|| ("items.publish".to_owned(), "words".to_owned()));
            registry.load("compare", &[words.into_iter().collect(), more.to_vec()].concat())
        };
        let plan = |words| {
            let plan = Plan::new(&registry, &[], &[64], |more| load(more, words));
            plan.expect("all can be run").runs
        };
        for (names, words) in plan(false).iter().zip(plan(true)) {
            let within = |run: &Planned| run.scenario.items.as_ref().map(|it| it.publish_within);
            assert_eq!(within(&words), within(names).map(|it| it * 4));
            assert_eq!(words.scenario.phases.warmup, names.scenario.phases.warmup * 4);
        }
    }

    #[test]
    fn what_the_plan_sets_is_refused() {
        let refused = |key: &str, value: &str| {
            let set = [(key.to_owned(), value.to_owned())];
            refuse_planned(&Registry::built_in(), &set).map_err(|error| error.to_string())
        };
        for (key, value, instead) in [
            ("nodes", "5", "write --nodes"),
            ("Nodes", "5", "write --nodes"),
            ("system", "ring", "write --systems"),
            ("items.population", "5", "write --nodes"),
            ("items", "{ population = 5 }", "write --nodes"),
            ("name", "mine", "leave it out"),
        ] {
            let error = refused(key, value).expect_err(key);
            assert!(error.contains(&format!("--set {key}")) && error.contains(instead), "{error}");
        }
        for (key, value) in [("items.replicas", "2"), ("ring.successors", "8"), ("seed", "2")] {
            assert_eq!(refused(key, value), Ok(()));
        }
    }

    #[test]
    fn systems_are_compared_in_the_order_named() {
        let plan = plan_of(&["ring", "central", "ring"], &[64]).expect("both can be run");
        let names: Vec<&str> = plan.systems.iter().map(|system| system.name).collect();
        assert_eq!((names, plan.runs.len()), (vec!["ring", "central"], 6));
        let error = plan_of(&["rign"], &[64]).expect_err("there is none").to_string();
        assert!(error.contains("--systems rign") && error.contains("ring, central, flood"));
    }
}
