//! A table in Markdown.
//!
//! **Invariant:** no cell ends its row or its column.

use super::Fault;
use super::joined::Joined;
use super::template::{self, Part};

/// The lines of the table whose columns `lines` describe.
pub(super) fn table(
    lines: &[(usize, &str)],
    joined: &Joined,
    newline: &str,
) -> Result<String, Fault> {
    let columns: Vec<Column<'_>> = lines.iter().map(Column::read).collect::<Result<_, _>>()?;
    let head: String = columns.iter().map(|column| format!(" {} |", plain(column.head))).collect();
    let mut table = format!("|{head}{newline}|{}{newline}", "---|".repeat(columns.len()));
    for row in joined.rows() {
        table.push('|');
        for column in &columns {
            let cell = template::cell(&column.parts, row).map_err(Fault::at(column.line))?;
            table.push_str(&format!(" {} |", plain(&cell)));
        }
        table.push_str(newline);
    }
    Ok(table)
}

struct Column<'t> {
    line: usize,
    head: &'t str,
    parts: Vec<Part<'t>>,
}

impl<'t> Column<'t> {
    /// `HEAD = CELL`.
    fn read(&(line, text): &(usize, &'t str)) -> Result<Column<'t>, Fault> {
        let (head, cell) = template::head_and_cell(text).map_err(Fault::at(line))?;
        let parts = template::parts(cell).map_err(Fault::at(line))?;
        Ok(Column { line, head, parts })
    }
}

/// The text in one line, its bars escaped.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
