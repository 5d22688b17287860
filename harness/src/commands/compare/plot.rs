//! The SVG figure of a comparison: messages per query against entries per node on logarithmic axes,
//! with one line per system and one point per number of nodes.
//!
//! **Invariant:** made from rows only.

use std::error::Error;

use plotters::prelude::*;

use super::comparison::Row;
use crate::report::units::count;

const SIZE: (u32, u32) = (960, 640);
const LETTERS: (&str, i32) = ("sans-serif", 16);
const POINT_RADIUS: i32 = 5;
/// Offsets of labels from their points.
const ABOVE: (i32, i32) = (8, -16);
const BELOW: (i32, i32) = (8, 6);

/// Okabe and Ito's palette, which colour-blind readers can distinguish.
const COLORS: [RGBColor; 7] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(230, 159, 0),
    RGBColor(86, 180, 233),
    RGBColor(0, 0, 0),
];

/// Draws the figure as SVG.
///
/// # Errors
///
/// If it cannot be drawn.
pub(super) fn svg(rows: &[Row]) -> Result<String, Box<dyn Error + Send + Sync>> {
    let mut drawing = String::new();
    draw(rows, SVGBackend::with_string(&mut drawing, SIZE)).map_err(|error| error.to_string())?;
    Ok(drawing)
}

/// The point of a row: maximum entries of a node, messages per query.
fn point(row: &Row) -> (f64, f64) {
    (row.state.max.max(1.0), row.messages_per_query.max(1.0))
}

fn draw(rows: &[Row], backend: SVGBackend<'_>) -> Result<(), Box<dyn Error>> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    let most = |value: fn(&(f64, f64)) -> f64| {
        rows.iter().map(|row| value(&point(row))).fold(10.0, f64::max) * 3.0
    };
    let (x_max, y_max) = (most(|point| point.0), most(|point| point.1));
    let mut chart = ChartBuilder::on(&area)
        .caption("Cost of a query against state of a node", ("sans-serif", 22))
        .margin(16)
        .x_label_area_size(52)
        .y_label_area_size(84)
        .build_cartesian_2d((1.0..x_max).log_scale(), (1.0..y_max).log_scale())?;
    let plain = |value: &f64| count(value.round() as u64);
    chart
        .configure_mesh()
        .x_desc("maximum state: entries of one node")
        .y_desc("messages per query")
        .x_label_formatter(&plain)
        .y_label_formatter(&plain)
        .label_style(LETTERS)
        .axis_desc_style(LETTERS)
        .light_line_style(TRANSPARENT)
        .draw()?;
    for (own, color) in rows.chunk_by(|a, b| a.system == b.system).zip(COLORS.into_iter().cycle()) {
        let points = || own.iter().map(point);
        chart
            .draw_series(LineSeries::new(points(), color.stroke_width(2)))?
            .label(own[0].system.as_str())
            .legend(move |(x, y)| Circle::new((x + 10, y), POINT_RADIUS, color.filled()));
        chart.draw_series(points().map(|at| Circle::new(at, POINT_RADIUS, color.filled())))?;
        // Labels of the sizes in between would overlap.
        let ends = [(own.first(), BELOW), (own.last(), ABOVE)];
        chart.draw_series(ends.into_iter().filter_map(|(row, offset)| {
            let label = format!("N = {}", count(row?.nodes.into()));
            let style = ("sans-serif", 13).into_font().color(&color);
            Some(EmptyElement::at(point(row?)) + Text::new(label, offset, style))
        }))?;
    }
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
