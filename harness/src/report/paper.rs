//! Charts as SVG for a column of a paper: small, with text that can be read at that size.
//!
//! Values are placed by their logarithm on a logarithmic axis, so that all axes are of one kind.
//!
//! **Invariant:** made from a chart only.

use std::error::Error;
use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use super::chart::{Axis, Chart, Curves, Heat, Scale, Series, Style};
use super::figure::palette;
use super::units::number;

/// The width of a column of 8.5 cm and a height, in units of 1/96 inch.
const SIZE: (u32, u32) = (324, 230);
const FONT: &str = "sans-serif";
/// 8 points: the least that journals accept.
const TEXT: i32 = 11;
/// Labels along an axis, about.
const LABELS: f64 = 5.0;
/// Curves that a legend names, at most.
const NAMED: usize = 6;
/// Letters of a name in the legend, at most.
const NAME_LETTERS: usize = 28;
/// Letters of the label of a mark, at most. They fit into the height of the figure.
const MARK_LETTERS: usize = 32;
/// The length of a dash and of the gap after it.
const DASH: (i32, i32) = (4, 3);

/// The drawing of a chart.
///
/// # Errors
///
/// If it cannot be drawn.
pub(super) fn svg(chart: &Chart) -> Result<String, String> {
    let mut drawing = String::new();
    let backend = SVGBackend::with_string(&mut drawing, SIZE);
    let drawn = match chart {
        Chart::Curves(curves) => draw_curves(curves, backend).map_err(|error| error.to_string()),
        Chart::Heat(heat) => draw_heat(heat, backend).map_err(|error| error.to_string()),
    };
    drawn.map_err(|error| format!("{}: {error}", chart.id()))?;
    Ok(drawing)
}

fn draw_curves<'b>(curves: &'b Curves, backend: SVGBackend<'b>) -> Result<(), Box<dyn Error + 'b>> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    let (x, y) = (Ruler::of_x(curves), Ruler::of_y(curves));
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .margin_right(12)
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(
            Places { range: x.range.clone(), ticks: x.ticks.clone() },
            Places { range: y.range.clone(), ticks: y.ticks.clone() },
        )?;
    chart
        .configure_mesh()
        .x_desc(x.title())
        .y_desc(y.title())
        .x_label_formatter(&|place| x.label(*place))
        .y_label_formatter(&|place| y.label(*place))
        .label_style((FONT, TEXT))
        .axis_desc_style((FONT, TEXT))
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.12))
        .draw()?;
    // Pixels up to here are taken by the axis, by lines and by labels.
    let mut taken = chart.plotting_area().get_x_axis_pixel_range().start;
    for mark in &curves.marks {
        let Some(at) = x.place(mark.x).filter(|at| x.range.contains(at)) else { continue };
        let ends = [(at, y.range.start), (at, y.range.end)];
        chart.draw_series(DashedLineSeries::new(ends, DASH.0, DASH.1, BLACK.mix(0.6).into()))?;
        let to = mark.to.and_then(|to| x.place(to)).map(|to| to.min(x.range.end));
        if let Some(to) = to {
            let corners = [(at, y.range.start), (to, y.range.end)];
            chart.draw_series([Rectangle::new(corners, BLACK.mix(0.08).filled())])?;
        }
        // The label is before the line, where curves are calm, or else behind it.
        let top = (at, y.range.end);
        let (pixel, _) = chart.plotting_area().map_coordinate(&top);
        let ends = [pixel - 2, pixel + TEXT + 1].into_iter().find(|end| end - TEXT >= taken);
        taken = ends.map_or(pixel, |end| end.max(pixel)) + 1;
        if let Some(end) = ends.filter(|end| *end < SIZE.0 as i32) {
            let font = (FONT, TEXT).into_font().transform(FontTransform::Rotate90);
            let label = shortened(&mark.label, MARK_LETTERS);
            let text = Text::new(label, (end - pixel, 3), font.color(&BLACK.mix(0.7)));
            chart.draw_series([EmptyElement::at(top) + text])?;
        }
    }
    for (place, series) in curves.series.iter().enumerate() {
        let color = palette::ALL[series.color % palette::ALL.len()];
        for part in band(series, &x, &y) {
            chart.draw_series([Polygon::new(part, color.mix(0.2))])?;
        }
        let name = (place < NAMED).then(|| shortened(&series.name, NAME_LETTERS));
        let dash = series.dashed;
        let mut is_named = false;
        for part in parts(series, &x, &y) {
            let style = color.stroke_width(1);
            let drawn = match series.style {
                Style::Points => {
                    chart.draw_series(part.iter().map(|at| Circle::new(*at, 2, color.filled())))?
                }
                Style::Bars => chart.draw_series(part.iter().map(|(at, to)| {
                    let half = 0.4;
                    Rectangle::new(
                        [(at - half, y.range.start), (at + half, *to)],
                        color.mix(0.7).filled(),
                    )
                }))?,
                _ if dash => {
                    chart.draw_series(DashedLineSeries::new(part, DASH.0, DASH.1, style))?
                }
                _ => chart.draw_series(LineSeries::new(part, style))?,
            };
            if let Some(name) = name.clone().filter(|_| !is_named) {
                is_named = true;
                let sample = move |(x, y)| match dash {
                    true => DashedPathElement::new([(x, y), (x + 14, y)], DASH.0, DASH.1, color)
                        .into_dyn(),
                    false => {
                        PathElement::new([(x, y), (x + 14, y)], color.stroke_width(2)).into_dyn()
                    }
                };
                drawn.label(name).legend(sample);
            }
        }
    }
    if curves.series.len() > 1 {
        chart
            .configure_series_labels()
            .position(emptiest_corner(curves, &x, &y))
            .margin(3)
            .legend_area_size(18)
            .background_style(WHITE.mix(0.8))
            .label_font((FONT, TEXT))
            .draw()?;
    }
    area.present()?;
    Ok(())
}

/// A linear axis with labels at chosen places.
struct Places {
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl Ranged for Places {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, place: &f64, (first, last): (i32, i32)) -> i32 {
        let share = (place - self.range.start) / (self.range.end - self.range.start);
        first + (share * f64::from(last - first)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.ticks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// An axis with its range and labels, as places.
struct Ruler<'a> {
    axis: &'a Axis,
    range: Range<f64>,
    ticks: Vec<f64>,
}

impl<'a> Ruler<'a> {
    fn of_x(curves: &'a Curves) -> Ruler<'a> {
        let values = curves.series.iter().flat_map(|series| series.x.iter().copied());
        let ruler = Ruler::new(&curves.x, values.collect(), false);
        let has_bars = curves.series.iter().any(|series| series.style == Style::Bars);
        let room = if has_bars { 0.5 } else { 0.0 };
        Ruler { range: ruler.range.start - room..ruler.range.end + room, ..ruler }
    }

    fn of_y(curves: &'a Curves) -> Ruler<'a> {
        let all = curves.series.iter().flat_map(|it| it.y.iter().chain(&it.low).chain(&it.high));
        Ruler::new(&curves.y, all.filter_map(|value| *value).collect(), true)
    }

    /// `has_room`: whether the axis reaches beyond its values.
    fn new(axis: &'a Axis, values: Vec<f64>, has_room: bool) -> Ruler<'a> {
        let places: Vec<f64> =
            values.into_iter().filter_map(|value| place(axis.scale, value)).collect();
        let least = places.iter().copied().fold(f64::MAX, f64::min);
        let most = places.iter().copied().fold(f64::MIN, f64::max);
        let (least, most) = if least <= most { (least, most) } else { (0.0, 1.0) };
        let room = if most > least { (most - least) * 0.06 } else { 0.5 };
        let range = match (axis.scale, has_room) {
            // Amounts begin at 0, unless they lie far from it.
            (Scale::Linear, true) if least >= 0.0 && least < most * 0.7 => 0.0..most + room,
            (_, true) => least - room..most + room,
            (_, false) if most > least => least..most,
            (_, false) => least - 0.5..most + 0.5,
        };
        let ticks = match axis.scale {
            _ if !axis.names.is_empty() => (1..=axis.names.len()).map(|at| at as f64).collect(),
            _ if !axis.ticks.is_empty() => {
                axis.ticks.iter().filter_map(|value| place(axis.scale, *value)).collect()
            }
            Scale::Linear => linear_ticks(&range),
            Scale::Log | Scale::Nines => log_ticks(&range, axis.scale),
        };
        Ruler { axis, range, ticks }
    }

    fn place(&self, value: f64) -> Option<f64> {
        place(self.axis.scale, value)
    }

    fn label(&self, place: f64) -> String {
        if !self.axis.names.is_empty() {
            let at = (place.round() as usize).checked_sub(1);
            return at.and_then(|at| self.axis.names.get(at)).cloned().unwrap_or_default();
        }
        match self.axis.scale {
            Scale::Linear => short(place),
            Scale::Log => short(10_f64.powf(place)),
            Scale::Nines => {
                let percent = 100.0 * (1.0 - 10_f64.powf(-place));
                let digits = (place.round() as usize).saturating_sub(2);
                format!("{percent:.digits$} %")
            }
        }
    }

    fn title(&self) -> String {
        let quantity = &self.axis.quantity;
        match quantity.unit {
            "" => quantity.label.clone(),
            unit => format!("{} ({unit})", quantity.label),
        }
    }
}

/// Where a value lies on an axis of this scale.
fn place(scale: Scale, value: f64) -> Option<f64> {
    match scale {
        Scale::Linear => Some(value),
        Scale::Log | Scale::Nines => (value > 0.0).then(|| value.log10()),
    }
    .filter(|place| place.is_finite())
}

/// Round values within a range: 1, 2 or 5 times a power of ten apart.
fn linear_ticks(range: &Range<f64>) -> Vec<f64> {
    let rough = (range.end - range.start) / LABELS;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|it| it * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(power);
    let first = (range.start / step).ceil() as i64;
    let last = (range.end / step).floor() as i64;
    (first..=last).map(|at| at as f64 * step).collect()
}

/// Powers of ten within a range, with 2 and 5 between them if there are few.
fn log_ticks(range: &Range<f64>, scale: Scale) -> Vec<f64> {
    let decades = range.end - range.start;
    let between: &[f64] = match scale {
        Scale::Log if decades < 1.2 => &[1.0, 1.5, 2.0, 3.0, 5.0, 7.0],
        Scale::Log if decades < 2.5 => &[1.0, 2.0, 5.0],
        _ => &[1.0],
    };
    let every = ((decades / LABELS).ceil() as usize).max(1);
    let (first, last) = (range.start.floor() as i32, range.end.ceil() as i32);
    let all = (first..=last).step_by(every);
    let ticks = all.flat_map(|power| between.iter().map(move |it| f64::from(power) + it.log10()));
    ticks.filter(|tick| *tick >= range.start - 1e-9 && *tick <= range.end + 1e-9).collect()
}

/// `0.05`, `5`, `20 k`, `3 M`.
fn short(value: f64) -> String {
    let (value, unit) = match value.abs() {
        size if size >= 1e9 => (value / 1e9, " G"),
        size if size >= 1e6 => (value / 1e6, " M"),
        size if size >= 1e4 => (value / 1e3, " k"),
        _ => (value, ""),
    };
    let text = if value != 0.0 && value.abs() < 0.01 {
        format!("{value:.0e}")
    } else {
        format!("{value:.2}")
    };
    let text =
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{unit}")
}

/// The first `letters` letters of a name.
fn shortened(name: &str, letters: usize) -> String {
    if name.chars().count() <= letters {
        return name.to_owned();
    }
    name.chars().take(letters - 1).chain(['…']).collect()
}

/// The parts of a curve between missing values.
fn parts(series: &Series, x: &Ruler<'_>, y: &Ruler<'_>) -> Vec<Vec<(f64, f64)>> {
    let mut parts: Vec<Vec<(f64, f64)>> = vec![Vec::new()];
    for (at, value) in series.x.iter().zip(&series.y) {
        let point = x.place(*at).zip(value.and_then(|value| y.place(value)));
        let Some(point) = point else {
            parts.push(Vec::new());
            continue;
        };
        let part = parts.last_mut().expect("there is one");
        if series.style == Style::Steps
            && let Some(before) = part.last().copied()
        {
            part.push((point.0, before.1));
        }
        part.push(point);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The outlines of a confidence band.
fn band(series: &Series, x: &Ruler<'_>, y: &Ruler<'_>) -> Vec<Vec<(f64, f64)>> {
    let end = |ends: &[Option<f64>]| -> Vec<(f64, f64)> {
        let places = series.x.iter().zip(ends);
        places.filter_map(|(at, end)| x.place(*at).zip(y.place((*end)?))).collect()
    };
    let (low, mut high) = (end(&series.low), end(&series.high));
    if low.len() < 2 || low.len() != high.len() {
        return Vec::new();
    }
    high.reverse();
    vec![low.into_iter().chain(high).collect()]
}

/// The corner in which a legend hides the fewest points.
fn emptiest_corner(curves: &Curves, x: &Ruler<'_>, y: &Ruler<'_>) -> SeriesLabelPosition {
    let share = |place: f64, range: &Range<f64>| (place - range.start) / (range.end - range.start);
    let all: Vec<(f64, f64)> = curves
        .series
        .iter()
        .flat_map(|series| parts(series, x, y).into_iter().flatten())
        .map(|(at_x, at_y)| (share(at_x, &x.range), share(at_y, &y.range)))
        .collect();
    let height = 0.1 * curves.series.len().min(NAMED) as f64;
    let hidden = |is_right: bool, is_upper: bool| {
        let is_in = |(x, y): &&(f64, f64)| {
            let from_side = if is_right { 1.0 - x } else { *x };
            let from_end = if is_upper { 1.0 - y } else { *y };
            from_side < 0.5 && from_end < height
        };
        all.iter().filter(is_in).count()
    };
    let corners = [
        (hidden(true, true), SeriesLabelPosition::UpperRight),
        (hidden(false, true), SeriesLabelPosition::UpperLeft),
        (hidden(true, false), SeriesLabelPosition::LowerRight),
        (hidden(false, false), SeriesLabelPosition::LowerLeft),
    ];
    let emptiest = corners.into_iter().min_by_key(|(hidden, _)| *hidden);
    emptiest.map_or(SeriesLabelPosition::UpperRight, |(_, corner)| corner)
}

fn draw_heat<'b>(heat: &'b Heat, backend: SVGBackend<'b>) -> Result<(), Box<dyn Error + 'b>> {
    let area = backend.into_drawing_area();
    area.fill(&WHITE)?;
    let (columns, rows) = (heat.x.values.len() as f64, heat.y.values.len() as f64);
    let middle = |count: usize| (0..count).map(|at| at as f64 + 0.5).collect::<Vec<f64>>();
    let name =
        |values: &[String], place: f64| values.get(place as usize).cloned().unwrap_or_default();
    let unit =
        if heat.value.unit.is_empty() { String::new() } else { format!(" ({})", heat.value.unit) };
    let mut chart = ChartBuilder::on(&area)
        .margin(6)
        .caption(format!("{}{unit}", heat.title), (FONT, TEXT))
        .x_label_area_size(34)
        .y_label_area_size(52)
        .build_cartesian_2d(
            Places { range: 0.0..columns, ticks: middle(heat.x.values.len()) },
            Places { range: 0.0..rows, ticks: middle(heat.y.values.len()) },
        )?;
    chart
        .configure_mesh()
        .disable_mesh()
        .x_desc(heat.x.label.as_str())
        .y_desc(heat.y.label.as_str())
        .x_label_formatter(&|place| name(&heat.x.values, *place))
        .y_label_formatter(&|place| name(&heat.y.values, *place))
        .label_style((FONT, TEXT))
        .axis_desc_style((FONT, TEXT))
        .draw()?;
    let known = || heat.cells.iter().flatten().filter_map(|cell| *cell);
    let (least, most) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
    for (row, cells) in heat.cells.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            let Some(value) = cell else { continue };
            let share = if most > least { (value - least) / (most - least) } else { 0.5 };
            let (at_x, at_y) = (column as f64, row as f64);
            let corners = [(at_x, at_y), (at_x + 1.0, at_y + 1.0)];
            chart.draw_series([Rectangle::new(
                corners,
                palette::BLUE.mix(0.08 + 0.8 * share).filled(),
            )])?;
            let letters = if share > 0.55 { WHITE } else { BLACK };
            let style = (FONT, TEXT).into_font().color(&letters);
            let style = style.pos(plotters::style::text_anchor::Pos::new(
                plotters::style::text_anchor::HPos::Center,
                plotters::style::text_anchor::VPos::Center,
            ));
            chart.draw_series([Text::new(number(*value), (at_x + 0.5, at_y + 0.5), style)])?;
        }
    }
    area.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::chart::Mark;
    use super::*;

    #[test]
    fn labels_are_round_and_few() {
        assert_eq!(linear_ticks(&(0.0..1.06)), [0.0, 0.5, 1.0]);
        assert_eq!(linear_ticks(&(3.0..47.0)), [10.0, 20.0, 30.0, 40.0]);
        assert_eq!(log_ticks(&(0.0..5.0), Scale::Nines).len(), 6);
        assert!(log_ticks(&(0.1..0.9), Scale::Log).len() >= 3);
        let texts = [0.0, 0.05, 0.002, 5.0, 250.0, 20_000.0, 3.5e6].map(short);
        assert_eq!(texts, ["0", "0.05", "2e-3", "5", "250", "20 k", "3.5 M"]);
    }

    /// The second mark has its label before its line, the first and the third behind it, and the fourth none.
    #[test]
    fn marks_have_labels_where_there_is_room() {
        let points = [(0.0, Some(1.0)), (60.0, Some(2.0))];
        let (x, y) = (Axis::time(), Axis::new("Lookups", "1/s", Scale::Linear));
        let series = vec![Series::new("a", Style::Line, 0, points)];
        let mark = |x, label: &str| Mark { x, to: None, label: label.to_owned() };
        let marks =
            vec![mark(1.0, "one"), mark(30.0, "two"), mark(31.0, "three"), mark(32.0, "four")];
        let curves = Curves { marks, ..Curves::new("load", "Load", x, y, series) };
        let drawing = svg(&Chart::Curves(curves)).expect("it can be drawn");
        let has = |label: &str| drawing.lines().any(|line| line.trim() == label);
        assert!(["one", "two", "three"].into_iter().all(has) && !has("four"), "{drawing}");
        assert_eq!(drawing.matches("rotate(90").count(), 3, "{drawing}");
    }
}
