//! The result of a plan as one JSON document. The text and the plot are made from it.
//!
//! **Invariant:** every figure is a finite number; units are in the names.

use serde::Serialize;
use toml::Value as Toml;

use super::compared::Compared;
use super::request::Planned;
use super::simulate::Simulated;
use crate::measure::provenance::{Build, Machine};
use crate::plan::pareto::hull;
use crate::plan::{
    Axis, Candidate, Choice, Correction, Demands, Estimate, Grid, Obstacle, Reason, Step, Value,
};

/// The version of the document.
pub const SCHEMA_VERSION: u32 = 1;

/// When and where a plan was made.
#[derive(Clone, Debug, Serialize)]
pub struct Circumstances {
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// The machine that made it.
    pub machine: Machine,
    /// The program that made it.
    pub build: Build,
    /// The time that simulations may take, in seconds.
    pub time_s: f64,
    /// Wall time of the model in seconds.
    pub model_s: f64,
    /// Wall time in all.
    pub wall_s: f64,
    /// Whether the user stopped it before its end.
    pub interrupted: bool,
}

/// The result of a plan.
#[derive(Clone, Debug, Serialize)]
pub struct Document {
    /// [`SCHEMA_VERSION`] of the program that wrote it.
    pub schema_version: u32,
    /// When and where it was made.
    #[serde(flatten)]
    pub circumstances: Circumstances,
    /// The system.
    pub system: String,
    /// The number of nodes.
    pub nodes: u64,
    /// The values of the scenario that were given.
    pub given: Vec<(String, String)>,
    /// What must hold.
    pub demands: Demands,
    /// The parameters and their values.
    pub axes: Vec<Axis>,
    /// The number of points that the model looked at.
    pub points: usize,
    /// The best points, by maintenance: no other beats them in latency, maintenance, memory and losses.
    pub candidates: Vec<Point>,
    /// The chosen point.
    pub chosen: Option<Point>,
    /// Why it was chosen.
    pub reason: Option<Reason>,
    /// The demands that are in the way.
    pub in_the_way: Vec<Obstacle>,
    /// How far the figures of the model are corrected by the simulation of the chosen point.
    pub correction: Correction,
    /// What one step in a parameter would do.
    pub steps: Vec<Change>,
    /// The simulations.
    pub simulations: Vec<Simulation>,
}

/// A point with its parameters.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Point {
    /// The parameters: scenario key and value.
    pub parameters: Vec<(String, Toml)>,
    /// The figures.
    pub figures: Estimate,
    /// Whether no point is better at its exchange rate of latency for maintenance.
    pub is_on_hull: bool,
    /// Whether it meets all demands.
    pub meets_demands: bool,
    /// How long a run takes to forget its start, in seconds.
    pub settle_s: f64,
}

/// What one step in a parameter does.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Change {
    /// The scenario key.
    pub key: String,
    /// The value.
    pub value: Toml,
    /// The figures.
    pub figures: Estimate,
    /// Whether they meet all demands.
    pub meets_demands: bool,
}

/// A simulation beside the model.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Simulation {
    /// The parameters: scenario key and value.
    pub parameters: Vec<(String, Toml)>,
    /// The number of nodes.
    pub nodes: u64,
    /// The measured phase in seconds.
    pub measured_s: f64,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// Figures of both.
    pub figures: Vec<Compared>,
    /// Lookups without a correct answer.
    pub failures: u64,
    /// Lookups that had to be answered.
    pub lookups: u64,
}

impl Document {
    pub(super) fn new(
        circumstances: Circumstances,
        planned: &Planned,
        grid: &Grid,
        candidates: &[Candidate],
        choice: Option<&Choice>,
        steps: &[Step],
        simulated: &[Simulated],
    ) -> Document {
        let on_hull = hull_of(candidates);
        let point = |(at, candidate): (usize, &Candidate)| Point {
            parameters: parameters(&grid.axes, &candidate.values),
            figures: candidate.estimate,
            is_on_hull: on_hull.contains(&at),
            meets_demands: planned.demands.are_met(&candidate.estimate),
            settle_s: grid.settle_s(candidate),
        };
        let points: Vec<Point> = candidates.iter().enumerate().map(point).collect();
        let change = |step: &Step| Change {
            key: grid.axes[step.axis].key.clone(),
            value: as_toml(step.candidate.values[step.axis]),
            figures: step.candidate.estimate,
            meets_demands: planned.demands.are_met(&step.candidate.estimate),
        };
        let simulation = |it: &Simulated| {
            let (failures, lookups) = it.failed();
            Simulation {
                parameters: parameters(&grid.axes, &it.candidate.values),
                nodes: it.nodes,
                measured_s: it.measured_s,
                wall_s: it.outcome.wall_s,
                figures: it.compared(),
                failures,
                lookups,
            }
        };
        Document {
            schema_version: SCHEMA_VERSION,
            circumstances,
            system: planned.conditions.scenario.system.clone(),
            nodes: planned.conditions.nodes,
            given: planned.overrides.clone(),
            demands: planned.demands,
            axes: grid.axes.clone(),
            points: grid.count(),
            chosen: choice.and_then(|choice| points.get(choice.chosen).cloned()),
            candidates: points,
            reason: choice.map(|choice| choice.reason),
            in_the_way: choice.map_or_else(Vec::new, |choice| choice.in_the_way.clone()),
            correction: grid.correction(),
            steps: steps.iter().map(change).collect(),
            simulations: simulated.iter().map(simulation).collect(),
        }
    }

    /// The document as indented JSON with a final newline.
    #[must_use]
    pub fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("every key is a string and every number has a JSON form") + "\n"
    }
}

/// The points of the lower left hull of mean latency against maintenance, both as logarithms.
pub(super) fn hull_of(candidates: &[Candidate]) -> Vec<usize> {
    let figures = |it: &Candidate| {
        [it.estimate.bytes_per_node_s.max(1e-9).ln(), it.estimate.latency_mean_s.max(1e-9).ln()]
    };
    let points: Vec<[f64; 2]> = candidates.iter().map(figures).collect();
    hull(&points)
}

fn parameters(axes: &[Axis], values: &[Value]) -> Vec<(String, Toml)> {
    axes.iter().zip(values).map(|(axis, &value)| (axis.key.clone(), as_toml(value))).collect()
}

fn as_toml(value: Value) -> Toml {
    match value {
        Value::Whole(number) => Toml::Integer(number.into()),
        Value::Time(_) => Toml::String(value.to_string()),
    }
}
