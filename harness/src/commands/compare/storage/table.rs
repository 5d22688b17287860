//! A comparison of both ways to store a value as a text table.
//!
//! **Invariant:** made from a [`Comparison`] only; no line is longer than 120 characters.

use super::comparison::{Comparison, Departed, Row, found_after};
use super::plan::GONE_PERCENT;
use crate::report::wrap::{COLUMNS, push_wrapped};

/// Columns of figures, by group: the name of the group, and the names of its columns with their widths.
const GROUPS: [(&str, &[(&str, usize)]); 4] = [
    ("bytes per", &[("put", 6), ("get", 6)]),
    ("p50 in ms", &[("put", 4), ("get", 4)]),
    ("stored bytes", &[("mean", 6), ("p99", 6)]),
    ("repair B/s", &[("all", 5), ("gone", 5)]),
];
/// Width of a share of gets that found the value.
const SHARE: usize = 5;
/// The percentage of crashed nodes whose repair the table shows.
const REPAIR_AT: u32 = 30;

/// The table and the verdicts.
#[must_use]
pub(super) fn text(comparison: &Comparison) -> String {
    let [above, head] = head();
    let mut text = format!("{}\n{}\n", above.trim_end(), head.trim_end());
    for row in &comparison.rows {
        text.push_str(line(row).trim_end());
        text.push('\n');
    }
    text.push('\n');
    let note = format!(
        "found: share of gets, in percent, with all nodes there, after so many percent have left, and after \
         so many have crashed; repair: copies and comparisons, per node, with all nodes there and after \
         {REPAIR_AT} % have crashed"
    );
    push_wrapped(&mut text, &note, 2, COLUMNS, &[]);
    text.push('\n');
    for verdict in &comparison.verdicts {
        push_wrapped(&mut text, verdict, 2, COLUMNS, &[]);
    }
    text
}

/// The two lines above the figures.
fn head() -> [String; 2] {
    let shares = |suffix: &str| {
        GONE_PERCENT.map(|percent| format!("{:>SHARE$}", format!("{percent}{suffix}"))).join(" ")
    };
    let gone = shares("%");
    let width = gone.len();
    let mut above = format!(
        "{:9}  {:>5}  {:>SHARE$}  {:<width$}  {:<width$}",
        "", "", "found", "left", "crashed"
    );
    let mut head = format!("{:9}  {:>5}  {:>SHARE$}  {gone}  {gone}", "way", "bytes", "all");
    for (name, columns) in GROUPS {
        let names: Vec<String> =
            columns.iter().map(|&(name, width)| format!("{name:>width$}")).collect();
        let names = names.join(" ");
        above.push_str(&format!("  {name:>0$}", names.len()));
        head.push_str("  ");
        head.push_str(&names);
    }
    [above, head]
}

fn line(row: &Row) -> String {
    let share = |found: Option<f64>| match found {
        Some(found) => format!("{:>SHARE$.1}", found * 100.0),
        None => format!("{:>SHARE$}", "–"),
    };
    let after = |departed: &[Departed]| {
        GONE_PERCENT.map(|percent| share(found_after(departed, percent))).join(" ")
    };
    let all = row.get.map(|get| get.repair_bytes_per_node_s + get.digest_bytes_per_node_s);
    let gone = row.crashed.iter().find(|it| it.percent == REPAIR_AT).map(|it| it.gets);
    let gone = gone.map(|get| get.repair_bytes_per_node_s + get.digest_bytes_per_node_s);
    let figures: [&[Option<f64>]; 4] = [
        &[row.put.map(|put| put.bytes), row.get.map(|get| get.operation.bytes)],
        &[
            row.put.map(|put| put.latency_p50_us / 1e3),
            row.get.map(|get| get.operation.latency_p50_us / 1e3),
        ],
        &[row.stored_bytes_mean, row.stored_bytes_p99.map(|bytes| bytes as f64)],
        &[all, gone],
    ];
    let mut line = format!(
        "{:9}  {:>5}  {}  {}  {}",
        row.way,
        row.value_bytes,
        share(row.get.map(|get| get.found)),
        after(&row.left),
        after(&row.crashed),
    );
    for ((_, columns), figures) in GROUPS.iter().zip(figures) {
        let cells: Vec<String> = columns
            .iter()
            .zip(figures)
            .map(|(&(_, width), figure)| match figure {
                Some(figure) => format!("{figure:>width$.0}"),
                None => format!("{:>width$}", "–"),
            })
            .collect();
        line.push_str("  ");
        line.push_str(&cells.join(" "));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::super::execute::Circumstances;
    use super::super::comparison::{Comparison, SCHEMA_VERSION, example};
    use super::super::verdict::verdicts;
    use super::*;

    #[test]
    fn has_every_row_and_fits_the_screen() {
        let mut rows = example::rows();
        let missing = Row {
            put: None,
            get: None,
            stored_bytes_mean: None,
            left: Vec::new(),
            ..rows[0].clone()
        };
        rows.push(missing);
        let comparison = Comparison {
            schema_version: SCHEMA_VERSION,
            what: "storage".into(),
            circumstances: Circumstances::example(),
            verdicts: verdicts(&example::rows()),
            rows,
        };
        let text = text(&comparison);
        let lines: Vec<&str> = text.lines().collect();
        let table = lines.iter().take_while(|line| !line.is_empty()).count();
        assert_eq!(table, 2 + comparison.rows.len());
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{text}");
        let widths: Vec<usize> = lines[1..table].iter().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|&width| width == widths[0]), "{text}");
        assert!(lines[6].starts_with("reference     16  100.0   90.0  70.0  50.0"), "{text}");
        let json = serde_json::to_string(&comparison).expect("it is plain data");
        assert_eq!(serde_json::from_str::<Comparison>(&json).expect("as written"), comparison);
    }
}
