//! The results of a sweep, point by point: as JSON, as CSV and as text.
//!
//! **Invariant:** makes texts and writes none.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::figures::{self, Estimate, FIGURES};
use super::runs::{Parameters, Plan, Planned, label};
use crate::commands::Environment;
use crate::commands::assertion::Assertions;
use crate::commands::failures::Failures;
use crate::commands::options::Exit;
use crate::commands::run;
use crate::measure::EngineError;
use crate::measure::outcome::Outcome;
use crate::measure::provenance::{Build, Machine};
use crate::report::units::{micros, number, share};
use crate::scenario::value_of;

/// The version of the JSON document.
const SCHEMA_VERSION: u32 = 1;

/// The result of a sweep.
#[derive(Debug, Serialize)]
pub(super) struct Table {
    schema_version: u32,
    /// The name of the scenario.
    name: String,
    /// When it started: RFC 3339, UTC.
    started_at: String,
    /// Wall time in seconds, without that of saved runs.
    wall_s: f64,
    machine: Machine,
    build: Build,
    /// Whether the user stopped it early.
    interrupted: bool,
    /// Planned runs per point.
    repeat: u32,
    points: Vec<Point>,
    failures: Vec<Failure>,
}

/// One combination of values.
#[derive(Debug, Serialize)]
struct Point {
    parameters: BTreeMap<String, toml::Value>,
    #[serde(skip)]
    written: Parameters,
    /// Estimates from its complete runs; `None` if none of them has the figure.
    figures: BTreeMap<&'static str, Option<Estimate>>,
    runs: Vec<Row>,
}

/// A complete run.
#[derive(Debug, Serialize)]
struct Row {
    seed: u64,
    /// The folder of its files, relative to that of the sweep.
    folder: PathBuf,
    /// Whether lookups were issued on time. If not, the figures say little about the nodes.
    on_schedule: bool,
    /// Whether every expectation held.
    held: bool,
    figures: BTreeMap<&'static str, Option<f64>>,
}

/// A run that failed.
#[derive(Debug, Serialize)]
struct Failure {
    run: String,
    message: String,
}

/// When a sweep started, how long it took, and whether it was interrupted.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) build: Build,
    pub(super) started_at: String,
    pub(super) wall_s: f64,
    pub(super) interrupted: bool,
}

/// The results of the runs so far.
#[derive(Debug, Default)]
pub(super) struct Results {
    complete: Vec<(usize, Row)>,
    failures: Vec<Failure>,
    told: Failures,
    /// The first run that did not hold what was expected, and why; the number of such runs.
    unmet: Option<(String, usize)>,
}

impl Results {
    /// Adds a complete run, and judges it by `assertions`. Its files do not say how: a sweep that goes on may
    /// have others.
    pub(super) fn complete(
        &mut self,
        run: &Planned,
        folder: PathBuf,
        outcome: &Outcome,
        assertions: &Assertions,
    ) {
        let values = figures::values(outcome);
        let figures = FIGURES.iter().map(|figure| figure.name).zip(values).collect();
        let late = run::verdict(outcome) == Exit::LoadTooHigh;
        let unmet = outcome.unmet().chain(assertions.unmet(outcome).map(|it| it.to_string()));
        let unmet: Vec<String> = unmet.collect();
        let held = outcome.held() && unmet.is_empty();
        if !held {
            let why = unmet.join("; ");
            let first = || (format!("{}: {why}", run.label), 0);
            self.unmet.get_or_insert_with(first).1 += 1;
        }
        let row = Row { seed: run.scenario.seed, folder, on_schedule: !late, held, figures };
        self.complete.push((run.point, row));
    }

    /// Adds a failed run.
    pub(super) fn failed(&mut self, env: &Environment, run: &Planned, error: &EngineError) {
        self.told.add(env, &run.label, error);
        self.failures.push(Failure { run: run.label.clone(), message: error.to_string() });
    }

    /// Tells how many more runs failed, and which did not hold what was expected.
    pub(super) fn tell(&self, env: &Environment) {
        self.told.tell_rest(env);
        if let Some((first, count)) = &self.unmet {
            let of = self.complete_count();
            env.tell(format_args!("{count} of {of} runs did not hold; the first: {first}"));
        }
    }

    /// The number of complete runs.
    pub(super) fn complete_count(&self) -> usize {
        self.complete.len()
    }

    /// The number of complete and failed runs.
    pub(super) fn ended_count(&self) -> usize {
        self.complete.len() + self.failures.len()
    }

    /// The exit status: that of the worst run.
    pub(super) fn verdict(&self) -> Exit {
        let any = |is: fn(&Row) -> bool| self.complete.iter().any(|(_, row)| is(row));
        if self.told.verdict() != Exit::Success {
            self.told.verdict()
        } else if any(|row| !row.on_schedule) {
            Exit::LoadTooHigh
        } else if any(|row| !row.held) {
            Exit::Unmet
        } else {
            Exit::Success
        }
    }

    /// Makes the table of `plan`.
    pub(super) fn into_table(mut self, plan: &Plan, course: Course) -> Table {
        // Runs may end in any order.
        self.complete.sort_by_key(|(point, row)| (*point, row.seed));
        let mut rows: Vec<Vec<Row>> = plan.points.iter().map(|_| Vec::new()).collect();
        self.complete.into_iter().for_each(|(point, row)| rows[point].push(row));
        let points = plan.points.iter().zip(rows);
        Table {
            schema_version: SCHEMA_VERSION,
            name: plan.name().to_owned(),
            started_at: course.started_at,
            wall_s: course.wall_s,
            machine: Machine::here(),
            build: course.build,
            interrupted: course.interrupted,
            repeat: plan.repeat,
            points: points.map(|(parameters, rows)| Point::new(parameters, rows)).collect(),
            failures: self.failures,
        }
    }
}

impl Point {
    fn new(written: &Parameters, runs: Vec<Row>) -> Point {
        let estimate = |name: &str| {
            let values: Vec<f64> = runs.iter().filter_map(|row| row.figures[name]).collect();
            Estimate::of(&values)
        };
        let parameters = written.iter().map(|(key, value)| (key.clone(), value_of(value)));
        Point {
            parameters: parameters.collect(),
            written: written.clone(),
            figures: FIGURES.iter().map(|figure| (figure.name, estimate(figure.name))).collect(),
            runs,
        }
    }

    /// The point, with mean ± half the width of the confidence interval for some figures.
    fn line(&self, name: &str) -> String {
        let estimate = |figure: &str, form: fn(f64) -> String| match self.figures[figure] {
            None => "–".to_owned(),
            Some(Estimate { mean, half_width_95: None, .. }) => form(mean),
            Some(Estimate { mean, half_width_95: Some(width), .. }) => {
                format!("{} ± {}", form(mean), form(width))
            }
        };
        let point = if self.written.is_empty() { name.to_owned() } else { label(&self.written) };
        format!(
            "{point}: {} correct, {} hops, p50 {}, p99 {}, {} lookups/s; {} runs",
            estimate("correct_share", |share| format!("{:.3} %", share * 100.0)),
            estimate("hops_mean", number),
            estimate("latency_p50_us", micros),
            estimate("latency_p99_us", micros),
            estimate("lookups_per_s", number),
            self.runs.len(),
        )
    }
}

impl Table {
    /// The document as indented JSON with a final newline.
    pub(super) fn to_json(&self) -> String {
        let json = serde_json::to_string_pretty(self);
        json.expect("every key is a string and every number has a JSON form") + "\n"
    }

    /// CSV with one row per point: the varied keys, the number of complete runs, and two columns
    /// per figure. A cell is empty if the point does not have the number.
    pub(super) fn to_csv(&self) -> String {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let mut write = |row: Vec<String>| {
            csv.write_record(row).expect("writing to memory does not fail, and rows are as long");
        };
        let keys = self.points.first().into_iter().flat_map(|point| &point.written);
        let figures = FIGURES.iter().map(|figure| figure.name);
        let columns = figures.flat_map(|name| [name.to_owned(), format!("{name}_half_width_95")]);
        let keys = keys.map(|(key, _)| key.clone());
        write(keys.chain(["runs".to_owned()]).chain(columns).collect());
        for point in &self.points {
            let values = point.written.iter().map(|(_, value)| value.clone());
            let cell = |number: Option<f64>| number.map_or(String::new(), |x| x.to_string());
            let figures = FIGURES.iter().map(|figure| point.figures[figure.name]);
            let figures = figures.flat_map(|estimate| {
                let mean = estimate.map(|estimate| estimate.mean);
                [mean, estimate.and_then(|estimate| estimate.half_width_95)].map(cell)
            });
            write(values.chain([point.runs.len().to_string()]).chain(figures).collect());
        }
        let bytes = csv.into_inner().expect("writing to memory does not fail");
        String::from_utf8(bytes).expect("every cell is text")
    }

    /// One line per point, with means and 95 % confidence. Nothing if there is one run per point: its
    /// line says it all.
    pub(super) fn to_text(&self) -> String {
        if self.repeat == 1 {
            return String::new();
        }
        let lines = self.points.iter().map(|point| point.line(&self.name) + "\n");
        ["\n".to_owned()].into_iter().chain(lines).collect()
    }
}

/// One line about a complete run.
pub(super) fn line(run: &Planned, outcome: &Outcome) -> String {
    let lookups = &outcome.lookups;
    let remark = match run::verdict(outcome) {
        Exit::LoadTooHigh => "; ISSUED LATE",
        Exit::Unmet => "; EXPECTATIONS NOT MET",
        _ => "",
    };
    format!(
        "{}: {} correct, {} hops, p50 {}, p99 {}, {} lookups/s; {}{remark}",
        run.label,
        share(lookups.correct, lookups.completed),
        number(lookups.hops.mean),
        micros(lookups.latency_us.p50),
        micros(lookups.latency_us.p99),
        number(lookups.per_s),
        micros(outcome.wall_s * 1e6),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::example;

    fn table() -> Table {
        let vary = ["nodes=64,128", "network.latency={model='constant',one_way='5ms'}"];
        let vary = vary.map(|text| text.parse().expect(text));
        let load = |values: &[_]| Environment::hopwise().registry.from_toml("", "test", values);
        let plan = Plan::new(load, &vary, 3).expect("all can be run");
        let mut results = Results::default();
        // The last point has one failed run and two runs without answers. Runs end in reverse
        // order.
        for run in plan.runs.iter().rev() {
            let mut outcome = example::outcome();
            outcome.lookups.hops.mean = run.scenario.seed as f64;
            if run.point == 1 {
                outcome.lookups.completed = 0;
            }
            if (run.point, run.scenario.seed) == (1, 2) {
                results.failed(
                    &Environment::hopwise(),
                    run,
                    &EngineError::Broken("no room".into()),
                );
            } else {
                results.complete(run, "runs/x".into(), &outcome, &Assertions::default());
            }
        }
        assert_eq!((results.complete_count(), results.ended_count()), (5, 6));
        assert_eq!(results.verdict(), Exit::Failure);
        let Outcome { started_at, build, .. } = example::outcome();
        results.into_table(&plan, Course { build, started_at, wall_s: 1.5, interrupted: false })
    }

    #[test]
    fn json_has_points_figures_and_failures() {
        let root: serde_json::Value = serde_json::from_str(&table().to_json()).expect("JSON");
        let at = |path: &str| root.pointer(path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(at("/name"), "test");
        assert_eq!(at("/points/0/parameters/nodes"), 64);
        assert_eq!(at("/points/0/parameters/network.latency/one_way"), "5ms");
        assert_eq!(at("/points/0/figures/hops_mean/mean"), 2.0);
        assert_eq!(at("/points/0/figures/hops_mean/count"), 3);
        let width = at("/points/0/figures/hops_mean/half_width_95").as_f64().expect("a number");
        // t(2) = 4.302653, over √3.
        assert!((width - 2.484_138).abs() < 1e-4, "{width}");
        assert_eq!(at("/points/0/runs/2/seed"), 3);
        assert_eq!(at("/points/0/runs/2/figures/hops_mean"), 3.0);
        assert!(at("/points/1/figures/hops_mean").is_null());
        assert_eq!(at("/points/1/runs").as_array().map(Vec::len), Some(2));
        assert_eq!(at("/failures/0/message"), "no room");
    }

    #[test]
    fn csv_has_a_row_per_point_and_quotes_what_needs_it() {
        let csv = table().to_csv();
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 3);
        let start = "nodes,network.latency,runs,completed_share,completed_share_half_width_95,";
        assert!(lines[0].starts_with(start), "{}", lines[0]);
        let latency = "\"{model='constant',one_way='5ms'}\"";
        assert!(lines[1].starts_with(&format!("64,{latency},3,")), "{}", lines[1]);
        assert!(lines[2].starts_with(&format!("128,{latency},2,0,0,,,,,")), "{}", lines[2]);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        assert!(reader.records().all(|row| row.is_ok_and(|row| row.len() == 3 + 34)));
    }

    #[test]
    fn lines_have_the_point_and_its_confidence_interval() {
        let text = table().to_text();
        let lines: Vec<&str> = text.trim_start().lines().collect();
        let start =
            "nodes=64, network.latency={model='constant',one_way='5ms'}: 99.990 % ± 0.000 %";
        assert!(lines[0].starts_with(start), "{}", lines[0]);
        assert!(lines[0].contains("2.00 ± 2.48 hops") && lines[0].ends_with("; 3 runs"));
        assert!(lines[1].contains(": – correct, – hops"), "{}", lines[1]);
    }
}
