//! Partitions: for a while, no message gets from one part of the nodes to the others.
//!
//! Which nodes are apart is hashed from their identifiers. So both engines and the judge agree on it without
//! a word, a node that returns with its identifier is where it was, and a new node is apart with the same
//! probability.
//!
//! **Invariant:** no state; the same identifiers and times give the same answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hopwise_kernel::base::rng::mix;
use hopwise_kernel::{Id, Time};

use crate::Scenario;
use crate::scenario::{Amount, Direction, Fault, FaultKind};

/// All partitions of a run. Copies share the start of the measured phase.
#[derive(Clone, Debug)]
pub struct Partitions {
    all: Arc<[Partition]>,
    /// In nanoseconds; the greatest number before it is known.
    phase_from: Arc<AtomicU64>,
}

impl FromIterator<Partition> for Partitions {
    fn from_iter<I: IntoIterator<Item = Partition>>(all: I) -> Partitions {
        let phase_from = Arc::new(AtomicU64::new(Time::NEVER.as_ns()));
        Partitions { all: all.into_iter().collect(), phase_from }
    }
}

/// One of them. Times count from the start of the measured phase.
#[derive(Clone, Debug)]
pub struct Partition {
    /// When it begins.
    pub at: Duration,
    /// When it ends.
    pub until: Duration,
    /// The probability that a node is apart.
    pub fraction: f64,
    /// Which messages do not arrive.
    pub direction: Direction,
    /// Decides which nodes are apart.
    pub salt: u64,
}

impl Partitions {
    /// The partitions that a scenario has among its faults.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Partitions {
        let partition = |(number, fault): (u64, &Fault)| {
            let (FaultKind::Partition(direction), Amount::Fraction(fraction)) =
                (fault.kind, fault.amount)
            else {
                return None;
            };
            let (at, until) = (fault.at, fault.at + fault.over);
            let salt = mix(scenario.seed ^ mix(number));
            Some(Partition { at, until, fraction, direction, salt })
        };
        (0..).zip(&scenario.faults).filter_map(partition).collect()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Partition> {
        self.all.iter()
    }

    /// Says when the measured phase begins, from which times count.
    pub fn begin_phase(&self, from: Time) {
        self.phase_from.store(from.as_ns(), Ordering::Release);
    }

    /// Whether a message that is sent at `now` does not arrive.
    #[inline]
    #[must_use]
    pub fn cut(&self, from: Id, to: Id, now: Time) -> bool {
        !self.all.is_empty() && self.cut_one(from, to, now)
    }

    /// Whether the network is divided at `now`, or was within the last `slack`.
    #[must_use]
    pub fn divide(&self, now: Time, slack: Duration) -> bool {
        self.at(now, slack).next().is_some()
    }

    fn cut_one(&self, from: Id, to: Id, now: Time) -> bool {
        self.at(now, Duration::ZERO).any(|it| it.separates(from, to))
    }

    /// The partitions at `now`, and those that ended within the last `slack`.
    fn at(&self, now: Time, slack: Duration) -> impl Iterator<Item = &Partition> {
        let begin = Time::from_ns(self.phase_from.load(Ordering::Acquire));
        let time = if now < begin { None } else { Some(now.since(begin)) };
        let is_at = move |it: &&Partition| {
            time.is_some_and(|time| it.at <= time && time < it.until + slack)
        };
        self.all.iter().filter(is_at)
    }
}

impl Partition {
    /// Whether the node with this identifier is apart from the others.
    #[must_use]
    pub fn is_apart(&self, id: Id) -> bool {
        let unit = (mix(self.salt ^ id.prefix()) >> 11) as f64 / (1_u64 << 53) as f64;
        unit < self.fraction
    }

    fn separates(&self, from: Id, to: Id) -> bool {
        match (self.direction, self.is_apart(from), self.is_apart(to)) {
            (_, true, true) | (_, false, false) => false,
            (Direction::Both, ..) => true,
            (Direction::In, _, to) => to,
            (Direction::Out, from, _) => from,
        }
    }
}
