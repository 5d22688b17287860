//! A figure as SVG, for a column of a paper.
//!
//! **Invariant:** the first curve is drawn solid, those beside it dashed.

use super::Fault;
use super::formula;
use super::joined::{Joined, Row};
use super::template::{self, Part};
use crate::report::chart::{Axis, Chart, Curves, Scale, Series, Style};
use crate::report::paper;

/// The figure `file` that `lines` describe. `line` is the line of its marker.
pub(super) fn svg(
    file: &str,
    line: usize,
    lines: &[(usize, &str)],
    joined: &Joined,
) -> Result<String, Fault> {
    let missing = |what: &str| Fault::at(line)(what.to_owned());
    let (mut x, mut y) = (None, None);
    let mut series = Vec::new();
    for &(line, text) in lines {
        if let Some(title) = text.strip_prefix("y:") {
            y = Some(Axis::new(title.trim(), "", Scale::Linear));
        } else if let Some(text) = text.strip_prefix("x:") {
            let (title, places) = places(text, joined).map_err(Fault::at(line))?;
            x = Some((Axis::over(title, "", &places), places));
        } else {
            let (_, places) =
                x.as_ref().ok_or_else(|| missing("no x axis: write x: TITLE = {COLUMN}"))?;
            let one = curve(text, series.len(), places, joined).map_err(Fault::at(line))?;
            series.push(one);
        }
    }
    let (x, _) = x.ok_or_else(|| missing("no x axis: write x: TITLE = {COLUMN}"))?;
    let y = y.ok_or_else(|| missing("no y axis: write y: TITLE"))?;
    if series.is_empty() {
        return Err(missing("no curve: write NAME = {COLUMN} or NAME = {COLUMN} ± {COLUMN}"));
    }
    paper::svg(&Chart::Curves(Curves::new(file, file, x, y, series))).map_err(Fault::at(line))
}

/// The title of the x axis, and where the points lie along it.
fn places<'t>(text: &'t str, joined: &Joined) -> Result<(&'t str, Vec<f64>), String> {
    let (title, cell) = template::head_and_cell(text)?;
    let parts = template::parts(cell)?;
    let [Part::Value { formula, .. }] = parts[..] else {
        return Err("write x: TITLE = {COLUMN}".to_owned());
    };
    let place = |row: Row<'_>| {
        let place = formula::value(formula, row)?;
        place.ok_or_else(|| format!("{formula} is empty {}", row.name()))
    };
    Ok((title, joined.rows().map(place).collect::<Result<_, _>>()?))
}

/// `NAME = {COLUMN}`, or with a band: `NAME = {COLUMN} ± {COLUMN}`.
fn curve(text: &str, nth: usize, places: &[f64], joined: &Joined) -> Result<Series, String> {
    let (name, cell) = template::head_and_cell(text)?;
    let parts = template::parts(cell)?;
    let (formula, width) = match parts[..] {
        [Part::Value { formula, .. }] => (formula, None),
        [Part::Value { formula, .. }, Part::Text(" ± "), Part::Value { formula: width, .. }] => {
            (formula, Some(width))
        }
        _ => return Err("write {COLUMN} or {COLUMN} ± {COLUMN}".to_owned()),
    };
    let values = |formula| -> Result<Vec<Option<f64>>, String> {
        joined.rows().map(|row| formula::value(formula, row)).collect()
    };
    let means = values(formula)?;
    let points = places.iter().copied().zip(means.iter().copied());
    let mut series = Series::new(name, Style::Line, nth, points);
    if let Some(width) = width {
        let widths = values(width)?;
        let end = |sign: f64| {
            let pairs = means.iter().zip(&widths);
            pairs.map(|(mean, width)| Some((*mean)? + sign * (*width)?)).collect()
        };
        (series.low, series.high) = (end(-1.0), end(1.0));
    }
    Ok(if nth == 0 { series } else { series.dashed() })
}
