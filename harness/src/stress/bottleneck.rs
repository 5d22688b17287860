//! The resource that gave out: what was used up where the service level broke.
//!
//! **Invariant:** names a resource only if it was at its limit, as measured.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::resources::Usage;
use super::step::Step;
use crate::report::units::{bytes, count, micros};

/// A core that is busier than this is used up.
const BUSY: f64 = 0.9;
/// The share of dropped datagrams from which on sockets have too little room.
const DROPS: f64 = 1e-3;
/// The lag from which on the load generator cannot keep its schedule.
const LAG_MAX: Duration = Duration::from_millis(100);
/// The CPU time of other processes that is worth a warning, as a share of all cores.
const OTHERS: f64 = 0.1;

/// A resource of the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Resource {
    Memory,
    /// Room of sockets for datagrams, which the kernel drops otherwise.
    Sockets,
    Cpu,
    /// The load generator is late, though there is CPU time left.
    Generator,
    /// None of these.
    None,
}

/// What gave out, and all that was looked at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Bottleneck {
    pub(crate) resource: Resource,
    /// What the step broke, or why it did not run.
    pub(crate) broken: Vec<String>,
    /// What was used there; `None` if it did not run.
    pub(crate) usage: Option<Usage>,
    pub(crate) lag_p99_us: Option<f64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) memory_max_bytes: u64,
}

impl Bottleneck {
    /// What gave out at a load that broke the level: `broke` are the steps there, and the last one that ran
    /// tells. `None` if there is none. `lacks_memory` says whether it was too much for memory.
    pub(crate) fn of(
        broke: &[&Step],
        lacks_memory: bool,
        memory_max_bytes: u64,
    ) -> Option<Bottleneck> {
        let ran = broke.iter().rev().find(|step| step.figures.is_some());
        let step = ran.or(broke.last())?;
        let figures = step.figures.as_ref();
        let usage = figures.and_then(|it| it.usage.clone());
        let lag_p99_us = figures.map(|it| it.lag_p99_us);
        let is_any = |wanted: fn(&Usage) -> bool| usage.as_ref().is_some_and(wanted);
        let resource = if lacks_memory {
            Resource::Memory
        } else if is_any(|usage| usage.socket_drops_share > DROPS) {
            Resource::Sockets
        } else if is_any(|usage| usage.cores.iter().any(|busy| *busy >= BUSY)) {
            Resource::Cpu
        } else if lag_p99_us.is_some_and(is_late) {
            Resource::Generator
        } else {
            Resource::None
        };
        Some(Bottleneck {
            resource,
            broken: step.broken.clone(),
            usage,
            lag_p99_us,
            memory_bytes: figures.and_then(|it| it.memory_bytes),
            memory_max_bytes,
        })
    }

    /// The resource, in words.
    pub(crate) fn name(&self) -> &'static str {
        match self.resource {
            Resource::Memory => "memory",
            Resource::Sockets => "the room of sockets",
            Resource::Cpu => "CPU",
            Resource::Generator => "the load generator",
            Resource::None => "none of these",
        }
    }

    /// What was looked at, a phrase for each.
    pub(crate) fn evidence(&self) -> Vec<String> {
        let Some(usage) = &self.usage else { return self.broken.clone() };
        let mut all = Vec::new();
        if !usage.cores.is_empty() {
            all.push(format!("cores {} busy", percents(&usage.cores)));
        }
        all.push(format!("{} datagrams dropped at sockets", count(usage.socket_drops)));
        all.extend(self.lag_p99_us.map(|lag| format!("generator lag p99 {}", micros(lag))));
        all.extend(self.memory_bytes.map(|memory| {
            format!("memory {} of {}", bytes(memory as f64), bytes(self.memory_max_bytes as f64))
        }));
        all
    }

    /// A warning about other processes, if they took much.
    pub(crate) fn warning(&self) -> Option<String> {
        let usage = self.usage.as_ref()?;
        let others = usage.others_cores / usage.cores.len().max(1) as f64;
        (others >= OTHERS).then(|| {
            let others = others * 100.0;
            format!("other processes took {others:.0} % of the CPU: a quiet machine holds more")
        })
    }
}

/// Whether the load generator could not keep its schedule.
fn is_late(lag_p99_us: f64) -> bool {
    lag_p99_us > LAG_MAX.as_micros() as f64
}

/// `97, 98 %`; the lowest and the highest if there are many.
pub(crate) fn percents(cores: &[f64]) -> String {
    let percent = |busy: f64| format!("{:.0}", busy * 100.0);
    if cores.len() <= 8 {
        let all: Vec<String> = cores.iter().map(|&busy| percent(busy)).collect();
        return format!("{} %", all.join(", "));
    }
    let low = cores.iter().copied().fold(f64::INFINITY, f64::min);
    let high = cores.iter().copied().fold(0.0, f64::max);
    format!("{} to {} %", percent(low), percent(high))
}

#[cfg(test)]
mod tests {
    use super::super::service::Service;
    use super::super::step::Figures;
    use super::*;

    fn step(usage: Usage, lag_p99_us: f64) -> Step {
        let figures = Figures {
            service: Service::default(),
            lag_p99_us,
            cpu_us_per_operation: None,
            usage: Some(usage),
            memory_bytes: Some(1 << 20),
            anomalies: None,
        };
        let level = "p99<1s".parse().expect("a level");
        Step::new("1", (8, 100.0), figures, &level)
    }

    fn resource(step: &Step, lacks_memory: bool) -> Resource {
        Bottleneck::of(&[step], lacks_memory, 1 << 30).expect("it ran").resource
    }

    #[test]
    fn what_is_used_up_is_named() {
        let busy = |cores: [f64; 2]| Usage { cores: cores.to_vec(), ..Usage::default() };
        let drops = Usage { socket_drops: 50, socket_drops_share: 0.01, ..busy([0.97, 0.2]) };
        for (usage, lag_us, lacks_memory, expected) in [
            (busy([0.2, 0.97]), 0.0, false, Resource::Cpu),
            (busy([0.2, 0.97]), 2e5, false, Resource::Cpu),
            (busy([0.2, 0.3]), 2e5, false, Resource::Generator),
            (busy([0.2, 0.3]), 0.0, false, Resource::None),
            (drops.clone(), 0.0, false, Resource::Sockets),
            (drops, 0.0, true, Resource::Memory),
        ] {
            assert_eq!(resource(&step(usage, lag_us), lacks_memory), expected);
        }
        let not_run = Step::not_run("1", (8, 1.0), "too many".to_owned());
        assert_eq!(Bottleneck::of(&[], true, 1), None);
        assert_eq!(resource(&not_run, false), Resource::None);
        let lacking = Bottleneck::of(&[&not_run], true, 1).expect("a step");
        assert_eq!(
            (lacking.resource, lacking.evidence().join("")),
            (Resource::Memory, "too many".into())
        );
    }

    #[test]
    fn what_others_take_is_said() {
        let usage = Usage { cores: vec![1.0, 0.98], others_cores: 0.5, ..Usage::default() };
        let found = Bottleneck::of(&[&step(usage, 1500.0)], false, 1 << 30).expect("it ran");
        assert!(found.warning().is_some_and(|it| it.contains("25 %")));
        let evidence = found.evidence().join("; ");
        assert!(evidence.starts_with("cores 100, 98 % busy; 0 datagrams"), "{evidence}");
        assert_eq!(percents(&[0.5; 9]), "50 to 50 %");
    }
}
