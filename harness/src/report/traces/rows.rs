//! The steps of a trace as rows.
//!
//! A message that a node handles has one row, for its arrival. A message that no node handles has one row, which
//! says why. Acknowledgements are left out: they move no lookup.
//!
//! **Invariant:** rows are in the order of the steps.

use std::collections::BTreeSet;

use crate::measure::trace::{LookupTrace, StepKind, TracedStep};

/// Something that happens to a lookup.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row<'a> {
    pub(crate) step: &'a TracedStep,
    /// The step in which the message that arrives or is lost was sent.
    pub(crate) sent: Option<&'a TracedStep>,
    /// Its number among the hops that led to the answer, from 1.
    pub(crate) hop: Option<u32>,
    /// Whether it is on the way that led to the answer.
    pub(crate) is_on_way: bool,
    /// Whether its node sends because a contact did not answer.
    pub(crate) resends: Option<Resends>,
}

/// Where a node sends after a contact did not answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Resends {
    /// To the same contact.
    Again,
    /// To another one.
    Elsewhere,
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
    let senders = trace.senders();
    let arriving: BTreeSet<usize> = senders.values().copied().collect();
    let mut hops = 0;
    let mut rows = Vec::new();
    for (at, step) in trace.steps.iter().enumerate() {
        let on_way = way.binary_search_by_key(&at, |on| on.step).ok().map(|index| way[index]);
        let is_on_way = on_way.is_some();
        let is_hop = on_way.is_some_and(|on| on.is_hop);
        hops += u32::from(is_hop);
        let hop = is_hop.then_some(hops);
        let resends = resends(&trace.steps[..at], step);
        let is_arriving = step.kind == StepKind::Sent && arriving.contains(&at);
        if step.is_ack() && !step.kind.is_drop() || is_arriving && resends.is_none() {
            continue;
        }
        let sent = senders.get(&at).map(|&sent| &trace.steps[sent]);
        rows.push(Row { step, sent, hop, is_on_way, resends });
    }
    rows
}

/// Where `step`, which comes after `before`, sends, if it does so because a contact did not answer.
fn resends(before: &[TracedStep], step: &TracedStep) -> Option<Resends> {
    if step.kind != StepKind::Sent || step.is_ack() {
        return None;
    }
    let of_node = || before.iter().rev().filter(|earlier| earlier.node == step.node);
    let silent = of_node()
        .take_while(|earlier| earlier.at_ns == step.at_ns)
        .find(|earlier| earlier.kind == StepKind::TimedOut)?;
    // An answer is sent because of a silent contact, too, but is no new attempt.
    let asked = of_node().find(|it| it.kind == StepKind::Sent && it.peer == silent.peer)?;
    if asked.message != step.message {
        return None;
    }
    Some(if silent.peer == step.peer { Resends::Again } else { Resends::Elsewhere })
}
