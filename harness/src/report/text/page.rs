//! A page of plain text with labels on the left.
//!
//! **Invariant:** long lines are wrapped; nothing is cut off.

use std::fmt::Display;

/// No line is longer, unless a single word is.
pub(super) const COLUMNS: usize = 80;
/// Width of the labels left of the figures.
const LABEL: usize = 14;
/// Preferred places for breaking a long line: between figures.
const JOINTS: [&str; 3] = ["  ", ", ", "; "];

/// The lines written so far.
pub(super) struct Page(String);

impl Page {
    pub(super) fn new() -> Page {
        Page(String::new())
    }

    /// The text, each line ended.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    /// Adds figures beside their label; without a label, below those of the line before.
    pub(super) fn row(&mut self, label: &str, figures: impl Display) {
        self.wrapped(&format!("{label:<width$}{figures}", width = LABEL), LABEL);
    }

    /// Adds a line without a label.
    pub(super) fn line(&mut self, line: &str) {
        self.wrapped(line, 0);
    }

    /// Adds a line. If it is too long, it continues in further lines, indented by `indent`.
    fn wrapped(&mut self, line: &str, indent: usize) {
        let mut rest = line.trim_end().to_owned();
        while let Some(end) = break_of(&rest, indent) {
            self.0.push_str(rest[..end].trim_end());
            self.0.push('\n');
            rest = format!("{:indent$}{}", "", rest[end..].trim_start());
        }
        self.0.push_str(&rest);
        self.0.push('\n');
    }

    /// Adds an empty line.
    pub(super) fn blank(&mut self) {
        self.0.push('\n');
    }
}

/// Where to break a line that is too long, in bytes: after the last of [`JOINTS`] that fits, else
/// after the last space; never within the first `indent` columns.
fn break_of(line: &str, indent: usize) -> Option<usize> {
    let column = |n| line.char_indices().nth(n).map(|(at, _)| at);
    column(COLUMNS)?;
    // A trailing space is not written, so it may be beyond the edge.
    let fitting = &line[..column(COLUMNS + 1).unwrap_or(line.len())];
    let start = column(indent)?;
    let last = |joint: &str| fitting[start..].rfind(joint).map(|at| start + at + joint.len());
    JOINTS.into_iter().filter_map(last).max().or_else(|| last(" ")).filter(|&end| end > start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped() {
        let mut page = Page(String::new());
        page.row("label", format!("{}, 20 ms", "0123456 ".repeat(8) + "9"));
        page.row("label", "x".repeat(COLUMNS));
        let lines: Vec<&str> = page.0.lines().collect();
        let first = format!("label         {}9,", "0123456 ".repeat(8));
        let long = format!("label         {}", "x".repeat(COLUMNS));
        assert_eq!(lines, [first.as_str(), "              20 ms", long.as_str()]);
    }
}
