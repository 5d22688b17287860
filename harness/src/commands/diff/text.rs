//! A comparison as people read it: on a terminal, and as Markdown.
//!
//! **Invariant:** lines have at most 100 columns, but for names that are longer.

use console::{Style, style};

use super::comparison::{Comparison, Pair, Row, Verdict};
use super::side::Side;
use crate::measure::quantity::Quantity;

/// Figures that are listed even if they have not changed.
const MAIN: [&str; 5] =
    ["lookups.correct_ratio", "hops.mean", "latency.p50", "latency.p99", "maintenance.bytes"];

/// The report for a terminal. Colours appear where the terminal has them.
pub(super) fn text(comparison: &Comparison, a: &Side, b: &Side, lists_all: bool) -> String {
    let mut out = String::new();
    for (letter, side) in [('A', a), ('B', b)] {
        out.push_str(&format!("{letter}  {}\n", side.name));
        side.origins().iter().for_each(|origin| out.push_str(&format!("   {origin}\n")));
    }
    if a.machines() != b.machines() {
        out.push_str("   different machines: rates and times over UDP say little\n");
    }
    for pair in &comparison.pairs {
        out.push_str(&format!("\n{}: {}\n", style(&pair.name).bold(), runs(pair)));
        for [key, from, to] in &pair.scenario {
            out.push_str(&format!("   {key}: {from} in A, {to} in B\n"));
        }
        let rows: Vec<&Row> =
            pair.figures.iter().filter(|row| lists_all || is_listed(row)).collect();
        let width = rows.iter().map(|row| row.name.len()).max().unwrap_or(0).max(6);
        let header =
            format!("   {:width$} {:>12} {:>12} {:>9}  95 %", "figure", "A", "B", "change");
        out.push_str(&format!("{}\n", style(header).dim()));
        for row in rows {
            let [from, to] = values(row);
            let line = format!(
                "   {:width$} {from:>12} {to:>12} {:>9}  {:17} {}",
                row.name,
                change(row),
                interval(row),
                word(row)
            );
            out.push_str(&format!("{}\n", style_of(row).apply_to(line.trim_end())));
        }
        out.push_str(&format!("   {}\n", unchanged(pair)));
    }
    for (side, name) in &comparison.unmatched {
        out.push_str(&format!("\nonly in {side}: {name}\n"));
    }
    out.push('\n');
    out.push_str(&summary(comparison));
    out
}

/// The same as Markdown, for comments on a change.
pub(super) fn markdown(comparison: &Comparison, a: &Side, b: &Side) -> String {
    let mut out = String::new();
    for (letter, side) in [('A', a), ('B', b)] {
        let origins: Vec<String> = side.origins().into_iter().collect();
        out.push_str(&format!("* {letter}: `{}` ({})\n", side.name, origins.join(" / ")));
    }
    for pair in &comparison.pairs {
        out.push_str(&format!("\n### {}\n\n{}\n", pair.name, runs(pair)));
        out.push_str("\n| figure | A | B | change | 95 % | |\n|---|---:|---:|---:|---|---|\n");
        for row in pair.figures.iter().filter(|row| is_listed(row)) {
            let [from, to] = values(row);
            let mark = if row.is_regression { "**" } else { "" };
            out.push_str(&format!(
                "| {} | {from} | {to} | {mark}{}{mark} | {} | {} |\n",
                row.name,
                change(row),
                interval(row),
                word(row)
            ));
        }
        out.push_str(&format!("\n{}\n", unchanged(pair)));
    }
    for (side, name) in &comparison.unmatched {
        out.push_str(&format!("\nOnly in {side}: {name}\n"));
    }
    out.push('\n');
    out.push_str(&summary(comparison));
    out
}

fn is_listed(row: &Row) -> bool {
    row.is_lasting || MAIN.contains(&row.name.as_str())
}

/// How many runs were compared, and how.
fn runs(pair: &Pair) -> String {
    let [n, m] = pair.runs;
    let trace = match pair.same_trace {
        Some(true) => "; the same traces",
        Some(false) => "; other traces",
        None => "",
    };
    let how = if pair.is_exact { ", simulated with the same seeds" } else { "" };
    format!("{n} {} against {m}{how}{trace}", if n == 1 { "run" } else { "runs" })
}

fn values(row: &Row) -> [String; 2] {
    row.medians.map(|value| Quantity { value, unit: row.unit }.to_string())
}

fn change(row: &Row) -> String {
    match row.ratio {
        Some(1.0) => "0 %".to_owned(),
        Some(ratio) => percent(ratio),
        None => "from 0".to_owned(),
    }
}

fn interval(row: &Row) -> String {
    row.interval
        .map_or_else(String::new, |[low, high]| format!("{} … {}", percent(low), percent(high)))
}

/// `+5.1 %`: the change that a ratio stands for.
fn percent(ratio: f64) -> String {
    let change = (ratio - 1.0) * 100.0;
    match change.abs() {
        size if size >= 1000.0 => format!("× {ratio:.0}"),
        size if size >= 0.095 || size == 0.0 => format!("{change:+.1} %"),
        _ => format!("{change:+.2} %"),
    }
}

fn word(row: &Row) -> &'static str {
    match (row.verdict, row.is_better()) {
        (Verdict::Equal, _) => "equal",
        (Verdict::WithinNoise, _) => "within noise",
        (Verdict::TooFewRuns, _) => "cannot tell",
        (Verdict::Moved, _) if !row.is_lasting => "moved by chance",
        (Verdict::Moved | Verdict::Differs, _) if row.is_regression => "WORSE",
        (Verdict::Moved | Verdict::Differs, Some(true)) => "better",
        (Verdict::Moved | Verdict::Differs, Some(false)) => "worse, tolerated",
        (Verdict::Moved | Verdict::Differs, None) => "moved",
    }
}

fn style_of(row: &Row) -> Style {
    match row.is_better() {
        _ if row.is_regression => Style::new().red().bold(),
        Some(true) => Style::new().green(),
        Some(false) => Style::new().yellow(),
        None => Style::new(),
    }
}

/// What became of the figures that have not changed.
fn unchanged(pair: &Pair) -> String {
    let of = |verdict| pair.figures.iter().filter(move |row| row.verdict == verdict);
    let count = |verdict| of(verdict).count();
    let by_chance = of(Verdict::Moved).filter(|row| !row.is_lasting).count();
    let counts = [
        (count(Verdict::Equal), "equal"),
        (count(Verdict::WithinNoise), "within noise"),
        (by_chance, "moved by chance"),
        (count(Verdict::TooFewRuns), "that so few runs cannot tell"),
    ];
    let texts = counts.iter().filter(|(count, _)| *count > 0);
    let texts: Vec<String> = texts.map(|(count, what)| format!("{count} {what}")).collect();
    if texts.is_empty() {
        "all figures differ".to_owned()
    } else {
        format!("figures: {}", texts.join(", "))
    }
}

/// The last lines: what is worse, and what would tell more.
pub(super) fn summary(comparison: &Comparison) -> String {
    let mut out = String::new();
    for (pair, row) in comparison.regressions() {
        let tolerance = percent(1.0 + row.tolerance).trim_start_matches('+').to_owned();
        let [from, to] = values(row);
        out.push_str(&format!(
            "regression: {}: {} {}, from {from} to {to} (tolerance {tolerance})\n",
            pair.name,
            row.name,
            change(row)
        ));
    }
    let any = |verdict| {
        comparison.pairs.iter().flat_map(|pair| &pair.figures).any(|row| row.verdict == verdict)
    };
    if out.is_empty() {
        let known = any(Verdict::Equal) || any(Verdict::WithinNoise);
        out.push_str(if known { "no regression\n" } else { "no regression is known\n" });
    }
    if any(Verdict::TooFewRuns) {
        out.push_str(&format!(
            "too few runs to tell noise from change: {} on each side would do, for instance with \
             `sweep --repeat`\n",
            comparison.runs_needed()
        ));
    }
    out
}
