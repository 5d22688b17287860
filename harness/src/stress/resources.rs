//! What the machine has used up: CPU time per core, memory, and datagrams that the kernel dropped.
//!
//! **Invariant:** never fails; what cannot be read is 0 or missing.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::cpu_time::cpu_time;
use crate::measure::provenance::rss_bytes;

/// The counters of the machine at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    /// When it was taken, since the start of the watch.
    pub(crate) at: Duration,
    cores: Vec<Ticks>,
    /// CPU time of this process.
    process: Duration,
    udp: Udp,
}

/// The time of a core, in ticks of the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    all: u64,
}

/// Datagrams of all sockets of this network namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Udp {
    received: u64,
    /// Those for which a socket had no room.
    dropped: u64,
}

/// What was used between two readings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// How busy each core was, with all that ran on it, from 0 to 1.
    pub(crate) cores: Vec<f64>,
    /// The CPU time of this process, in cores: 1 is one core, all the time.
    pub(crate) process_cores: f64,
    /// The CPU time of everything else, in cores.
    pub(crate) others_cores: f64,
    /// Datagrams for which a socket had no room.
    pub(crate) socket_drops: u64,
    /// The same as a share of all datagrams that arrived.
    pub(crate) socket_drops_share: f64,
}

impl Usage {
    /// How busy the cores were on average, from 0 to 1; `None` if that is not known.
    pub(crate) fn busy(&self) -> Option<f64> {
        let sum: f64 = self.cores.iter().sum();
        (!self.cores.is_empty()).then(|| sum / self.cores.len() as f64)
    }

    /// The CPU time of this process, as a share of all cores; `None` if their number is not known.
    pub(crate) fn own(&self) -> Option<f64> {
        (!self.cores.is_empty()).then(|| self.process_cores / self.cores.len() as f64)
    }
}

impl Reading {
    /// Reads all counters now.
    pub(crate) fn take(at: Duration) -> Reading {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        Reading {
            at,
            cores: cores(&text("/proc/stat")),
            process: cpu_time(),
            udp: udp(&text("/proc/net/snmp")),
        }
    }
}

/// Memory that this process occupies, in bytes.
pub(crate) fn memory_bytes() -> u64 {
    rss_bytes()
}

/// What was used from `from` to `to`, or between the readings nearest to them. `None` if they are one.
pub(crate) fn usage(readings: &[Reading], from: Duration, to: Duration) -> Option<Usage> {
    let nearest = |at: Duration| readings.iter().min_by_key(|reading| reading.at.abs_diff(at));
    let (first, last) = (nearest(from)?, nearest(to)?);
    let length_s = last.at.checked_sub(first.at)?.as_secs_f64();
    if length_s == 0.0 {
        return None;
    }
    let busy = |(a, b): (&Ticks, &Ticks)| {
        let all = b.all.saturating_sub(a.all);
        b.busy.saturating_sub(a.busy) as f64 / all.max(1) as f64
    };
    let cores: Vec<f64> = first.cores.iter().zip(&last.cores).map(busy).collect();
    let process_cores = last.process.saturating_sub(first.process).as_secs_f64() / length_s;
    let dropped = last.udp.dropped.saturating_sub(first.udp.dropped);
    let arrived = last.udp.received.saturating_sub(first.udp.received) + dropped;
    Some(Usage {
        process_cores,
        others_cores: (cores.iter().sum::<f64>() - process_cores).max(0.0),
        cores,
        socket_drops: dropped,
        socket_drops_share: dropped as f64 / arrived.max(1) as f64,
    })
}

/// The cores in `/proc/stat`: user, nice, system, idle, iowait, irq, softirq, steal; see proc_stat(5).
fn cores(stat: &str) -> Vec<Ticks> {
    let lines = stat.lines().filter(|line| {
        line.strip_prefix("cpu").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    let ticks = lines.map(|line| {
        let fields = line.split_whitespace().skip(1).take(8);
        let fields: Vec<u64> = fields.map(|it| it.parse().unwrap_or(0)).collect();
        let all = fields.iter().sum();
        let idle: u64 = fields.iter().skip(3).take(2).sum();
        Ticks { busy: all - idle, all }
    });
    ticks.collect()
}

/// The counters of UDP in `/proc/net/snmp`: a line of names, and a line of values.
fn udp(snmp: &str) -> Udp {
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Udp:"));
    let (Some(names), Some(values)) = (lines.next(), lines.next()) else { return Udp::default() };
    let of = |wanted: &str| {
        let mut pairs = names.split_whitespace().zip(values.split_whitespace());
        let found = pairs.find(|(name, _)| *name == wanted);
        found.and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
    };
    Udp { received: of("InDatagrams"), dropped: of("RcvbufErrors") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  30 0 10 50 10 0 0 0 0 0\ncpu0 10 0 10 25 5 0 0 0 0 0\n\
                        cpu1 20 0 0 25 5 0 0 0 0 0\nintr 5\n";
    const SNMP: &str = "Ip: Forwarding\nIp: 1\nUdp: InDatagrams NoPorts InErrors RcvbufErrors\n\
                        Udp: 1000 1 7 6\nUdpLite: InDatagrams\nUdpLite: 0\n";

    #[test]
    fn proc_is_read() {
        assert_eq!(cores(STAT), [Ticks { busy: 20, all: 50 }; 2]);
        assert_eq!(udp(SNMP), Udp { received: 1000, dropped: 6 });
        assert_eq!((cores(""), udp("Udp: a")), (Vec::new(), Udp::default()));
        assert!(memory_bytes() > 0 && !Reading::take(Duration::ZERO).cores.is_empty());
    }

    #[test]
    fn usage_is_the_difference_of_the_nearest_readings() {
        let reading = |s, busy, cpu_s, received, dropped| Reading {
            at: Duration::from_secs(s),
            cores: vec![Ticks { busy, all: 100 * s }],
            process: Duration::from_secs(cpu_s),
            udp: Udp { received, dropped },
        };
        let all = [reading(0, 0, 0, 0, 0), reading(2, 150, 1, 90, 10), reading(4, 350, 2, 90, 10)];
        let s = Duration::from_secs_f64;
        let used = usage(&all, s(0.1), s(2.2)).expect("two readings");
        assert_eq!((used.cores.as_slice(), used.process_cores), (&[0.75][..], 0.5));
        assert_eq!((used.others_cores, used.socket_drops), (0.25, 10));
        assert!((used.socket_drops_share - 0.1).abs() < 1e-12);
        assert_eq!(usage(&all, s(2.0), s(2.2)), None);
        assert_eq!(usage(&[], s(0.0), s(2.0)), None);
    }
}
