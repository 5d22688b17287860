//! A comparison as a text table.
//!
//! **Invariant:** made from a [`Comparison`] only; no line is longer than 120 characters.

use std::fmt::Write as _;

use super::comparison::{Comparison, Growth, Row};
use super::verdict::percent;
use crate::measure::growth::Law;
use crate::report::units::{bytes, count, micros, number};
use crate::report::wrap::{COLUMNS, push_wrapped};

const HEAD: [&str; 13] = [
    "system", "nodes", "state", "most", "memory", "most", "upkeep", "messages", "latency", "exact",
    "fuzzy", "busiest", "third",
];
const UNDER: [&str; 13] = [
    "",
    "",
    "mean",
    "",
    "mean",
    "",
    "per s",
    "per query",
    "p50",
    "found",
    "found",
    "crashed",
    "crashed",
];

/// The table, the fits and the verdicts.
#[must_use]
pub(super) fn text(comparison: &Comparison) -> String {
    let rows = comparison.rows.iter().map(cells);
    let mut head = [HEAD, UNDER];
    if !comparison.items {
        (head[0][9], head[1][9]) = ("correct", "");
    }
    let lines: Vec<[String; 13]> =
        head.map(|line| line.map(str::to_owned)).into_iter().chain(rows).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max();
    let widths: Vec<usize> = (0..HEAD.len()).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for line in &lines {
        let mut row = String::new();
        for (column, (cell, &width)) in line.iter().zip(&widths).enumerate() {
            // Writing to a string cannot fail.
            let _ = match column {
                0 => write!(row, "{cell:<width$}"),
                _ => write!(row, "  {cell:>width$}"),
            };
        }
        text.push_str(row.trim_end());
        text.push('\n');
    }
    if !comparison.growth.is_empty() {
        text.push_str("\ngrowth with N\n");
        comparison.growth.iter().for_each(|fit| text.push_str(&growth_line(fit)));
    }
    text.push('\n');
    for verdict in &comparison.verdicts {
        push_wrapped(&mut text, verdict, 2, COLUMNS, &[]);
    }
    text
}

fn cells(row: &Row) -> [String; 13] {
    let percent = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), percent);
    [
        row.system.clone(),
        count(row.nodes.into()),
        number(row.state.mean),
        count(row.state.max as u64),
        bytes(row.bytes.mean),
        bytes(row.bytes.max),
        bytes(row.upkeep_bytes_per_node_s),
        number(row.messages_per_query),
        micros(row.latency_p50_us),
        percent(row.success),
        percent(row.fuzzy_success),
        percent(row.success_busiest_crashed),
        percent(row.success_third_crashed),
    ]
}

fn growth_line(fit: &Growth) -> String {
    let fitted = if fit.expected == Law::Logarithmic.name() {
        format!(
            "{:+.2} per doubling of N (R² of a + b log2 N: {:.4})",
            fit.per_doubling, fit.log_r2
        )
    } else {
        format!("N^{:.3}", fit.exponent)
    };
    let (system, figure) = (&fit.system, fit.figure.name());
    format!("  {system:<8} {figure:<26} expected {:<9} fitted {fitted}\n", fit.expected)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::compare::comparison::{example, growth};
    use crate::commands::compare::execute::Circumstances;
    use crate::commands::compare::verdict::verdicts;

    #[test]
    fn has_every_row_and_fits_the_screen() {
        let rows = example::rows();
        let systems = example::systems();
        let growth = growth(&rows, &systems);
        let comparison = Comparison {
            schema_version: 1,
            circumstances: Circumstances::example(),
            items: true,
            verdicts: verdicts(&rows, &growth, &systems, true),
            rows,
            growth,
        };
        let text = text(&comparison);
        let lines: Vec<&str> = text.lines().collect();
        let table = lines.iter().take_while(|line| !line.is_empty()).count();
        assert_eq!(table, 2 + comparison.rows.len());
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(lines[2].starts_with("central") && lines[2].contains("1,024"), "{}", lines[2]);
        let json = serde_json::to_string(&comparison).expect("it is plain data");
        assert_eq!(serde_json::from_str::<Comparison>(&json).expect("as written"), comparison);
    }
}
