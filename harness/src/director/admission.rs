//! Admission: how many lookups of an open loop may be in progress. Those that are due beyond that are
//! shed, the oldest first.
//!
//! Beyond its capacity a system does not get faster, its queues get longer. So the limit follows from the
//! delay observed: as long as lookups take little longer than they take without a queue, the limit
//! grows; if they take longer than that, it shrinks (Brakmo and Peterson, *TCP Vegas*, SIGCOMM 1994, for
//! the idea). A limit that is not used does not grow, or it would mean nothing when the load comes (RFC
//! 7661). Of the delays of a period, the 90th percentile counts, among lookups that met no silent
//! contact: loss and crashes delay single lookups, a queue delays all.
//!
//! **Invariant:** what is refused costs no draw and no node; only its number is counted. Nothing is
//! refused before a delay is too long, but what is beyond a limit that was not used before.

use std::time::Duration;

use hopwise_kernel::Time;

use super::setup::Admitted;
use crate::base::nanoseconds::as_ns;

/// The accepted delay is [`SLOWER`] times the delay without a queue, plus this: enough work to keep all
/// threads busy and to fill datagrams.
const QUEUEING: Duration = Duration::from_millis(15);
/// Delays vary without a queue as well: the percentile depends on the hops of the lookups in a period.
const SLOWER: f64 = 1.75;
/// The shortest period between two adjustments.
const PERIOD: Duration = Duration::from_millis(50);
/// A period without enough answers ends after this time.
const PERIOD_MAX: Duration = Duration::from_secs(1);
/// Answers needed to adjust the limit.
const ANSWERS: u32 = 32;
/// The least limit.
const LIMIT_MIN: usize = 64;
/// One adjustment shrinks the limit to this share at most.
const SHRINK_MAX: f64 = 0.5;
/// One adjustment grows the limit by one in this many.
const GROWTH: usize = 16;
/// The delay without a queue is forgotten at this rate per second: the system may have changed.
const FORGETTING: f64 = 0.01;
/// If there is no room for all lookups that are due, those that have waited longer are shed: of two
/// askers, the one that asked first has given up first. Well below the lag at which a run counts as
/// late.
pub(super) const WAIT_MAX: Duration = Duration::from_millis(50);

/// Limits the lookups in progress of an open loop.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    /// The most lookups in progress at a time; `None`: any number.
    pub(super) limit: Option<usize>,
    /// The greatest limit, if the limit follows from the delay.
    limit_max: Option<usize>,
    period_start: Time,
    period: Duration,
    delays: Delays,
    failed: u32,
    /// The most lookups in progress in this period.
    most: usize,
    /// When the limit last shrank. Lookups that were due before then tell nothing about the new limit.
    shrank_at: Time,
    /// The delay without a queue: the shortest of late.
    without_queue_ns: f64,
}

impl Admission {
    /// Admits so many lookups, fewer if they take too long. `None`: any number.
    pub(super) fn new(admitted: Option<Admitted>) -> Admission {
        Admission {
            limit: admitted.map(|Admitted { first, max }| first.min(max)),
            limit_max: admitted.map(|Admitted { max, .. }| max),
            period_start: Time::ZERO,
            period: PERIOD,
            delays: Delays::default(),
            failed: 0,
            most: 0,
            shrank_at: Time::ZERO,
            without_queue_ns: f64::INFINITY,
        }
    }

    /// How many more lookups may start at `now` while so many are `in_progress`; `None`: any number.
    pub(super) fn room(&mut self, now: Time, in_progress: usize) -> Option<usize> {
        let age = now.since(self.period_start);
        if age >= self.period && (self.delays.count >= ANSWERS || age >= PERIOD_MAX) {
            let before = self.limit;
            self.limit = self.limit.map(|limit| self.adjusted(limit, age));
            if self.limit < before {
                self.shrank_at = now;
            }
            self.period_start = now;
            self.most = 0;
        }
        Some(self.limit?.saturating_sub(in_progress))
    }

    /// Records that so many lookups are in progress, after some have started.
    pub(super) fn record_in_progress(&mut self, in_progress: usize) {
        self.most = self.most.max(in_progress);
    }

    /// Records that a lookup that was due at `due` was answered at `now` and met so many silent contacts.
    pub(super) fn record_answered(&mut self, due: Time, now: Time, timeouts: u32) {
        let delay = now.since(due);
        if timeouts == 0 && due >= self.shrank_at {
            self.delays.record(as_ns(delay));
        }
    }

    /// Records that a lookup that was due at `due` was not answered.
    pub(super) fn record_failed(&mut self, due: Time) {
        self.failed = self.failed.saturating_add(u32::from(due >= self.shrank_at));
    }

    /// The limit for the next period, after one of length `age`.
    fn adjusted(&mut self, mut limit: usize, age: Duration) -> usize {
        let Some(limit_max) = self.limit_max else { return limit };
        self.without_queue_ns *= 1.0 + FORGETTING * age.as_secs_f64();
        if self.delays.count >= ANSWERS {
            let delay_ns = self.delays.slow_ns();
            self.period = PERIOD.max(Duration::from_nanos(delay_ns as u64));
            self.without_queue_ns = self.without_queue_ns.min(delay_ns);
            let accepted_ns = self.without_queue_ns * SLOWER + as_ns(QUEUEING) as f64;
            if delay_ns > accepted_ns {
                let share = (accepted_ns / delay_ns).max(SHRINK_MAX);
                limit = (limit.min(2 * self.most) as f64 * share) as usize;
            } else if self.most > limit / 2 {
                limit += (limit / GROWTH).max(1);
            }
        } else if self.failed > self.delays.count {
            limit /= 2;
        }
        self.failed = 0;
        self.delays = Delays::default();
        limit.clamp(LIMIT_MIN.min(limit_max), limit_max)
    }
}

/// Delays of one period, counted in buckets that are an eighth of a power of two wide.
#[derive(Clone, Debug)]
struct Delays {
    count: u32,
    buckets: [u32; BUCKETS],
}

const BUCKETS: usize = 64 << STEP_BITS;
const STEP_BITS: u32 = 3;

impl Default for Delays {
    fn default() -> Delays {
        Delays { count: 0, buckets: [0; BUCKETS] }
    }
}

impl Delays {
    fn record(&mut self, ns: u64) {
        let ns = ns.max(1 << STEP_BITS);
        let power = ns.ilog2();
        let step = (ns >> (power - STEP_BITS)) as usize & ((1 << STEP_BITS) - 1);
        self.buckets[(power as usize) << STEP_BITS | step] += 1;
        self.count += 1;
    }

    /// The lower bound of the bucket of the 90th percentile.
    fn slow_ns(&self) -> f64 {
        let wanted = self.count - self.count / 10;
        let mut seen = 0;
        let reaches = |&count: &u32| {
            seen += count;
            seen >= wanted
        };
        let bucket = self.buckets.iter().position(reaches).unwrap_or(0);
        let (power, step) = (bucket >> STEP_BITS, bucket & ((1 << STEP_BITS) - 1));
        (1.0 + step as f64 / f64::from(1 << STEP_BITS)) * 2f64.powi(power as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that finishes `rate_per_s` lookups a second in order, 1 ms after their turn, offered
    /// `offered_per_s`. Returns the limit and the lookups finished per second in the last second.
    fn run(rate_per_s: f64, offered_per_s: f64, seconds: u32) -> (usize, u32) {
        let mut admission = Admission::new(Some(Admitted { first: 5_000, max: 100_000 }));
        let (mut ends, mut finished) = (std::collections::VecDeque::new(), 0);
        let mut last_end = 0.0_f64;
        let mut due = 0.0;
        for tick in 1..=seconds * 1000 {
            let now = f64::from(tick) / 1000.0;
            due += offered_per_s / 1000.0;
            while let Some(&(start, end)) = ends.front()
                && end <= now
            {
                ends.pop_front();
                let time = |s: f64| Time::from_ns((s * 1e9) as u64);
                admission.record_answered(time(start), time(end), 0);
                finished += u32::from(tick > (seconds - 1) * 1000);
            }
            let at = Time::from_ns((now * 1e9) as u64);
            let room = admission.room(at, ends.len()).unwrap_or_default();
            for _ in 0..room.min(due as usize) {
                last_end = last_end.max(now) + 1.0 / rate_per_s;
                ends.push_back((now, last_end + 0.001));
            }
            admission.record_in_progress(ends.len());
            due = 0.0;
        }
        (admission.limit.unwrap_or_default(), finished)
    }

    #[test]
    fn the_limit_follows_the_rate_of_the_server() {
        for rate in [2_000.0, 20_000.0, 100_000.0] {
            let (limit, finished) = run(rate, 5.0 * rate, 20);
            let delay_s = limit as f64 / rate;
            assert!((0.02..0.15).contains(&delay_s), "{rate}/s: limit {limit}, {delay_s} s");
            assert!(f64::from(finished) > 0.95 * rate, "{rate}/s: {finished} finished");
        }
    }

    #[test]
    fn below_capacity_nothing_is_refused() {
        let (limit, finished) = run(20_000.0, 15_000.0, 20);
        assert_eq!((limit, finished), (5_000, 15_000));
    }

    #[test]
    fn silent_contacts_do_not_look_like_a_queue() {
        let mut admission = Admission::new(Some(Admitted { first: 1000, max: 1000 }));
        for tick in 1..2000_u64 {
            let delay = Duration::from_millis(if tick % 2 == 0 { 1 } else { 900 });
            let due = Time::from_ns(tick * 1_000_000);
            admission.record_answered(due, due + delay, u32::from(tick % 4 == 1));
            assert!(admission.room(Time::from_ns(tick * 1_000_000), 10) >= Some(990), "{tick}");
        }
    }

    #[test]
    fn a_system_that_answers_nothing_gets_little() {
        let mut admission = Admission::new(Some(Admitted { first: 1000, max: 1000 }));
        for second in 1..20_u64 {
            let now = Time::from_ns(second * 1_000_000_000);
            admission.record_failed(now);
            admission.room(now, 10);
        }
        assert_eq!(admission.room(Time::from_ns(20_000_000_000), 0), Some(LIMIT_MIN));
    }

    #[test]
    fn the_percentile_is_exact_to_an_eighth() {
        let mut delays = Delays::default();
        (1..=1000).for_each(|ms| delays.record(ms * 1_000_000));
        let slow = delays.slow_ns() / 1e6;
        assert!((800.0..=900.0).contains(&slow), "{slow}");
    }
}
