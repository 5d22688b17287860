//! Documents whose tables and figures are made from CSV files, so that they cannot drift.
//!
//! ```text
#![doc = include_str!("syntax.txt")]
//! ```
//!
//! ```text
//! marker      where the markers of a document are          joined     CSV files, joined by a column
//! table       a table in Markdown                          template   cells: texts with values in braces
//! drawing     a figure as SVG                              formula    arithmetic with columns
//! ```
//!
//! **Invariant:** writes nothing. What lies outside the markers' tables stays as it is, to the last byte.

mod drawing;
mod formula;
mod joined;
mod marker;
mod table;
mod template;

use std::fs;
use std::path::{Path, PathBuf};

use self::joined::Joined;
use self::marker::{Marker, Shows};

/// How markers are written.
pub(crate) const SYNTAX: &str = include_str!("syntax.txt");

/// What a document and its figures should be.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Filled {
    /// The files that differ from what is there, with their new text.
    pub(crate) files: Vec<(PathBuf, String)>,
    /// Each table and figure that differs, with the file and line of its marker.
    pub(crate) differences: Vec<String>,
}

/// Makes the tables and figures of the document at `path`.
///
/// # Errors
///
/// All that is wrong with its markers, each with file and line, and what to write.
pub(crate) fn fill(path: &Path) -> Result<Filled, Vec<String>> {
    // Not `read_text`: the document keeps its byte order mark.
    let text = fs::read_to_string(path).map_err(|why| {
        vec![format!("cannot read {}: {why}: give a Markdown document", path.display())]
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let at = |line: usize| format!("{}:{line}", path.display());
    let mut filled = Filled::default();
    let mut faults = Vec::new();
    let mut new = String::with_capacity(text.len());
    let mut copied = 0;
    let markers = marker::markers(&text);
    if markers.is_empty() {
        let path = path.display();
        return Err(vec![format!(
            "{path} has no marker: write one, as `hopwise report --help` shows"
        )]);
    }
    for marker in markers {
        match marker.and_then(|marker| Ok((make(&marker, folder)?, marker))) {
            Err(fault) => faults.push(format!("{}: {}", at(fault.line), fault.message)),
            Ok((made, Marker { line, shows: Shows::Table { place, .. }, .. })) => {
                if text[place.clone()] != made {
                    filled.differences.push(format!("{}: the table differs", at(line)));
                }
                new.push_str(&text[copied..place.start]);
                new.push_str(&made);
                copied = place.end;
            }
            Ok((made, Marker { line, shows: Shows::Figure { file }, .. })) => {
                let svg = folder.join(file);
                if fs::read_to_string(&svg).ok().as_ref() != Some(&made) {
                    filled.differences.push(format!("{}: the figure {file} differs", at(line)));
                    filled.files.push((svg, made));
                }
            }
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    new.push_str(&text[copied..]);
    if new != text {
        filled.files.push((path.to_owned(), new));
    }
    Ok(filled)
}

/// What is wrong, and in which line of the document.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Fault {
    line: usize,
    message: String,
}

impl Fault {
    /// For `map_err`: the fault of this line.
    fn at(line: usize) -> impl Fn(String) -> Fault {
        move |message| Fault { line, message }
    }
}

/// The text of the marker's table or figure.
fn make(marker: &Marker<'_>, folder: &Path) -> Result<String, Fault> {
    let joined = Joined::read(folder, &marker.source).map_err(Fault::at(marker.line))?;
    if marker.lines.is_empty() {
        return Err(Fault::at(marker.line)("no column: write HEAD = {COLUMN}".to_owned()));
    }
    match &marker.shows {
        Shows::Table { newline, .. } => table::table(&marker.lines, &joined, newline),
        Shows::Figure { file } => drawing::svg(file, marker.line, &marker.lines, &joined),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder that is removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Folder {
            let name = format!("hopwise-fill-{test}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir(&path).expect("the folder is new");
            Folder(path)
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.join(name);
            fs::write(&path, text).expect("it can be written");
            path
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let removed = fs::remove_dir_all(&self.0);
            assert!(removed.is_ok() || std::thread::panicking(), "{removed:?}");
        }
    }

    const CSV: &str = "n,hops,half\n1,0.5,0.25\n2000,-1.256,\n";
    const MARKER: &str = "<!-- table from a.csv\n| = {n:,}\nhops = {hops:.2} ± {half:.2}\n-->\n";

    #[test]
    fn only_tables_change() {
        let folder = Folder::new("tables");
        folder.write("a.csv", CSV);
        let before = "\u{feff}# Title\r\n\n  odd \t\n~~~\n<!-- table from nowhere\n~~~\n";
        let after = "<!-- end of table -->\nno newline at the end";
        let rows = "| \\| | hops |\n|---|---|\n| 1 | 0.50 ± 0.25 |\n| 2,000 | −1.26 ± – |\n";
        let document = format!("{before}{MARKER}old\n{after}");
        let path = folder.write("a.md", &document);
        let filled = fill(&path).expect("all is well");
        let new = format!("{before}{MARKER}{rows}{after}");
        assert_eq!(filled.files, [(path.clone(), new.clone())]);
        assert_eq!(filled.differences, [format!("{}:7: the table differs", path.display())]);
        folder.write("a.md", &new);
        assert_eq!(fill(&path), Ok(Filled::default()), "made once more, it is the same");
        let path = folder.write("b.md", &document.replace("\r\n", "\n").replace('\n', "\r\n"));
        let filled = fill(&path).expect("all is well");
        assert!(!filled.files[0].1.replace("\r\n", "").contains('\n'), "lines end as the others");
    }

    #[test]
    fn figures_are_files_of_their_own() {
        let folder = Folder::new("figures");
        folder.write("a.csv", CSV);
        let marker = "<!-- figure a.svg from a.csv\nx: nodes = {n}\ny: hops\n\
                      ours = {hops} ± {half}\ntheirs = {hops * 2}\n-->\n";
        let path = folder.write("a.md", marker);
        let filled = fill(&path).expect("all is well");
        let (svg, text) = &filled.files[0];
        assert_eq!((svg, filled.files.len()), (&folder.0.join("a.svg"), 1));
        for name in ["ours", "theirs", "nodes", "hops"] {
            assert!(text.contains(&format!("\n{name}\n")), "{name}");
        }
        folder.write("a.svg", text);
        assert_eq!(fill(&path), Ok(Filled::default()));
    }

    #[test]
    fn every_fault_has_its_line_and_what_to_write() {
        let folder = Folder::new("faults");
        folder.write("a.csv", CSV);
        folder.write("b.csv", "n,other\n1.0,7\n");
        folder.write("c.csv", "n,other\n1,7\n2e3,8\n1,9\n");
        folder.write("short.csv", "n,hops\n1\n");
        folder.write("none.csv", "n,hops\n");
        let table = |head: &str, column: &str| {
            format!("Text.\n<!-- table from {head}\n{column}\n-->\n<!-- end of table -->\n")
        };
        let figure = |lines: &str| format!("<!-- figure a.svg from a.csv\n{lines}\n-->\n");
        for (document, expected) in [
            ("Text.".to_owned(), "has no marker"),
            (table("d.csv", "n = {n}"), ":2: cannot read d.csv"),
            (table("short.csv", "n = {n}"), ":2: short.csv: "),
            (table("none.csv", "n = {n}"), ":2: none.csv has no rows"),
            (table("a.csv, b.csv", "n = {n}"), ":2: 2 files: add the column"),
            (table("a.csv, b.csv by k", "n = {n}"), ":2: a.csv has no column k"),
            (table("a.csv, b.csv by n", "n = {n}"), ":2: b.csv has no row where n is 2000"),
            (table("a.csv, c.csv by n", "n = {n}"), ":2: c.csv has two rows where n is 1"),
            (table("a.csv, a.csv by n", "n = {hops}"), ":3: several columns are named hops"),
            (table("", "n = {n}"), ":2: no file: write"),
            (table("a.csv", "n = {hop}"), ":3: no column hop: write hops, half or n"),
            (table("a.csv", "n {n}"), ":3: write HEAD = {COLUMN}"),
            (table("a.csv", "n = {n"), ":3: { without }"),
            (table("a.csv", "n = {n:3}"), ":3: :3 is no format: write"),
            (table("a.csv", "n = {n +}"), ":3: n +"),
            (table("a.csv", "n = {n / (n - n)}"), ":3: n / (n - n) is no number where n is 1"),
            (table("a.csv", ""), ":2: no column: write"),
            (table("a.csv", "n = {n} -->"), ":3: write --> in a line of its own"),
            (table("a.csv", "n = {n}").replace("<!-- end of table -->", ""), ":2: no end: write"),
            (table("a.csv", "n = {n}").replace("-->\n", ""), ":2: "),
            (table("a.csv", "n = {n}").replace("<!-- table", " <!-- table"), ":2: "),
            ("<!-- end of table -->".to_owned(), ":1: "),
            ("<!-- table from a.csv -->".to_owned(), ":1: "),
            (figure("y: hops\nours = {hops}"), ":1: no x axis: write"),
            (figure("x: n = {n}\nours = {hops}"), ":1: no y axis: write"),
            (figure("x: n = {n}\ny: hops"), ":1: no curve: write"),
            (figure("x: n = {n}\ny: hops\nours = about {hops}"), ":4: write {COLUMN} or"),
            (figure("x: n = {n}\ny: hops\nours = {hop}"), ":4: no column hop"),
            ("<!-- figure a.csv\n-->".to_owned(), ":1: "),
        ] {
            let path = folder.write("a.md", &document);
            let faults = fill(&path).expect_err(&document);
            assert_eq!(faults.len(), 1, "{faults:?}");
            assert!(faults[0].contains(expected), "{document}: {faults:?}");
        }
        let two = format!("{}{}", table("d.csv", "n = {n}"), table("a.csv", "n = {x}"));
        let faults = fill(&folder.write("a.md", &two)).expect_err("both are wrong");
        assert_eq!(faults.len(), 2, "{faults:?}");
    }
}
