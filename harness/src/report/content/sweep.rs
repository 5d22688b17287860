//! A sweep: curves with confidence bands over one key, a heat map over two, small multiples over more.

use std::collections::BTreeSet;

use toml::Value;

use super::{origins, words};
use crate::report::chart::{Axis, Chart, Curves, Heat, Quantity, Scale, Series, Style, Values};
use crate::report::document::{Cell, Document, Section, Table};
use crate::report::saved::sweep::{Failure, Point, Sweep};
use crate::report::units::{micros, number};

/// What a figure of a sweep is called and measured in: name in the document, title, unit, and by how much to divide.
struct Shown {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    per: f64,
    scale: Scale,
}

const fn shown(
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    per: f64,
    scale: Scale,
) -> Shown {
    Shown { name, title, unit, per, scale }
}

const SHOWN: [Shown; 14] = [
    shown("latency_p50_us", "Latency p50", "ms", 1e3, Scale::Log),
    shown("latency_p99_us", "Latency p99", "ms", 1e3, Scale::Log),
    shown("hops_mean", "Hops per lookup", "", 1.0, Scale::Linear),
    shown("timeouts_mean", "Timeouts per lookup", "", 1.0, Scale::Linear),
    shown("completed_share", "Completed lookups", "%", 0.01, Scale::Linear),
    shown("correct_share", "Correct answers", "%", 0.01, Scale::Linear),
    shown("lookups_per_s", "Completed lookups", "1/s", 1.0, Scale::Linear),
    shown("maintenance_bytes_per_node_s", "Maintenance per node", "B/s", 1.0, Scale::Linear),
    shown("entries_mean", "Entries of a node's tables", "", 1.0, Scale::Linear),
    shown("exact_obtained_share", "Exact queries that obtained the item", "%", 0.01, Scale::Linear),
    shown("fuzzy_obtained_share", "Fuzzy queries that obtained the item", "%", 0.01, Scale::Linear),
    shown("keys_p99", "Keys per node, p99", "", 1.0, Scale::Linear),
    shown("keys_max_per_mean", "Most keys of a node per mean", "", 1.0, Scale::Linear),
    shown("transfer_p50_us", "Time of a transfer, p50", "ms", 1e3, Scale::Log),
];
/// On a logarithmic axis, an interval that reaches below 0 ends at this share of the mean.
const LEAST_SHARE: f64 = 0.1;
/// Largest number of panels for one figure, each a combination of the values of further keys.
const PANELS_MAX: usize = 12;

/// The report of a sweep.
pub(super) fn document(sweep: &Sweep) -> Document {
    let axes = axes(sweep);
    let mut sections = Vec::new();
    let mut figures = Section::new("figures", "Figures");
    for shown in &SHOWN {
        for chart in charts(sweep, &axes, shown) {
            figures.add_chart(chart);
        }
    }
    sections.push(figures);
    sections.push(points(sweep, &axes));
    if !sweep.failures.is_empty() {
        let mut section = Section::new("failures", "Runs that failed");
        let row = |it: &Failure| vec![Cell::Text(it.run.clone()), Cell::Bad(it.message.clone())];
        section.tables.push(Table {
            caption: "Runs without a result".to_owned(),
            head: ["Run", "Why"].map(str::to_owned).to_vec(),
            rows: sweep.failures.iter().map(row).collect(),
        });
        sections.push(section);
    }
    sections.retain(Section::has_content);
    let keys: Vec<String> =
        axes.iter().map(|axis| format!("{} ({} values)", axis.key, axis.values.len())).collect();
    let runs: usize = sweep.points.iter().map(|point| point.runs.len()).sum();
    let mut lead = vec![format!(
        "Scenario {} with every combination of {}, {} runs of each: {runs} runs.",
        sweep.name,
        keys.join(" and "),
        sweep.repeat
    )];
    if sweep.repeat > 1 {
        lead.push("Bands show 95 % confidence intervals of the mean.".to_owned());
    }
    if sweep.interrupted {
        lead.push("The sweep was interrupted: some runs are missing.".to_owned());
    }
    let origins = origins::origins(&sweep.origin);
    Document { title: format!("Sweep of {}", sweep.name), lead, sections, origins }
}

/// A key and its values, in the order of the sweep.
struct Vary<'a> {
    key: &'a str,
    values: Vec<&'a Value>,
}

impl Vary<'_> {
    /// The place of a value on an axis: the value itself if all are numbers or times, else its index.
    fn places(&self) -> Option<Vec<f64>> {
        let place = |value: &&Value| match value {
            Value::Integer(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            other => words::seconds(other),
        };
        self.values.iter().map(place).collect()
    }

    /// The axis, and the places of all values. Values that span much lie on a logarithmic axis.
    fn axis(&self) -> (Axis, Vec<f64>) {
        let Some(places) = self.places() else {
            let names: Vec<String> = self.values.iter().map(|value| words::plain(value)).collect();
            let places = (1..=self.values.len()).map(|at| at as f64).collect();
            return (Axis { names, ..Axis::new(self.key, "", Scale::Linear) }, places);
        };
        let is_time = self.values.iter().all(|value| value.is_str());
        (Axis::over(self.key, if is_time { "s" } else { "" }, &places), places)
    }
}

/// The keys that vary. The one with the most values comes first.
fn axes(sweep: &Sweep) -> Vec<Vary<'_>> {
    let keys: BTreeSet<&String> =
        sweep.points.iter().flat_map(|point| point.parameters.keys()).collect();
    let mut axes: Vec<Vary<'_>> = keys
        .into_iter()
        .map(|key| {
            let mut values: Vec<&Value> = Vec::new();
            for value in sweep.points.iter().filter_map(|point| point.parameters.get(key)) {
                if !values.contains(&value) {
                    values.push(value);
                }
            }
            Vary { key, values }
        })
        .collect();
    axes.sort_by_key(|axis| std::cmp::Reverse(axis.values.len()));
    axes
}

/// The charts of one figure.
fn charts(sweep: &Sweep, axes: &[Vary<'_>], shown: &Shown) -> Vec<Chart> {
    let id = shown.name.replace('_', "-");
    match axes {
        [] => Vec::new(),
        [x] => vec![curves(
            &id,
            shown.title.to_owned(),
            shown,
            x,
            &[(String::new(), sweep.points.iter().collect())],
        )],
        [x, y] => {
            let mut charts =
                vec![heat(&id, shown.title.to_owned(), shown, x, y, sweep.points.iter().collect())];
            // Few curves say more than colours do.
            if y.values.len() <= 6 {
                let of = |value: &&Value| {
                    let points = sweep
                        .points
                        .iter()
                        .filter(|point| point.parameters.get(y.key) == Some(*value));
                    (format!("{} {}", y.key, words::plain(value)), points.collect())
                };
                let groups: Vec<(String, Vec<&Point>)> = y.values.iter().map(of).collect();
                charts.push(curves(
                    &format!("{id}-curves"),
                    shown.title.to_owned(),
                    shown,
                    x,
                    &groups,
                ));
            }
            charts
        }
        [x, y, others @ ..] => {
            let mut panels: Vec<(Vec<String>, Vec<&Point>)> = Vec::new();
            for point in &sweep.points {
                let name: Vec<String> = others
                    .iter()
                    .filter_map(|axis| {
                        let value = point.parameters.get(axis.key)?;
                        Some(format!("{} {}", axis.key, words::plain(value)))
                    })
                    .collect();
                match panels.iter_mut().find(|(other, _)| *other == name) {
                    Some((_, points)) => points.push(point),
                    None => panels.push((name, vec![point])),
                }
            }
            let panel = |(at, (name, points)): (usize, (Vec<String>, Vec<&Point>))| {
                let title = format!("{}, {}", shown.title, name.join(", "));
                heat(&format!("{id}-{}", at + 1), title, shown, x, y, points)
            };
            panels.into_iter().take(PANELS_MAX).enumerate().map(panel).collect()
        }
    }
}

/// The mean of a figure at a point, and half the width of its confidence interval.
type Mean = (f64, Option<f64>);

fn estimate(point: &Point, shown: &Shown) -> Option<Mean> {
    let it = (*point.figures.get(shown.name)?)?;
    Some((it.mean / shown.per, it.half_width_95.map(|it| it / shown.per)))
}

fn curves(
    id: &str,
    title: String,
    shown: &Shown,
    x: &Vary<'_>,
    groups: &[(String, Vec<&Point>)],
) -> Chart {
    let (axis, places) = x.axis();
    let mut series = Vec::new();
    for (color, (name, points)) in groups.iter().enumerate() {
        let mut all: Vec<(f64, Option<Mean>)> = points
            .iter()
            .filter_map(|point| {
                let value = point.parameters.get(x.key)?;
                let at = x.values.iter().position(|it| *it == value)?;
                Some((places[at], estimate(point, shown)))
            })
            .collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        let name = if name.is_empty() { shown.title } else { name };
        let mut one = Series::new(
            name,
            Style::Line,
            color,
            all.iter().map(|(x, it)| (*x, it.map(|it| it.0))),
        );
        if all.iter().any(|(_, it)| it.is_some_and(|it| it.1.is_some())) {
            // No figure is negative.
            let least = |mean: f64| match shown.scale {
                Scale::Log => mean * LEAST_SHARE,
                _ => 0.0,
            };
            let end = |sign: f64| {
                let of = |(mean, half): Mean| (mean + sign * half.unwrap_or(0.0)).max(least(mean));
                all.iter().map(|(_, it)| it.map(of).filter(|it| it.is_finite())).collect()
            };
            (one.low, one.high) = (end(-1.0), end(1.0));
        }
        series.push(one);
    }
    let y = Axis::new(shown.title, shown.unit, shown.scale);
    Chart::Curves(Curves::new(id, title, axis, y, series))
}

fn heat(
    id: &str,
    title: String,
    shown: &Shown,
    x: &Vary<'_>,
    y: &Vary<'_>,
    points: Vec<&Point>,
) -> Chart {
    let cell = |y_value: &Value, x_value: &Value| {
        let is_it = |point: &&&Point| {
            point.parameters.get(x.key) == Some(x_value)
                && point.parameters.get(y.key) == Some(y_value)
        };
        points.iter().find(is_it).and_then(|point| estimate(point, shown)).map(|it| it.0)
    };
    let row = |y_value: &&Value| x.values.iter().map(|x_value| cell(y_value, x_value)).collect();
    let values = |axis: &Vary<'_>| Values {
        label: axis.key.to_owned(),
        unit: "",
        values: axis.values.iter().map(|value| words::plain(value)).collect(),
    };
    Chart::Heat(Heat {
        id: id.to_owned(),
        title,
        note: String::new(),
        x: values(x),
        y: values(y),
        value: Quantity { label: shown.title.to_owned(), unit: shown.unit },
        cells: y.values.iter().map(row).collect(),
    })
}

/// All points in a table.
fn points(sweep: &Sweep, axes: &[Vary<'_>]) -> Section {
    let mut section = Section::new("points", "All points");
    let head =
        ["Lookups/s", "Completed", "Correct", "p50", "p99", "Hops", "Maintenance per node", "Runs"];
    let keys = axes.iter().map(|axis| axis.key.to_owned());
    let row = |point: &Point| {
        let mean = |name: &str| point.figures.get(name).copied().flatten().map(|it| it.mean);
        let cell = |name: &str, text: &dyn Fn(f64) -> String| {
            Cell::Number(mean(name).map_or("–".to_owned(), text))
        };
        let percent = |share: f64| format!("{:.2} %", share * 100.0);
        let sound = point.runs.iter().filter(|run| run.held && run.on_schedule).count();
        let runs = format!("{sound} of {}", point.runs.len());
        let mut cells: Vec<Cell> = axes
            .iter()
            .map(|axis| {
                Cell::Number(point.parameters.get(axis.key).map(words::plain).unwrap_or_default())
            })
            .collect();
        cells.extend([
            cell("lookups_per_s", &number),
            cell("completed_share", &percent),
            cell("correct_share", &percent),
            cell("latency_p50_us", &micros),
            cell("latency_p99_us", &micros),
            cell("hops_mean", &number),
            cell("maintenance_bytes_per_node_s", &|it| format!("{} B/s", number(it))),
            if sound == point.runs.len() { Cell::Good(runs) } else { Cell::Bad(runs) },
        ]);
        cells
    };
    section.tables.push(Table {
        caption: "Means; runs that held what was expected and issued lookups on time".to_owned(),
        head: keys.chain(head.map(str::to_owned)).collect(),
        rows: sweep.points.iter().map(row).collect(),
    });
    section
}
