//! Where the markers of a document are.
//!
//! **Invariant:** reads no file. A line in a fenced block of code is no marker.

use std::ops::Range;

use super::Fault;

/// How the marker of a table begins. A comment such as `<!-- table of contents -->` is none.
const TABLE: &str = "<!-- table from";
const FIGURE: &str = "<!-- figure ";
/// The last line of a marker.
const CLOSE: &str = "-->";
/// The line after a table.
const END: &str = "<!-- end of table -->";

/// A marker.
#[derive(Debug)]
pub(super) struct Marker<'t> {
    /// The number of its first line.
    pub(super) line: usize,
    pub(super) shows: Shows<'t>,
    pub(super) source: Source<'t>,
    /// The lines that say what is shown, each with its number.
    pub(super) lines: Vec<(usize, &'t str)>,
}

/// What a marker stands for.
#[derive(Debug)]
pub(super) enum Shows<'t> {
    /// A table at this place of the text. Its lines end with `newline`.
    Table { place: Range<usize>, newline: &'static str },
    /// A figure in this file.
    Figure { file: &'t str },
}

/// Where values come from.
#[derive(Debug)]
pub(super) struct Source<'t> {
    /// CSV files, relative to the document; at least one.
    pub(super) files: Vec<&'t str>,
    /// The column that joins them, if there are several.
    pub(super) key: Option<&'t str>,
}

/// The markers of a document, in order.
pub(super) fn markers(text: &str) -> Vec<Result<Marker<'_>, Fault>> {
    let lines = lines(text);
    let mut markers = Vec::new();
    let mut fence: Option<Fence<'_>> = None;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        at += 1;
        let found = Fence::of(line.text);
        match (&fence, found) {
            (None, Some(found)) if found.opens() => fence = Some(found),
            (Some(open), Some(found)) if found.closes(open) => fence = None,
            (Some(_), _) => {}
            (None, _) if line.text.trim() == END => markers.push(Err(Fault {
                line: line.number,
                message: format!(
                    "the end of a table without a marker: write {TABLE} FILE.csv above the table"
                ),
            })),
            (None, _) if begins(line.text) => {
                let (marker, length) = marker(&lines[at - 1..]);
                at += length - 1;
                markers.push(marker);
            }
            (None, _) => {}
        }
    }
    markers
}

/// A line of a document.
struct Line<'t> {
    number: usize,
    /// Where it begins.
    start: usize,
    /// Without its end.
    text: &'t str,
    is_crlf: bool,
}

fn lines<'t>(text: &'t str) -> Vec<Line<'t>> {
    let mut start = 0;
    let line = |(index, whole): (usize, &'t str)| {
        let line = Line {
            number: index + 1,
            start,
            text: whole.trim_end_matches(['\r', '\n']),
            is_crlf: whole.ends_with("\r\n"),
        };
        start += whole.len();
        line
    };
    text.split_inclusive('\n').enumerate().map(line).collect()
}

/// The line that begins or ends a fenced block of code.
struct Fence<'t> {
    letter: char,
    length: usize,
    rest: &'t str,
}

impl<'t> Fence<'t> {
    fn of(line: &'t str) -> Option<Fence<'t>> {
        let line = line.trim_start();
        let letter = line.chars().next().filter(|it| matches!(it, '`' | '~'))?;
        let rest = line.trim_start_matches(letter);
        let length = line.len() - rest.len();
        (length >= 3).then_some(Fence { letter, length, rest })
    }

    fn opens(&self) -> bool {
        self.letter == '~' || !self.rest.contains('`')
    }

    fn closes(&self, open: &Fence<'_>) -> bool {
        self.letter == open.letter && self.length >= open.length && self.rest.trim().is_empty()
    }
}

fn begins(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with(TABLE) || line.starts_with(FIGURE)
}

/// The marker in the first of `lines`, and how many lines it takes, with its table.
fn marker<'t>(lines: &[Line<'t>]) -> (Result<Marker<'t>, Fault>, usize) {
    let next = lines.iter().skip(1).position(|line| begins(line.text));
    let own = next.map_or(lines, |at| &lines[..=at]);
    let is_figure = own[0].text.trim_start().starts_with(FIGURE);
    let end = own.iter().position(|line| line.text.trim() == END).filter(|_| !is_figure);
    let marker = if is_figure { figure(own) } else { table(own, end) };
    (marker, end.map_or(1, |end| end + 1))
}

fn table<'t>(own: &[Line<'t>], end: Option<usize>) -> Result<Marker<'t>, Fault> {
    let first = &own[0];
    let fault = Fault::at(first.number);
    let end = end.ok_or_else(|| fault(format!("no end: write {END} below the table")))?;
    let close = close(&own[..end])?;
    let source = source(&first.text[TABLE.len()..]).map_err(fault)?;
    let place = own[close + 1].start..own[end].start;
    let newline = if first.is_crlf { "\r\n" } else { "\n" };
    let lines = described(&own[1..close]);
    Ok(Marker { line: first.number, shows: Shows::Table { place, newline }, source, lines })
}

fn figure<'t>(own: &[Line<'t>]) -> Result<Marker<'t>, Fault> {
    let first = &own[0];
    let fault = Fault::at(first.number);
    let close = close(own)?;
    let parts = first.text[FIGURE.len()..].split_once(" from ");
    let parts = parts.map(|(file, source)| (file.trim(), source));
    let (file, text) = parts
        .filter(|(file, _)| file.ends_with(".svg"))
        .ok_or_else(|| fault(format!("write {FIGURE}FILE.svg from FILE.csv")))?;
    let source = source(text).map_err(fault)?;
    let lines = described(&own[1..close]);
    Ok(Marker { line: first.number, shows: Shows::Figure { file }, source, lines })
}

/// The index of `-->`.
fn close(own: &[Line<'_>]) -> Result<usize, Fault> {
    let first = &own[0];
    let fault = |line: &Line<'_>, message: &str| Err(Fault::at(line.number)(message.to_owned()));
    if first.text.starts_with(char::is_whitespace) {
        return fault(first, "write the marker at the beginning of its line");
    }
    let Some(close) = own.iter().position(|line| line.text.contains(CLOSE)) else {
        return fault(first, "the marker is not closed: write --> below its last line");
    };
    if own[close].text.trim() != CLOSE {
        return fault(&own[close], "write --> in a line of its own, below what is shown");
    }
    Ok(close)
}

/// The lines that say what is shown, each with its number.
fn described<'t>(lines: &[Line<'t>]) -> Vec<(usize, &'t str)> {
    let lines = lines.iter().map(|line| (line.number, line.text.trim()));
    lines.filter(|(_, text)| !text.is_empty()).collect()
}

/// `a.csv, b.csv by column`.
fn source(text: &str) -> Result<Source<'_>, String> {
    let (files, key) = match text.rsplit_once(" by ") {
        Some((files, key)) => (files, Some(key.trim())),
        None => (text, None),
    };
    let files: Vec<&str> = files.split(',').map(str::trim).collect();
    if files.contains(&"") {
        return Err("no file: write from FILE.csv, or from FILE.csv, FILE.csv by COLUMN".to_owned());
    }
    Ok(Source { files, key })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_found_outside_code() {
        let table =
            "<!-- table from a.csv, b.csv by x\nx = {x}\n-->\n| x |\n<!-- end of table -->\n";
        let text = format!(
            "<!-- table of contents -->\n````text\n```\n{table}````\n``` `code` ```\n\n{table}\
             <!-- figure a b.svg from a.csv\nx = {{x}}\n-->\n"
        );
        let markers: Vec<Marker<'_>> =
            markers(&text).into_iter().collect::<Result<_, _>>().expect("all is well");
        let [table, figure] = &markers[..] else { panic!("{markers:?}") };
        let Shows::Table { place, .. } = &table.shows else { panic!("{table:?}") };
        assert_eq!((&text[place.clone()], table.line), ("| x |\n", 12));
        assert_eq!(
            (&table.source.files[..], table.source.key),
            (&["a.csv", "b.csv"][..], Some("x"))
        );
        assert_eq!(table.lines, [(13, "x = {x}")]);
        assert!(matches!(figure.shows, Shows::Figure { file: "a b.svg" }));
        assert_eq!((figure.line, figure.source.key), (17, None));
    }
}
