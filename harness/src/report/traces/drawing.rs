//! The drawing of a trace: a line for each node, time to the right, arrows for messages.
//!
//! **Invariant:** a drawing has a bounded number of nodes and arrows. What is left out is counted.

use std::collections::BTreeMap;

use super::rows::{Row, rows};
use super::short;
use super::text::{summary, what};
use crate::measure::trace::{LookupTrace, StepKind, TracedStep};
use crate::report::document::{Arrow, Fate, Mark, PathDrawing, Wait};
use crate::report::units::count;

/// The most nodes of a drawing.
const NODES_MAX: usize = 32;
/// The most arrows of a drawing.
const ARROWS_MAX: usize = 300;

/// The drawing of `trace`.
pub(crate) fn drawing(trace: &LookupTrace) -> PathDrawing {
    let all = rows(trace);
    let mut pen = Pen::new(trace, &all);
    // The rows on the way come first, so that they have room.
    let (on_way, others): (Vec<&Row<'_>>, Vec<_>) = all.iter().partition(|row| row.is_essential());
    let hidden = on_way.into_iter().chain(others).filter(|row| !pen.draw(row)).count();
    pen.finish(hidden)
}

/// A drawing in progress.
struct Pen<'a> {
    trace: &'a LookupTrace,
    /// The line of each node that is drawn.
    lines: BTreeMap<&'a str, usize>,
    drawing: PathDrawing,
}

impl<'a> Pen<'a> {
    fn new(trace: &'a LookupTrace, all: &[Row<'a>]) -> Pen<'a> {
        let drawing = PathDrawing {
            title: format!("Lookup {}", trace.number),
            detail: summary(trace),
            ..PathDrawing::default()
        };
        let mut pen = Pen { trace, lines: BTreeMap::new(), drawing };
        pen.choose_nodes(all);
        pen
    }

    /// Chooses the nodes that are drawn, those on the way first, and gives each a line, in the order of the path.
    fn choose_nodes(&mut self, all: &[Row<'a>]) {
        let nodes = || {
            let both = all.iter().flat_map(|row| [Some(&row.step.node), row.step.peer.as_ref()]);
            both.flatten().map(String::as_str)
        };
        let on_way = all.iter().filter(|row| row.is_essential());
        let mut chosen: BTreeMap<&str, Option<usize>> = BTreeMap::new();
        for node in on_way.map(|row| row.step.node.as_str()).chain(nodes()) {
            if chosen.len() < NODES_MAX {
                chosen.entry(node).or_default();
            }
        }
        for node in nodes() {
            if let Some(line @ None) = chosen.get_mut(node) {
                *line = Some(self.drawing.nodes.len());
                let is_owner = self.trace.owner.as_deref() == Some(node);
                self.drawing.nodes.push((short(node).to_owned(), is_owner));
            }
        }
        self.lines = chosen.into_iter().filter_map(|(node, line)| Some((node, line?))).collect();
    }

    /// Draws what happens in a row. Returns false if there is no room for it.
    fn draw(&mut self, row: &Row<'_>) -> bool {
        let Some(&node) = self.lines.get(row.step.node.as_str()) else { return false };
        let at_ms = self.ms(row.step.at_ns);
        let mark = |text, is_bad| Mark { node, at_ms, text, is_bad };
        match row.step.kind {
            StepKind::Asked => self.drawing.marks.push(mark("asked", false)),
            StepKind::Answered => self.drawing.marks.push(mark("answered", false)),
            StepKind::Failed => self.drawing.marks.push(mark("failed", true)),
            StepKind::Refused => self.drawing.marks.push(mark("refused", true)),
            StepKind::TimedOut => {
                let start_ms = self.ms(asked_at(&self.trace.steps, row.step));
                self.wait(Wait { node, start_ms, end_ms: at_ms, is_silence: true });
            }
            // The end of the message is another row.
            StepKind::Sent => {}
            StepKind::Received if row.is_on_way => return self.arrow(row, Fate::OnWay),
            StepKind::Received => return self.arrow(row, Fate::Beside),
            StepKind::Lost | StepKind::NodeGone | StepKind::QueueFull | StepKind::WaitedTooLong => {
                return self.arrow(row, Fate::Lost);
            }
        }
        true
    }

    /// Draws the message that ends in `row`. Returns false if there is no room for it.
    fn arrow(&mut self, row: &Row<'_>, fate: Fate) -> bool {
        let step = row.step;
        let line = |node: &str| self.lines.get(node).copied();
        let (node, peer) = (line(&step.node), step.peer.as_deref().and_then(line));
        // A message is lost at its sender, and arrives at its receiver.
        let ends = if step.kind == StepKind::Lost { (node, peer) } else { (peer, node) };
        let (Some(from), Some(to)) = ends else { return false };
        if self.drawing.arrows.len() == ARROWS_MAX {
            return false;
        }
        let handled_ms = self.ms(step.at_ns);
        let end_ms = self.ms(step.at_ns.saturating_sub(step.waited_ns));
        let start_ms = row.sent.map_or(end_ms, |sent| self.ms(sent.at_ns));
        self.drawing.arrows.push(Arrow { from, to, start_ms, end_ms, fate, text: what(row) });
        if step.waited_ns > 0 {
            self.wait(Wait { node: to, start_ms: end_ms, end_ms: handled_ms, is_silence: false });
        }
        true
    }

    fn wait(&mut self, wait: Wait) {
        self.drawing.waits.push(wait);
    }

    fn ms(&self, at_ns: u64) -> f64 {
        at_ns.saturating_sub(self.trace.intended_ns) as f64 / 1e6
    }

    /// Ends the drawing, in which `hidden` rows have no room.
    fn finish(self, hidden: usize) -> PathDrawing {
        let mut drawing = self.drawing;
        drawing.arrows.sort_by_key(|arrow| arrow.fate);
        let arrows = drawing.arrows.iter().map(|arrow| arrow.end_ms);
        let waits = drawing.waits.iter().map(|wait| wait.end_ms);
        let marks = drawing.marks.iter().map(|mark| mark.at_ms);
        drawing.length_ms = arrows.chain(waits).chain(marks).fold(0.0, f64::max);
        if hidden > 0 {
            drawing.note = format!("Steps that are not drawn: {}.", count(hidden as u64));
        }
        drawing
    }
}

/// When the node of `silent` last asked the peer that does not answer.
fn asked_at(steps: &[TracedStep], silent: &TracedStep) -> u64 {
    let is_it = |step: &&TracedStep| {
        step.kind == StepKind::Sent
            && (&step.node, &step.peer) == (&silent.node, &silent.peer)
            && step.at_ns < silent.at_ns
    };
    steps.iter().rev().find(is_it).map_or(silent.at_ns, |step| step.at_ns)
}
