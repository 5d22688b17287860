//! Faults at scheduled times.
//!
//! **Invariant:** a node that a fault crashed returns at most once.

use hopwise_kernel::Time;

use super::{Director, NONE, NodeControl, PendingJoin};
use crate::scenario::{Amount, FaultKind, Target};
use crate::workload::Workload;

impl<W: Workload> Director<W> {
    /// Applies the faults that are due by `until`.
    pub(super) fn turn_faults(&mut self, nodes: &mut dyn NodeControl<W::Question>, until: Time) {
        while let Some(fault) = self.faults.next(until) {
            let count = match fault.amount {
                Amount::Fraction(share) => {
                    let of = match fault.kind {
                        FaultKind::Return => self.crashed.len(),
                        _ => self.members.len(),
                    };
                    (of as f64 * share).round() as usize
                }
                Amount::Count(count) => self.share.part(count as usize),
            };
            if fault.over.is_zero() {
                (0..count).for_each(|_| self.apply_fault(nodes, fault.at, fault.kind));
            } else {
                self.faults.spread(fault, count, self.share);
            }
        }
    }

    fn apply_fault(&mut self, nodes: &mut dyn NodeControl<W::Question>, at: Time, kind: FaultKind) {
        match kind {
            FaultKind::Join => self.to_join.push(PendingJoin::default()),
            FaultKind::Crash(target) => {
                let target_place = match target {
                    Target::Random => self.random_member(),
                    Target::Busiest => nodes.busiest(),
                };
                if let Some(place) = target_place.filter(|&place| self.can_depart(place)) {
                    self.crash(nodes, at, place);
                }
            }
            FaultKind::Leave => self.depart_random(nodes, at, true),
            FaultKind::Return => {
                if let Some((_, pending)) = self.crashed.pop_last() {
                    self.to_join.push(pending);
                }
            }
        }
    }

    /// Crashes a member. A later fault may bring it back.
    fn crash(&mut self, nodes: &mut dyn NodeControl<W::Question>, at: Time, place: u32) {
        let trace_node = self.schedule.as_ref().and_then(|schedule| schedule.node_in(place));
        let id = Some(self.ids[place as usize]);
        self.crashes += 1;
        self.crashed.insert(self.crashes, PendingJoin { id, trace_node, place: Some(place) });
        self.remove_member(nodes, at, place, false, Some(self.crashes));
    }

    /// Whether `place` has a member that may depart. The last member may not.
    pub(super) fn can_depart(&self, place: u32) -> bool {
        match self.server {
            Some(server) if server.place == place => server.is_live,
            _ => self.position[place as usize] != NONE && self.members.len() > 1,
        }
    }
}
