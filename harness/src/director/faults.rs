//! Faults: what goes wrong at stated times.
//!
//! **Invariant:** whom a fault has crashed comes back once at most.

use std::cmp::Reverse;
use std::time::Duration;

use hopwise_kernel::Time;

use super::{Director, NONE, Newcomer, NodeControl, Strike};
use crate::scenario::{Amount, FaultKind, Target};
use crate::workload::Workload;

impl<W: Workload> Director<W> {
    pub(super) fn turn_faults(&mut self, nodes: &mut impl NodeControl<W::Question>, until: Time) {
        while let Some(strike) = self.faults.pop_if(|strike| strike.at <= until) {
            let count = match strike.amount {
                Amount::Fraction(share) => {
                    let of = match strike.kind {
                        FaultKind::Return => self.crashed.len(),
                        _ => self.members.len(),
                    };
                    (of as f64 * share).round() as usize
                }
                Amount::Count(count) => self.share.part(count as usize),
            };
            if strike.over.is_zero() {
                (0..count).for_each(|_| self.strike_one(nodes, strike.at, strike.kind));
                continue;
            }
            let singly = |index: usize| Strike {
                at: strike.at + strike.over.mul_f64(index as f64 / count as f64),
                over: Duration::ZERO,
                kind: strike.kind,
                amount: Amount::Count((self.share.of) as u32),
            };
            self.faults.extend((0..count).map(singly));
            self.faults.sort_by_key(|strike| Reverse(strike.at));
        }
    }

    fn strike_one(&mut self, nodes: &mut impl NodeControl<W::Question>, at: Time, kind: FaultKind) {
        match kind {
            FaultKind::Join => self.to_join.push(Newcomer::default()),
            FaultKind::Crash(target) => {
                let struck = match target {
                    Target::Random => self.random_member(),
                    Target::Busiest => nodes.busiest(),
                };
                if let Some(place) = struck.filter(|&place| self.can_go(place)) {
                    self.crash(nodes, at, place);
                }
            }
            FaultKind::Leave => self.depart_random(nodes, at, true),
            FaultKind::Return => {
                if let Some((_, newcomer)) = self.crashed.pop_last() {
                    self.to_join.push(newcomer);
                }
            }
        }
    }

    /// A fault takes a member away, and another may bring it back.
    fn crash(&mut self, nodes: &mut impl NodeControl<W::Question>, at: Time, place: u32) {
        let name = self.cast.as_ref().and_then(|cast| cast.name_in(place));
        let id = Some(self.ids[place as usize]);
        self.crashes += 1;
        self.crashed.insert(self.crashes, Newcomer { id, name, place: Some(place) });
        self.take_away(nodes, at, place, false, Some(self.crashes));
    }

    /// Whether `place` has a member that the system can do without: the last of all nobody could
    /// join.
    pub(super) fn can_go(&self, place: u32) -> bool {
        match self.server {
            Some(server) if server.place == place => server.is_live,
            _ => self.position[place as usize] != NONE && self.members.len() > 1,
        }
    }
}
