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

impl Default for Partitions {
    fn default() -> Partitions {
        let phase_from = Arc::new(AtomicU64::new(Time::NEVER.as_ns()));
        Partitions { all: Arc::default(), phase_from }
    }
}

/// One of them. Times count from the start of the measured phase.
#[derive(Clone, Debug)]
pub struct Partition {
    at: Duration,
    until: Duration,
    /// The probability that a node is apart.
    fraction: f64,
    direction: Direction,
    salt: u64,
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
            let salt = mix(scenario.seed ^ mix(number));
            Some(Partition {
                at: fault.at,
                until: fault.at + fault.over,
                fraction,
                direction,
                salt,
            })
        };
        let all = (0..).zip(&scenario.faults).filter_map(partition).collect();
        Partitions { all, ..Partitions::default() }
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

    fn cut_one(&self, from: Id, to: Id, now: Time) -> bool {
        let begin = Time::from_ns(self.phase_from.load(Ordering::Acquire));
        if now < begin {
            return false;
        }
        let time = now.since(begin);
        self.all.iter().any(|it| it.at <= time && time < it.until && it.separates(from, to))
    }
}

impl Partition {
    /// When it begins.
    #[must_use]
    pub fn at(&self) -> Duration {
        self.at
    }

    /// When it ends.
    #[must_use]
    pub fn until(&self) -> Duration {
        self.until
    }

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
