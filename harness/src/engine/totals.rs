//! Totals of all shards, and the figures of a run that follow from them. Shared by both engines.
//!
//! **Invariant:** the order in which shards are merged does not matter.

use std::time::Duration;

use hopwise_kernel::drive::Counters;
use hopwise_kernel::node::Class;
use hopwise_kernel::{Id, Protocol, Time};

use crate::director::{Director, MembershipChanges};
use crate::measure::Measured;
use crate::measure::health::{Sample, TableCourse};
use crate::measure::join_times::JoinTimes;
use crate::measure::key_load::keys_per_host;
use crate::measure::metrics::{Metrics, Traffic};
use crate::measure::outcome::{Deaths, Goodput, Health, JoinUs, Keys, Load, Membership, State};
use crate::measure::series::{Sent, Series};
use crate::measure::stored::Contents;
use crate::plug::{ProtocolOf, System};
use crate::workload::Workload;
use crate::workload::judge::Judge;

/// Table sizes of some hosts, and the load of the busiest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tables {
    hosts: u64,
    entries: u64,
    entries_max: u64,
    bytes: u64,
    bytes_max: u64,
    messages_max: u64,
}

impl Tables {
    /// Adds a host whose nodes have so many entries and bytes each.
    pub(super) fn add(&mut self, nodes: impl Iterator<Item = (usize, usize)>) {
        let sum = nodes.fold((0, 0), |sum, node| (sum.0 + node.0, sum.1 + node.1));
        let (entries, bytes) = (sum.0 as u64, sum.1 as u64);
        let (entries_max, bytes_max) = (entries, bytes);
        self.merge(&Tables { hosts: 1, entries, entries_max, bytes, bytes_max, messages_max: 0 });
    }

    /// Adds a host, present or departed, that received so many messages in the measured phase.
    pub(super) fn add_load(&mut self, messages: u64) {
        self.messages_max = self.messages_max.max(messages);
    }

    pub(super) fn merge(&mut self, other: &Tables) {
        self.hosts += other.hosts;
        self.entries += other.entries;
        self.entries_max = self.entries_max.max(other.entries_max);
        self.bytes += other.bytes;
        self.bytes_max = self.bytes_max.max(other.bytes_max);
        self.add_load(other.messages_max);
    }

    fn state(&self) -> State {
        State {
            entries_mean: self.entries as f64 / self.hosts.max(1) as f64,
            entries_max: self.entries_max,
            bytes_per_node: self.bytes / self.hosts.max(1),
            bytes_max: self.bytes_max,
        }
    }
}

/// What lookups of the measured phase cost, where that is not known for each: all that was sent since the
/// phase began, without what earlier lookups still caused then. That is estimated by what the lookups in
/// progress caused when no more started.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct LookupCosts {
    /// Counters from the start of the measured phase to the end of the run.
    pub(super) since_from: Counters,
    /// Earlier lookups in progress at the start of the measured phase.
    pub(super) earlier: u64,
    /// Counters from when no more lookups started to the end of the run.
    pub(super) since_load_end: Counters,
    /// The lookups in progress then.
    pub(super) late: u64,
}

impl LookupCosts {
    fn merge(&mut self, other: &LookupCosts) {
        self.since_from.merge(&other.since_from);
        self.earlier += other.earlier;
        self.since_load_end.merge(&other.since_load_end);
        self.late += other.late;
    }

    fn own(&self, count: impl Fn(&Counters) -> u64) -> u64 {
        let rest = count(&self.since_load_end) as f64 / self.late.max(1) as f64;
        count(&self.since_from).saturating_sub((self.earlier as f64 * rest).round() as u64)
    }
}

/// The sums of shards.
#[derive(Debug)]
pub(super) struct Sums {
    /// Lookups of the measured phase.
    pub(super) metrics: Metrics,
    /// Counters of the measured phase.
    pub(super) counters: Counters,
    /// What lookups cost, where that is not known for each.
    pub(super) costs: LookupCosts,
    /// Counters since the start.
    pub(super) total: Counters,
    pub(super) changes: MembershipChanges,
    pub(super) joins: JoinTimes,
    pub(super) tables: Tables,
    /// What nodes store at the end, and what they did for it in the measured phase.
    pub(super) stored: Contents,
    pub(super) node_s: f64,
    pub(super) series: Series,
    /// The nodes of a ring at the end, each with the number of its host, if there is a population of
    /// keys.
    pub(super) ring: Vec<(Id, u32)>,
}

impl Sums {
    pub(super) fn new() -> Sums {
        Sums {
            metrics: Metrics::new(),
            counters: Counters::default(),
            costs: LookupCosts::default(),
            total: Counters::default(),
            changes: MembershipChanges::default(),
            joins: JoinTimes::default(),
            tables: Tables::default(),
            stored: Contents::default(),
            node_s: 0.0,
            series: Series::new(),
            ring: Vec::new(),
        }
    }

    pub(super) fn merge(&mut self, other: &Sums) {
        self.metrics.merge(&other.metrics);
        self.counters.merge(&other.counters);
        self.costs.merge(&other.costs);
        self.total.merge(&other.total);
        self.changes.joins += other.changes.joins;
        self.changes.leaves += other.changes.leaves;
        self.changes.crashes += other.changes.crashes;
        self.joins.merge(&other.joins);
        self.tables.merge(&other.tables);
        self.stored.merge(&other.stored);
        self.node_s += other.node_s;
        self.series.merge(&other.series);
        self.ring.extend_from_slice(&other.ring);
    }

    /// The figures of a run.
    pub(super) fn measured<S: System>(
        mut self,
        judge: &mut Judge<S::Workload>,
        workload: &S::Workload,
        course: Course,
    ) -> Measured {
        self.metrics.correct = judge.correct;
        self.metrics.incorrect = judge.incorrect;
        self.metrics.items.exact.correct = judge.correct - judge.correct_fuzzy;
        self.metrics.items.fuzzy.correct = judge.correct_fuzzy;
        let health = self.health(&course, judge.deaths(self.node_s));
        let verdicts = judge.verdicts(&self.stored, course.end);
        let log = judge.take_log().map(|mut log| {
            self.series.phases().for_each(|(at, name)| log.phase(at, name));
            log.finish(course.end)
        });
        let series = self.series.rows(course.end, judge.incorrect_in(), &course.samples);
        let Course { bring_up, capacity_per_s, measured, measured_wall, .. } = course;
        let Course { interrupted, threads, .. } = course;
        let node_s = self.node_s;
        let keys = workload.population().map(|keys| keys_per_host(&mut self.ring, keys));
        let keys = keys.filter(|hosts| !hosts.is_empty()).map(Keys::new);
        Measured {
            traffic: traffic_of::<ProtocolOf<S>>(&self.counters, |_| true),
            maintenance: traffic_of::<ProtocolOf<S>>(&self.counters, |class| class.is_maintenance),
            lookup_bytes: traffic_of::<ProtocolOf<S>>(&self.counters, |it| it.is_lookup).bytes(),
            capacity_per_s,
            measured,
            measured_wall,
            node_s,
            state: self.tables.state(),
            load: Load { messages_max: self.tables.messages_max, keys },
            membership: Membership {
                joins: self.changes.joins,
                leaves: self.changes.leaves,
                crashes: self.changes.crashes,
                join_us: JoinUs::new(&self.joins),
                live_mean: node_s / measured.as_secs_f64().max(f64::MIN_POSITIVE),
            },
            health,
            values: verdicts.map(|verdicts| (self.stored, verdicts)),
            events: self.counters.received,
            datagrams: self.counters.datagrams,
            drops: self.counters.drops::<ProtocolOf<S>>().filter(|&(_, count)| count > 0).collect(),
            disturbances: Vec::new(),
            threads,
            bring_up,
            interrupted,
            series,
            warnings: Vec::new(),
            log,
            simulation: None,
            target: None,
            metrics: self.metrics,
        }
    }

    /// Takes what lookups cost from the counters.
    pub(super) fn estimate_costs<P: Protocol>(&mut self) {
        let messages = |counters: &Counters| messages_of::<P>(counters, |class| class.is_lookup);
        self.metrics.messages = self.costs.own(messages);
        // Each answer knows of those on its own branch.
        let known = self.metrics.silent_contacts;
        self.metrics.silent_contacts = known.max(self.costs.own(|counters| counters.timeouts));
    }

    fn health(&self, course: &Course, deaths: Option<Deaths>) -> Health {
        let Metrics { issued, completed, correct, .. } = self.metrics;
        let cpu_us = course.cpu.map(|cpu| cpu.as_nanos() as f64 / 1e3);
        Health {
            goodput: Goodput::new(issued, correct, course.measured),
            tables: course.tables.tables(),
            deaths,
            spurious_retransmissions: self.counters.spurious,
            cpu_us_per_lookup: cpu_us
                .filter(|_| completed > 0)
                .map(|cpu_us| cpu_us / completed as f64),
        }
    }
}

/// The course of a run: its times and its series.
#[derive(Debug)]
pub(super) struct Course {
    /// When the run ended.
    pub(super) end: Time,
    /// What looks at the tables of a ring's members found, and when.
    pub(super) samples: Vec<(Time, Sample)>,
    pub(super) bring_up: Duration,
    pub(super) capacity_per_s: Option<f64>,
    /// Length of the measured phase.
    pub(super) measured: Duration,
    /// The wall time that it took.
    pub(super) measured_wall: Duration,
    pub(super) interrupted: bool,
    pub(super) threads: usize,
    /// The tables of a ring's members.
    pub(super) tables: TableCourse,
    /// CPU time of the process in the measured phase; `None` in simulated time.
    pub(super) cpu: Option<Duration>,
}

/// The nodes of a ring that are members, each with the number of its host, if there is a population of
/// keys that they own.
pub(super) fn ring_at_end<S: System>(director: &Director<S::Workload>) -> Vec<(Id, u32)> {
    let has_keys = S::IS_RING && director.workload().population().is_some();
    if has_keys { director.ring().collect() } else { Vec::new() }
}

/// What was sent, as the series counts it.
pub(super) fn sent<P: Protocol>(counters: &Counters) -> Sent {
    let classes = P::CLASSES.iter().zip(counters.bytes);
    let maintenance = classes.filter(|(class, _)| class.is_maintenance);
    Sent {
        messages: counters.messages.iter().sum(),
        maintenance_bytes: maintenance.map(|(_, bytes)| bytes).sum(),
    }
}

/// Messages of these classes.
fn messages_of<P: Protocol>(counters: &Counters, wanted: impl Fn(&Class) -> bool) -> u64 {
    let classes = P::CLASSES.iter().zip(counters.messages);
    classes.filter(|(class, _)| wanted(class)).map(|(_, messages)| messages).sum()
}

fn traffic_of<P: Protocol>(counters: &Counters, wanted: impl Fn(&Class) -> bool) -> Traffic {
    let mut traffic = Traffic::new();
    for (at, class) in P::CLASSES.iter().enumerate().filter(|&(_, class)| wanted(class)) {
        if counters.messages[at] > 0 {
            traffic.record(class.name, counters.messages[at], counters.bytes[at]);
        }
    }
    traffic
}
