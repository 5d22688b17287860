//! The drawing of a trace: rows of nodes, time to the right, arrows for messages.
//!
//! **Invariant:** a drawing has a bounded number of nodes and arrows. What is left out is counted.

use std::collections::BTreeMap;

use super::rows::{Row, rows};
use super::short;
use super::text::summary;
use crate::measure::trace::{LookupTrace, StepKind, TracedStep};
use crate::report::document::{Arrow, Fate, Mark, PathDrawing, Wait};
use crate::report::units::count;

/// The most nodes of a drawing. The rows of these nodes are drawn.
const NODES_MAX: usize = 32;
/// The most arrows of a drawing.
const ARROWS_MAX: usize = 300;

/// The drawing of `trace`.
pub(crate) fn drawing(trace: &LookupTrace) -> PathDrawing {
    let all = rows(trace);
    let mut drawing = PathDrawing {
        title: format!("Lookup {}", trace.number),
        detail: summary(trace),
        ..PathDrawing::default()
    };
    let nodes = nodes(trace, &all, &mut drawing);
    let at = |ns: u64| ns.saturating_sub(trace.intended_ns) as f64 / 1e6;
    let mut hidden = 0;
    // The rows on the way come first, so that they have room.
    let (on_way, others): (Vec<&Row<'_>>, Vec<_>) = all.iter().partition(|row| row.is_essential());
    for row in on_way.into_iter().chain(others) {
        let step = row.step;
        let peer = step.peer.as_deref();
        let (Some(&node), peer) =
            (nodes.get(step.node.as_str()), peer.and_then(|peer| nodes.get(peer).copied()))
        else {
            hidden += 1;
            continue;
        };
        let end_ms = at(step.at_ns);
        let fate = match step.kind {
            StepKind::Received if row.is_on_way => Fate::OnWay,
            StepKind::Received => Fate::Beside,
            kind if kind.is_drop() => Fate::Lost,
            StepKind::TimedOut => {
                let start_ms = at(asked_at(&trace.steps, row).unwrap_or(step.at_ns));
                drawing.waits.push(Wait { node, start_ms, end_ms, is_silence: true });
                continue;
            }
            StepKind::Asked => {
                drawing.marks.push(Mark { node, at_ms: end_ms, text: "asked", is_bad: false });
                continue;
            }
            StepKind::Answered => {
                drawing.marks.push(Mark { node, at_ms: end_ms, text: "answered", is_bad: false });
                continue;
            }
            StepKind::Failed | StepKind::Refused => {
                let text = if step.kind == StepKind::Failed { "failed" } else { "refused" };
                drawing.marks.push(Mark { node, at_ms: end_ms, text, is_bad: true });
                continue;
            }
            // Its end is another row.
            _ => continue,
        };
        let start_ms = row.sent.map_or(end_ms, |sent| at(sent.at_ns));
        // A message is lost at its sender, and arrives at its receiver.
        let ends =
            if step.kind == StepKind::Lost { (Some(node), peer) } else { (peer, Some(node)) };
        let (Some(from), Some(to)) = ends else {
            hidden += 1;
            continue;
        };
        if drawing.arrows.len() == ARROWS_MAX {
            hidden += 1;
            continue;
        }
        let handled_ms = end_ms;
        let end_ms = end_ms - step.waited_ns as f64 / 1e6;
        if step.waited_ns > 0 {
            let wait = Wait { node, start_ms: end_ms, end_ms: handled_ms, is_silence: false };
            drawing.waits.push(wait);
        }
        let text = super::text::what(row);
        drawing.arrows.push(Arrow { from, to, start_ms, end_ms, fate, text });
    }
    drawing.arrows.sort_by_key(|arrow| arrow.fate);
    let ends = drawing.arrows.iter().map(|it| it.end_ms);
    let ends = ends.chain(drawing.marks.iter().map(|it| it.at_ms));
    drawing.length_ms = ends.chain(drawing.waits.iter().map(|it| it.end_ms)).fold(0.0, f64::max);
    if hidden > 0 {
        drawing.note = format!("{} more steps at other nodes are not drawn.", count(hidden));
    }
    drawing
}

/// The row of each node that is drawn: in the order of the path, the origin first.
fn nodes<'a>(
    trace: &LookupTrace,
    all: &[Row<'a>],
    drawing: &mut PathDrawing,
) -> BTreeMap<&'a str, usize> {
    let mut places = BTreeMap::new();
    let essential = all.iter().filter(|row| row.is_essential()).map(|row| row.step.node.as_str());
    let others = all.iter().flat_map(|row| [Some(&row.step.node), row.step.peer.as_ref()]);
    for node in essential.chain(others.flatten().map(String::as_str)) {
        if places.len() < NODES_MAX {
            places.entry(node).or_insert(usize::MAX);
        }
    }
    let order = all.iter().flat_map(|row| [Some(&row.step.node), row.step.peer.as_ref()]);
    for node in order.flatten().map(String::as_str) {
        if let Some(place) = places.get_mut(node)
            && *place == usize::MAX
        {
            *place = drawing.nodes.len();
            let is_owner = trace.owner.as_deref() == Some(node);
            drawing.nodes.push((short(node).to_owned(), is_owner));
        }
    }
    places
}

/// When the contact that is silent in `row` was asked.
fn asked_at(steps: &[TracedStep], row: &Row<'_>) -> Option<u64> {
    let silent = row.step;
    let is_it = |step: &&TracedStep| {
        step.kind == StepKind::Sent
            && step.node == silent.node
            && step.peer == silent.peer
            && step.at_ns < silent.at_ns
    };
    steps.iter().rev().find(is_it).map(|step| step.at_ns)
}
