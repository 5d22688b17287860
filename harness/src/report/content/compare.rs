//! A comparison of systems: how figures grow with the number of nodes.

use super::{origins, percent};
use crate::report::chart::{Axis, Chart, Curves, Scale, Series, Style};
use crate::report::document::{Cell, Document, Section, Table};
use crate::report::saved::compare::{CompareRow, Comparison};
use crate::report::units::{bytes, count, micros, number};

/// A figure of a row.
type Of = fn(&CompareRow) -> Option<f64>;

/// The charts: identifier, title, unit, scale, and the figure.
const CHARTS: [(&str, &str, &str, Scale, Of); 9] = [
    ("messages", "Messages per query", "", Scale::Log, |row| Some(row.messages_per_query)),
    ("entries-mean", "Entries of a node, mean", "", Scale::Log, |row| Some(row.state.mean)),
    ("entries-max", "Entries of the fullest node", "", Scale::Log, |row| Some(row.state.max)),
    ("busiest", "Messages that the busiest node received", "", Scale::Log, |row| {
        Some(row.busiest_messages as f64)
    }),
    ("latency-p50", "Latency p50", "ms", Scale::Log, |row| Some(row.latency_p50_us / 1e3)),
    ("latency-p99", "Latency p99", "ms", Scale::Log, |row| Some(row.latency_p99_us / 1e3)),
    ("upkeep", "Maintenance and publishing per node", "B/s", Scale::Log, |row| {
        Some(row.upkeep_bytes_per_node_s)
    }),
    ("success-busiest", "Success after the busiest node crashed", "%", Scale::Linear, |row| {
        percent(row.success_busiest_crashed)
    }),
    ("success-third", "Success after a third of the nodes crashed", "%", Scale::Linear, |row| {
        percent(row.success_third_crashed)
    }),
];

/// The report of a comparison.
pub(super) fn document(comparison: &Comparison) -> Document {
    let mut systems: Vec<&str> = Vec::new();
    for row in &comparison.rows {
        if !systems.contains(&row.system.as_str()) {
            systems.push(&row.system);
        }
    }
    let mut figures = Section::new("figures", "Figures");
    for (id, title, unit, scale, of) in CHARTS {
        let curve = |(color, system): (usize, &&str)| {
            let rows = comparison.rows.iter().filter(|row| row.system == **system);
            // A logarithmic axis has no place for 0.
            let shown = |row: &CompareRow| of(row).filter(|it| scale == Scale::Linear || *it > 0.0);
            Series::new(
                *system,
                Style::Line,
                color,
                rows.map(|row| (f64::from(row.nodes), shown(row))),
            )
        };
        figures.add_chart(Chart::Curves(Curves::new(
            id,
            title,
            Axis::new("Nodes", "", Scale::Log),
            Axis::new(title.split(" that ").next().unwrap_or(title), unit, scale),
            systems.iter().enumerate().map(curve).collect(),
        )));
    }
    let mut verdicts = Section::new("verdicts", "In short");
    verdicts.text.clone_from(&comparison.verdicts);
    let mut sections = vec![verdicts, figures, rows(comparison)];
    sections.retain(Section::has_content);
    let mut lead = vec![format!("The same load on {}, at several sizes.", systems.join(", "))];
    if comparison.interrupted {
        lead.push("The comparison was interrupted: some sizes are missing.".to_owned());
    }
    let origins = origins::origins(&comparison.origin);
    Document { title: format!("{} compared", systems.join(", ")), lead, sections, origins }
}

fn rows(comparison: &Comparison) -> Section {
    let mut section = Section::new("rows", "All figures");
    let head = [
        "System",
        "Nodes",
        "Entries, mean",
        "max",
        "Memory",
        "Messages per query",
        "p50",
        "p99",
        "Exact",
        "Fuzzy",
        "Busiest crashed",
        "Third crashed",
    ];
    let share = |share: Option<f64>| {
        Cell::Number(share.map_or("–".to_owned(), |it| format!("{:.1} %", it * 100.0)))
    };
    let row = |row: &CompareRow| {
        vec![
            Cell::Text(row.system.clone()),
            Cell::Number(count(row.nodes.into())),
            Cell::Number(number(row.state.mean)),
            Cell::Number(number(row.state.max)),
            Cell::Number(bytes(row.bytes.mean)),
            Cell::Number(number(row.messages_per_query)),
            Cell::Number(micros(row.latency_p50_us)),
            Cell::Number(micros(row.latency_p99_us)),
            share(row.success),
            share(row.fuzzy_success),
            share(row.success_busiest_crashed),
            share(row.success_third_crashed),
        ]
    };
    section.tables.push(Table {
        caption: "Memory of a node: mean. Exact and fuzzy: queries that were answered".to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows: comparison.rows.iter().map(row).collect(),
    });
    section
}
