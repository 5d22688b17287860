//! What happened when in a run: the start of the measured phase, faults, and steps of the load.

use toml::Value;

use super::words::{self, fault_of, seconds};
use crate::report::chart::Mark;
use crate::report::saved::run::Run;
use crate::report::saved::series::SeriesRow;

/// The start of the measured phase, in seconds since the start of the run, if the run has a series.
pub(super) fn measured_from(run: &Run) -> Option<f64> {
    run.series.iter().find(|row| row.phase == "measure").map(SeriesRow::start_s)
}

/// All marks of a run, in time.
pub(super) fn marks(run: &Run) -> Vec<Mark> {
    let Some(start) = measured_from(run) else { return Vec::new() };
    let scenario = &run.outcome.scenario;
    let list = |path: &str| words::at(scenario, path).and_then(Value::as_array).cloned();
    let mut marks = Vec::new();
    if start > 0.0 {
        marks.push(Mark { x: start, to: None, label: "measured from here".to_owned() });
    }
    for fault in list("fault").unwrap_or_default() {
        let Some(fault) = fault.as_table() else { continue };
        let time = |key: &str| fault.get(key).and_then(seconds);
        let (Some(at), Some(kind)) = (time("at"), fault.get("kind").and_then(Value::as_str)) else {
            continue;
        };
        let to = time("over").map(|over| at + over).or(time("until")).filter(|to| *to > at);
        let label = fault_of(fault, kind);
        marks.push(Mark { x: start + at, to: to.map(|to| start + to), label });
    }
    for change in list("workload.profile").unwrap_or_default() {
        let Some(change) = change.as_table() else { continue };
        let (Some(at), Some(rate)) =
            (change.get("at").and_then(seconds), change.get("lookups_per_s").map(words::plain))
        else {
            continue;
        };
        let over = change.get("over").and_then(seconds).filter(|over| *over > 0.0);
        let unit = if rate.ends_with('x') { "" } else { "/s" };
        let label = format!("load {rate}{unit}");
        marks.push(Mark { x: start + at, to: over.map(|over| start + at + over), label });
    }
    marks.sort_by(|a, b| a.x.total_cmp(&b.x));
    marks
}
