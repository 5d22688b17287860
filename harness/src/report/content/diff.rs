//! A diff: the ratio of each figure, with its interval.

use crate::report::chart::{Axis, Chart, Curves, Scale, Series, Style};
use crate::report::document::{Cell, Document, Section, Table};
use crate::report::saved::diff::{Diff, DiffRow, Pair};
use crate::report::units::significant;

/// The report of a diff.
pub(super) fn document(diff: &Diff) -> Document {
    let mut sections: Vec<Section> = Vec::new();
    for (number, pair) in diff.pairs.iter().enumerate() {
        sections.push(section(number + 1, pair));
    }
    let worse: usize = diff
        .pairs
        .iter()
        .map(|pair| pair.figures.iter().filter(|row| row.is_regression).count())
        .sum();
    let lead = match worse {
        0 => "No figure is worse beyond tolerance and noise.".to_owned(),
        1 => "One figure is worse.".to_owned(),
        _ => format!("{worse} figures are worse."),
    };
    Document {
        title: "What changed from A to B".to_owned(),
        lead: vec![lead],
        sections,
        origins: Vec::new(),
    }
}

fn section(at: usize, pair: &Pair) -> Section {
    let mut section = Section::new(&format!("pair-{at}"), pair.name.clone());
    let runs = |count: usize| format!("{count} {}", if count == 1 { "run" } else { "runs" });
    let [a, b] = pair.runs;
    section.text.push(format!("{} of A, {} of B.", runs(a), runs(b)));
    section.add_chart(ratios(at, pair));
    let row = |row: &DiffRow| {
        let change =
            row.ratio.map_or("–".to_owned(), |it| format!("{:+.1} %", (it - 1.0) * 100.0));
        let interval = row.interval.map_or(String::new(), |[low, high]| {
            format!("{:+.1} … {:+.1} %", (low - 1.0) * 100.0, (high - 1.0) * 100.0)
        });
        vec![
            Cell::Text(row.name.clone()),
            Cell::Number(significant(row.medians[0])),
            Cell::Number(significant(row.medians[1])),
            if row.is_regression { Cell::Bad(change) } else { Cell::Number(change) },
            Cell::Number(interval),
            Cell::Text(row.verdict.replace('-', " ")),
        ]
    };
    section.tables.push(Table {
        caption: "Medians of both sides, and the change with its 95 % interval".to_owned(),
        head: ["Figure", "A", "B", "Change", "Interval", "Verdict"].map(str::to_owned).to_vec(),
        rows: pair.figures.iter().map(row).collect(),
    });
    if !pair.scenario.is_empty() {
        let row = |texts: &[String; 3]| texts.iter().cloned().map(Cell::Text).collect();
        section.tables.push(Table {
            caption: "Values of the scenario that differ".to_owned(),
            head: ["Key", "A", "B"].map(str::to_owned).to_vec(),
            rows: pair.scenario.iter().map(row).collect(),
        });
    }
    section
}

/// The ratios of all figures that have changed, by number.
fn ratios(at: usize, pair: &Pair) -> Chart {
    let changed =
        pair.figures.iter().filter(|row| row.ratio.is_some_and(|it| it > 0.0 && it != 1.0));
    let rows: Vec<&DiffRow> = changed.collect();
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    let points = rows.iter().zip(1u32..).map(|(row, at)| (f64::from(at), row.ratio.map(percent)));
    let mut series = Series::new("B against A", Style::Points, 0, points);
    if rows.iter().any(|row| row.interval.is_some()) {
        let end = |which: usize| {
            rows.iter().map(|row| row.interval.map(|it| percent(it[which]))).collect()
        };
        (series.low, series.high) = (end(0), end(1));
    }
    let names: Vec<String> = rows.iter().map(|row| row.name.clone()).collect();
    Chart::Curves(Curves::new(
        format!("ratios-{at}"),
        "Changes",
        Axis { names, ..Axis::new("Figure", "", Scale::Linear) },
        Axis::new("Change", "%", Scale::Linear),
        vec![series],
    ))
}
