//! What follows from all that was measured.
//!
//! **Invariant:** runs nothing.

use super::Session;
use crate::stress::bottleneck::Bottleneck;
use crate::stress::packets::median;
use crate::stress::step::Step;

impl Session<'_> {
    /// What follows from all that was measured.
    pub(super) fn conclude(&mut self) {
        let findings = &mut self.findings;
        findings.wall_s = self.clock.elapsed().as_secs_f64();
        findings.packets_per_s = median(&mut self.packets);
        let Some(knee) = findings.knee else {
            let broke: Vec<&Step> = findings.steps.iter().filter(|step| !step.held).collect();
            findings.bottleneck = Bottleneck::of(&broke, self.lacks_memory, self.memory_max_bytes);
            return;
        };
        let per_packet = |packets: f64| knee.per_s / packets;
        findings.capacity_per_packet = findings.packets_per_s.map(per_packet);
        let is_above = |step: &&Step| Some(step.planned_per_s) == knee.broke_per_s && !step.held;
        let broke: Vec<&Step> = findings.steps.iter().filter(is_above).collect();
        let lacks_memory = self.lacks_memory && broke.iter().all(|step| step.figures.is_none());
        if !broke.is_empty() {
            findings.bottleneck = Bottleneck::of(&broke, lacks_memory, self.memory_max_bytes);
        }
        let at_knee = findings.steps.iter().rev().find(|step| step.held);
        let usage = at_knee.and_then(|step| step.figures.as_ref()?.usage.as_ref());
        let cores = findings.machine.cores;
        if let Some(usage) = usage
            && findings.target.is_none()
            && knee.broke_per_s.is_some()
            && !findings.interrupted
        {
            let busy = (usage.process_cores / cores.max(1) as f64).min(1.0);
            findings.servers = findings.costs.servers(cores, busy, knee.per_s);
        }
    }
}
