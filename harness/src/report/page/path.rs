//! The drawing of a lookup's path as SVG.
//!
//! **Invariant:** colors are those of the page, so both themes and paper have them.

use maud::{Markup, html};

use crate::report::document::{Arrow, Fate, Mark, PathDrawing, Wait};

const WIDTH: f64 = 960.0;
/// Left of the plot: the names of nodes.
const LEFT: f64 = 84.0;
/// Right of the plot: room for the last mark.
const RIGHT: f64 = 72.0;
/// Above the first node and below the last one.
const TOP: f64 = 22.0;
const BOTTOM: f64 = 28.0;
/// Between two nodes.
const LINE: f64 = 24.0;
/// The most ticks after the first.
const TICKS: f64 = 6.0;
/// Length and half the width of the head of an arrow.
const HEAD: (f64, f64) = (8.0, 3.5);
/// Half the size of the cross at the end of a message that is lost.
const CROSS: f64 = 4.0;

/// The drawing, with its text for readers who do not see it.
pub(super) fn path(drawing: &PathDrawing, text: &str) -> Markup {
    let plot = Plot { length_ms: drawing.length_ms.max(f64::MIN_POSITIVE) };
    let height = TOP + LINE * drawing.nodes.len().saturating_sub(1) as f64 + BOTTOM;
    let ticks = ticks(plot.length_ms);
    let label = format!("{}: {}", drawing.title, drawing.detail);
    html! {
        figure class="path" {
            figcaption { h3 { (drawing.title) } p { (drawing.detail) } }
            div class="scroll" tabindex="0" role="region" aria-label=(format!("{}, drawn", drawing.title)) {
                svg viewBox=(format!("0 0 {WIDTH} {height}")) width=(WIDTH) height=(height) role="img" aria-label=(label) {
                    @for ms in &ticks { (plot.tick(*ms, height)) }
                    text class="tick" x=(WIDTH - RIGHT + 34.0) y=(height - 6.0) { "ms" }
                    @for (row, (name, is_owner)) in drawing.nodes.iter().enumerate() {
                        line class="node" x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y(row)) y2=(y(row)) {}
                        text x=(LEFT - 10.0) y=(y(row) + 4.0) text-anchor="end" class=[is_owner.then_some("owner")] { (name) }
                    }
                    @for wait in &drawing.waits { (plot.wait(wait)) }
                    @for arrow in &drawing.arrows { (plot.arrow(arrow)) }
                    @for mark in &drawing.marks { (plot.mark(mark)) }
                }
            }
            @if !drawing.note.is_empty() { p class="muted" { (drawing.note) } }
            details {
                summary { (drawing.title) " as text" }
                pre tabindex="0" { (text) }
            }
        }
    }
}

/// The plot: what lies between the names of nodes and the right margin.
struct Plot {
    length_ms: f64,
}

impl Plot {
    fn x(&self, ms: f64) -> f64 {
        round(LEFT + (WIDTH - LEFT - RIGHT) * (ms / self.length_ms).clamp(0.0, 1.0))
    }

    fn tick(&self, ms: f64, height: f64) -> Markup {
        let x = self.x(ms);
        html! {
            line class="grid" x1=(x) x2=(x) y1=(TOP - 10.0) y2=(height - BOTTOM + 8.0) {}
            text class="tick" x=(x) y=(height - 6.0) text-anchor="middle" { (round_text(ms)) }
        }
    }

    fn wait(&self, wait: &Wait) -> Markup {
        let (from, to) = (self.x(wait.start_ms), self.x(wait.end_ms));
        let class = if wait.is_silence { "silence" } else { "queue" };
        html! {
            rect class=(class) x=(from) y=(y(wait.node) - 3.0) width=(round((to - from).max(1.0))) height="6" {}
        }
    }

    fn arrow(&self, arrow: &Arrow) -> Markup {
        let (x1, y1) = (self.x(arrow.start_ms), y(arrow.from));
        let (x2, y2) = (self.x(arrow.end_ms), y(arrow.to));
        let class = match arrow.fate {
            Fate::OnWay => "way",
            Fate::Beside => "beside",
            Fate::Lost => "lost",
        };
        html! {
            g class=(class) {
                title { (arrow.text) }
                line x1=(x1) y1=(y1) x2=(x2) y2=(y2) {}
                @if arrow.fate == Fate::Lost {
                    path d=(cross(x2, y2)) {}
                } @else {
                    polygon points=(head((x1, y1), (x2, y2))) {}
                }
            }
        }
    }

    fn mark(&self, mark: &Mark) -> Markup {
        let (x, y) = (self.x(mark.at_ms), y(mark.node));
        let class = if mark.is_bad { "mark bad" } else { "mark" };
        html! {
            circle class=(class) cx=(x) cy=(y) r="4.5" {}
            text class=(class) x=(x + 8.0) y=(y - 6.0) { (mark.text) }
        }
    }
}

/// The times on the axis: round multiples of 1, 2 or 5.
fn ticks(length_ms: f64) -> Vec<f64> {
    let least = length_ms / TICKS;
    let power = 10_f64.powf(least.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|digit| digit * power).into_iter().find(|it| *it >= least);
    let step = step.unwrap_or(length_ms);
    (0_u32..=TICKS as u32)
        .map(|tick| f64::from(tick) * step)
        .filter(|ms| *ms <= length_ms)
        .collect()
}

/// A tick without what rounding leaves: `0.3`, not `0.30000000000000004`.
fn round_text(ms: f64) -> String {
    let text = format!("{ms:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn y(row: usize) -> f64 {
    TOP + LINE * row as f64
}

/// The corners of an arrow's head.
fn head((x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> String {
    let length = (x2 - x1).hypot(y2 - y1).max(f64::MIN_POSITIVE);
    let (ux, uy) = ((x2 - x1) / length, (y2 - y1) / length);
    let (bx, by) = (x2 - HEAD.0 * ux, y2 - HEAD.0 * uy);
    let (nx, ny) = (-uy * HEAD.1, ux * HEAD.1);
    let points = [(x2, y2), (bx + nx, by + ny), (bx - nx, by - ny)];
    points.map(|(x, y)| format!("{},{}", round(x), round(y))).join(" ")
}

fn cross(x: f64, y: f64) -> String {
    let (left, right, top, bottom) = (x - CROSS, x + CROSS, y - CROSS, y + CROSS);
    format!("M{left} {top}L{right} {bottom}M{left} {bottom}L{right} {top}")
}

fn round(x: f64) -> f64 {
    (x * 10.0).round() / 10.0
}
