//! A comparison of the ways to store values: what gets find, and what it costs, by the size of values.

use super::origins;
use crate::report::chart::{Axis, Chart, Curves, Scale, Series, Style};
use crate::report::document::{Cell, Document, Section, Table};
use crate::report::saved::storage::{StorageComparison, StorageRow};
use crate::report::units::{bytes, micros, number};

/// A figure of a row.
type Of = fn(&StorageRow) -> Option<f64>;

/// The charts: identifier, title, unit, scale, and the figure.
const CHARTS: [(&str, &str, &str, Of); 5] = [
    ("put-bytes", "Bytes of messages per put", "B", |row| row.put.map(|it| it.bytes)),
    ("get-bytes", "Bytes of messages per get", "B", |row| row.get.map(|it| it.operation.bytes)),
    ("stored", "Bytes stored per node, mean", "B", |row| row.stored_bytes_mean),
    ("get-latency", "Latency of a get, p50", "ms", |row| {
        row.get.map(|it| it.operation.latency_p50_us / 1e3)
    }),
    ("repair", "Copies moved after half of the nodes have left, per node", "B/s", |row| {
        row.left.last().map(|it| it.gets.repair_bytes_per_node_s)
    }),
];

/// The report of a comparison.
pub(super) fn document(comparison: &StorageComparison) -> Document {
    let mut ways: Vec<&str> = Vec::new();
    for row in &comparison.rows {
        if !ways.contains(&row.way.as_str()) {
            ways.push(&row.way);
        }
    }
    let mut found = Section::new("found", "Values found");
    for (id, title, of) in [
        ("left", "Found after nodes have left", (|row| &row.left) as fn(&StorageRow) -> &Vec<_>),
        ("crashed", "Found after nodes have crashed", |row| &row.crashed),
    ] {
        let curve = |(color, row): (usize, &StorageRow)| {
            let now = row.get.map(|get| (0.0, Some(get.found * 100.0)));
            let then =
                of(row).iter().map(|it| (f64::from(it.percent), Some(it.gets.found * 100.0)));
            let name = format!("{}, {} B", row.way, row.value_bytes);
            let one = Series::new(name, Style::Line, color, now.into_iter().chain(then));
            Series { dashed: row.way != ways[0], ..one }
        };
        found.add_chart(Chart::Curves(Curves::new(
            format!("found-{id}"),
            title,
            Axis::new("Nodes that are gone", "%", Scale::Linear),
            Axis::new("Gets that found the value", "%", Scale::Linear),
            comparison.rows.iter().enumerate().map(curve).collect(),
        )));
    }
    let mut cost = Section::new("cost", "Cost");
    let mut sizes: Vec<f64> =
        comparison.rows.iter().map(|row| f64::from(row.value_bytes)).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    for (id, title, unit, of) in CHARTS {
        let curve = |(color, way): (usize, &&str)| {
            let rows = comparison.rows.iter().filter(|row| row.way == **way);
            let shown = |row: &StorageRow| of(row).filter(|it| *it > 0.0);
            Series::new(
                *way,
                Style::Line,
                color,
                rows.map(|row| (f64::from(row.value_bytes), shown(row))),
            )
        };
        cost.add_chart(Chart::Curves(Curves::new(
            id,
            title,
            Axis { ticks: sizes.clone(), ..Axis::new("Size of a value", "B", Scale::Log) },
            Axis::new(title, unit, Scale::Log),
            ways.iter().enumerate().map(curve).collect(),
        )));
    }
    let mut verdicts = Section::new("verdicts", "In short");
    verdicts.text.clone_from(&comparison.verdicts);
    let mut sections = vec![verdicts, found, cost, rows(comparison)];
    sections.retain(Section::has_content);
    let mut lead = vec![
        "The same values, stored at the owners of their keys (direct), or by reference at the nodes that wrote them."
            .to_owned(),
    ];
    if comparison.interrupted {
        lead.push("The comparison was interrupted.".to_owned());
    }
    let origins = origins::origins(&comparison.origin);
    Document { title: "Ways to store values compared".to_owned(), lead, sections, origins }
}

fn rows(comparison: &StorageComparison) -> Section {
    let mut section = Section::new("rows", "All figures");
    let row = |row: &StorageRow| {
        let or_dash = |text: Option<String>| Cell::Number(text.unwrap_or("–".to_owned()));
        vec![
            Cell::Text(row.way.clone()),
            Cell::Number(format!("{} B", row.value_bytes)),
            or_dash(row.put.map(|it| bytes(it.bytes))),
            or_dash(row.get.map(|it| bytes(it.operation.bytes))),
            or_dash(row.get.map(|it| micros(it.operation.latency_p50_us))),
            or_dash(row.get.map(|it| format!("{} %", number(it.found * 100.0)))),
            or_dash(row.stored_bytes_mean.map(bytes)),
        ]
    };
    let head = ["Way", "Value", "Bytes per put", "per get", "Get p50", "Found", "Stored per node"];
    section.tables.push(Table {
        caption: "With all nodes there".to_owned(),
        head: head.map(str::to_owned).to_vec(),
        rows: comparison.rows.iter().map(row).collect(),
    });
    section
}
