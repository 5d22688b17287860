//! Figures for people: curves and points on logarithmic axes, with a legend, as SVG.
//!
//! ```text
//!   Figure ─┬─ Axis, twice ─▶ ticks: which values have a label
//!           └─ Curve, any number ─▶ palette: which colour
//! ```
//!
//! **Invariant:** a figure is made from values only; it knows no report.

mod axis;
mod draw;
pub(crate) mod palette;
mod ticks;

pub(crate) use self::axis::{Axis, Steps};

use plotters::style::RGBColor;

/// A figure.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) title: &'static str,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    /// Those that come later are drawn above the others.
    pub(crate) curves: Vec<Curve>,
}

/// Points of one kind, and the line through them.
#[derive(Debug)]
pub(crate) struct Curve {
    /// Its name in the legend.
    pub(crate) name: String,
    pub(crate) color: RGBColor,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) mark: Mark,
    /// Texts beside points.
    pub(crate) notes: Vec<Note>,
}

/// How a curve is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark {
    /// A line through its points.
    Line,
    /// A faint line that marks a bound.
    Bound,
    /// A small faint dot at each of many points.
    Cloud,
    /// A large dot, above all others.
    Spot,
    /// A line with a dot at each point.
    LineWithDots,
}

/// A text beside a point.
#[derive(Debug)]
pub(crate) struct Note {
    pub(crate) at: (f64, f64),
    pub(crate) text: String,
    pub(crate) is_above: bool,
}

impl Curve {
    /// A curve without notes.
    pub(crate) fn new(
        name: impl Into<String>,
        color: RGBColor,
        mark: Mark,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Curve {
        let points = points.into_iter().collect();
        Curve { name: name.into(), color, points, mark, notes: Vec::new() }
    }
}

impl Figure {
    /// The figure as SVG.
    ///
    /// # Errors
    ///
    /// If it cannot be drawn.
    pub(crate) fn svg(&self) -> Result<String, String> {
        draw::svg(self).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(points: &[(f64, f64)]) -> Figure {
        let axis = |values: Vec<f64>| Axis::around("size", values, Steps::Decimal, f64::to_string);
        Figure {
            title: "An example",
            x: axis(points.iter().map(|it| it.0).collect()),
            y: axis(points.iter().map(|it| it.1).collect()),
            curves: vec![
                Curve {
                    notes: vec![Note { at: points[0], text: "first".into(), is_above: true }],
                    ..Curve::new("dots", palette::BLUE, Mark::Cloud, points.to_vec())
                },
                Curve::new("a line", palette::ORANGE, Mark::LineWithDots, points.to_vec()),
                Curve::new("nothing", palette::GREEN, Mark::Line, []),
            ],
        }
    }

    #[test]
    fn every_point_name_and_note_is_drawn() {
        let points = [(1.0, 2.0), (10.0, 20.0), (300.0, 4.0)];
        let drawing = figure(&points).svg().expect("it can be drawn");
        assert!(drawing.starts_with("<svg") && drawing.trim_end().ends_with("</svg>"));
        // Each point twice, and once in the legend for each kind of dots.
        assert_eq!(drawing.matches("<circle").count(), 2 * points.len() + 2);
        for text in ["An example", "dots", "a line", "nothing", "first", "size", "100"] {
            assert!(drawing.contains(&format!("\n{text}\n")), "{text}");
        }
    }

    #[test]
    fn one_point_is_enough_and_zero_is_drawn_at_the_edge() {
        assert!(figure(&[(5.0, 5.0)]).svg().is_ok());
        assert!(figure(&[(0.0, 5.0), (3.0, 0.0)]).svg().is_ok());
    }
}
