//! Faults at scheduled times.
//!
//! **Invariant:** a node that a fault crashed returns at most once.

use hopwise_kernel::Time;

use super::fault_schedule::ScheduledFault;
use super::{Director, NONE, NodeControl, PendingJoin};
use crate::scenario::{Amount, FaultKind, Target};
use crate::workload::Workload;

impl<W: Workload> Director<W> {
    /// Applies the faults that are due by `until`.
    pub(super) fn turn_faults(&mut self, nodes: &mut dyn NodeControl<W::Question>, until: Time) {
        while let Some(fault) = self.faults.next(until) {
            let count = if fault.is_part { 1 } else { self.count_of(&fault) };
            if fault.over.is_zero() {
                (0..count).for_each(|_| self.apply_fault(nodes, &fault));
            } else {
                self.faults.spread(fault, count);
            }
        }
    }

    /// How many nodes of this share `fault` hits, at most.
    fn count_of(&self, fault: &ScheduledFault) -> usize {
        let (number, index) = (fault.number, self.share.index);
        match (fault.kind, fault.amount) {
            (FaultKind::Crash(Target::Random) | FaultKind::Leave, amount) => {
                self.agreement.departures(number, amount, fault.over.is_zero(), index)
            }
            (FaultKind::Return, Amount::Fraction(share)) => {
                self.agreement.part_of_fraction(number, share, self.crashed.len())
            }
            (_, Amount::Fraction(share)) => {
                self.agreement.part_of_fraction(number, share, self.members.len())
            }
            // Which director controls the nodes is seen when the fault is applied.
            (_, Amount::Count(count)) => count as usize,
        }
    }

    fn apply_fault(&mut self, nodes: &mut dyn NodeControl<W::Question>, fault: &ScheduledFault) {
        match fault.kind {
            FaultKind::Join => self.to_join.push(PendingJoin::default()),
            FaultKind::Crash(target) => {
                let target_place = match target {
                    Target::Random => {
                        self.agreement.release(self.share.index, !fault.is_part);
                        self.random_member()
                    }
                    Target::Busiest => {
                        let node = nodes.busiest(fault.number);
                        node.map(|node| self.per_host.host_of(node))
                    }
                };
                if let Some(place) = target_place.filter(|&place| self.can_depart(place)) {
                    self.crash(nodes, fault.at, place);
                }
            }
            FaultKind::Leave => {
                self.agreement.release(self.share.index, !fault.is_part);
                self.depart_random(nodes, fault.at, true);
            }
            FaultKind::Return => self.bring_back(fault),
            FaultKind::Disturbance(_) | FaultKind::Swarm => {}
        }
    }

    /// Lets the node return that a fault crashed last.
    fn bring_back(&mut self, fault: &ScheduledFault) {
        let may_return = match fault.amount {
            Amount::Fraction(_) => true,
            Amount::Count(count) => {
                !self.crashed.is_empty() && self.agreement.take_turn(fault.number, count)
            }
        };
        if may_return && let Some((_, pending)) = self.crashed.pop_last() {
            self.to_join.push(pending);
        }
    }

    /// Crashes a member. A later fault may bring it back.
    fn crash(&mut self, nodes: &mut dyn NodeControl<W::Question>, at: Time, place: u32) {
        let trace_node = self.schedule.as_ref().and_then(|schedule| schedule.node_in(place));
        let id = Some(self.id_of_host(place));
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
