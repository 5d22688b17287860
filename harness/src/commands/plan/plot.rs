//! The SVG figure of a plan: mean latency against maintenance on logarithmic axes, with the hull of the best points.
//!
//! **Invariant:** made from a document only.

use super::document::{Document, Point};
use crate::report::figure::{Axis, Curve, Figure, Mark, Steps, palette};
use crate::report::units::{bytes, micros};

/// Draws the figure as SVG.
///
/// # Errors
///
/// If it cannot be drawn.
pub(super) fn svg(document: &Document) -> Result<String, String> {
    let all = || document.candidates.iter().map(at);
    let hull = document.candidates.iter().filter(|point| point.is_on_hull).map(at);
    let maintenance = all().map(|point| point.0);
    let x = Axis::around("maintenance per node and second", maintenance, Steps::Binary, |it| {
        bytes(*it)
    });
    let latency = all().map(|point| point.1);
    let y = Axis::around("mean latency of a lookup", latency, Steps::Decimal, |s| micros(*s * 1e6));
    let best = "best points in latency, maintenance and memory";
    let mut curves = vec![
        Curve::new(best, palette::BLUE, Mark::Cloud, all()),
        Curve::new("hull", palette::ORANGE, Mark::Line, hull),
    ];
    if let Some(budget) = document.demands.bytes_per_node_s.filter(|it| x.range.contains(it)) {
        let line = [(budget, y.range.start), (budget, y.range.end)];
        curves.push(Curve::new("budget", palette::BLACK, Mark::Bound, line));
    }
    let chosen = if document.in_the_way.is_empty() { "recommended" } else { "nearest" };
    curves.push(Curve::new(chosen, palette::GREEN, Mark::Spot, document.chosen.iter().map(at)));
    Figure { title: "Mean latency against maintenance", x, y, curves }.svg()
}

/// The maintenance and the latency of a point.
fn at(point: &Point) -> (f64, f64) {
    (point.figures.bytes_per_node_s, point.figures.latency_mean_s)
}
