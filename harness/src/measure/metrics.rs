//! Counters of lookups and messages.
//!
//! Each shard has its own. Their sums are made after the run.
//!
//! **Invariant:** recording never allocates, never fails and never reads a clock.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::histogram::histogram;
use super::tally::Tally;
use crate::base::nanoseconds::as_ns;

/// Distinct counts of hops or timeouts. Larger ones count as the last; the mean of timeouts is exact.
pub const COUNTS: usize = 4096;

/// Counters of the lookups of one shard in one period.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Lookups that were due. Each ends as completed, failed, shed or orphaned.
    pub issued: u64,
    /// Lookups answered before their deadline.
    pub completed: u64,
    /// Completed lookups that named the true owner.
    pub correct: u64,
    /// Completed lookups that named another node.
    pub incorrect: u64,
    /// Lookups without an answer before their deadline.
    pub failed: u64,
    /// Lookups that were refused at their origin for want of room.
    pub shed: u64,
    /// Lookups whose origin left or crashed before the answer.
    pub orphaned: u64,
    /// Completed lookups whose answer was given for a node that did not answer.
    pub under_suspicion: u64,
    /// Messages that lookups caused.
    pub messages: u64,
    /// Contacts of lookups that did not answer in time.
    pub silent_contacts: u64,
    /// Counters of item queries.
    pub items: Tally,
    hops: [u64; COUNTS],
    timeouts: [u64; COUNTS],
    latency: Histogram<u64>,
    lag: Histogram<u64>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Metrics {
    /// All counters at 0. Takes about 500 KiB; nothing else here allocates.
    #[must_use]
    pub fn new() -> Metrics {
        Metrics {
            issued: 0,
            completed: 0,
            correct: 0,
            incorrect: 0,
            failed: 0,
            shed: 0,
            orphaned: 0,
            under_suspicion: 0,
            messages: 0,
            silent_contacts: 0,
            items: Tally::default(),
            hops: [0; COUNTS],
            timeouts: [0; COUNTS],
            latency: histogram(3),
            lag: histogram(2),
        }
    }

    /// Records that a lookup was given to a node, `lag` after it was due.
    pub fn record_issued(&mut self, lag: Duration) {
        self.issued += 1;
        self.lag.saturating_record(as_ns(lag));
    }

    /// Records that a lookup was answered `latency` after it was due, over `hops` hops.
    pub fn record_completed(&mut self, latency: Duration, hops: u32) {
        self.completed += 1;
        self.hops[place(hops)] += 1;
        self.latency.saturating_record(as_ns(latency));
    }

    /// Records that a lookup ended without an answer.
    pub fn record_failed(&mut self) {
        self.failed += 1;
    }

    /// Records that so many contacts of a lookup that was answered or failed did not answer in time.
    pub fn record_timeouts(&mut self, timeouts: u32) {
        self.timeouts[place(timeouts)] += 1;
        self.silent_contacts += u64::from(timeouts);
    }

    /// Records messages that lookups caused.
    pub fn record_messages(&mut self, messages: u64) {
        self.messages += messages;
    }

    /// Records whether a completed lookup named the true owner.
    pub fn record_judged(&mut self, correct: bool) {
        if correct {
            self.correct += 1;
        } else {
            self.incorrect += 1;
        }
    }

    /// Records that `count` lookups were due and refused at once. A refusal is not late, so they
    /// have no lag.
    pub fn record_refused(&mut self, count: u64) {
        self.issued += count;
        self.shed += count;
    }

    /// Records that the origin of an issued lookup refused it.
    pub fn record_shed(&mut self) {
        self.shed += 1;
    }

    /// Records that the origin of a lookup left or crashed before the answer.
    pub fn record_orphaned(&mut self) {
        self.orphaned += 1;
    }

    /// `hops()[i]` is the number of completed lookups with `i` hops.
    #[must_use]
    pub fn hops(&self) -> &[u64; COUNTS] {
        &self.hops
    }

    /// `timeouts()[i]` is the number of ended lookups with `i` timeouts.
    #[must_use]
    pub fn timeouts(&self) -> &[u64; COUNTS] {
        &self.timeouts
    }

    /// Latencies of completed lookups: nanoseconds from the intended start to the answer, with
    /// three digits, at most [`LATENCY_MAX`](super::histogram::LATENCY_MAX).
    #[must_use]
    pub fn latency(&self) -> &Histogram<u64> {
        &self.latency
    }

    /// Nanoseconds from when lookups were due until they were given to a node, with two digits.
    #[must_use]
    pub fn lag(&self) -> &Histogram<u64> {
        &self.lag
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Metrics) {
        self.issued += other.issued;
        self.completed += other.completed;
        self.correct += other.correct;
        self.incorrect += other.incorrect;
        self.failed += other.failed;
        self.shed += other.shed;
        self.orphaned += other.orphaned;
        self.under_suspicion += other.under_suspicion;
        self.messages += other.messages;
        self.silent_contacts += other.silent_contacts;
        self.items.merge(&other.items);
        add_each(&mut self.hops, &other.hops);
        add_each(&mut self.timeouts, &other.timeouts);
        self.latency.add(&other.latency).expect("all latencies have the same bounds");
        self.lag.add(&other.lag).expect("all lags have the same bounds");
    }

    /// Sets all counters to 0 without freeing memory.
    pub fn clear(&mut self) {
        let Metrics { issued, completed, correct, incorrect, failed, .. } = self;
        for count in [issued, completed, correct, incorrect, failed] {
            *count = 0;
        }
        let Metrics { shed, orphaned, under_suspicion, messages, silent_contacts, .. } = self;
        for count in [shed, orphaned, under_suspicion, messages, silent_contacts] {
            *count = 0;
        }
        self.items.clear();
        self.hops.fill(0);
        self.timeouts.fill(0);
        self.latency.reset();
        self.lag.reset();
    }
}

/// Messages and bytes by kind of message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic(Vec<KindTraffic>);

/// Traffic of one kind of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindTraffic {
    /// The kind's name.
    pub kind: &'static str,
    /// Messages sent.
    pub messages: u64,
    /// Bytes sent: payload, with IPv4 and UDP headers as if each message travelled alone.
    pub bytes: u64,
}

impl Traffic {
    /// No traffic yet.
    #[must_use]
    pub fn new() -> Traffic {
        Traffic::default()
    }

    /// Counts `messages` messages of `kind` with `bytes` bytes in total. Allocates only for a new
    /// kind.
    pub fn record(&mut self, kind: &'static str, messages: u64, bytes: u64) {
        match self.0.iter_mut().find(|known| known.kind == kind) {
            Some(known) => {
                known.messages += messages;
                known.bytes += bytes;
            }
            None => self.0.push(KindTraffic { kind, messages, bytes }),
        }
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Traffic) {
        other.0.iter().for_each(|sent| self.record(sent.kind, sent.messages, sent.bytes));
    }

    /// Sets all counts to 0 and keeps the kinds.
    pub fn clear(&mut self) {
        self.0.iter_mut().for_each(|known| (known.messages, known.bytes) = (0, 0));
    }

    /// Iterates over the kinds in the order in which they were first recorded.
    pub fn iter(&self) -> impl Iterator<Item = &KindTraffic> {
        self.0.iter()
    }

    /// Messages of all kinds.
    #[must_use]
    pub fn messages(&self) -> u64 {
        self.0.iter().map(|sent| sent.messages).sum()
    }

    /// Bytes of all kinds.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|sent| sent.bytes).sum()
    }
}

fn place(count: u32) -> usize {
    (count as usize).min(COUNTS - 1)
}

fn add_each(sums: &mut [u64; COUNTS], counts: &[u64; COUNTS]) {
    sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
}

#[cfg(test)]
mod tests {
    use super::super::histogram::LATENCY_MAX;
    use super::*;
    use hopwise_kernel::items::Match;
    use proptest::prelude::*;

    #[derive(Clone, Debug)]
    enum Event {
        Issued(u64),
        Completed(u64, u32, u32, u32, bool),
        Failed(u32, u32),
        Refused(u64),
        Shed,
        Orphaned,
        Asked(Match, bool, bool),
        FoundNone,
        Transfer(u64, u16),
        TransferFailed,
    }

    fn event() -> impl Strategy<Value = Event> {
        let completed = (any::<u64>(), 0..300u32, 0..300u32, 0..99u32, any::<bool>());
        prop_oneof![
            any::<u64>().prop_map(Event::Issued),
            completed.prop_map(|(ns, h, t, m, ok)| Event::Completed(ns, h, t, m, ok)),
            (0..5000u32, 0..99u32).prop_map(|(t, m)| Event::Failed(t, m)),
            (0..1_000_u64).prop_map(Event::Refused),
            Just(Event::Shed),
            Just(Event::Orphaned),
            (0..4_u8, any::<bool>(), any::<bool>()).prop_map(|(how, correct, obtained)| {
                Event::Asked(Match::from_number(how).expect("there are four"), correct, obtained)
            }),
            Just(Event::FoundNone),
            (any::<u64>(), any::<u16>()).prop_map(|(ns, bytes)| Event::Transfer(ns, bytes)),
            Just(Event::TransferFailed),
        ]
    }

    fn record(metrics: &mut Metrics, event: &Event) {
        match *event {
            Event::Issued(ns) => metrics.record_issued(Duration::from_nanos(ns)),
            Event::Completed(ns, hops, timeouts, messages, correct) => {
                metrics.record_completed(Duration::from_nanos(ns), hops);
                metrics.record_timeouts(timeouts);
                metrics.record_messages(messages.into());
                metrics.record_judged(correct);
            }
            Event::Failed(timeouts, messages) => {
                metrics.record_failed();
                metrics.record_timeouts(timeouts);
                metrics.record_messages(messages.into());
            }
            Event::Refused(count) => metrics.record_refused(count),
            Event::Shed => metrics.record_shed(),
            Event::Orphaned => metrics.record_orphaned(),
            Event::Asked(how, correct, obtained) => {
                metrics.items.record_issued(how);
                if correct {
                    metrics.items.record_correct(how);
                }
                if obtained {
                    metrics.items.record_obtained(how);
                }
            }
            Event::FoundNone => metrics.items.record_found_none(),
            Event::Transfer(ns, bytes) => {
                metrics.items.record_transfer(Duration::from_nanos(ns), bytes.into());
            }
            Event::TransferFailed => metrics.items.record_transfer_failed(),
        }
    }

    fn assert_same(a: &Metrics, b: &Metrics) {
        let counts = |m: &Metrics| {
            let ended = [m.completed, m.correct, m.incorrect, m.failed, m.shed, m.orphaned];
            (m.issued, ended, m.messages)
        };
        assert_eq!(counts(a), counts(b));
        assert_eq!((a.hops, a.timeouts), (b.hops, b.timeouts));
        assert_eq!((&a.latency, &a.lag), (&b.latency, &b.lag));
        assert_eq!((a.items.exact, a.items.fuzzy), (b.items.exact, b.items.fuzzy));
        let items = |m: &Metrics| {
            let Tally { found_none, transfers, transfers_failed, transfer_bytes, .. } = m.items;
            [found_none, transfers, transfers_failed, transfer_bytes]
        };
        assert_eq!(items(a), items(b));
        assert!(a.items.transfer_latency() == b.items.transfer_latency(), "transfers took as long");
    }

    proptest! {
        // A shard's histograms are large: few cases are enough for a law this plain.
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn two_shards_merged_are_one(
            first in prop::collection::vec(event(), 0..20),
            second in prop::collection::vec(event(), 0..20),
        ) {
            let (mut one, mut a, mut b) = (Metrics::new(), Metrics::new(), Metrics::new());
            first.iter().for_each(|event| record(&mut a, event));
            second.iter().for_each(|event| record(&mut b, event));
            first.iter().chain(&second).for_each(|event| record(&mut one, event));
            a.merge(&b);
            assert_same(&a, &one);
            a.clear();
            assert_same(&a, &Metrics::new());
        }
    }

    #[test]
    fn values_out_of_bounds_count_as_the_bound() {
        let mut metrics = Metrics::new();
        metrics.record_completed(Duration::from_secs(3600), 10_000);
        metrics.record_timeouts(10_000);
        assert_eq!(metrics.hops()[COUNTS - 1], 1);
        assert_eq!(metrics.timeouts()[COUNTS - 1], 1);
        assert_eq!(metrics.silent_contacts, 10_000, "the sum is exact");
        let max = Duration::from_nanos(metrics.latency().max());
        assert!(max >= LATENCY_MAX && max < LATENCY_MAX.mul_f64(1.001), "{max:?}");
    }

    #[test]
    fn traffic_adds_up_by_kind() {
        let (mut a, mut b) = (Traffic::new(), Traffic::new());
        a.record("stabilize", 2, 100);
        b.record("notify", 1, 40);
        b.record("stabilize", 3, 150);
        a.merge(&b);
        assert_eq!((a.messages(), a.bytes()), (6, 290));
        let stabilize = KindTraffic { kind: "stabilize", messages: 5, bytes: 250 };
        assert_eq!(a.iter().next(), Some(&stabilize));
        a.clear();
        assert_eq!((a.messages(), a.iter().count()), (0, 2));
    }
}
