//! The SVG figure of a plan: mean latency against maintenance on logarithmic axes, with the hull of the best points.
//!
//! **Invariant:** made from a document only.

use std::error::Error;

use plotters::prelude::*;

use super::document::{Document, Point};
use crate::report::units::{bytes, micros};

const SIZE: (u32, u32) = (960, 640);
const LETTERS: (&str, i32) = ("sans-serif", 16);
// Okabe and Ito's palette, which colour-blind readers can distinguish.
const BLUE: RGBColor = RGBColor(0, 114, 178);
const ORANGE: RGBColor = RGBColor(213, 94, 0);
const GREEN: RGBColor = RGBColor(0, 158, 115);
/// How far the axes reach beyond the points, as a factor.
const ROOM: f64 = 1.3;

/// Draws the figure as SVG.
///
/// # Errors
///
/// If it cannot be drawn.
pub(super) fn svg(document: &Document) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut drawing = String::new();
    let backend = SVGBackend::with_string(&mut drawing, SIZE);
    draw(document, backend).map_err(|error| error.to_string())?;
    Ok(drawing)
}

fn at(point: &Point) -> (f64, f64) {
    (point.figures.bytes_per_node_s.max(1e-3), point.figures.latency_mean_s.max(1e-6) * 1e3)
}

fn draw(document: &Document, backend: SVGBackend<'_>) -> Result<(), Box<dyn Error>> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    let points = &document.candidates;
    let range = |figure: fn((f64, f64)) -> f64| {
        let all = points.iter().map(|point| figure(at(point)));
        let (least, most) =
            all.fold((f64::MAX, 1e-3), |(least, most), it| (least.min(it), f64::max(most, it)));
        least.min(most) / ROOM..most * ROOM
    };
    let (x, y) = (range(|point| point.0), range(|point| point.1));
    let mut chart = ChartBuilder::on(&area)
        .caption("Mean latency against maintenance", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(84)
        .build_cartesian_2d(x.clone().log_scale(), y.clone().log_scale())?;
    chart
        .configure_mesh()
        .x_desc("maintenance per node and second")
        .y_desc("mean latency of a lookup")
        .x_label_formatter(&|value| bytes(*value))
        .y_label_formatter(&|value| micros(*value * 1e3))
        .label_style(LETTERS)
        .axis_desc_style(LETTERS)
        .light_line_style(TRANSPARENT)
        .draw()?;
    chart
        .draw_series(points.iter().map(|point| Circle::new(at(point), 2, BLUE.mix(0.4).filled())))?
        .label("best points in latency, maintenance and memory")
        .legend(|(x, y)| Circle::new((x + 10, y), 2, BLUE.filled()));
    let hull = points.iter().filter(|point| point.is_on_hull).map(at);
    chart
        .draw_series(LineSeries::new(hull, ORANGE.stroke_width(2)))?
        .label("hull")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], ORANGE.stroke_width(2)));
    if let Some(budget) = document.demands.bytes_per_node_s.filter(|it| x.contains(it)) {
        let line = [(budget, y.start), (budget, y.end)];
        chart
            .draw_series(LineSeries::new(line, BLACK.mix(0.5)))?
            .label("budget")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 20, y)], BLACK.mix(0.5)));
    }
    chart
        .draw_series(document.chosen.iter().map(|point| Circle::new(at(point), 6, GREEN.filled())))?
        .label(if document.in_the_way.is_empty() { "recommended" } else { "nearest" })
        .legend(|(x, y)| Circle::new((x + 10, y), 6, GREEN.filled()));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font(LETTERS)
        .draw()?;
    area.present()?;
    Ok(())
}
