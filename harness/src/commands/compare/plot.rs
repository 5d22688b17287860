//! The SVG figure of a comparison: messages per query against entries per node on logarithmic axes,
//! with one line per system and one point per number of nodes.
//!
//! **Invariant:** made from rows only.

use super::comparison::Row;
use crate::report::figure::{Axis, Curve, Figure, Mark, Note, Steps, palette};
use crate::report::units::count;

/// Both axes begin at 1 and reach beyond the largest value by this factor, which leaves room for notes.
const ROOM: f64 = 3.0;
/// The shortest axis ends here, times [`ROOM`].
const END_MIN: f64 = 10.0;

/// Draws the figure as SVG.
///
/// # Errors
///
/// If it cannot be drawn.
pub(super) fn svg(rows: &[Row]) -> Result<String, String> {
    let axis = |title, value: fn((f64, f64)) -> f64| {
        let most = rows.iter().map(|row| value(point(row))).fold(END_MIN, f64::max);
        Axis::from_to(title, 1.0..most * ROOM, Steps::Decimal, |it| count(it.round() as u64))
    };
    let systems = rows.chunk_by(|a, b| a.system == b.system);
    let curves = systems.zip(palette::ALL.into_iter().cycle()).map(|(own, color)| {
        let points = own.iter().map(point);
        let curve = Curve::new(own[0].system.as_str(), color, Mark::LineWithDots, points);
        // Notes at the sizes in between would overlap.
        let ends = [(own.first(), false), (own.last(), true)];
        let notes = ends.into_iter().filter_map(|(row, is_above)| {
            let text = format!("N = {}", count(row?.nodes.into()));
            Some(Note { at: point(row?), text, is_above })
        });
        Curve { notes: notes.collect(), ..curve }
    });
    let figure = Figure {
        title: "Cost of a query against state of a node",
        x: axis("maximum state: entries of one node", |point| point.0),
        y: axis("messages per query", |point| point.1),
        curves: curves.collect(),
    };
    figure.svg()
}

/// The point of a row: maximum entries of a node, messages per query.
fn point(row: &Row) -> (f64, f64) {
    (row.state.max.max(1.0), row.messages_per_query.max(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::compare::comparison::example;

    #[test]
    fn names_each_system_and_draws_each_row() {
        let rows = example::rows();
        let drawing = svg(&rows).expect("it can be drawn");
        assert!(drawing.starts_with("<svg") && drawing.trim_end().ends_with("</svg>"));
        let systems = example::systems();
        for system in &systems {
            assert!(drawing.contains(&format!("\n{}\n", system.name)), "{}", system.name);
        }
        // One point for each row, and one for each system in the legend.
        assert_eq!(drawing.matches("<circle").count(), rows.len() + systems.len());
    }
}
