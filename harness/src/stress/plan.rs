//! What runs: the scenario of each step, of the hold and what follows, and of the runs that find costs.
//!
//! **Invariant:** every scenario of a plan is the user's, with other load, nodes, phases and churn only;
//! those that find costs have the user's system and settings of the ring.

use std::time::Duration;

use super::level::Level;
use super::stages::Schedule;
use crate::Scenario;
use crate::scenario::{ChurnModel, Engine, Fault, Load as Offered, Rate, RateChange, duration};
use crate::systems::Registry;

/// The scenario of lookups, and its nodes, if the user names none.
const LOOKUPS: &str = "steady";
const NODES: &str = "1000";
/// The scenario of reads and writes.
const VALUES: &str = "ycsb-b";
/// The first load, as a multiple of what a closed loop completes.
pub(crate) const FIRST: f64 = 0.7;
/// How fast the load grows until there is a bracket, from such a first load and from another one.
const GROWTH_NEAR: f64 = 1.4;
const GROWTH: f64 = 2.0;
/// The keys of a load. A run has one of its own.
const LOADS: [&str; 3] =
    ["workload.lookups_per_s", "workload.lookup_interval", "workload.in_flight"];
/// The ratio of the ends of a narrow bracket.
const PRECISION: f64 = 1.04;
/// The highest load: lookups per second, and nodes.
const LOAD_MAX: f64 = 1e9;
const NODES_MAX: f64 = 16_777_216.0;
/// While the knee is held, one of this many nodes joins per second, and one departs.
const NODES_PER_CHANGE: f64 = 500.0;
/// Operations in progress while costs are measured.
const IN_FLIGHT: u32 = 512;
/// How many idle nodes their cost is measured with, for each node of the knee, and at most: it is to be that
/// of a server with many nodes.
const IDLE_NODES: u32 = 10;
const IDLE_NODES_MAX: u32 = 20_000;
/// Lookups per second of idle nodes.
const IDLE_PER_S: f64 = 10.0;
/// Steps that the time must allow.
const STEPS_MIN: u32 = 6;
/// The shortest and the longest step, and the longest hold.
const STEP: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(600)];
const HOLD: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(86_400)];
/// Keys at a target outlive the warm-up, the measured phase, and this.
const KEYS_OUTLIVE: Duration = Duration::from_secs(15);
/// Until idle nodes do what they do for ever: a few periods of maintenance.
const IDLE_WARMUP: Duration = Duration::from_secs(2);
/// A run takes longer than its phases: nodes start, and the last operations end.
const BESIDE: Duration = Duration::from_millis(500);

/// What the user wants to know, and how it is found out.
#[derive(Clone, PartialEq, Debug)]
pub struct Options {
    /// A named scenario or a file; `None`: the ring's lookups, or reads and writes of a target.
    pub workload: Option<String>,
    /// Values on top.
    pub values: Vec<(String, String)>,
    /// The service level.
    pub level: Level,
    /// What grows.
    pub ramp: Ramp,
    /// The first load, or number of nodes.
    pub from: Option<f64>,
    /// The highest.
    pub to: Option<f64>,
    /// How long each step is measured.
    pub step: Duration,
    /// How long the knee is held.
    pub hold: Duration,
    /// Memory of this process, at most; `None`: most of what is free.
    pub max_memory: Option<u64>,
    /// How long all of it takes, at most.
    pub max_time: Duration,
}

/// What grows.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Ramp {
    /// The offered load, with the same nodes.
    #[default]
    Load,
    /// The nodes, with the same load per node.
    Nodes,
}

/// The load of a run.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Load {
    pub(crate) nodes: u32,
    pub(crate) rate: Rate,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    registry: &'a Registry,
    options: &'a Options,
    source: &'a str,
    values: Vec<(String, String)>,
    /// The user's scenario.
    pub(crate) base: Scenario,
    is_target: bool,
}

/// What a run that finds costs does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cost {
    Idle,
    Lookups,
    Gets,
    Puts,
}

impl<'a> Plan<'a> {
    /// Plans what `options` ask for. With a `target_workload`, which is that of a user who names none, load
    /// goes to a server that runs.
    ///
    /// # Errors
    ///
    /// What to write instead.
    pub(crate) fn new(
        registry: &'a Registry,
        options: &'a Options,
        target_workload: Option<&'a str>,
    ) -> Result<Plan<'a>, String> {
        let usual = target_workload.unwrap_or(LOOKUPS);
        let source = options.workload.as_deref().unwrap_or(usual);
        let mut values = Vec::new();
        if options.workload.is_none() {
            values.push(("nodes".to_owned(), NODES.to_owned()));
        }
        values.extend_from_slice(&options.values);
        let base = registry.load(source, &values).map_err(|why| why.to_string())?;
        let is_target = target_workload.is_some();
        let plan = Plan { registry, options, source, values, base, is_target };
        plan.check()?;
        Ok(plan)
    }

    fn check(&self) -> Result<(), String> {
        let Options { step, hold, max_time, ramp, from, to, .. } = self.options;
        let within = |name: &str, value: &Duration, [min, max]: [Duration; 2]| {
            if (min..=max).contains(value) {
                return Ok(());
            }
            let [value, min, max] = [*value, min, max].map(duration::text);
            Err(format!("--{name} {value} is not accepted: write {min} to {max}"))
        };
        within("step", step, STEP)?;
        within("hold", hold, HOLD)?;
        if self.base.engine == Engine::Sim {
            return Err(
                "engine = \"sim\": a simulation says nothing about this server: write engine = \
                        \"udp\", or nothing"
                    .to_owned(),
            );
        }
        if self.base.workload.profile.is_some() {
            return Err(format!(
                "{}: stress changes the load itself: leave workload.profile out, or name another workload",
                self.base.name
            ));
        }
        if *ramp == Ramp::Nodes {
            if self.is_target {
                return Err(
                    "--ramp nodes: with --target, nodes run elsewhere: write --ramp load".into()
                );
            }
            self.per_node()?;
        }
        for (name, value) in [("from", from), ("to", to)] {
            let Some(value) = *value else { continue };
            let is_count = *ramp == Ramp::Load || value.fract() == 0.0;
            let max = self.highest_possible();
            if !(is_count
                && value >= f64::from(u8::from(*ramp == Ramp::Nodes))
                && value > 0.0
                && value <= max)
            {
                let what = match ramp {
                    Ramp::Load => format!("operations per second, above 0 and at most {max:e}"),
                    Ramp::Nodes => format!("a number of nodes from 1 to {max}"),
                };
                return Err(format!("--{name} {value} is not accepted: write {what}"));
            }
        }
        if let (Some(from), Some(to)) = (from, to)
            && from > to
        {
            return Err(format!("--from {from} is above --to {to}: write a lower one"));
        }
        let needed = self.reserve() + self.step_length() * STEPS_MIN;
        if *max_time < needed {
            let needed = duration::text(Duration::from_secs(needed.as_secs() + 1));
            let [max_time, hold, step] = [*max_time, *hold, *step].map(duration::text);
            return Err(format!(
                "--max-time {max_time} is too short for --hold {hold} and steps of {step}: write \
                 --max-time {needed} or more, a shorter --hold, or a shorter --step"
            ));
        }
        Ok(())
    }

    /// The highest load, or number of nodes, that a scenario can have.
    pub(crate) fn highest_possible(&self) -> f64 {
        match self.options.ramp {
            Ramp::Load => LOAD_MAX,
            Ramp::Nodes => NODES_MAX,
        }
    }

    /// The load per node.
    fn per_node(&self) -> Result<f64, String> {
        match self.base.workload.load {
            Offered::PerSecond(Rate::PerSecond(rate)) => Ok(rate / f64::from(self.base.nodes)),
            Offered::PerNode(interval) => Ok(1.0 / interval.as_secs_f64()),
            Offered::PerSecond(Rate::OfCapacity(_)) | Offered::InFlight(_) => Err(format!(
                "--ramp nodes: {} has no load per node: add --set workload.lookup_interval=1s, the mean \
                 time between two operations of a node",
                self.base.name
            )),
        }
    }

    /// The first load; `None` if a closed loop is to find it.
    pub(crate) fn first(&self) -> Option<f64> {
        let nodes = (self.options.ramp == Ramp::Nodes).then(|| f64::from(self.base.nodes));
        self.options.from.or(nodes)
    }

    /// How loads are tried from `start` on.
    pub(crate) fn course(&self, start: f64) -> super::search::Course {
        let growth = if self.first().is_some() { GROWTH } else { GROWTH_NEAR };
        super::search::Course {
            start,
            highest: self.options.to.unwrap_or(self.highest_possible()),
            growth,
            precision: PRECISION,
            is_whole: self.options.ramp == Ramp::Nodes,
        }
    }

    /// The load that `tried` stands for: operations per second, or nodes.
    pub(crate) fn load(&self, tried: f64) -> Load {
        match self.options.ramp {
            Ramp::Load => Load { nodes: self.base.nodes, rate: Rate::PerSecond(tried) },
            Ramp::Nodes => {
                let per_node = self.per_node().unwrap_or(1.0);
                Load { nodes: tried as u32, rate: Rate::PerSecond(tried * per_node) }
            }
        }
    }

    /// The load of the first step, if a closed loop is to find it.
    pub(crate) fn load_near_capacity(&self) -> Load {
        Load { nodes: self.base.nodes, rate: Rate::OfCapacity(FIRST) }
    }

    /// The scenario of a step.
    pub(crate) fn step(&self, load: Load) -> Result<Scenario, String> {
        self.with(load, self.options.step, &[])
    }

    /// Whether nodes grow, rather than their load.
    pub(crate) fn grows_nodes(&self) -> bool {
        self.options.ramp == Ramp::Nodes
    }

    /// The stages of the hold and what follows. What grows goes up to `highest` times the knee.
    pub(crate) fn schedule(&self, highest: f64) -> Schedule {
        match self.options.ramp {
            Ramp::Load => Schedule::of_load(self.options.hold),
            Ramp::Nodes => Schedule::of_nodes(self.options.hold, highest),
        }
    }

    /// The scenario of the hold at `load`, beyond it, and back.
    pub(crate) fn held(&self, load: Load, schedule: &Schedule) -> Result<Scenario, String> {
        let Rate::PerSecond(rate) = load.rate else { return self.step(load) };
        let changes: Vec<String> = schedule.changes(rate).iter().map(change).collect();
        let mut stages = vec![("workload.profile".to_owned(), format!("[{}]", changes.join(", ")))];
        if self.options.ramp == Ramp::Nodes {
            let faults = [&self.base.faults[..], &schedule.node_changes(load.nodes)].concat();
            stages.extend((!faults.is_empty()).then(|| ("fault".to_owned(), in_toml(&faults))));
        }
        let length = schedule.length();
        if self.is_target || self.base.churn.model != ChurnModel::Off {
            return self.with(load, length, &stages);
        }
        let per_s = f64::from(load.nodes) / NODES_PER_CHANGE;
        let churn = [
            ("churn.model", "poisson".to_owned()),
            ("churn.joins_per_s", format!("{per_s:?}")),
            ("churn.departures_per_s", format!("{per_s:?}")),
        ];
        let churn = churn.map(|(key, value)| (key.to_owned(), value));
        // Not every system can take it.
        let with_churn = self.with(load, length, &[&stages, &churn[..]].concat());
        with_churn.or_else(|_| self.with(load, length, &stages))
    }

    /// The scenario of a run that finds a cost, with so many nodes at the knee; `None` if there is none.
    pub(crate) fn cost(&self, cost: Cost, nodes: u32) -> Option<Scenario> {
        let nodes = match cost {
            Cost::Idle => nodes.max(nodes.saturating_mul(IDLE_NODES).min(IDLE_NODES_MAX)),
            Cost::Lookups | Cost::Gets | Cost::Puts => nodes,
        };
        if self.is_target {
            return None;
        }
        let own = |key: &str| {
            ["seed", "threads"].contains(&key)
                || key.starts_with("ring.")
                || key.starts_with("udp.")
        };
        let settings = self.values.iter().filter(|(key, _)| own(key)).cloned();
        let mut values: Vec<(String, String)> = settings.collect();
        let mut set = |key: &str, value: String| values.push((key.to_owned(), value));
        set("system", self.base.system.clone());
        set("nodes", nodes.to_string());
        set("phases.measure", in_ms(self.options.step));
        if cost == Cost::Idle {
            set("phases.warmup", in_ms(IDLE_WARMUP));
            set("workload.lookups_per_s", format!("{IDLE_PER_S:?}"));
        } else {
            set("phases.warmup", in_ms(self.warmup()));
            set("workload.in_flight", IN_FLIGHT.to_string());
        }
        let source = match cost {
            Cost::Idle | Cost::Lookups => LOOKUPS,
            Cost::Gets | Cost::Puts => {
                let operations = if cost == Cost::Gets { "get" } else { "put" };
                set("store.operations", operations.to_owned());
                // The store of the user's scenario, if it has one.
                let store = self.values.iter().filter(|(key, _)| key.starts_with("store."));
                let store =
                    store.filter(|(key, _)| key != "store.operations" && key != "store.reads");
                values.extend(store.cloned());
                if self.base.store.is_some() { self.source } else { VALUES }
            }
        };
        self.registry.load(source, &values).ok()
    }

    fn with(
        &self,
        load: Load,
        measure: Duration,
        more: &[(String, String)],
    ) -> Result<Scenario, String> {
        let rate = match load.rate {
            Rate::PerSecond(rate) => format!("{rate:?}"),
            Rate::OfCapacity(multiple) => format!("{multiple}x"),
        };
        let own = [
            ("nodes", load.nodes.to_string()),
            ("workload.lookups_per_s", rate),
            ("phases.warmup", in_ms(self.warmup())),
            ("phases.measure", in_ms(measure)),
        ];
        let own = own.map(|(key, value)| (key.to_owned(), value));
        let is_load = |key: &str| LOADS.contains(&&*self.registry.schema().meant(key));
        let others = self.values.iter().filter(|(key, _)| !is_load(key)).cloned();
        let mut values: Vec<_> = others.chain(own).chain(more.iter().cloned()).collect();
        if self.is_target {
            // The keys of many runs would fill the servers. Those of a run outlive it, but not for long.
            let lifetime = (self.warmup() + measure) * 2 + KEYS_OUTLIVE;
            values.push(("store.lifetime".to_owned(), in_ms(lifetime)));
        }
        self.registry.load(self.source, &values).map_err(|why| why.to_string())
    }

    fn warmup(&self) -> Duration {
        (self.options.step / 3).min(Duration::from_secs(5))
    }

    /// The time that a step takes.
    pub(crate) fn step_length(&self) -> Duration {
        self.warmup() + self.options.step + BESIDE
    }

    /// The time that the hold and what follows take.
    pub(crate) fn held_length(&self) -> Duration {
        self.warmup() + self.schedule(f64::INFINITY).length() + BESIDE
    }

    /// The time that the runs take which find costs.
    pub(crate) fn costs_length(&self) -> Duration {
        if self.is_target { Duration::ZERO } else { self.step_length() * 4 + IDLE_WARMUP }
    }

    /// The time that everything after the search takes.
    pub(crate) fn reserve(&self) -> Duration {
        self.held_length() + self.costs_length()
    }
}

/// As it is written in TOML.
fn change(change: &RateChange) -> String {
    let (at, rate) = (in_ms(change.at), change.lookups_per_s);
    format!("{{ at = \"{at}\", lookups_per_s = {rate} }}")
}

fn in_toml(faults: &[Fault]) -> String {
    let value = toml::Value::try_from(faults).expect("a fault has a form in TOML");
    value.to_string()
}

fn in_ms(length: Duration) -> String {
    format!("{}ms", length.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Measure;

    fn options() -> Options {
        Options {
            workload: None,
            values: Vec::new(),
            level: "p99<50ms".parse().expect("a level"),
            ramp: Ramp::Load,
            from: None,
            to: None,
            step: Duration::from_secs(3),
            hold: Duration::from_secs(60),
            max_memory: None,
            max_time: Duration::from_secs(300),
        }
    }

    fn refused(options: &Options, target: Option<&str>) -> String {
        Plan::new(&Registry::built_in(), options, target).expect_err("it is wrong")
    }

    fn set(key: &str, value: &str) -> Vec<(String, String)> {
        vec![(key.to_owned(), value.to_owned())]
    }

    #[test]
    fn each_run_is_the_scenario_of_the_user_with_another_load() {
        let registry = Registry::built_in();
        let options = Options { values: set("ring.successors", "8"), ..options() };
        let plan = Plan::new(&registry, &options, None).expect("it is right");
        assert_eq!((plan.base.name.as_str(), plan.base.nodes), ("steady", 1000));
        let step = plan.step(plan.load(2500.0)).expect("it can run");
        assert_eq!(step.workload.load, Offered::PerSecond(Rate::PerSecond(2500.0)));
        assert_eq!(step.phases.measure, Measure::Lasting(options.step));
        let held = plan.held(plan.load(2500.0), &plan.schedule(f64::INFINITY));
        let held = held.expect("it can run");
        assert_eq!((held.churn.model, held.churn.joins_per_s), (ChurnModel::Poisson, 2.0));
        let changes = held.workload.profile.expect("the load changes");
        let rates: Vec<Rate> = changes.iter().take(3).map(|it| it.lookups_per_s).collect();
        assert_eq!(rates, [5000.0, 12_500.0, 2500.0].map(Rate::PerSecond));
        for cost in [Cost::Idle, Cost::Lookups, Cost::Gets, Cost::Puts] {
            let scenario = plan.cost(cost, 64).expect("it can run");
            let nodes = if cost == Cost::Idle { 640 } else { 64 };
            let has_values = [Cost::Gets, Cost::Puts].contains(&cost);
            assert_eq!((scenario.nodes, scenario.store.is_some()), (nodes, has_values));
        }
    }

    #[test]
    fn nodes_grow_with_the_same_load_per_node() {
        let registry = Registry::built_in();
        let options = Options { ramp: Ramp::Nodes, ..options() };
        let plan = Plan::new(&registry, &options, None).expect("it is right");
        assert_eq!(plan.first(), Some(1000.0));
        assert_eq!(plan.load(4000.0), Load { nodes: 4000, rate: Rate::PerSecond(4000.0) });
        let schedule = plan.schedule(3.0);
        let held = plan.held(plan.load(4000.0), &schedule).expect("it can run");
        assert_eq!((held.nodes, held.faults), (4000, schedule.node_changes(4000)));
        let rates = held.workload.profile.expect("the load changes");
        let rates: Vec<Rate> = rates.iter().take(3).map(|it| it.lookups_per_s).collect();
        assert_eq!(rates, [8000.0, 12_000.0, 4000.0].map(Rate::PerSecond));
        assert_eq!(held.churn.model, ChurnModel::Poisson);
    }

    #[test]
    fn the_load_of_a_node_may_be_an_interval() {
        let registry = Registry::built_in();
        let values = set("workload.lookup_interval", "20ms");
        let options = Options { ramp: Ramp::Nodes, values, ..options() };
        let plan = Plan::new(&registry, &options, None).expect("it is right");
        let step = plan.step(plan.load(100.0)).expect("it can run");
        assert_eq!(step.workload.load, Offered::PerSecond(Rate::PerSecond(5000.0)));
    }

    #[test]
    fn closed_loops_become_open_ones() {
        let registry = Registry::built_in();
        let options = Options { workload: Some("ycsb-b".to_owned()), ..options() };
        let plan = Plan::new(&registry, &options, None).expect("it is right");
        let step = plan.step(plan.load_near_capacity()).expect("it can run");
        assert!(step.workload.needs_capacity() && step.store.is_some());
        assert_eq!(step.phases.measure, Measure::Lasting(options.step));
        assert!(plan.held(plan.load(10.0), &plan.schedule(f64::INFINITY)).is_ok());
    }

    #[test]
    fn wrong_requests_say_what_is_right() {
        let s = Duration::from_secs;
        for (wrong, target, right) in [
            (Options { workload: Some("nothing".into()), ..options() }, None, "nothing"),
            (Options { values: set("engine", "sim"), ..options() }, None, "write engine"),
            (Options { workload: Some("overload".into()), ..options() }, None, "workload.profile"),
            (Options { ramp: Ramp::Nodes, ..options() }, Some("ycsb-b"), "--ramp load"),
            (
                Options { ramp: Ramp::Nodes, workload: Some("ycsb-b".into()), ..options() },
                None,
                "workload.lookup_interval",
            ),
            (Options { max_time: s(60), ..options() }, None, "--max-time"),
            (Options { step: s(0), ..options() }, None, "--step"),
            (Options { hold: s(0), ..options() }, None, "--hold"),
            (Options { from: Some(0.0), ..options() }, None, "above 0"),
            (Options { to: Some(f64::NAN), ..options() }, None, "above 0"),
            (Options { from: Some(9.0), to: Some(5.0), ..options() }, None, "--to 5"),
            (Options { ramp: Ramp::Nodes, from: Some(0.5), ..options() }, None, "from 1 to"),
        ] {
            let error = refused(&wrong, target);
            assert!(error.contains(right), "{right}: {error}");
        }
    }
}
