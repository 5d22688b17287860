//! The timer wheel, compared with an ordered map of deadlines.
//!
//! **Invariant:** the map compares deadlines with the current time and has no ticks.

use std::collections::{BTreeMap, BTreeSet};

use hopwise_kernel::Time;
use hopwise_kernel::drive::{TICK_NS, TimerWheel};
use proptest::collection::vec;
use proptest::prelude::*;

const TIMERS: u32 = 40;
const SECOND_NS: u64 = 1_000_000_000;
const HOUR_NS: u64 = 3600 * SECOND_NS;

/// An operation on the wheel.
#[derive(Clone, Copy, Debug)]
enum Step {
    Arm {
        timer: u32,
        ahead_ns: u64,
    },
    /// Arms a timer for a time that has passed.
    ArmLate {
        timer: u32,
        behind_ns: u64,
    },
    Disarm {
        timer: u32,
    },
    Pass {
        ns: u64,
    },
    /// Advances time to the wheel's next expiry.
    PassToNextExpiry,
    /// Advances time by `ns`, but takes at most `count` of the due timers.
    ExpireSome {
        ns: u64,
        count: usize,
    },
}

/// Spans for every level of the wheel, and longer ones: 2^42 ns are 73 minutes.
fn span_ns() -> impl Strategy<Value = u64> {
    let edge = (18..44_u32, -2..3_i64)
        .prop_map(|(bits, ticks)| (1_u64 << bits).saturating_add_signed(ticks * TICK_NS as i64));
    prop_oneof![0..4 * TICK_NS, 0..SECOND_NS, 0..100 * SECOND_NS, 0..4 * HOUR_NS, edge,]
}

fn step() -> impl Strategy<Value = Step> {
    let timer = 0..TIMERS;
    prop_oneof![
        6 => (timer.clone(), span_ns()).prop_map(|(timer, ahead_ns)| Step::Arm { timer, ahead_ns }),
        1 => (timer.clone(), span_ns())
            .prop_map(|(timer, behind_ns)| Step::ArmLate { timer, behind_ns }),
        1 => timer.prop_map(|timer| Step::Disarm { timer }),
        2 => span_ns().prop_map(|ns| Step::Pass { ns }),
        4 => Just(Step::PassToNextExpiry),
        1 => (span_ns(), 0..3_usize).prop_map(|(ns, count)| Step::ExpireSome { ns, count }),
    ]
}

/// The wheel and its model: the deadlines of all armed timers.
struct Twins {
    wheel: TimerWheel,
    deadlines: BTreeMap<u32, Time>,
    now: Time,
}

impl Twins {
    fn new() -> Twins {
        Twins {
            wheel: TimerWheel::new(TIMERS as usize),
            deadlines: BTreeMap::new(),
            now: Time::ZERO,
        }
    }

    fn take(&mut self, step: Step) {
        let now_ns = self.now.as_ns();
        match step {
            Step::Arm { timer, ahead_ns } => self.arm(timer, Time::from_ns(now_ns + ahead_ns)),
            Step::ArmLate { timer, behind_ns } => {
                self.arm(timer, Time::from_ns(now_ns.saturating_sub(behind_ns)));
            }
            Step::Disarm { timer } => {
                self.wheel.disarm(timer);
                self.deadlines.remove(&timer);
            }
            Step::Pass { ns } => self.pass_to(Time::from_ns(now_ns + ns)),
            Step::PassToNextExpiry => {
                let next = self.wheel.next_expiry();
                if next != Time::NEVER {
                    self.pass_to(next.max(self.now));
                }
            }
            Step::ExpireSome { ns, count } => {
                self.now = Time::from_ns(now_ns + ns);
                for _ in 0..count {
                    self.expire_one();
                }
            }
        }
        self.check_outlook();
    }

    fn arm(&mut self, timer: u32, at: Time) {
        self.wheel.arm(timer, at);
        self.deadlines.insert(timer, at);
    }

    /// Advances time to `now` and takes all due timers.
    fn pass_to(&mut self, now: Time) {
        self.now = now;
        while self.expire_one() {}
        // A timer fires at the first tick that starts after its deadline, so within one tick.
        let overdue: BTreeSet<_> = self
            .deadlines
            .iter()
            .filter(|(_, deadline)| deadline.as_ns() + TICK_NS <= now.as_ns())
            .collect();
        assert!(overdue.is_empty(), "more than a tick late at {now:?}: {overdue:?}");
    }

    fn expire_one(&mut self) -> bool {
        let Some(timer) = self.wheel.expire(self.now) else { return false };
        let deadline = self.deadlines.remove(&timer).expect("a timer fires only while armed");
        assert!(deadline <= self.now, "{deadline:?} fired early, at {:?}", self.now);
        true
    }

    /// Asserts that a caller that waits for the next expiry is at most one tick late.
    fn check_outlook(&self) {
        assert_eq!(self.wheel.armed(), self.deadlines.len());
        let next = self.wheel.next_expiry();
        match self.deadlines.values().min() {
            None => assert_eq!(next, Time::NEVER),
            Some(&soonest) => {
                // Timers armed for the past are due in the current tick.
                let latest = soonest.max(self.now).as_ns() + TICK_NS;
                assert!(next.as_ns() < latest, "next expiry {next:?} misses {soonest:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn fires_as_an_ordered_map_does(steps in vec(step(), 1..400)) {
        let mut twins = Twins::new();
        for step in steps {
            twins.take(step);
        }
    }

    /// A driver that waits for each next expiry fires all timers in few wakes.
    #[test]
    fn waiting_for_the_next_expiry_fires_everything(
        start_ns in span_ns(),
        ahead_ns in vec(span_ns(), 1..TIMERS as usize),
    ) {
        let mut twins = Twins::new();
        twins.pass_to(Time::from_ns(start_ns));
        for (timer, &ahead_ns) in ahead_ns.iter().enumerate() {
            twins.take(Step::Arm { timer: timer as u32, ahead_ns });
        }
        let mut wakes = 0;
        while twins.wheel.armed() > 0 {
            twins.take(Step::PassToNextExpiry);
            wakes += 1;
            prop_assert!(wakes <= 20 * ahead_ns.len(), "{wakes} wakes are too many");
        }
    }
}

#[test]
fn never_is_not_armed() {
    let mut wheel = TimerWheel::new(1);
    wheel.arm(0, Time::from_ns(5));
    wheel.arm(0, Time::NEVER);
    assert_eq!((wheel.armed(), wheel.next_expiry()), (0, Time::NEVER));
    assert_eq!(wheel.expire(Time::from_ns(HOUR_NS)), None);
}

/// The latest time before `NEVER` does not expire early, however far time jumps.
#[test]
fn a_deadline_after_centuries_waits() {
    let mut wheel = TimerWheel::new(1);
    let deadline = Time::from_ns(u64::MAX - 1);
    wheel.arm(0, deadline);
    for hours in [1, 2, 3, 30] {
        assert_eq!(wheel.expire(Time::from_ns(hours * HOUR_NS)), None);
    }
    assert_eq!(wheel.armed(), 1);
}
