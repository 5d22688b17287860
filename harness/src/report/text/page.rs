//! A page of plain text with labels on the left.
//!
//! **Invariant:** long lines are wrapped; nothing is cut off.

use std::fmt::Display;

use crate::report::wrap::push_wrapped;

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
        let line = format!("{label:<width$}{figures}", width = LABEL);
        push_wrapped(&mut self.0, &line, LABEL, COLUMNS, &JOINTS);
    }

    /// Adds a line without a label.
    pub(super) fn line(&mut self, line: &str) {
        push_wrapped(&mut self.0, line, 0, COLUMNS, &JOINTS);
    }

    /// Adds an empty line.
    pub(super) fn blank(&mut self) {
        self.0.push('\n');
    }
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
