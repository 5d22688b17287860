//! Disturbances: for a while, messages are lost, late or wrong, or nodes stop or misjudge time.
//!
//! Which nodes and links a disturbance strikes is hashed from identifiers. So both engines and the judge
//! agree on it. A node that returns with its identifier is struck as before. Which messages are struck is
//! drawn for each.
//!
//! **Invariant:** once the start of the measured phase is known, the same identifiers and times give the
//! same answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hopwise_kernel::base::rng::mix;
use hopwise_kernel::{Id, Rng, Time};

use super::{Transit, happens};
use crate::Scenario;
use crate::scenario::{Amount, Direction, DisturbanceKind, Fault, FaultKind, Lie};

/// All disturbances of a run. Copies share the start of the measured phase, and the counts.
#[derive(Clone, Debug)]
pub struct Disturbances {
    all: Arc<[Disturbance]>,
    shared: Arc<Shared>,
    strikes_nodes: bool,
    depend_on_distances: bool,
    has_liars: bool,
}

#[derive(Debug)]
struct Shared {
    /// In nanoseconds; the greatest number before it is known.
    phase_from: AtomicU64,
    /// By disturbance: how often it struck.
    strikes: Box<[AtomicU64]>,
}

/// One of them. Times count from the start of the measured phase.
#[derive(Clone, Debug)]
pub struct Disturbance {
    /// When it begins.
    pub at: Duration,
    /// When it ends.
    pub until: Duration,
    /// What it does.
    pub kind: DisturbanceKind,
    /// The probability that it strikes a node, a link or a message.
    pub fraction: f64,
    /// Decides which nodes and links it strikes.
    pub salt: u64,
}

/// The way of a message.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// The sender.
    pub from: Id,
    /// The receiver.
    pub to: Id,
    /// How far apart they are: see [`Network::distance`](super::Network::distance). Any, if no disturbance
    /// [depends on it](Disturbances::depend_on_distances).
    pub distance: Duration,
}

impl FromIterator<Disturbance> for Disturbances {
    fn from_iter<I: IntoIterator<Item = Disturbance>>(all: I) -> Disturbances {
        let all: Arc<[Disturbance]> = all.into_iter().collect();
        let strikes = all.iter().map(|_| AtomicU64::new(0)).collect();
        let phase_from = AtomicU64::new(Time::NEVER.as_ns());
        let strikes_nodes = all.iter().any(|it| it.kind.strikes_nodes());
        let depend_on_distances =
            all.iter().any(|it| matches!(it.kind, DisturbanceKind::Beyond(_)));
        let has_liars = all.iter().any(|it| matches!(it.kind, DisturbanceKind::Malicious(_)));
        let shared = Arc::new(Shared { phase_from, strikes });
        Disturbances { all, shared, strikes_nodes, depend_on_distances, has_liars }
    }
}

impl Disturbances {
    /// The disturbances that a scenario has among its faults.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Disturbances {
        let disturbance = |(number, fault): (u64, &Fault)| {
            let (FaultKind::Disturbance(kind), Amount::Fraction(fraction)) =
                (fault.kind, fault.amount)
            else {
                return None;
            };
            let (at, until) = (fault.at, fault.at + fault.over);
            let salt = mix(scenario.seed ^ mix(number));
            Some(Disturbance { at, until, kind, fraction, salt })
        };
        (0..).zip(&scenario.faults).filter_map(disturbance).collect()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that divide the network.
    pub fn partitions(&self) -> impl Iterator<Item = &Disturbance> {
        self.all.iter().filter(|it| it.kind.is_partition())
    }

    /// Whether any depends on the distances of nodes.
    #[inline]
    #[must_use]
    pub fn depend_on_distances(&self) -> bool {
        self.depend_on_distances
    }

    /// Whether any strikes nodes themselves, not only their messages.
    #[inline]
    #[must_use]
    pub fn strike_nodes(&self) -> bool {
        self.strikes_nodes
    }

    /// Whether any node is ever malicious.
    #[inline]
    #[must_use]
    pub fn have_liars(&self) -> bool {
        self.has_liars
    }

    /// How the node with this identifier lies at `now`, if it does.
    #[must_use]
    pub fn liar(&self, id: Id, now: Time) -> Option<Liar<'_>> {
        self.at(now, Duration::ZERO).find_map(|(number, it)| match it.kind {
            DisturbanceKind::Malicious(lie) if it.strikes(id) => {
                Some(Liar { lie: it.choose(lie, id), number, all: self })
            }
            _ => None,
        })
    }

    /// The kinds, with how often each struck: a message, an event of a paused node, a call of a node
    /// whose clock runs fast or slow, or a lie.
    pub fn strikes(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counts = self.shared.strikes.iter().map(|count| count.load(Ordering::Relaxed));
        self.all.iter().map(|it| it.kind.word()).zip(counts)
    }

    /// Says when the measured phase begins, from which times count.
    pub fn begin_phase(&self, from: Time) {
        self.shared.phase_from.store(from.as_ns(), Ordering::Release);
    }

    /// Whether there is a disturbance at `now`, or was within the last `slack`.
    #[must_use]
    pub fn disturb(&self, now: Time, slack: Duration) -> bool {
        self.at(now, slack).next().is_some()
    }

    /// What becomes of a message that is sent over `link` at `now` and would have the fate `transit`.
    #[inline]
    #[must_use]
    pub fn change(&self, transit: Transit, link: Link, now: Time, rng: &mut Rng) -> Transit {
        if self.all.is_empty() { transit } else { self.change_any(transit, link, now, rng) }
    }

    fn change_any(&self, mut transit: Transit, link: Link, now: Time, rng: &mut Rng) -> Transit {
        for (number, it) in self.at(now, Duration::ZERO) {
            let changed = it.change(transit, link, rng);
            if changed != transit {
                self.count(number);
                transit = changed;
            }
        }
        transit
    }

    /// What becomes of a message that is sent at `now` to node `to` and has the fate `transit`: if the node is
    /// paused when it would arrive, it arrives when the pause is over.
    #[must_use]
    pub fn hold(&self, transit: Transit, to: Id, now: Time) -> Transit {
        if !self.strikes_nodes {
            return transit;
        }
        let held = |delay: Duration| {
            self.paused_until(to, now + delay).map_or(delay, |until| until.since(now))
        };
        match transit {
            Transit::Once(delay) => Transit::Once(held(delay)),
            Transit::Twice(first, second) => Transit::Twice(held(first), held(second)),
            Transit::Corrupt(delay, bit) => Transit::Corrupt(held(delay), bit),
            Transit::Lost => Transit::Lost,
        }
    }

    /// Until when the node with this identifier is paused at `now`, if it is.
    #[must_use]
    pub fn paused_until(&self, id: Id, now: Time) -> Option<Time> {
        let is_pause = |it: &Disturbance| it.kind == DisturbanceKind::Pause && it.strikes(id);
        let (first, _) = self.at(now, Duration::ZERO).find(|(_, it)| is_pause(it))?;
        self.count(first);
        // Pauses may overlap.
        let mut until = now;
        while let Some((_, pause)) = self.at(until, Duration::ZERO).find(|(_, it)| is_pause(it)) {
            until = self.phase_from() + pause.until;
        }
        Some(until)
    }

    /// What the clock of node `id` shows at `now`, when the node is called.
    #[must_use]
    pub fn clock(&self, id: Id, now: Time) -> Time {
        let is_wrong =
            |it: &Disturbance| matches!(it.kind, DisturbanceKind::Clock(_)) && it.strikes(id);
        let running = self.at(now, Duration::ZERO).filter(|(_, it)| is_wrong(it));
        running.for_each(|(number, _)| self.count(number));
        Time::from_ns((now.as_ns() as i64 + self.clock_error_ns(id, now)) as u64)
    }

    /// How far the clock of node `id` is ahead at `now`, in nanoseconds.
    fn clock_error_ns(&self, id: Id, now: Time) -> i64 {
        let begin = self.phase_from();
        if now < begin {
            return 0;
        }
        let time = now.since(begin);
        let error = |it: &Disturbance| {
            let DisturbanceKind::Clock(drift) = it.kind else { return 0 };
            let lasted = time.min(it.until).saturating_sub(it.at);
            if lasted.is_zero() || !it.strikes(id) {
                return 0;
            }
            let speed = drift * (2.0 * unit(mix(it.salt) ^ id.prefix()) - 1.0);
            (lasted.as_nanos() as f64 * speed) as i64
        };
        self.all.iter().map(error).sum()
    }

    /// When the clock of node `id` shows `shown`, at the earliest. Not before `now`.
    #[must_use]
    pub fn when_clock_shows(&self, id: Id, shown: Time, now: Time) -> Time {
        if shown == Time::NEVER {
            return shown;
        }
        // Clocks differ by a half at most, so each step leaves half of the error or less.
        let mut at = shown.max(now);
        for _ in 0..CLOCK_STEPS {
            let next = shown.as_ns() as i64 - self.clock_error_ns(id, at);
            at = Time::from_ns(next.max(0) as u64).max(now);
        }
        // Errors are whole nanoseconds, so the time before may be as near. A timer must not be early.
        let is_early =
            |at: Time| at.as_ns() as i64 + self.clock_error_ns(id, at) < shown.as_ns() as i64;
        while is_early(at) {
            at = at + Duration::from_nanos(1);
        }
        at
    }

    fn count(&self, number: usize) {
        self.shared.strikes[number].fetch_add(1, Ordering::Relaxed);
    }

    fn phase_from(&self) -> Time {
        Time::from_ns(self.shared.phase_from.load(Ordering::Acquire))
    }

    /// The disturbances at `now`, and those that ended within the last `slack`, with their numbers.
    fn at(&self, now: Time, slack: Duration) -> impl Iterator<Item = (usize, &Disturbance)> {
        let begin = self.phase_from();
        let time = if now < begin { None } else { Some(now.since(begin)) };
        let is_at = move |(_, it): &(usize, &Disturbance)| {
            time.is_some_and(|time| it.at <= time && time < it.until.saturating_add(slack))
        };
        self.all.iter().enumerate().filter(is_at)
    }
}

/// A malicious node.
#[derive(Clone, Copy, Debug)]
pub struct Liar<'a> {
    /// How it lies: not [`Lie::Mix`].
    pub lie: Lie,
    number: usize,
    all: &'a Disturbances,
}

impl Liar<'_> {
    /// Whether the node with this identifier is an accomplice.
    #[must_use]
    pub fn is_accomplice(&self, id: Id) -> bool {
        self.all.all[self.number].strikes(id)
    }

    /// Counts a lie of it.
    pub fn count(&self) {
        self.all.count(self.number);
    }
}

/// Steps until a time on a clock is known to a nanosecond. An hour has 2^42 of them.
const CLOCK_STEPS: usize = 44;

impl Disturbance {
    /// Whether it strikes the node with this identifier.
    #[must_use]
    pub fn strikes(&self, id: Id) -> bool {
        unit(self.salt ^ id.prefix()) < self.fraction
    }

    /// The way in which the node with this identifier lies.
    fn choose(&self, lie: Lie, id: Id) -> Lie {
        const WAYS: [Lie; 4] = [Lie::Drop, Lie::Misroute, Lie::Claim, Lie::Dead];
        match lie {
            Lie::Mix => WAYS[(mix(!self.salt ^ id.prefix()) % WAYS.len() as u64) as usize],
            one => one,
        }
    }

    /// The group of the node with this identifier, if it divides the network: of a partition with two sides,
    /// 1 for the nodes that it strikes.
    #[must_use]
    pub fn group(&self, id: Id) -> usize {
        match self.kind {
            DisturbanceKind::Groups(groups) => groups.group_at(unit(self.salt ^ id.prefix())),
            _ => usize::from(self.strikes(id)),
        }
    }

    /// The number of groups.
    #[must_use]
    pub fn group_count(&self) -> usize {
        match self.kind {
            DisturbanceKind::Groups(groups) => groups.count(),
            _ => 2,
        }
    }

    fn change(&self, transit: Transit, link: Link, rng: &mut Rng) -> Transit {
        let Link { from, to, distance } = link;
        let up_to = |by: Duration, rng: &mut Rng| by.mul_f64(rng.unit());
        match self.kind {
            DisturbanceKind::Partition(direction) if self.separates(direction, from, to) => {
                Transit::Lost
            }
            DisturbanceKind::Groups(_) if self.group(from) != self.group(to) => Transit::Lost,
            DisturbanceKind::Beyond(most) if distance > most => Transit::Lost,
            DisturbanceKind::Clog if self.clogs(from, to) => Transit::Lost,
            DisturbanceKind::Loss if happens(self.fraction, rng) => Transit::Lost,
            DisturbanceKind::Delay(by) if happens(self.fraction, rng) => transit.later(by),
            DisturbanceKind::Reorder(by) if happens(self.fraction, rng) => {
                transit.later(up_to(by, rng))
            }
            DisturbanceKind::Duplicate(by) if happens(self.fraction, rng) => match transit {
                Transit::Once(first) => Transit::Twice(first, first.saturating_add(up_to(by, rng))),
                other => other,
            },
            DisturbanceKind::Corrupt if happens(self.fraction, rng) => match transit {
                Transit::Once(delay) => Transit::Corrupt(delay, rng.below(u64::MAX)),
                other => other,
            },
            _ => transit,
        }
    }

    fn separates(&self, direction: Direction, from: Id, to: Id) -> bool {
        match (direction, self.strikes(from), self.strikes(to)) {
            (_, true, true) | (_, false, false) => false,
            (Direction::Both, ..) => true,
            (Direction::In, _, to) => to,
            (Direction::Out, from, _) => from,
        }
    }

    /// Whether the link from one node to another is clogged.
    fn clogs(&self, from: Id, to: Id) -> bool {
        unit(mix(self.salt ^ from.prefix()) ^ to.prefix()) < self.fraction
    }
}

/// A number from 0 to 1 that is hashed from another.
fn unit(number: u64) -> f64 {
    (mix(number) >> 11) as f64 / (1_u64 << 53) as f64
}
