//! The CPU time that the host and other processes took during a measurement, from `/proc/stat`.
//!
//! **Invariant:** shares are fractions of the CPU time of all cores, and never negative.

use std::fs;
use std::io;

use serde::Serialize;

/// Ticks of `/proc/stat` per second: `USER_HZ`, which is the same on all common processors.
const TICKS_PER_S: f64 = 100.0;

/// CPU time of all cores together since boot, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTicks {
    /// Spent in processes, the kernel and interrupts.
    pub busy: u64,
    /// Spent by the host on other guests.
    pub steal: u64,
    /// Total, including idle time.
    pub total: u64,
}

/// CPU time taken by the host and other processes, as fractions of the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MachineLoad {
    /// Taken by the host.
    pub steal: f64,
    /// Taken by other processes.
    pub others: f64,
}

impl CpuTicks {
    /// Reads the current ticks.
    ///
    /// # Errors
    ///
    /// If `/proc/stat` cannot be read or parsed.
    pub fn now() -> io::Result<CpuTicks> {
        let text = fs::read_to_string("/proc/stat")?;
        CpuTicks::parse(&text).ok_or_else(|| io::Error::other("/proc/stat has no line of all CPUs"))
    }

    /// Parses the line `cpu user nice system idle iowait irq softirq steal guest guest_nice`. User
    /// time includes guest time.
    fn parse(text: &str) -> Option<CpuTicks> {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks: Option<Vec<u64>> =
            line.split_whitespace().map(|number| number.parse().ok()).collect();
        let &[user, nice, system, idle, iowait, irq, softirq, steal, ..] = ticks?.as_slice() else {
            return None;
        };
        let busy = user + nice + system + irq + softirq;
        Some(CpuTicks { busy, steal, total: busy + steal + idle + iowait })
    }
}

impl MachineLoad {
    /// The load between two instants, without the measurement's own `own_cpu_s` seconds of CPU
    /// time.
    #[must_use]
    pub fn between(before: CpuTicks, after: CpuTicks, own_cpu_s: f64) -> MachineLoad {
        let since = |after: u64, before: u64| after.saturating_sub(before) as f64;
        let total = since(after.total, before.total).max(1.0);
        let others = since(after.busy, before.busy) - own_cpu_s * TICKS_PER_S;
        MachineLoad {
            steal: since(after.steal, before.steal) / total,
            others: others.max(0.0) / total,
        }
    }

    /// The sum of both shares.
    #[must_use]
    pub fn share(self) -> f64 {
        self.steal + self.others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "cpu  100 10 50 1000 5 1 4 20 7 0\ncpu0 1 2 3\nctxt 5\n";

    #[test]
    fn reads_all_cores_together() {
        let ticks = CpuTicks { busy: 165, steal: 20, total: 1190 };
        assert_eq!(CpuTicks::parse(BEFORE), Some(ticks));
        assert_eq!(CpuTicks::parse("cpu0 1 2 3 4 5 6 7 8\n"), None);
        assert_eq!(CpuTicks::parse("cpu  1 2 3 4 5 6 7\n"), None);
        assert_eq!(CpuTicks::parse("cpu  1 2 3 4 5 6 x 8\n"), None);
        assert!(CpuTicks::now().is_ok_and(|ticks| ticks.total > 0));
    }

    #[test]
    fn own_time_is_not_others() {
        let before = CpuTicks { busy: 100, steal: 10, total: 1000 };
        let after = CpuTicks { busy: 400, steal: 30, total: 1400 };
        let load = MachineLoad::between(before, after, 2.0);
        assert_eq!(load, MachineLoad { steal: 0.05, others: 0.25 });
        assert!((load.share() - 0.3).abs() < 1e-12);
        // Ticks are sampled, so the process's own time may exceed them.
        assert_eq!(MachineLoad::between(before, after, 3.5).others, 0.0);
        assert_eq!(MachineLoad::between(after, after, 0.0), MachineLoad::default());
    }
}
