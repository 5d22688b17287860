//! The number of nodes that a scenario plans for.
//!
//! **Invariant:** the same for every engine and every system.

use crate::Scenario;
use crate::churn::trace::Trace;

/// The most nodes at a time by plan: those of the start or the trace, and those that faults add.
/// Other churn is not counted. So many `directors` share the nodes equally.
pub(super) fn planned_nodes(scenario: &Scenario, trace: Option<&Trace>, directors: usize) -> usize {
    let nodes = scenario.nodes as usize;
    let most_up = trace.map_or(nodes, |trace| directors * trace.most_up(directors));
    let most_up = most_up.max(nodes);
    most_up + scenario.joining_in_faults(most_up as u64) as usize
}
