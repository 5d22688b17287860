//! One run, or several that are overlaid.
//!
//! Several runs are named by their scenario, and by what differs between their scenarios.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table as Toml, Value};

use super::{hops, load, origins, timeline, traces, words};
use crate::measure::outcome::Outcome;
use crate::report::chart::{Axis, Chart, Curves, Scale, Series, Style};
use crate::report::document::{Cell, Document, KeyFigure, Section, Table};
use crate::report::saved::origin::Origin;
use crate::report::saved::run::Run;
use crate::report::units::{bytes, count, micros, number, share};

/// Steps from each percentile to the one halfway between it and 100 %.
const TICKS_PER_HALF_DISTANCE: u32 = 8;
/// Values that differ are named in a curve's name up to so many.
const NAMED_VALUES: usize = 3;

/// The report of runs, each with the name of where it comes from.
///
/// # Errors
///
/// If their figures cannot be overlaid.
pub(super) fn document(all: &[(&str, &Run)]) -> Result<Document, String> {
    if let Some((inside, outside)) = mixed(all) {
        return Err(format!(
            "{inside} ran its own nodes and {outside} drove servers from outside: their figures cannot be overlaid; \
             make a report of each"
        ));
    }
    let names = names(all);
    let runs: Vec<(&str, &Run)> =
        names.iter().map(String::as_str).zip(all.iter().map(|(_, run)| *run)).collect();
    let outcomes: Vec<(&str, &Outcome)> =
        runs.iter().map(|(name, run)| (*name, &run.outcome)).collect();
    let mut sections = Vec::new();
    match outcomes.as_slice() {
        [(_, outcome)] => sections.push(summary(outcome)),
        several => sections.push(beside_each_other(several)),
    }
    sections.push(lookups(&outcomes));
    sections.push(timeline::section(&runs));
    sections.push(traffic(&outcomes));
    sections.push(load::section(&outcomes));
    if let [(_, outcome)] = outcomes.as_slice() {
        sections.extend(all[0].1.traces.as_ref().map(traces::section));
        sections.push(scenario(outcome));
    }
    sections.retain(Section::has_content);
    let first = &outcomes[0].1;
    let name = words::text(&first.scenario, "name").unwrap_or("run");
    let (title, lead) = match outcomes.as_slice() {
        [(_, outcome)] => {
            let mut lead = words::sentences(&outcome.scenario);
            if outcome.interrupted {
                lead.push("The run was interrupted: all figures cover a part of it.".to_owned());
            }
            (name.to_owned(), lead)
        }
        several => (format!("{} runs", several.len()), Vec::new()),
    };
    let origins = origins::origins(&Origin {
        started_at: first.started_at.clone(),
        wall_s: first.wall_s,
        machine: first.machine.clone(),
        build: first.build.clone(),
    });
    Ok(Document { title, lead, sections, origins })
}

/// A run with nodes of its own, and one without, if there are both.
fn mixed<'a>(all: &[(&'a str, &Run)]) -> Option<(&'a str, &'a str)> {
    let of = |has_target| {
        let is_it = |(_, run): &&(&str, &Run)| run.outcome.target.is_some() == has_target;
        all.iter().find(is_it).map(|(name, _)| *name)
    };
    of(false).zip(of(true))
}

/// A name for each run: that of its scenario, with what differs from other runs of a scenario of this name.
fn names(all: &[(&str, &Run)]) -> Vec<String> {
    let scenarios = all.iter().map(|(_, run)| &run.outcome.scenario);
    let flat: Vec<(&str, BTreeMap<String, String>)> = scenarios
        .map(|scenario| (words::text(scenario, "name").unwrap_or("run"), flattened(scenario)))
        .collect();
    let with_values = |(own, values): &(&str, BTreeMap<String, String>)| {
        let group = || flat.iter().filter(|(name, _)| name == own);
        let differs = |key: &str| group().any(|(_, other)| other.get(key) != values.get(key));
        let differing = values.iter().filter(|(key, _)| *key != "seed" && differs(key));
        let texts = differing
            .take(NAMED_VALUES)
            .map(|(key, value)| format!(", {} {value}", key.rsplit('.').next().unwrap_or(key)));
        texts.fold((*own).to_owned(), |name, text| name + &text)
    };
    let short: Vec<String> = flat.iter().map(with_values).collect();
    let mut names: Vec<String> = Vec::new();
    for (at, (name, (_, run))) in short.iter().zip(all).enumerate() {
        let has_twin = short.iter().filter(|other| *other == name).count() > 1;
        let name = match has_twin {
            true => format!("{name}, seed {}", run.outcome.seed),
            false => name.clone(),
        };
        let is_new = !names.contains(&name);
        names.push(if is_new { name } else { format!("{name} ({})", at + 1) });
    }
    names
}

/// The values of a scenario by dotted path.
fn flattened(table: &Toml) -> BTreeMap<String, String> {
    let mut flat = BTreeMap::new();
    let mut tables = vec![(String::new(), table)];
    while let Some((path, table)) = tables.pop() {
        for (key, value) in table {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match value {
                Value::Table(table) => tables.push((path, table)),
                value => drop(flat.insert(path, words::plain(value))),
            }
        }
    }
    flat
}

/// The key figures of one run.
fn summary(outcome: &Outcome) -> Section {
    let mut section = Section::new("summary", "Summary");
    let lookups = &outcome.lookups;
    let figure = |name: &str, value: String, detail: String| KeyFigure::new(name, value, detail);
    let what = if outcome.store.is_some() { "Operations" } else { "Lookups" };
    section.figures = vec![
        figure(
            what,
            format!("{}/s", number(lookups.per_s)),
            format!("{} issued", count(lookups.issued)),
        ),
        figure(
            "Completed",
            share(lookups.completed, lookups.counted()),
            format!("{} failed, {} shed", count(lookups.failed), count(lookups.shed)),
        ),
        figure(
            "Correct",
            share(lookups.correct, lookups.completed),
            format!("{} incorrect", count(lookups.incorrect)),
        ),
        figure(
            "Latency p50",
            micros(lookups.latency_us.p50),
            format!(
                "p99 {}, max {}",
                micros(lookups.latency_us.p99),
                micros(lookups.latency_us.max)
            ),
        ),
    ];
    if outcome.target.is_none() {
        let state = &outcome.state;
        section.figures.extend([
            figure(
                "Hops",
                number(lookups.hops.mean),
                format!("p99 {}, max {}", lookups.hops.p99, lookups.hops.max),
            ),
            figure("Timeouts", format!("{:.4}", lookups.timeouts.mean), "per lookup".to_owned()),
            figure(
                "Maintenance",
                format!("{}/s", bytes(outcome.maintenance.bytes_per_node_s)),
                "per node".to_owned(),
            ),
            figure(
                "Node",
                bytes(state.bytes_per_node as f64),
                format!("{} entries", number(state.entries_mean)),
            ),
        ]);
    }
    if let Some(store) = &outcome.store {
        let lost = &store.durability;
        section.figures.push(figure(
            "Values lost",
            count(lost.lost.saturating_sub(lost.excused)),
            format!("of {} acknowledged; {} excused", count(lost.keys), count(lost.excused)),
        ));
        section.figures.push(figure(
            "Wrong reads",
            count(store.reads.stale + store.reads.lost + store.reads.phantom),
            format!("of {} reads", count(store.reads.found + store.reads.absent)),
        ));
    }
    if !outcome.expectations.is_empty() {
        let row = |it: &crate::measure::outcome::Expectation| {
            let verdict =
                if it.held { Cell::Good("held".into()) } else { Cell::Bad("did not hold".into()) };
            vec![
                Cell::Text(it.name.clone()),
                Cell::Text(it.wanted.clone()),
                Cell::Number(it.got.clone()),
                verdict,
            ]
        };
        section.tables.push(Table {
            caption: "Expectations".to_owned(),
            head: ["Figure", "Wanted", "Got", "Verdict"].map(str::to_owned).to_vec(),
            rows: outcome.expectations.iter().map(row).collect(),
        });
    }
    section
}

/// The key figures of several runs in a table.
fn beside_each_other(outcomes: &[(&str, &Outcome)]) -> Section {
    let mut section = Section::new("summary", "Summary");
    let head = [
        "Run",
        "Lookups/s",
        "Completed",
        "Correct",
        "p50",
        "p99",
        "Hops",
        "Maintenance",
        "Live nodes",
    ];
    let row = |(name, outcome): &(&str, &Outcome)| {
        let lookups = &outcome.lookups;
        let is_right = lookups.incorrect == 0;
        let correct = share(lookups.correct, lookups.completed);
        vec![
            Cell::Text((*name).to_owned()),
            Cell::Number(number(lookups.per_s)),
            Cell::Number(share(lookups.completed, lookups.counted())),
            if is_right { Cell::Number(correct) } else { Cell::Bad(correct) },
            Cell::Number(micros(lookups.latency_us.p50)),
            Cell::Number(micros(lookups.latency_us.p99)),
            Cell::Number(number(lookups.hops.mean)),
            Cell::Number(format!("{}/s", bytes(outcome.maintenance.bytes_per_node_s))),
            Cell::Number(number(outcome.membership.live_mean)),
        ]
    };
    section.tables.push(Table {
        caption: "Key figures; maintenance is per node".to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows: outcomes.iter().map(row).collect(),
    });
    section
}

/// Latency by percentile, and hops.
fn lookups(outcomes: &[(&str, &Outcome)]) -> Section {
    let mut section = Section::new("lookups", "Lookups");
    section.add_chart(percentiles(outcomes));
    if outcomes.iter().all(|(_, outcome)| outcome.target.is_none()) {
        section.add_chart(hops::chart(outcomes));
    }
    section
}

fn percentiles(outcomes: &[(&str, &Outcome)]) -> Chart {
    let series = outcomes.iter().enumerate().filter_map(|(color, (name, outcome))| {
        let histogram = outcome.lookups.latency_us.decode_histogram().ok()?;
        let steps = histogram.iter_quantiles(TICKS_PER_HALF_DISTANCE);
        // The last step is 100 %, which has no place on the axis.
        let points = steps.filter(|step| step.quantile_iterated_to() < 1.0).map(|step| {
            let ms = step.value_iterated_to() as f64 / 1e3;
            // What takes no time, as at the owner itself, has no place on a logarithmic axis.
            let is_measured = step.value_iterated_to() > 1;
            (1.0 / (1.0 - step.quantile_iterated_to()), Some(ms).filter(|_| is_measured))
        });
        Some(Series::new(*name, Style::Line, color, points))
    });
    Chart::Curves(Curves {
        note: "From the intended start to the answer at the origin, of completed lookups."
            .to_owned(),
        ..Curves::new(
            "latency",
            "Latency by percentile",
            Axis::new("Percentile", "", Scale::Nines),
            Axis::new("Latency", "ms", Scale::Log),
            series.collect(),
        )
    })
}

/// Maintenance by kind of message.
fn traffic(outcomes: &[(&str, &Outcome)]) -> Section {
    let mut section = Section::new("maintenance", "Maintenance");
    let kinds: BTreeSet<&String> =
        outcomes.iter().flat_map(|(_, outcome)| outcome.maintenance.by_kind.keys()).collect();
    let of = |outcome: &Outcome, kind: &str| {
        outcome.maintenance.by_kind.get(kind).map_or(0.0, |rate| rate.bytes_per_node_s)
    };
    let mut kinds: Vec<&String> = kinds.into_iter().collect();
    let sum = |kind: &str| outcomes.iter().map(|(_, outcome)| of(outcome, kind)).sum::<f64>();
    kinds.sort_by(|a, b| sum(b).total_cmp(&sum(a)));
    kinds.retain(|kind| sum(kind) > 0.0);
    if kinds.is_empty() {
        return section;
    }
    let all = outcomes.iter().map(|(_, outcome)| outcome);
    let most = kinds.iter().flat_map(|kind| all.clone().map(|it| of(it, kind)));
    let most = most.fold(f64::MIN_POSITIVE, f64::max);
    let row = |kind: &&String| {
        let bar = |(_, outcome): &(&str, &Outcome)| {
            let rate = of(outcome, kind);
            Cell::Bar(format!("{}/s", bytes(rate)), rate / most)
        };
        std::iter::once(Cell::Text(kind.replace('_', " ")))
            .chain(outcomes.iter().map(bar))
            .collect()
    };
    let names = outcomes.iter().map(|(name, _)| match outcomes.len() {
        1 => "Per node".to_owned(),
        _ => (*name).to_owned(),
    });
    section.tables.push(Table {
        caption: "Bytes by kind of message, per node and second, headers included".to_owned(),
        head: std::iter::once("Kind".to_owned()).chain(names).collect(),
        rows: kinds.iter().map(row).collect(),
    });
    section
}

fn scenario(outcome: &Outcome) -> Section {
    let mut section = Section::new("scenario", "Scenario");
    let text = toml::to_string(&outcome.scenario).unwrap_or_default();
    section.listings.push(("All values; hopwise run FILE repeats the run".to_owned(), text));
    section
}
