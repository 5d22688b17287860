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
