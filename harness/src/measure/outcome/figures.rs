//! The figures of a run, each with a name: what assertions name and comparisons compare.
//!
//! **Invariant:** a figure that a run does not have is missing, never 0.

use std::borrow::Cow;

use super::{Outcome, Times};

/// A figure of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Figure {
    /// Its name, such as `latency.p99`.
    pub name: Cow<'static, str>,
    /// Its value.
    pub value: f64,
    /// What it is measured in.
    pub unit: Unit,
    /// Which values are better.
    pub better: Better,
    /// Whether a simulated run has the same value each time, with the same scenario and seed.
    pub is_exact: bool,
    /// Whether a few lookups or nodes decide its value, so that it differs much from seed to seed.
    pub is_tail: bool,
}

/// What a figure is measured in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// A share, from 0 to 1.
    Ratio,
    /// A number.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Events per second.
    PerSecond,
}

/// Which values of a figure are better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Better {
    /// Lower ones.
    Lower,
    /// Higher ones.
    Higher,
    /// Neither: it says what kind of run it was.
    Neither,
}

/// A figure that every outcome may have.
struct Definition {
    name: &'static str,
    unit: Unit,
    better: Better,
    is_exact: bool,
    is_tail: bool,
    of: fn(&Outcome) -> Option<f64>,
}

const fn define(
    name: &'static str,
    unit: Unit,
    better: Better,
    of: fn(&Outcome) -> Option<f64>,
) -> Definition {
    Definition { name, unit, better, is_exact: true, is_tail: false, of }
}

/// A figure that a few lookups or nodes decide.
const fn tail(definition: Definition) -> Definition {
    Definition { is_tail: true, ..definition }
}

/// A figure that depends on the machine, in the simulator too.
const fn of_machine(
    name: &'static str,
    unit: Unit,
    better: Better,
    of: fn(&Outcome) -> Option<f64>,
) -> Definition {
    Definition { is_exact: false, ..define(name, unit, better, of) }
}

use Better::{Higher, Lower, Neither};
use Unit::{Bytes, BytesPerSecond, Count, PerSecond, Ratio, Seconds};

const DEFINED: [Definition; 40] = [
    define("lookups.completed_ratio", Ratio, Higher, |o| {
        ratio(o.lookups.completed, o.lookups.counted())
    }),
    define("lookups.correct_ratio", Ratio, Higher, |o| {
        ratio(o.lookups.correct, o.lookups.completed)
    }),
    define("lookups.failed_ratio", Ratio, Lower, |o| ratio(o.lookups.failed, o.lookups.counted())),
    define("lookups.incorrect_ratio", Ratio, Lower, |o| {
        ratio(o.lookups.incorrect, o.lookups.completed)
    }),
    define("lookups.shed_ratio", Ratio, Lower, |o| ratio(o.lookups.shed, o.lookups.issued)),
    define("lookups.per_s", PerSecond, Higher, |o| Some(o.lookups.per_s)),
    define("hops.mean", Count, Lower, |o| completed(o, o.lookups.hops.mean)),
    tail(define("hops.p99", Count, Lower, |o| completed(o, o.lookups.hops.p99 as f64))),
    define("messages.mean", Count, Lower, |o| issued(o, o.lookups.messages.mean)),
    define("timeouts.mean", Count, Lower, |o| issued(o, o.lookups.timeouts.mean)),
    define("latency.mean", Seconds, Lower, |o| completed(o, o.lookups.latency_us.mean / 1e6)),
    define("latency.p50", Seconds, Lower, |o| completed(o, o.lookups.latency_us.p50 / 1e6)),
    define("latency.p90", Seconds, Lower, |o| completed(o, o.lookups.latency_us.p90 / 1e6)),
    tail(define("latency.p99", Seconds, Lower, |o| completed(o, o.lookups.latency_us.p99 / 1e6))),
    tail(define("latency.p99_9", Seconds, Lower, |o| {
        completed(o, o.lookups.latency_us.p99_9 / 1e6)
    })),
    tail(define("latency.max", Seconds, Lower, |o| completed(o, o.lookups.latency_us.max / 1e6))),
    define("maintenance.bytes", BytesPerSecond, Lower, |o| Some(o.maintenance.bytes_per_node_s)),
    define("maintenance.messages", PerSecond, Lower, |o| Some(o.maintenance.messages_per_node_s)),
    define("node.entries", Count, Neither, |o| Some(o.state.entries_mean)),
    define("node.bytes", Bytes, Lower, |o| Some(o.state.bytes_per_node as f64)),
    define("node.bytes_max", Bytes, Lower, |o| Some(o.state.bytes_max as f64)),
    tail(define("load.messages_max", Count, Lower, |o| Some(o.load.as_ref()?.messages_max as f64))),
    define("load.keys_max_per_mean", Count, Lower, |o| {
        Some(o.load.as_ref()?.keys.as_ref()?.max_per_mean)
    }),
    define("ring.unowned_ratio", Ratio, Lower, |o| {
        Some(o.health.as_ref()?.tables.as_ref()?.ownership.as_ref()?.none.mean)
    }),
    define("ring.dead_fingers_ratio", Ratio, Lower, |o| {
        Some(o.health.as_ref()?.tables.as_ref()?.fingers.dead.mean)
    }),
    define("detection.p50", Seconds, Lower, |o| detection(o, |times| times.p50)),
    tail(define("detection.p99", Seconds, Lower, |o| detection(o, |times| times.p99))),
    define("items.exact_obtained_ratio", Ratio, Higher, |o| {
        let exact = o.items.as_ref()?.exact;
        ratio(exact.obtained, exact.issued)
    }),
    define("items.fuzzy_obtained_ratio", Ratio, Higher, |o| {
        let fuzzy = o.items.as_ref()?.fuzzy;
        ratio(fuzzy.obtained, fuzzy.issued)
    }),
    define("items.publishing", BytesPerSecond, Lower, |o| {
        Some(o.items.as_ref()?.publishing.bytes_per_node_s)
    }),
    define("transfer.p50", Seconds, Lower, |o| {
        let transfers = &o.items.as_ref()?.transfers;
        (transfers.completed > 0).then_some(transfers.latency_us.p50 / 1e6)
    }),
    define("store.anomalies", Count, Lower, |o| Some(o.store.as_ref()?.anomalies() as f64)),
    define("store.lost", Count, Lower, |o| Some(o.store.as_ref()?.durability.lost as f64)),
    define("store.unknown", Count, Lower, |o| Some(o.store.as_ref()?.writes.unknown as f64)),
    define("store.operation_bytes", Bytes, Lower, |o| {
        let bytes = o.store.as_ref()?.bytes_per_operation;
        issued(o, bytes)
    }),
    define("store.repair", BytesPerSecond, Lower, |o| {
        Some(o.store.as_ref()?.upkeep.repair_bytes_per_node_s)
    }),
    of_machine("lag.p99", Seconds, Lower, |o| Some(o.lookups.lag_us.p99 / 1e6)),
    of_machine("engine.messages_per_s", PerSecond, Higher, |o| Some(o.engine.messages_per_s)),
    of_machine("engine.cpu_per_lookup", Seconds, Lower, |o| {
        Some(o.health.as_ref()?.cpu_us_per_lookup? / 1e6)
    }),
    of_machine("engine.memory", Bytes, Lower, |o| Some(o.engine.peak_rss_bytes? as f64)),
];

/// The figures of `hopwise stress`, besides those of the run that holds the knee.
pub(crate) mod stress {
    /// Operations per second at the knee.
    pub(crate) const CAPACITY: &str = "stress.capacity";
    /// Time from the return of the load until the service level holds again.
    pub(crate) const RECOVERY: &str = "stress.recovery";
    /// Goodput at twice and at five times the load that was held, divided by that load.
    pub(crate) const GOODPUT_AT_2X: &str = "stress.goodput_2x_ratio";
    pub(crate) const GOODPUT_AT_5X: &str = "stress.goodput_5x_ratio";
}

const OF_STRESS: [(&str, Unit); 4] = [
    (stress::CAPACITY, PerSecond),
    (stress::RECOVERY, Seconds),
    (stress::GOODPUT_AT_2X, Ratio),
    (stress::GOODPUT_AT_5X, Ratio),
];

/// What the names of maintenance by kind begin with: `maintenance.bytes.stabilize`.
const BY_KIND: &str = "maintenance.bytes.";

impl Outcome {
    /// All figures that the run has.
    pub fn figures(&self) -> impl Iterator<Item = Figure> {
        let defined = DEFINED.iter().filter_map(|it| {
            let value = (it.of)(self).filter(|value| value.is_finite())?;
            let &Definition { name, unit, better, is_exact, is_tail, .. } = it;
            Some(Figure { name: name.into(), value, unit, better, is_exact, is_tail })
        });
        let by_kind = self.maintenance.by_kind.iter().map(|(kind, rate)| Figure {
            name: format!("{BY_KIND}{kind}").into(),
            value: rate.bytes_per_node_s,
            unit: BytesPerSecond,
            better: Lower,
            is_exact: true,
            is_tail: false,
        });
        defined.chain(by_kind)
    }
}

/// The names of figures, those of `hopwise stress` last, but not those of single kinds of messages.
pub fn names() -> impl Iterator<Item = &'static str> {
    DEFINED.iter().map(|it| it.name).chain(OF_STRESS.map(|(name, _)| name))
}

/// What the figure with this name is measured in; `None` if there is none.
#[must_use]
pub fn unit_of(name: &str) -> Option<Unit> {
    let is_kind = name.strip_prefix(BY_KIND).is_some_and(|kind| !kind.is_empty());
    let defined = DEFINED.iter().map(|it| (it.name, it.unit)).chain(OF_STRESS);
    let defined = defined.into_iter().find(|(other, _)| *other == name).map(|(_, unit)| unit);
    defined.or(is_kind.then_some(BytesPerSecond))
}

fn ratio(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

/// A value that only completed lookups have.
fn completed(outcome: &Outcome, value: f64) -> Option<f64> {
    (outcome.lookups.completed > 0).then_some(value)
}

/// A value that only issued lookups have.
fn issued(outcome: &Outcome, value: f64) -> Option<f64> {
    (outcome.lookups.issued > 0).then_some(value)
}

fn detection(outcome: &Outcome, of: fn(&Times) -> f64) -> Option<f64> {
    let deaths = outcome.health.as_ref()?.deaths.as_ref()?;
    (deaths.detected > 0).then(|| of(&deaths.detection_us) / 1e6)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::measure::outcome::example;

    #[test]
    fn names_are_unique_and_have_units() {
        let all: BTreeSet<&str> = names().collect();
        assert_eq!(all.len(), DEFINED.len() + OF_STRESS.len());
        for figure in example::outcome().figures() {
            assert_eq!(unit_of(&figure.name), Some(figure.unit), "{}", figure.name);
        }
        assert_eq!((unit_of("latency"), unit_of(BY_KIND)), (None, None));
    }

    #[test]
    fn a_run_without_answers_has_no_figures_of_answers() {
        let mut outcome = example::outcome();
        let named = |outcome: &Outcome, name: &str| {
            outcome.figures().find(|it| it.name == name).map(|it| it.value)
        };
        assert_eq!(named(&outcome, "lookups.correct_ratio"), Some(0.9999));
        assert!(named(&outcome, "maintenance.bytes.stabilize").is_some());
        outcome.lookups.completed = 0;
        assert_eq!(named(&outcome, "lookups.completed_ratio"), Some(0.0));
        for name in ["lookups.correct_ratio", "hops.mean", "latency.p99"] {
            assert_eq!(named(&outcome, name), None, "{name}");
        }
    }
}
