//! What a report says, before it becomes a page: sections with figures, charts and tables.
//!
//! **Invariant:** plain data; texts are as people read them, without markup.

use super::chart::Chart;

/// A report.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    pub(crate) title: String,
    /// What it is about, in sentences.
    pub(crate) lead: Vec<String>,
    pub(crate) sections: Vec<Section>,
    /// When, where and by which program the results were made: names and values.
    pub(crate) origins: Vec<(String, String)>,
}

/// A part of a report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Section {
    /// Its name in links: lowercase letters, digits and hyphens.
    pub(crate) id: String,
    pub(crate) title: String,
    pub(crate) text: Vec<String>,
    pub(crate) figures: Vec<KeyFigure>,
    pub(crate) charts: Vec<Chart>,
    pub(crate) tables: Vec<Table>,
    /// Paths of lookups, each with its text.
    pub(crate) paths: Vec<(PathDrawing, String)>,
    /// Texts to copy, each with its title.
    pub(crate) listings: Vec<(String, String)>,
}

/// A figure that is worth large letters.
#[derive(Clone, Debug)]
pub(crate) struct KeyFigure {
    pub(crate) name: String,
    pub(crate) value: String,
    /// What to know about it.
    pub(crate) detail: String,
}

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) caption: String,
    pub(crate) head: Vec<String>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Text(String),
    Number(String),
    /// What went well, or badly.
    Good(String),
    Bad(String),
    /// A number with a bar: its length is a share of the longest.
    Bar(String, f64),
}

/// The path of a lookup: each node has a row, time runs to the right.
#[derive(Clone, Debug, Default)]
pub(crate) struct PathDrawing {
    pub(crate) title: String,
    pub(crate) detail: String,
    /// What is not drawn.
    pub(crate) note: String,
    pub(crate) length_ms: f64,
    /// The names of nodes, and whether each is the owner.
    pub(crate) nodes: Vec<(String, bool)>,
    pub(crate) arrows: Vec<Arrow>,
    pub(crate) waits: Vec<Wait>,
    pub(crate) marks: Vec<Mark>,
}

/// A message. Nodes are indices, times are since the start of the lookup.
#[derive(Clone, Debug)]
pub(crate) struct Arrow {
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) start_ms: f64,
    pub(crate) end_ms: f64,
    pub(crate) fate: Fate,
    pub(crate) text: String,
}

/// What became of a message. The last ones are drawn over the others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Fate {
    /// It arrived off the way to the answer.
    Beside,
    /// No node handled it.
    Lost,
    /// It led to the answer.
    OnWay,
}

/// A wait of a node: for a node that does not answer, or of a message in its queue.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) node: usize,
    pub(crate) start_ms: f64,
    pub(crate) end_ms: f64,
    pub(crate) is_silence: bool,
}

/// Something at a node that is no message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    pub(crate) node: usize,
    pub(crate) at_ms: f64,
    pub(crate) text: &'static str,
    pub(crate) is_bad: bool,
}

impl Section {
    pub(crate) fn new(id: &str, title: impl Into<String>) -> Section {
        Section { id: id.to_owned(), title: title.into(), ..Section::default() }
    }

    /// Adds a chart, if there is something to see.
    pub(crate) fn add_chart(&mut self, chart: Chart) {
        if chart.has_values() {
            self.charts.push(chart);
        }
    }

    /// Whether it says anything.
    pub(crate) fn has_content(&self) -> bool {
        !(self.text.is_empty()
            && self.figures.is_empty()
            && self.charts.is_empty()
            && self.tables.is_empty()
            && self.paths.is_empty()
            && self.listings.is_empty())
    }
}

impl Document {
    /// The charts of all sections.
    pub(crate) fn charts(&self) -> impl Iterator<Item = &Chart> {
        self.sections.iter().flat_map(|section| &section.charts)
    }
}

impl KeyFigure {
    pub(crate) fn new(
        name: impl Into<String>,
        value: impl Into<String>,
        detail: impl Into<String>,
    ) -> KeyFigure {
        KeyFigure { name: name.into(), value: value.into(), detail: detail.into() }
    }
}
