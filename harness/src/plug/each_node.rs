//! A ready-made checker for a rule about single nodes.
//!
//! **Invariant:** looks only at the node of the event.

use std::fmt;

use hopwise_kernel::{Id, Node, Time};

use super::Checker;
use crate::measure::outcome::{Check, Finding};

/// Checks after every event that the node of the event keeps a rule.
pub struct EachNode<N> {
    rule: &'static str,
    keeps: fn(&N) -> bool,
    found: Check,
}

impl<N> EachNode<N> {
    /// Creates a checker of `rule`, stated in words. `keeps` says whether a node keeps it.
    pub fn new(rule: &'static str, keeps: fn(&N) -> bool) -> EachNode<N> {
        EachNode { rule, keeps, found: Check::default() }
    }

    fn fail(&mut self, now: Time, node: Id) {
        self.found.violations += 1;
        let at_s = now.since(Time::ZERO).as_secs_f64();
        let broken = format!("node {node} breaks the rule: {}", self.rule);
        self.found.first.get_or_insert(Finding { at_s, broken, replay: None });
    }
}

impl<N: Node + 'static> Checker<N> for EachNode<N> {
    fn look(&mut self, now: Time, _place: u32, node: Option<&N>) {
        if let Some(node) = node.filter(|node| !(self.keeps)(node)) {
            self.fail(now, node.peer().id);
        }
    }

    fn findings(self, _now: Time, _nodes: &mut dyn Iterator<Item = &N>) -> Check {
        self.found
    }
}

impl<N> fmt::Debug for EachNode<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EachNode").field("rule", &self.rule).finish_non_exhaustive()
    }
}
