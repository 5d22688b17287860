//! How keys, values and requests are spread over nodes.
//!
//! **Invariant:** loads of different kinds are compared by their ratio to the mean.

use crate::measure::outcome::{Outcome, PerNode};
use crate::report::chart::{Axis, Chart, Curves, Scale, Series, Style};
use crate::report::document::{Cell, Section, Table};
use crate::report::units::{bytes, number};

/// The percentiles that results have, and the maximum.
const RANKS: [&str; 4] = ["1st percentile", "median", "99th percentile", "maximum"];

/// A load: its name, its spread over nodes, and how its values are written.
type Load = (&'static str, PerNode, fn(f64) -> String);

/// The section of runs, each with its name.
pub(super) fn section(outcomes: &[(&str, &Outcome)]) -> Section {
    let mut section = Section::new("load", "Load per node");
    let all: Vec<(&str, Load)> = outcomes
        .iter()
        .flat_map(|&(run, outcome)| loads(outcome).into_iter().map(move |load| (run, load)))
        .collect();
    if all.is_empty() {
        return section;
    }
    let label = |run: &str, load: &str| match outcomes.len() {
        1 => load.to_owned(),
        _ => format!("{run}: {load}"),
    };
    let series = all.iter().enumerate().map(|(at, (run, (load, of, _)))| {
        let ranks = [of.p1, of.p50, of.p99, of.max];
        let ratio = |value: u64| (of.mean > 0.0).then(|| value as f64 / of.mean);
        let points = (1_u32..).map(f64::from).zip(ranks.map(ratio));
        Series::new(label(run, load), Style::Bars, at, points)
    });
    let names = RANKS.map(str::to_owned).to_vec();
    section.add_chart(Chart::Curves(Curves {
        note: "Nodes of equal loads would all have 1.".to_owned(),
        ..Curves::new(
            "load-per-node",
            "Load of a node against the mean",
            Axis { names, ..Axis::new("Rank of the node", "", Scale::Linear) },
            Axis::new("Load ÷ mean", "", Scale::Linear),
            series.collect(),
        )
    }));
    section.tables.push(Table {
        caption: "Percentiles over nodes".to_owned(),
        head: ["Load", "Mean", "p1", "p50", "p99", "Max", "Max ÷ mean"].map(str::to_owned).to_vec(),
        rows: all.iter().map(|(run, load)| row(label(run, load.0), load)).collect(),
    });
    section
}

fn row(label: String, &(_, of, text): &Load) -> Vec<Cell> {
    let whole = |n: u64| Cell::Number(text(n as f64));
    vec![
        Cell::Text(label),
        Cell::Number(text(of.mean)),
        whole(of.p1),
        whole(of.p50),
        whole(of.p99),
        whole(of.max),
        Cell::Number(format!("{} ×", number(of.max_per_mean))),
    ]
}

fn loads(outcome: &Outcome) -> Vec<Load> {
    let mut loads: Vec<Load> = Vec::new();
    if let Some(keys) = outcome.load.as_ref().and_then(|load| load.keys.as_ref()) {
        let keys = PerNode {
            mean: keys.keys_mean,
            p1: keys.p1,
            p50: keys.p50,
            p99: keys.p99,
            max: keys.max,
            max_per_mean: keys.max_per_mean,
        };
        loads.push(("keys", keys, number));
    }
    if let Some(store) = &outcome.store {
        loads.push(("items", store.items, number));
        loads.push(("bytes of values", store.bytes, bytes));
        loads.push(("requests", store.requests, number));
    }
    loads
}
