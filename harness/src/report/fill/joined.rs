//! CSV files, joined by a column.
//!
//! **Invariant:** each row has as many cells as there are columns.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord, Trim};

use super::marker::Source;
use crate::base::text_file::read_text;

/// Columns that a message names, at most.
const NAMED_MAX: usize = 8;

/// The rows of the first file, each with what the other files have for its key.
#[derive(Debug)]
pub(super) struct Joined {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// A row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'j> {
    columns: &'j [String],
    cells: &'j [String],
}

impl Joined {
    /// Reads the files, whose paths are relative to `folder`.
    ///
    /// # Errors
    ///
    /// If one cannot be read, or if they cannot be joined.
    pub(super) fn read(folder: &Path, source: &Source<'_>) -> Result<Joined, String> {
        let (first, others) = source.files.split_first().ok_or("no file")?;
        let mut joined = read(folder, first)?;
        if joined.rows.is_empty() {
            return Err(format!("{first} has no rows"));
        }
        if let Some(key) = source.key {
            let column = joined.key(first, key)?;
            for name in others {
                let other = read(folder, name)?;
                let other_column = other.key(name, key)?;
                joined.add(column, other, other_column, name)?;
            }
        } else if !others.is_empty() {
            let count = source.files.len();
            return Err(format!("{count} files: add the column that joins them: by COLUMN"));
        }
        Ok(joined)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|cells| Row { columns: &self.columns, cells })
    }

    /// The index of the column that joins `file` with others.
    fn key(&self, file: &str, name: &str) -> Result<usize, String> {
        place(&self.columns, name).map_err(|why| format!("{file} has {why}"))
    }

    /// Adds the columns of another file.
    fn add(&mut self, column: usize, other: Joined, key: usize, name: &str) -> Result<(), String> {
        for row in &mut self.rows {
            let value = row[column].clone();
            let mut same = other.rows.iter().filter(|cells| is_same(&cells[key], &value));
            let found = same.next();
            let at = || format!("where {} is {value}", self.columns[column]);
            let found = found.ok_or_else(|| format!("{name} has no row {}: add it", at()))?;
            if same.next().is_some() {
                return Err(format!("{name} has two rows {}: remove one", at()));
            }
            row.extend(without(found, key));
        }
        self.columns.extend(without(&other.columns, key));
        Ok(())
    }
}

impl<'j> Row<'j> {
    /// The cell of a column as it stands in the file.
    ///
    /// # Errors
    ///
    /// If there is no such column. The message names those that there are, the nearest first.
    pub(super) fn text(self, column: &str) -> Result<&'j str, String> {
        Ok(&self.cells[place(self.columns, column)?])
    }

    /// The number in a column; `None` if the cell is empty.
    ///
    /// # Errors
    ///
    /// If there is no such column, or no number.
    pub(super) fn number(self, column: &str) -> Result<Option<f64>, String> {
        let text = self.text(column)?;
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse().ok().filter(|it: &f64| it.is_finite()).map(Some);
        number.ok_or_else(|| {
            format!("{column} is {text:?} {}: only a number has a format", self.name())
        })
    }

    /// Which row it is, for messages.
    pub(super) fn name(self) -> String {
        let first = self.columns.first().zip(self.cells.first());
        first.map(|(column, cell)| format!("where {column} is {cell}")).unwrap_or_default()
    }
}

fn read(folder: &Path, name: &str) -> Result<Joined, String> {
    let text = read_text(&folder.join(name)).map_err(|why| {
        format!("cannot read {name}: {why}: write the path of a CSV file, relative to the document")
    })?;
    let mut reader =
        ReaderBuilder::new().comment(Some(b'#')).trim(Trim::All).from_reader(text.as_bytes());
    let cells = |record: &StringRecord| record.iter().map(str::to_owned).collect();
    let failed = |why: csv::Error| format!("{name}: {why}");
    let columns = cells(reader.headers().map_err(failed)?);
    let rows: Result<_, _> = reader.records().map(|row| row.map(|row| cells(&row))).collect();
    Ok(Joined { columns, rows: rows.map_err(failed)? })
}

/// Whether two cells have the same value: 0.10 and 0.1 do.
fn is_same(one: &str, other: &str) -> bool {
    let number = |text: &str| text.parse::<f64>().ok();
    one == other || number(one).is_some_and(|it| Some(it) == number(other))
}

fn without(cells: &[String], left_out: usize) -> impl Iterator<Item = String> {
    cells.iter().enumerate().filter(move |(at, _)| *at != left_out).map(|(_, cell)| cell.clone())
}

/// The index of a column.
fn place(columns: &[String], name: &str) -> Result<usize, String> {
    let mut places = (0..columns.len()).filter(|&at| columns[at] == name);
    match (places.next(), places.next()) {
        (Some(place), None) => Ok(place),
        (Some(_), Some(_)) => Err(format!("several columns are named {name}: rename one")),
        (None, _) => Err(format!("no column {name}: write {}", nearest(columns, name))),
    }
}

/// The names of columns, the most similar to `name` first.
fn nearest(columns: &[String], name: &str) -> String {
    let mut all: Vec<&str> = columns.iter().map(String::as_str).collect();
    let likeness = |other: &str| strsim::jaro_winkler(name, other);
    all.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    let more = all.len().saturating_sub(NAMED_MAX);
    all.truncate(NAMED_MAX);
    let last = match more {
        0 => all.pop().unwrap_or_default().to_owned(),
        _ => format!("one of {more} more"),
    };
    if all.is_empty() { last } else { format!("{} or {last}", all.join(", ")) }
}
