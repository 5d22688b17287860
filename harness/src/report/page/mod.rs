//! A report as one HTML file that needs nothing else: no network, no second file.
//!
//! Texts are HTML; charts are data, which `assets/page.js` draws with uPlot. All that comes from results is escaped
//! by the template, or within JSON.
//!
//! **Invariant:** nothing in a result becomes markup or code.

mod path;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::chart::Chart;
use super::document::{Cell, Document, KeyFigure, Section, Table};

pub(crate) const STYLE: &str = include_str!("assets/page.css");
const SCRIPT: &str = include_str!("assets/page.js");
pub(crate) const CHART_STYLE: &str = include_str!("assets/uPlot.min.css");
pub(crate) const CHART_SCRIPT: &str = include_str!("assets/uPlot.iife.min.js");
/// What the page may load: what it contains.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:";

/// The page of a report.
pub(crate) fn page(document: &Document) -> String {
    let charts: Vec<&Chart> = document.charts().collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (document.title) " – Hopwise" }
                style { (PreEscaped(CHART_STYLE)) (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (document.title) }
                    @for sentence in &document.lead { p { (sentence) } }
                    div id="theme" {}
                }
                @if document.sections.len() > 2 {
                    nav id="contents" aria-label="Contents" {
                        ul {
                            @for section in &document.sections {
                                li { a href=(format!("#{}", section.id)) { (section.title) } }
                            }
                        }
                    }
                }
                main { @for section in &document.sections { (section_html(section)) } }
                footer { (origins(&document.origins)) }
                script type="application/json" id="chart-data" { (PreEscaped(json(&charts))) }
                script { (PreEscaped(CHART_SCRIPT)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// Charts as JSON that may stand in a script element.
fn json(charts: &[&Chart]) -> String {
    let json = serde_json::to_string(charts).expect("all keys are texts and all numbers finite");
    json.replace('<', "\\u003c")
}

fn section_html(section: &Section) -> Markup {
    html! {
        section id=(section.id) {
            h2 { (section.title) }
            @for text in &section.text { p { (text) } }
            @if !section.figures.is_empty() {
                dl class="summary" { @for figure in &section.figures { (key_figure(figure)) } }
            }
            @if !section.charts.is_empty() {
                div class="charts" { @for chart in &section.charts { (chart_html(chart)) } }
            }
            @for table in &section.tables { (table_html(table)) }
            @for (drawing, text) in &section.paths { (path::path(drawing, text)) }
            @for (title, text) in &section.listings {
                details {
                    summary { (title) }
                    pre class="scenario" tabindex="0" { (text) }
                }
            }
        }
    }
}

fn key_figure(figure: &KeyFigure) -> Markup {
    html! {
        div class="figure" {
            dt { (figure.name) }
            dd { (figure.value) " " small { (figure.detail) } }
        }
    }
}

fn chart_html(chart: &Chart) -> Markup {
    html! {
        figure class="chart" id=(format!("figure-{}", chart.id())) {
            figcaption {
                h3 { (chart.title()) }
                @if !chart.note().is_empty() { p { (chart.note()) } }
            }
            div class="plot" {}
        }
    }
}

fn table_html(table: &Table) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(table.caption) {
            table {
                caption { (table.caption) }
                thead { tr { @for name in &table.head { th scope="col" { (name) } } } }
                tbody {
                    @for row in &table.rows { tr { @for cell in row { (cell_html(cell)) } } }
                }
            }
        }
    }
}

fn cell_html(cell: &Cell) -> Markup {
    match cell {
        Cell::Text(text) => html! { td { (text) } },
        Cell::Number(text) => html! { td class="number" { (text) } },
        Cell::Good(text) => html! { td class="number good" { (text) } },
        Cell::Bad(text) => html! { td class="number bad" { (text) } },
        Cell::Bar(text, share) => {
            let width = format!("--share: {:.4}", share.clamp(0.0, 1.0));
            html! { td class="number bar" style=(width) { (text) } }
        }
    }
}

fn origins(origins: &[(String, String)]) -> Markup {
    html! {
        dl {
            @for (name, value) in origins { dt { (name) } dd { (value) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::{Axis, Curves, Scale, Series, Style};

    const HOSTILE: &str = "</script><img src=x onerror=alert(1)>&\"'";

    #[test]
    fn hostile_names_stay_texts() {
        let series = Series::new(HOSTILE, Style::Line, 0, [(1.0, Some(2.0))]);
        let mut section = Section::new("one", HOSTILE);
        section.text.push(HOSTILE.to_owned());
        section.figures.push(KeyFigure::new(HOSTILE, HOSTILE, HOSTILE));
        section.listings.push((HOSTILE.to_owned(), HOSTILE.to_owned()));
        section.tables.push(Table {
            caption: HOSTILE.to_owned(),
            head: vec![HOSTILE.to_owned()],
            rows: vec![vec![
                Cell::Text(HOSTILE.to_owned()),
                Cell::Number(HOSTILE.to_owned()),
                Cell::Good(HOSTILE.to_owned()),
                Cell::Bad(HOSTILE.to_owned()),
                Cell::Bar(HOSTILE.to_owned(), 0.5),
            ]],
        });
        section.add_chart(Chart::Curves(Curves {
            note: HOSTILE.to_owned(),
            ..Curves::new(
                "chart",
                HOSTILE,
                Axis { names: vec![HOSTILE.to_owned()], ..Axis::new(HOSTILE, "", Scale::Linear) },
                Axis::new(HOSTILE, "", Scale::Log),
                vec![series],
            )
        }));
        let document = Document {
            title: HOSTILE.to_owned(),
            lead: vec![HOSTILE.to_owned()],
            sections: vec![section],
            origins: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
        };
        let page = page(&document);
        assert!(!page.contains("<img"), "an element got in");
        // The three scripts of the page itself, and none that ends early.
        let own = page.matches("<script").count();
        assert_eq!((own, page.matches("</script>").count()), (3, 3));
    }
}
