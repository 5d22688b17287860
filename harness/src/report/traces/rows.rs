//! The steps of a trace as rows.
//!
//! A message that a node handles is one row: that of its arrival. One that nobody handles is the row that says
//! why. Acknowledgements are left out: they move no lookup.
//!
//! **Invariant:** rows are in the order of the steps.

use std::collections::{BTreeMap, VecDeque};

use crate::measure::trace::{LookupTrace, StepKind, TracedStep};

/// Something that happens to a lookup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) step: &'a TracedStep,
    /// The step in which the message that arrives or is lost was sent.
    pub(crate) sent: Option<&'a TracedStep>,
    /// Its number among the hops that led to the answer, from 1.
    pub(crate) hop: Option<usize>,
    /// Whether it is on the way that led to the answer.
    pub(crate) is_on_way: bool,
    /// Whether its node sends again, elsewhere, because a contact did not answer.
    pub(crate) is_detour: bool,
}

impl Row<'_> {
    /// Whether it is worth a row in any case.
    pub(crate) fn is_essential(&self) -> bool {
        let of_origin = matches!(self.step.kind, StepKind::Asked | StepKind::Answered);
        of_origin
            || self.is_on_way
            || matches!(self.step.kind, StepKind::Refused | StepKind::Failed)
    }
}

/// The rows of a trace.
pub(crate) fn rows(trace: &LookupTrace) -> Vec<Row<'_>> {
    let way = trace.way();
    let senders = senders(trace);
    let mut hops = 0;
    let mut rows = Vec::new();
    for (at, step) in trace.steps.iter().enumerate() {
        let is_on_way = way.binary_search(&at).is_ok();
        let is_hop = is_on_way && step.node != trace.origin;
        hops += usize::from(is_hop);
        let is_detour = step.kind == StepKind::Sent && is_detour(&trace.steps[..at], step);
        let is_arriving = step.kind == StepKind::Sent && senders.arriving.contains(&at);
        if step.is_ack() && !step.kind.is_drop() || is_arriving && !is_detour {
            continue;
        }
        let sent = senders.of.get(&at).map(|&sent| &trace.steps[sent]);
        rows.push(Row { step, sent, hop: is_hop.then_some(hops), is_on_way, is_detour });
    }
    rows
}

/// Which message was sent in which step.
struct Senders {
    /// By the step in which the message ends.
    of: BTreeMap<usize, usize>,
    /// The steps in which messages are sent that end somewhere.
    arriving: std::collections::BTreeSet<usize>,
}

/// Matches the ends of messages with their starts. Of several of a name between the same nodes, the first
/// one is taken to arrive first.
fn senders(trace: &LookupTrace) -> Senders {
    type Way<'a> = (&'a str, &'a str, Option<&'a str>);
    let mut under_way: BTreeMap<Way<'_>, VecDeque<usize>> = BTreeMap::new();
    let mut of = BTreeMap::new();
    for (at, step) in trace.steps.iter().enumerate() {
        let Some(peer) = &step.peer else { continue };
        let (node, name) = (step.node.as_str(), step.message.as_deref());
        let from_here = under_way.entry((node, peer, name)).or_default();
        let sent = match step.kind {
            StepKind::Sent => {
                from_here.push_back(at);
                continue;
            }
            StepKind::Lost => from_here.pop_back(),
            kind if kind.is_drop() || kind == StepKind::Received => {
                under_way.entry((peer, node, name)).or_default().pop_front()
            }
            _ => continue,
        };
        of.extend(sent.map(|sent| (at, sent)));
    }
    let arriving = of.values().copied().collect();
    Senders { of, arriving }
}

/// Whether the node of `sent`, which comes after `before`, sends because a contact was silent.
fn is_detour(before: &[TracedStep], sent: &TracedStep) -> bool {
    let same_time = before.iter().rev().take_while(|step| step.at_ns == sent.at_ns);
    !sent.is_ack()
        && same_time
            .filter(|step| step.node == sent.node)
            .any(|step| step.kind == StepKind::TimedOut)
}
