//! The runs that find what operations and idle nodes cost.
//!
//! **Invariant:** a cost whose run did not end is not known.

use super::{End, Session};
use crate::measure::EngineError;
use crate::stress::costs::Costs;
use crate::stress::plan::Cost;
use crate::stress::step::Figures;

impl Session<'_> {
    /// Finds the CPU time of operations.
    pub(super) fn find_costs(&mut self) -> Result<(), EngineError> {
        let Some(knee) = self.findings.knee else { return Ok(()) };
        let mut costs = Costs::default();
        for cost in [Cost::Idle, Cost::Lookups, Cost::Gets, Cost::Puts] {
            let Some(scenario) = self.plan.cost(cost, knee.nodes) else { continue };
            if self.too_large(scenario.nodes).is_some() {
                continue;
            }
            if self.is_over() || self.time_left() < self.plan.step_length() {
                break;
            }
            let name = match cost {
                Cost::Idle => "idle",
                Cost::Lookups => "lookups",
                Cost::Gets => "gets",
                Cost::Puts => "puts",
            };
            let folder = self.next_folder(name);
            let (ran, watched) = match self.watched(&scenario)? {
                End::Ran(ran, watched) => (ran, watched),
                End::Not(..) | End::Over(..) => continue,
            };
            self.world.keep(&folder, &scenario, &ran)?;
            let completed = ran.outcome.lookups.completed;
            let length_s = ran.measured.as_secs_f64();
            let Some(cpu_us) = Figures::new(&ran, &watched.readings).cpu_us(completed) else {
                continue;
            };
            let own = (completed > 0).then(|| cpu_us / completed as f64);
            match cost {
                Cost::Idle => {
                    let node_s = f64::from(scenario.nodes) * length_s;
                    costs.node_us_per_s = (node_s > 0.0).then(|| cpu_us / node_s);
                    costs.idle_nodes = Some(scenario.nodes);
                }
                Cost::Lookups => costs.lookup_us = own,
                Cost::Gets => costs.get_us = own,
                Cost::Puts => costs.put_us = own,
            }
        }
        self.findings.costs = costs;
        Ok(())
    }
}
