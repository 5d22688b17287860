//! A plan as text.
//!
//! **Invariant:** made from a [`Document`] only; no line is longer than 100 characters.

use std::fmt::Write as _;

use toml::Value as Toml;

use super::TOLERANCE;
use super::document::{Document, Point, Simulation};
use crate::plan::{Correction, Demand, Estimate, Reason};
use crate::report::units::{bytes, count, micros, number};
use crate::report::wrap::push_wrapped;

/// The greatest width of a line.
const COLUMNS: usize = 100;
/// Where prose begins.
const INDENT: usize = 14;
/// The most rows of the table of best points.
const ROWS_MAX: usize = 13;

/// The whole plan.
#[must_use]
pub(super) fn text(document: &Document) -> String {
    let mut text = String::new();
    head(&mut text, document);
    answer(&mut text, document);
    best(&mut text, document);
    steps(&mut text, document);
    document.simulations.iter().for_each(|it| simulation(&mut text, it));
    conclusion(&mut text, document);
    text
}

fn head(text: &mut String, document: &Document) {
    let given = |key: &str| {
        let found = document.given.iter().find(|(given, _)| given == key);
        found.map_or("", |(_, value)| value.as_str())
    };
    let session = match given("churn.session") {
        "" => "no departures".to_owned(),
        session => format!(
            "sessions {}, {} of departures announced",
            plain(session),
            percent(given("churn.graceful").parse().unwrap_or(0.0))
        ),
    };
    let line = format!(
        "{}, {} nodes; {session}; a lookup per node every {}; delays {}",
        document.system,
        count(document.nodes),
        given("workload.lookup_interval"),
        plain(given("network.latency")),
    );
    push_wrapped(text, &line, 0, COLUMNS, &["; "]);
    let demands = Demand::ALL.into_iter().filter_map(|demand| {
        let bound = document.demands.bound(demand)?;
        Some(format!("{} {}", name(demand), wanted(demand, bound)))
    });
    let demands: Vec<String> = demands.collect();
    if !demands.is_empty() {
        let line = format!("demanded      {}", demands.join(", "));
        push_wrapped(text, &line, INDENT, COLUMNS, &[", "]);
    }
    text.push('\n');
}

fn answer(text: &mut String, document: &Document) {
    let Some(chosen) = &document.chosen else {
        text.push_str("There is no point to choose from.\n");
        return;
    };
    let label = if document.in_the_way.is_empty() { "recommended" } else { "nearest" };
    let line = format!("{label:<INDENT$}{}", parameters(&chosen.parameters));
    push_wrapped(text, &line, INDENT, COLUMNS, &[" "]);
    let figures = &chosen.figures;
    let line = format!(
        "{:<INDENT$}{} hops, {} on average and {} at p99; {} of the lookups fail; {} and {} messages per node \
         and second; {} of memory and {} peers; a node is isolated {} times a year",
        "it gives",
        number(figures.hops),
        seconds(figures.latency_mean_s),
        seconds(figures.latency_p99_s),
        failed(figures.failed),
        bytes(figures.bytes_per_node_s),
        number(figures.messages_per_node_s),
        bytes(figures.memory_bytes),
        number(figures.entries),
        small(figures.isolations_per_year),
    );
    push_wrapped(text, &line, INDENT, COLUMNS, &["; ", ", "]);
    push_wrapped(
        text,
        &format!("{:<INDENT$}{}", "because", reason(document, figures)),
        INDENT,
        COLUMNS,
        &[],
    );
    corrected(text, document);
    for obstacle in &document.in_the_way {
        let demand = obstacle.demand;
        let bound = document.demands.bound(demand).map_or_else(String::new, |it| shown(demand, it));
        let (name, least) = (name(demand), shown(demand, obstacle.least));
        let line = match obstacle.best {
            Some(best) => {
                let best = shown(demand, best);
                format!("{name} of {bound}: where all other demands are met, {best} is the least")
            }
            None => format!("{name} of {bound}: the least of all points is {least}"),
        };
        let line = format!("{:<INDENT$}{line} ({})", "in the way", demand.flag());
        push_wrapped(text, &line, INDENT, COLUMNS, &[]);
    }
}

/// The figures that a simulation has corrected.
fn corrected(text: &mut String, document: &Document) {
    let Correction { hops, timeouts, latency_mean, latency_p99, failed, bytes, memory } =
        document.correction;
    let factors = [
        ("hops", hops),
        ("timeouts", timeouts),
        ("mean latency", latency_mean),
        ("p99 latency", latency_p99),
        ("failed lookups", failed),
        ("maintenance", bytes),
        ("memory", memory),
    ];
    let off = factors.iter().filter(|(_, factor)| *factor != 1.0);
    let off: Vec<String> =
        off.map(|(name, factor)| format!("{name} times {}", number(*factor))).collect();
    if !off.is_empty() {
        let line = format!(
            "{:<INDENT$}by the simulation of this point: {}; all figures here have these factors",
            "corrected",
            off.join(", ")
        );
        push_wrapped(text, &line, INDENT, COLUMNS, &["; ", ", "]);
    }
}

fn reason(document: &Document, figures: &Estimate) -> String {
    let shares = || {
        let shares = Demand::ALL.into_iter().filter_map(|demand| {
            document.demands.bound(demand)?;
            Some(format!(
                "{} of {}",
                percent(document.demands.strain(demand, figures)),
                name(demand)
            ))
        });
        shares.collect::<Vec<_>>().join(", ")
    };
    match document.reason {
        Some(Reason::FurthestFromBounds) if document.demands.p99_s.is_some() => format!(
            "it meets all demands and keeps furthest from the bounds on maintenance and latency: it uses {}",
            shares()
        ),
        Some(Reason::FurthestFromBounds) => {
            "nothing bounds maintenance or latency; from here on, each gains less than the other loses".to_owned()
        }
        Some(Reason::Fastest) => {
            format!("it is the fastest that meets all demands; it uses {}", shares())
        }
        Some(Reason::Cheapest) => {
            format!("it needs the least maintenance of all that meet the demands; it uses {}", shares())
        }
        Some(Reason::Nearest) => {
            format!("no point meets all demands, and this one misses them least: it uses {}", shares())
        }
        None => "there is no other".to_owned(),
    }
}

fn best(text: &mut String, document: &Document) {
    let Some(chosen) = &document.chosen else { return };
    let mut shown: Vec<&Point> = document.candidates.iter().filter(|it| it.is_on_hull).collect();
    if !shown.iter().any(|it| it.parameters == chosen.parameters) {
        shown.push(chosen);
    }
    shown.sort_by(|a, b| a.figures.bytes_per_node_s.total_cmp(&b.figures.bytes_per_node_s));
    let at = shown.iter().position(|it| it.parameters == chosen.parameters).unwrap_or(0);
    let from = at.saturating_sub(ROWS_MAX / 2).min(shown.len().saturating_sub(ROWS_MAX));
    let shown = &shown[from..shown.len().min(from + ROWS_MAX)];
    let rows = shown.iter().map(|point| {
        let mark = match (point.parameters == chosen.parameters, point.meets_demands) {
            (true, _) => ">",
            (false, true) => "",
            (false, false) => "-",
        };
        let values: Vec<String> =
            point.parameters.iter().map(|(_, value)| value_text(value)).collect();
        row(mark, values, &point.figures)
    });
    let names: Vec<String> = document.axes.iter().map(|axis| axis.name.to_owned()).collect();
    text.push_str("\nbest points: none is better in one figure and not worse in another");
    let has_unmet = shown.iter().any(|point| !point.meets_demands);
    text.push_str(if has_unmet { " (- does not meet the demands)\n" } else { "\n" });
    table(text, header(names), rows.collect());
}

fn steps(text: &mut String, document: &Document) {
    let Some(chosen) = &document.chosen else { return };
    if document.steps.is_empty() {
        return;
    }
    text.push_str("\none step in one parameter\n");
    let mut rows = vec![row(">", vec!["as recommended".to_owned()], &chosen.figures)];
    rows.extend(document.steps.iter().map(|step| {
        let mark = if step.meets_demands { "" } else { "-" };
        row(mark, vec![format!("{} = {}", step.key, value_text(&step.value))], &step.figures)
    }));
    table(text, header(vec!["parameter".to_owned()]), rows);
}

fn simulation(text: &mut String, simulation: &Simulation) {
    let title = format!(
        "\nsimulated     {}, {} nodes, {} s measured, {} s of work",
        values(&simulation.parameters),
        count(simulation.nodes),
        number(simulation.measured_s),
        number(simulation.wall_s),
    );
    push_wrapped(text, &title, INDENT, COLUMNS, &[", "]);
    let mut rows = vec![["", "model", "simulated", "error"].map(str::to_owned).to_vec()];
    for figure in &simulation.figures {
        let shown = |value: f64| match figure.key {
            "latency_mean_s" | "latency_p99_s" => seconds(value),
            "bytes_per_node_s" | "memory_bytes" => bytes(value),
            "failed" => failed(value),
            _ => number(value),
        };
        let note = if figure.error.abs() > TOLERANCE { "  trust the simulation" } else { "" };
        // Without the sign of a zero.
        let percent = (figure.error * 100.0).round() + 0.0;
        let error = format!("{percent:+.0} %{note}");
        let row = [figure.name.to_owned(), shown(figure.model), shown(figure.simulated), error];
        rows.push(row.to_vec());
    }
    for row in rows {
        let [name, model, simulated, error] = &row[..] else { continue };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<12}{model:>12}{simulated:>12}   {error}");
    }
    let _ = writeln!(
        text,
        "  {} of {} lookups without a correct answer",
        count(simulation.failures),
        count(simulation.lookups)
    );
}

fn conclusion(text: &mut String, document: &Document) {
    let circumstances = &document.circumstances;
    let simulated = match (document.simulations.len(), circumstances.interrupted) {
        (_, true) => "; interrupted",
        (0, _) if circumstances.time_s > 0.0 => "; no simulation fits into --time",
        (0, _) => "; nothing was simulated",
        _ => "",
    };
    let line = format!(
        "\n{} points in {} s{simulated}",
        count(document.points as u64),
        number(circumstances.model_s)
    );
    push_wrapped(text, &line, 0, COLUMNS, &[]);
}

/// The columns that are shown of every point.
fn header(first: Vec<String>) -> Vec<String> {
    let figures = ["hops", "mean", "p99", "timeouts", "failed", "upkeep/s", "memory", "loss/year"];
    let mut header = vec![String::new()];
    header.extend(first);
    header.extend(figures.map(str::to_owned));
    header
}

fn row(mark: &str, first: Vec<String>, figures: &Estimate) -> Vec<String> {
    let mut row = vec![mark.to_owned()];
    row.extend(first);
    row.extend([
        number(figures.hops),
        seconds(figures.latency_mean_s),
        seconds(figures.latency_p99_s),
        number(figures.timeouts),
        failed(figures.failed),
        bytes(figures.bytes_per_node_s),
        bytes(figures.memory_bytes),
        small(figures.data_loss_per_year),
    ]);
    row
}

fn table(text: &mut String, header: Vec<String>, rows: Vec<Vec<String>>) {
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(rows).collect();
    let columns = lines.first().map_or(0, Vec::len);
    let width =
        |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in &lines {
        let mut shown = String::new();
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            // Writing to a string cannot fail.
            let _ = match column {
                0 => write!(shown, "{cell:<1}"),
                _ => write!(shown, " {cell:>width$}"),
            };
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
}

fn parameters(parameters: &[(String, Toml)]) -> String {
    let set = parameters.iter().map(|(key, value)| format!("{key}={}", value_text(value)));
    set.collect::<Vec<_>>().join(" ")
}

fn values(parameters: &[(String, Toml)]) -> String {
    let short = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
    let set = parameters.iter().map(|(key, value)| format!("{} {}", short(key), value_text(value)));
    set.collect::<Vec<_>>().join(", ")
}

fn value_text(value: &Toml) -> String {
    match value {
        Toml::String(text) => text.replace(' ', ""),
        other => other.to_string(),
    }
}

/// A table of TOML as it was written on the command line.
fn plain(table: &str) -> String {
    let words = table.trim_matches(['{', '}', ' ']).replace(['"', ' '], "");
    let mut parts = words.split(',').map(|part| part.split_once('=').unwrap_or(("", part)));
    let name = parts.next().map_or("", |(_, name)| name);
    let rest: Vec<String> = parts.map(|(key, value)| format!("{key}={value}")).collect();
    if rest.is_empty() { name.to_owned() } else { format!("{name}:{}", rest.join(",")) }
}

const fn name(demand: Demand) -> &'static str {
    match demand {
        Demand::Budget => "maintenance",
        Demand::Success => "failed lookups",
        Demand::P99 => "p99 latency",
        Demand::Memory => "memory",
        Demand::DataLoss => "losses",
    }
}

/// A bound as it is demanded.
fn wanted(demand: Demand, bound: f64) -> String {
    match demand {
        Demand::Success => format!("up to {}", failed(bound)),
        _ => format!("up to {}", shown(demand, bound)),
    }
}

fn shown(demand: Demand, figure: f64) -> String {
    match demand {
        Demand::Budget => format!("{}/s", bytes(figure)),
        Demand::Success => failed(figure),
        Demand::P99 => seconds(figure),
        Demand::Memory => bytes(figure),
        Demand::DataLoss => format!("{}/year", small(figure)),
    }
}

fn seconds(s: f64) -> String {
    micros(s * 1e6)
}

/// A share that is usually small: `0.012 %`.
fn failed(share: f64) -> String {
    match share * 100.0 {
        percent if percent <= 0.0 => "0 %".to_owned(),
        percent if percent < 0.0001 => "< 0.0001 %".to_owned(),
        percent if percent < 0.1 - 1e-9 => format!("{percent:.4} %"),
        percent => format!("{} %", number(percent)),
    }
}

/// A number that may be tiny: `3e-12`.
fn small(value: f64) -> String {
    match value {
        value if value < 1e-30 => "0".to_owned(),
        value if value < 0.01 => format!("{value:.0e}"),
        value => number(value),
    }
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}
