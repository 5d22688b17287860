//! A comparison as other programs read it.
//!
//! **Invariant:** each is one JSON document with a final newline.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::comparison::{Comparison, Row};
use super::side::Side;
use crate::measure::outcome::{Better, Unit};

/// The version of the document of [`json`].
const SCHEMA_VERSION: u32 = 1;

/// The whole comparison.
pub(super) fn json(comparison: &Comparison, a: &Side, b: &Side) -> String {
    let side = |side: &Side| json!({ "path": side.name, "origins": side.origins() });
    let regressions = comparison.regressions();
    let regressions: Vec<Value> = regressions
        .map(|(pair, row)| json!({ "scenario": pair.name, "figure": row.name }))
        .collect();
    pretty(&json!({
        "schema_version": SCHEMA_VERSION,
        "a": side(a),
        "b": side(b),
        "pairs": comparison.pairs,
        "unmatched": comparison.unmatched,
        "regressions": regressions,
    }))
}

/// The figures of B for github-action-benchmark, whose tool is then `customSmallerIsBetter`: all figures that are
/// better if they are lower.
pub(super) fn github_action_benchmark(comparison: &Comparison) -> String {
    #[derive(Serialize)]
    struct Entry {
        name: String,
        unit: &'static str,
        value: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        range: Option<String>,
        extra: String,
    }
    let entries = comparison.pairs.iter().flat_map(|pair| {
        let lower = pair.figures.iter().filter(|row| row.better == Better::Lower);
        lower.map(|row| Entry {
            name: format!("{}: {}", pair.name, row.name),
            unit: unit(row.unit),
            value: row.medians[1],
            range: row.interval.map(|[low, high]| {
                let spread = row.medians[0] * (high - low) / 2.0;
                format!("± {spread:.3e}")
            }),
            extra: format!("median of {} runs", pair.runs[1]),
        })
    });
    pretty(&entries.collect::<Vec<_>>())
}

/// The figures of B in Bencher's metric format: scenario, figure, value with its bounds.
pub(super) fn bencher(comparison: &Comparison) -> String {
    let mut all: BTreeMap<&str, BTreeMap<&str, Value>> = BTreeMap::new();
    for pair in &comparison.pairs {
        let measures = pair.figures.iter().map(|row: &Row| {
            let mut metric = json!({ "value": row.medians[1] });
            if let Some([low, high]) = row.interval {
                metric["lower_value"] = (row.medians[0] * low).into();
                metric["upper_value"] = (row.medians[0] * high).into();
            }
            (row.name.as_str(), metric)
        });
        all.entry(&pair.name).or_default().extend(measures);
    }
    pretty(&all)
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Ratio => "ratio",
        Unit::Count => "count",
        Unit::Seconds => "s",
        Unit::Bytes => "B",
        Unit::BytesPerSecond => "B/s",
        Unit::PerSecond => "1/s",
    }
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("all numbers are finite and all keys texts") + "\n"
}
