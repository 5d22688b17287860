//! The page: HTML that `assets/live.js` fills from the feed.
//!
//! **Invariant:** the page loads nothing but itself and the feed. What it shows arrives as data.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::http::Reply;
use crate::report::page::{CHART_SCRIPT, CHART_STYLE, STYLE};

const LIVE_STYLE: &str = include_str!("assets/live.css");
const SCRIPT: &str = include_str!("assets/live.js");
/// Header fields: what the page may load, and that no other page may frame it.
const FIELDS: &str = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; \
    script-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'; form-action 'none'; \
    base-uri 'none'\r\n";

/// The page as an answer.
pub(super) fn reply() -> Reply {
    let kind = "text/html; charset=utf-8";
    Reply { status: "200 OK", kind, fields: FIELDS, content: page() }
}

fn page() -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { "Live – Hopwise" }
                style { (PreEscaped(CHART_STYLE)) (PreEscaped(STYLE)) (PreEscaped(LIVE_STYLE)) }
            }
            body class="live" {
                header {
                    h1 id="title" { "Live" }
                    div id="theme" {}
                    p id="words" {}
                }
                main {
                    p id="state" role="status" { "Waiting for the run …" }
                    dl class="summary" id="figures" {}
                    div id="pace" role="group" aria-label="Pace of the simulation" hidden {}
                    div class="stage" {
                        section id="overlay" aria-label="The nodes" {
                            canvas id="ring" role="img" aria-label="The nodes, drawn" {}
                            (legend())
                            p id="node" class="muted" {}
                        }
                        section id="course" aria-label="The course of the run" {}
                    }
                }
                script { (PreEscaped(CHART_SCRIPT)) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

fn legend() -> Markup {
    html! { div id="kinds" class="legend" role="group" aria-label="What is drawn" {} }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page();
        assert!(!page.contains("src=") && !page.contains("http://") && page.len() < 200_000);
        assert!(FIELDS.ends_with("\r\n") && FIELDS.matches("\r\n").count() == 1);
    }
}
