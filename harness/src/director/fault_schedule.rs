//! The faults of a run that are still to come.
//!
//! **Invariant:** faults are taken in the order of their times.

use std::cmp::Reverse;
use std::time::Duration;

use hopwise_kernel::Time;

use crate::Scenario;
use crate::churn::Share;
use crate::scenario::{Amount, Fault, FaultKind, Target};

/// A fault to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScheduledFault {
    /// Its number among the faults of the scenario.
    pub(super) number: u32,
    pub(super) at: Time,
    pub(super) over: Duration,
    pub(super) kind: FaultKind,
    /// A count of nodes that join is that of this share; other amounts are those of all together.
    pub(super) amount: Amount,
    /// Whether it is one of several of the same number and hits one node of this share.
    pub(super) is_part: bool,
}

/// Faults in the order in which they are due.
#[derive(Debug, Default)]
pub(super) struct FaultSchedule {
    /// Latest first.
    faults: Vec<ScheduledFault>,
}

impl FaultSchedule {
    /// The faults of a run whose measured phase starts at `start`, as the director of `share` sees them.
    pub(super) fn new(scenario: &Scenario, share: Share, start: Time) -> FaultSchedule {
        // Nodes that join are dealt out one by one, as those of the start.
        let mut dealt = scenario.nodes as usize;
        let scheduled = |(number, fault): (u32, &Fault)| {
            let &Fault { at, over, kind, amount } = fault;
            let amount = match (kind, amount) {
                (FaultKind::Join, Amount::Count(count)) => {
                    let before = share.part(dealt);
                    dealt += count as usize;
                    Amount::Count((share.part(dealt) - before) as u32)
                }
                _ => amount,
            };
            ScheduledFault { number, at: start + at, over, kind, amount, is_part: false }
        };
        // Disturbances are the network's.
        let strikes = |(_, fault): &(u32, &Fault)| !fault.kind.lasts();
        let faults = (0..).zip(&scenario.faults).filter(strikes).map(scheduled);
        let mut faults: Vec<ScheduledFault> = faults.collect();
        faults.reverse();
        let mut schedule = FaultSchedule { faults };
        schedule.sort();
        schedule
    }

    /// Takes the next fault that is due by `until`.
    pub(super) fn next(&mut self, until: Time) -> Option<ScheduledFault> {
        self.faults.pop_if(|fault| fault.at <= until)
    }

    /// When the next fault is due; [`Time::NEVER`] if there is none.
    pub(super) fn next_due(&self) -> Time {
        self.faults.last().map_or(Time::NEVER, |fault| fault.at)
    }

    /// Whether a fault to come hits the busiest node.
    pub(super) fn may_ask_for_busiest(&self) -> bool {
        self.faults.iter().any(|fault| fault.kind == FaultKind::Crash(Target::Busiest))
    }

    /// Schedules a `fault` that hits `count` nodes of this share over some time as that many single
    /// faults, evenly spread.
    pub(super) fn spread(&mut self, fault: ScheduledFault, count: usize) {
        let single = |index: usize| ScheduledFault {
            at: fault.at + fault.over.mul_f64(index as f64 / count as f64),
            over: Duration::ZERO,
            is_part: true,
            ..fault
        };
        self.faults.extend((0..count).map(single));
        self.sort();
    }

    fn sort(&mut self) {
        self.faults.sort_by_key(|fault| Reverse(fault.at));
    }
}
