//! Draws a figure as SVG.
//!
//! **Invariant:** everything is within the frame: what lies outside an axis is drawn at its end.

use std::error::Error;

use plotters::coord::combinators::BindKeyPoints;
use plotters::prelude::*;

use super::{Curve, Figure, Mark};

const SIZE: (u32, u32) = (960, 640);
const MARGIN: u32 = 16;
/// Room for the labels of the axes.
const X_LABELS: u32 = 52;
const Y_LABELS: u32 = 92;
const FONT: &str = "sans-serif";
const TITLE_SIZE: i32 = 22;
const TEXT_SIZE: i32 = 16;
const NOTE_SIZE: i32 = 13;
/// Offsets of notes from their points.
const ABOVE: (i32, i32) = (8, -16);
const BELOW: (i32, i32) = (8, 6);
/// The width of a line in the legend.
const SAMPLE: i32 = 20;
/// What a legend takes of the width and the height of a figure, about.
const LEGEND: (f64, f64) = (0.45, 0.25);

/// The drawing of `figure`.
pub(super) fn svg(figure: &Figure) -> Result<String, Box<dyn Error>> {
    let mut drawing = String::new();
    draw(figure, SVGBackend::with_string(&mut drawing, SIZE))?;
    Ok(drawing)
}

fn draw(figure: &Figure, backend: SVGBackend<'_>) -> Result<(), Box<dyn Error>> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    let Figure { title, x, y, curves } = figure;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, (FONT, TITLE_SIZE))
        .margin(MARGIN)
        .x_label_area_size(X_LABELS)
        .y_label_area_size(Y_LABELS)
        .build_cartesian_2d(
            x.range.clone().log_scale().with_key_points(x.ticks()),
            y.range.clone().log_scale().with_key_points(y.ticks()),
        )?;
    chart
        .configure_mesh()
        .x_desc(x.title)
        .y_desc(y.title)
        .x_label_formatter(&|value| x.text(*value))
        .y_label_formatter(&|value| y.text(*value))
        .label_style((FONT, TEXT_SIZE))
        .axis_desc_style((FONT, TEXT_SIZE))
        .light_line_style(TRANSPARENT)
        .draw()?;
    let inside = |(at_x, at_y): (f64, f64)| (x.clamped(at_x), y.clamped(at_y));
    for curve in curves {
        let Curve { name, color, mark, .. } = curve;
        let points = || curve.points.iter().copied().map(inside);
        let line: Vec<_> = mark.line(*color).map(|_| points().collect()).unwrap_or_default();
        let style = mark.line(*color).unwrap_or(TRANSPARENT.into());
        let drawn = chart.draw_series(LineSeries::new(line, style))?.label(name.as_str());
        // The legend shows a dot, or a piece of the line.
        match mark.dot(*color) {
            Some((radius, style)) => {
                drawn.legend(move |(x, y)| Circle::new((x + SAMPLE / 2, y), radius, style));
                chart.draw_series(points().map(|at| Circle::new(at, radius, style)))?;
            }
            None => {
                drawn.legend(move |(x, y)| PathElement::new([(x, y), (x + SAMPLE, y)], style));
            }
        }
        chart.draw_series(curve.notes.iter().map(|note| {
            let offset = if note.is_above { ABOVE } else { BELOW };
            let style = (FONT, NOTE_SIZE).into_font().color(color);
            EmptyElement::at(inside(note.at)) + Text::new(note.text.clone(), offset, style)
        }))?;
    }
    chart
        .configure_series_labels()
        .position(emptiest_corner(figure))
        .background_style(WHITE.mix(0.9))
        .border_style(BLACK.mix(0.3))
        .label_font((FONT, TEXT_SIZE))
        .draw()?;
    area.present()?;
    Ok(())
}

impl Mark {
    /// The style of its line, if it has one.
    fn line(self, color: RGBColor) -> Option<ShapeStyle> {
        match self {
            Mark::Line | Mark::LineWithDots => Some(color.stroke_width(2)),
            Mark::Bound => Some(color.mix(0.5).stroke_width(1)),
            Mark::Cloud | Mark::Spot => None,
        }
    }

    /// The radius and the style of its dots, if it has some.
    fn dot(self, color: RGBColor) -> Option<(i32, ShapeStyle)> {
        match self {
            Mark::Line | Mark::Bound => None,
            Mark::LineWithDots => Some((5, color.filled())),
            Mark::Cloud => Some((2, color.mix(0.4).filled())),
            Mark::Spot => Some((6, color.filled())),
        }
    }
}

/// The corner in which a legend hides the fewest points; the upper right one if several are equal.
fn emptiest_corner(figure: &Figure) -> SeriesLabelPosition {
    let Figure { x, y, curves, .. } = figure;
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let hidden = |is_right: bool, is_upper: bool| {
        let is_hidden = |(at_x, at_y): &&(f64, f64)| {
            let (at_x, at_y) = (x.place(*at_x), y.place(*at_y));
            let from_side = if is_right { 1.0 - at_x } else { at_x };
            let from_end = if is_upper { 1.0 - at_y } else { at_y };
            from_side < LEGEND.0 && from_end < LEGEND.1
        };
        points().filter(is_hidden).count()
    };
    let corners = [
        (hidden(true, true), SeriesLabelPosition::UpperRight),
        (hidden(true, false), SeriesLabelPosition::LowerRight),
        (hidden(false, false), SeriesLabelPosition::LowerLeft),
        (hidden(false, true), SeriesLabelPosition::UpperLeft),
    ];
    let emptiest = corners.into_iter().min_by_key(|(hidden, _)| *hidden);
    emptiest.map_or(SeriesLabelPosition::UpperRight, |(_, corner)| corner)
}
