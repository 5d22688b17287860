//! Cells: texts with values in braces, such as `{hops_mean:.3} ± {hops_mean_half_width_95:.3}`.
//!
//! **Invariant:** a value that a file does not have is [`NOTHING`], never 0.

use super::formula;
use super::joined::Row;
use crate::report::units::count;

/// What stands for a value that a file does not have.
const NOTHING: &str = "–";
/// Decimals, at most: more than a number has.
const DECIMALS_MAX: usize = 15;
const FORMATS: &str = "write :.3 for decimals, :, for thousands with commas, or :.2% for per cent";

/// A part of a cell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Part<'t> {
    Text(&'t str),
    Value { formula: &'t str, format: Option<Format> },
}

/// How a number is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Format {
    has_commas: bool,
    decimals: usize,
    is_percent: bool,
}

/// `HEAD = CELL`.
///
/// # Errors
///
/// If the line is none.
pub(super) fn head_and_cell(line: &str) -> Result<(&str, &str), String> {
    let parts = line.split_once(" = ").map(|(head, cell)| (head.trim(), cell.trim()));
    parts.ok_or_else(|| "write HEAD = {COLUMN}".to_owned())
}

/// The parts of a cell.
///
/// # Errors
///
/// If a brace is alone, or if a format is none.
pub(super) fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let (value, after) = after.split_once('}').ok_or("{ without }: write {COLUMN}")?;
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(match value.split_once(':') {
            Some((formula, format)) => {
                Part::Value { formula: formula.trim(), format: Some(Format::parse(format)?) }
            }
            None => Part::Value { formula: value.trim(), format: None },
        });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// The text of a cell in a row.
///
/// # Errors
///
/// If a formula has no number there.
pub(super) fn cell(parts: &[Part<'_>], row: Row<'_>) -> Result<String, String> {
    parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => Ok((*text).to_owned()),
            Part::Value { formula, format } => value(formula, *format, row),
        })
        .collect()
}

fn value(formula: &str, format: Option<Format>, row: Row<'_>) -> Result<String, String> {
    // A column may be a text, if it is shown as it stands.
    if format.is_none() && formula::is_column(formula) {
        let text = row.text(formula)?;
        return Ok(if text.is_empty() { NOTHING.to_owned() } else { text.to_owned() });
    }
    let number = formula::value(formula, row)?;
    Ok(number.map_or_else(
        || NOTHING.to_owned(),
        |number| match format {
            Some(format) => format.write(number),
            None => signed(&number.to_string()),
        },
    ))
}

impl Format {
    /// `.3`, `,`, `,.1`, `.2%`.
    fn parse(text: &str) -> Result<Format, String> {
        let wrong = || format!(":{text} is no format: {FORMATS}");
        let (rest, is_percent) = text.strip_suffix('%').map_or((text, false), |rest| (rest, true));
        let (rest, has_commas) = rest.strip_prefix(',').map_or((rest, false), |rest| (rest, true));
        let decimals = match rest.strip_prefix('.') {
            Some(digits) => {
                digits.parse().ok().filter(|it| *it <= DECIMALS_MAX).ok_or_else(wrong)?
            }
            None if rest.is_empty() && !text.is_empty() => 0,
            None => return Err(wrong()),
        };
        Ok(Format { has_commas, decimals, is_percent })
    }

    fn write(self, number: f64) -> String {
        let number = if self.is_percent { number * 100.0 } else { number };
        let mut text = format!("{number:.*}", self.decimals);
        if self.has_commas {
            let digits = text.trim_start_matches('-');
            let whole = digits.split('.').next().unwrap_or_default();
            if let Ok(whole_number) = whole.parse() {
                text = text.replacen(whole, &count(whole_number), 1);
            }
        }
        let text = signed(&text);
        if self.is_percent { format!("{text} %") } else { text }
    }
}

/// The number with a minus as it is printed. What is rounded to 0 has none.
fn signed(number: &str) -> String {
    match number.strip_prefix('-') {
        Some(rest) if rest.contains(|it| matches!(it, '1'..='9')) => format!("−{rest}"),
        Some(rest) => rest.to_owned(),
        None => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_write_what_people_read() {
        for (format, number, expected) in [
            (".2", 3.826_76, "3.83"),
            (".0", 2.5, "2"),
            (",", 1_234_567.8, "1,234,568"),
            (",.1", -1234.56, "−1,234.6"),
            (".2%", 0.999_96, "100.00 %"),
            ("%", 0.25, "25 %"),
            (".2", -0.001, "0.00"),
        ] {
            let written = Format::parse(format).map(|format| format.write(number));
            assert_eq!(written.as_deref(), Ok(expected), "{format}");
        }
        for wrong in ["", "3", ".", ".x", ".16", ".3f", "%.3"] {
            assert!(Format::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn values_stand_between_texts() {
        let value = |formula| Part::Value { formula, format: None };
        assert_eq!(
            parts("about {a} (of { b + 1 })"),
            Ok(vec![
                Part::Text("about "),
                value("a"),
                Part::Text(" (of "),
                value("b + 1"),
                Part::Text(")")
            ])
        );
        assert!(parts("{a").is_err());
    }
}
