//! What was found out about a server, as one JSON document. The report reads nothing else.
//!
//! **Invariant:** units are in the names; what was not measured is `null`, never 0.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::bottleneck::Bottleneck;
use super::costs::{Costs, Server};
use super::level::Level;
use super::stages::Stage;
use super::step::Step;
use crate::measure::outcome::figures::stress as names;
use crate::measure::outcome::{Better, Expectation, Figure, Outcome, Unit};
use crate::measure::provenance::{Build, Machine};

/// The version of the document.
pub(crate) const SCHEMA_VERSION: u32 = 1;

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Findings {
    pub(crate) schema_version: u32,
    pub(crate) machine: Machine,
    pub(crate) build: Build,
    /// When it started: RFC 3339, UTC.
    pub(crate) started_at: String,
    pub(crate) wall_s: f64,
    /// Whether the user stopped it early.
    pub(crate) interrupted: bool,
    /// The name of the scenario.
    pub(crate) workload: String,
    /// Whether its operations read and write values.
    pub(crate) has_values: bool,
    /// The servers, if the nodes run elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<Vec<String>>,
    /// The service level.
    pub(crate) level: String,
    /// What grew: `load` or `nodes`.
    pub(crate) ramp: String,
    pub(crate) nodes: u32,
    /// What a closed loop completed, before the first step.
    pub(crate) closed_loop_per_s: Option<f64>,
    /// In the order in which they ran.
    pub(crate) steps: Vec<Step>,
    pub(crate) knee: Option<Knee>,
    /// Why the search did not end with a narrow bracket, if so.
    pub(crate) search_note: Option<String>,
    /// Why the knee was not held, if it was not.
    pub(crate) hold_note: Option<String>,
    /// Why there were not all stages beyond the knee, if so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) beyond_note: Option<String>,
    /// The knee held, beyond it, and back.
    pub(crate) held: Option<Held>,
    pub(crate) bottleneck: Option<Bottleneck>,
    /// Plain packets per second, one thread on each core: the median of readings before each step.
    pub(crate) packets_per_s: Option<f64>,
    /// The capacity divided by them.
    pub(crate) capacity_per_packet: Option<f64>,
    pub(crate) costs: Costs,
    /// Estimates for servers with other cores.
    pub(crate) servers: Vec<Server>,
    pub(crate) expectations: Vec<Expectation>,
}

/// The highest load at which the level held.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Knee {
    /// Operations per second: the capacity.
    pub(crate) per_s: f64,
    pub(crate) nodes: u32,
    /// The lowest load above it that broke the level; `None` if none did.
    pub(crate) broke_per_s: Option<f64>,
    pub(crate) broke_nodes: Option<u32>,
}

/// The run that held a load and went beyond it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) folder: String,
    /// The load that was held, and by how many nodes. It is less than the capacity if that did not hold for so long.
    pub(crate) per_s: f64,
    pub(crate) nodes: u32,
    /// Nodes that join per second, and nodes that depart; `None` if none do.
    pub(crate) churn_per_s: Option<f64>,
    pub(crate) stages: Vec<Stage>,
    /// From the return of the load until the level holds again for a second.
    pub(crate) recovery_s: Option<f64>,
    /// Answers of the whole run, and the wrong ones among them.
    pub(crate) completed: u64,
    pub(crate) incorrect: u64,
    /// Stale, lost and phantom reads, and lost values, of the whole run, if there are values.
    pub(crate) anomalies: Option<u64>,
}

impl Held {
    /// The stage of this name and multiple.
    pub(crate) fn stage(&self, name: &str, multiple: f64) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name == name && stage.multiple == multiple)
    }
}

impl Findings {
    /// Findings of nothing yet.
    pub(crate) fn new(build: Build, started_at: String, level: &Level) -> Findings {
        Findings {
            schema_version: SCHEMA_VERSION,
            machine: Machine::here(),
            build,
            started_at,
            wall_s: 0.0,
            interrupted: false,
            workload: String::new(),
            has_values: false,
            target: None,
            level: level.to_string(),
            ramp: String::new(),
            nodes: 0,
            closed_loop_per_s: None,
            steps: Vec::new(),
            knee: None,
            search_note: None,
            hold_note: None,
            beyond_note: None,
            held: None,
            bottleneck: None,
            packets_per_s: None,
            capacity_per_packet: None,
            costs: Costs::default(),
            servers: Vec::new(),
            expectations: Vec::new(),
        }
    }

    /// The document as indented JSON with a final newline.
    pub(crate) fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("every key is a string and every number has a JSON form") + "\n"
    }

    /// The latency at each load that ran, as CSV, by load.
    pub(crate) fn curve_csv(&self) -> String {
        let mut csv =
            "nodes,offered_per_s,goodput_per_s,success,p50_us,p90_us,p99_us,p99_9_us,max_us\n"
                .to_owned();
        for step in self.by_load() {
            let Some(figures) = &step.figures else { continue };
            let service = &figures.service;
            let latency = service.latency_us.unwrap_or_default();
            csv.push_str(&format!(
                "{},{:.1},{:.1},{:.6},{:.1},{:.1},{:.1},{:.1},{:.1}\n",
                step.nodes,
                service.offered_per_s,
                service.goodput_per_s,
                service.success.unwrap_or(0.0),
                latency.p50,
                latency.p90,
                latency.p99,
                latency.p99_9,
                latency.max,
            ));
        }
        csv
    }

    /// The steps by load; of the same load, in the order in which they ran.
    pub(crate) fn by_load(&self) -> Vec<&Step> {
        let mut steps: Vec<&Step> = self.steps.iter().collect();
        steps.sort_by(|a, b| a.planned_per_s.total_cmp(&b.planned_per_s));
        steps
    }

    /// The figures that assertions name: those of the knee while it is held, and of all of it. `outcome` is
    /// that of the run that held it.
    pub(crate) fn figures(&self, outcome: Option<&Outcome>) -> Vec<Figure> {
        let mut all: Vec<Figure> = outcome.map(|it| it.figures().collect()).unwrap_or_default();
        // These are of the whole run: beyond the knee, they are others.
        let of_load =
            ["latency.", "lookups.", "timeouts.", "lag.", "engine.cpu", "engine.messages"];
        all.retain(|figure| !of_load.iter().any(|begin| figure.name.starts_with(begin)));
        let mut add = |name: &'static str, value: Option<f64>, unit, better| {
            let name = Cow::Borrowed(name);
            let figure =
                |value| Figure { name, value, unit, better, is_exact: false, is_tail: false };
            all.extend(value.map(figure));
        };
        let held = self.held.as_ref();
        if let Some(hold) = held.and_then(|held| held.stage("hold", 1.0)) {
            let service = &hold.service;
            let latencies = service.latency_us.map(|it| {
                [
                    ("latency.p50", it.p50),
                    ("latency.p90", it.p90),
                    ("latency.p99", it.p99),
                    ("latency.p99_9", it.p99_9),
                    ("latency.max", it.max),
                ]
            });
            for (name, us) in latencies.into_iter().flatten() {
                add(name, Some(us / 1e6), Unit::Seconds, Better::Lower);
            }
            add("lookups.per_s", Some(service.goodput_per_s), Unit::PerSecond, Better::Higher);
            add("lookups.shed_ratio", Some(service.shed), Unit::Ratio, Better::Lower);
            add("lookups.failed_ratio", Some(service.failed), Unit::Ratio, Better::Lower);
        }
        let capacity = self.knee.map(|knee| knee.per_s);
        add(names::CAPACITY, capacity, Unit::PerSecond, Better::Higher);
        add(names::RECOVERY, held.and_then(|it| it.recovery_s), Unit::Seconds, Better::Lower);
        let beyond = |multiple: f64| {
            let held = held?;
            let goodput = held.stage("beyond", multiple)?.service.goodput_per_s;
            (held.per_s > 0.0).then(|| goodput / held.per_s)
        };
        add(names::GOODPUT_AT_2X, beyond(2.0), Unit::Ratio, Better::Higher);
        add(names::GOODPUT_AT_5X, beyond(5.0), Unit::Ratio, Better::Higher);
        all
    }
}
