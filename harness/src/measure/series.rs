//! The time series of a run: intervals of a second or less, what was due in them and what was sent.
//!
//! An interval ends at a whole second, where a phase ends, or where the load changes. A lookup counts in the interval in
//! which it was due, whenever it ends. So each interval accounts for all its lookups, and those of a
//! phase add up to the figures of the phase.
//!
//! Each director has a series of its own. A shard that is late takes its counters late: then what was
//! sent since the last time counts in the interval that was open, and nothing is lost.
//!
//! **Invariant:** merging the series of shards in any order gives the same rows.

use std::collections::BTreeMap;
use std::mem;
use std::time::Duration;

use hopwise_kernel::Time;

use super::health::Sample;
use super::histogram::Latencies;
use crate::base::nanoseconds::as_ns;

const SECOND_NS: u64 = 1_000_000_000;

/// One row of a run's time series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRow {
    /// End of the interval, in seconds since the start of the run.
    pub t_s: f64,
    /// Its length, in seconds.
    pub length_s: f64,
    /// The phase it belongs to.
    pub phase: &'static str,
    /// Live nodes at its end.
    pub live_nodes: usize,
    /// Lookups due in it. Each ends as completed, failed, shed or orphaned.
    pub issued: u64,
    /// Of these, how many were answered.
    pub completed: u64,
    /// Answers that did not name the true owner. Only those of the measured phase are judged.
    pub incorrect: u64,
    /// Lookups without an answer before their deadline.
    pub failed: u64,
    /// Lookups that were refused at their origin.
    pub shed: u64,
    /// Lookups whose origin left or crashed before the answer.
    pub orphaned: u64,
    /// Median latency of the answered ones, in microseconds; 0 if there were none.
    pub latency_p50_us: f64,
    /// 99th percentile of the same.
    pub latency_p99_us: f64,
    /// All of these latencies in nanoseconds, in HdrHistogram's V2 format, if the load changes in the run;
    /// else empty.
    pub latencies: Vec<u8>,
    /// Messages of all kinds sent in the interval.
    pub messages: u64,
    /// Bytes of maintenance sent in the interval.
    pub maintenance_bytes: u64,
    /// The tables of a ring's members at its end, if they were looked at.
    pub tables: Option<Sample>,
}

/// The intervals of one shard's run, or of all.
#[derive(Clone, Debug)]
pub struct Series {
    /// The starts of phases, in order.
    phases: Vec<(Time, &'static str)>,
    /// Where else intervals end, in order.
    cuts: Vec<Time>,
    /// By start.
    intervals: BTreeMap<Time, Interval>,
    /// The start of the interval in which messages count.
    open: Time,
    /// Messages and bytes of maintenance that have been counted.
    sent: Sent,
}

/// Messages and bytes sent since the start of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Messages of all kinds.
    pub messages: u64,
    /// Bytes of maintenance.
    pub maintenance_bytes: u64,
}

#[derive(Clone, Debug, Default)]
struct Interval {
    issued: u64,
    completed: u64,
    failed: u64,
    shed: u64,
    orphaned: u64,
    latencies: Latencies,
    sent: Sent,
    live_nodes: usize,
}

impl Default for Series {
    fn default() -> Series {
        Series::new()
    }
}

impl Series {
    /// A series that starts with the bring-up at time 0.
    #[must_use]
    pub fn new() -> Series {
        Series {
            phases: vec![(Time::ZERO, "bring-up")],
            cuts: Vec::new(),
            intervals: BTreeMap::from([(Time::ZERO, Interval::default())]),
            open: Time::ZERO,
            sent: Sent::default(),
        }
    }

    /// Starts the phase `name` at `at`. Phases that were to start later are dropped. If `at` is past,
    /// what is sent until the next [`advance`](Series::advance) still counts before the phase.
    pub fn begin_phase(&mut self, at: Time, name: &'static str) {
        self.phases.retain(|&(start, _)| start < at || start == Time::ZERO);
        if at <= self.open && at > Time::ZERO {
            self.open = self.interval_at(Time::from_ns(at.as_ns() - 1));
        }
        self.phases.push((at, name));
    }

    /// Ends intervals at these times, too: where the load changes, for instance. They must lie in the
    /// future.
    pub fn cut(&mut self, at: impl IntoIterator<Item = Time>) {
        self.cuts.extend(at);
        self.cuts.sort_unstable();
        self.cuts.dedup();
    }

    /// The starts and names of the phases, in order.
    pub fn phases(&self) -> impl Iterator<Item = (Time, &'static str)> {
        self.phases.iter().copied()
    }

    /// The start of the interval that contains `t`. An interval that was returned once stays as it is,
    /// even if a phase starts in it later.
    #[must_use]
    pub fn interval_at(&self, t: Time) -> Time {
        let second = Time::from_ns(t.as_ns() / SECOND_NS * SECOND_NS);
        let phase = self.phases.iter().rev().find(|&&(start, _)| start <= t);
        let start = phase.map_or(second, |&(start, _)| second.max(start));
        let cuts = self.cuts.partition_point(|&cut| cut <= t);
        self.cuts[..cuts].last().map_or(start, |&cut| start.max(cut))
    }

    /// The last instant of the interval that contains `t`.
    #[must_use]
    pub fn last_instant(&self, t: Time) -> Time {
        let second = Time::from_ns((t.as_ns() / SECOND_NS + 1) * SECOND_NS);
        let phase = self.phases.iter().find(|&&(start, _)| start > t);
        let end = phase.map_or(second, |&(start, _)| second.min(start));
        let cuts = self.cuts.partition_point(|&cut| cut <= t);
        let end = self.cuts.get(cuts).map_or(end, |&cut| end.min(cut));
        Time::from_ns(end.as_ns() - 1)
    }

    /// Counts a lookup that was due in `interval`.
    pub fn record_issued(&mut self, interval: Time) {
        self.interval(interval).issued += 1;
    }

    /// Counts the answer to a lookup that was due in `interval`.
    pub fn record_completed(&mut self, interval: Time, latency: Duration) {
        let it = self.interval(interval);
        it.completed += 1;
        it.latencies.record(as_ns(latency));
    }

    /// Counts a lookup without an answer that was due in `interval`.
    pub fn record_failed(&mut self, interval: Time) {
        self.interval(interval).failed += 1;
    }

    /// Counts a lookup that was due in `interval` and was refused after it was issued.
    pub fn record_shed(&mut self, interval: Time) {
        self.interval(interval).shed += 1;
    }

    /// Counts `count` lookups that were due in `interval` and were refused at once.
    pub fn record_refused(&mut self, interval: Time, count: u64) {
        let it = self.interval(interval);
        it.issued += count;
        it.shed += count;
    }

    /// Counts a lookup that was due in `interval` and whose origin has departed.
    pub fn record_orphaned(&mut self, interval: Time) {
        self.interval(interval).orphaned += 1;
    }

    /// When the next call of [`advance`](Series::advance) is due.
    #[must_use]
    pub fn next_due(&self) -> Time {
        Time::from_ns(self.last_instant(self.open).as_ns() + 1)
    }

    /// Ends all intervals that are over at `now`: `sent` counts all messages up to now, and
    /// `live_nodes` are live.
    pub fn advance(&mut self, now: Time, sent: Sent, live_nodes: usize) {
        self.count_sent(sent, live_nodes);
        let last = self.interval_at(now);
        while self.open < last {
            self.open = self.next_due().min(last);
            self.interval(self.open).live_nodes = live_nodes;
        }
        let over = self.intervals.range_mut(..last).map(|(_, it)| it);
        over.filter(|it| it.has_ended()).for_each(|it| it.latencies.pack());
    }

    /// Ends the series, as [`advance`](Series::advance) does.
    pub fn end(&mut self, now: Time, sent: Sent, live_nodes: usize) {
        self.advance(now, sent, live_nodes);
        self.intervals.values_mut().for_each(|it| it.latencies.pack());
    }

    /// Adds the counts of another shard.
    pub fn merge(&mut self, other: &Series) {
        if other.phases.len() > self.phases.len() {
            self.phases.clone_from(&other.phases);
        }
        if other.cuts.len() > self.cuts.len() {
            self.cuts.clone_from(&other.cuts);
        }
        for (&start, theirs) in &other.intervals {
            self.interval(start).merge(theirs);
        }
        self.open = self.open.max(other.open);
    }

    /// The rows of a run that ended at `end`. `incorrect` are the intervals of the lookups with wrong
    /// answers, `samples` the times and findings of looks at the tables, in order.
    #[must_use]
    pub fn rows(
        &self,
        end: Time,
        incorrect: &[Time],
        samples: &[(Time, Sample)],
    ) -> Vec<SeriesRow> {
        let starts = self.intervals.keys().copied();
        let ends = starts.clone().skip(1).chain([end.max(self.open)]);
        let mut rows: Vec<_> = starts.zip(ends).map(|(start, end)| self.row(start, end)).collect();
        let index_of = |t: Time| self.intervals.range(..=t).count().saturating_sub(1);
        for &interval in incorrect {
            rows[index_of(interval)].incorrect += 1;
        }
        for &(at, sample) in samples {
            rows[index_of(Time::from_ns(at.as_ns().saturating_sub(1)))].tables = Some(sample);
        }
        rows.retain(|row| row.length_s > 0.0 || row.issued + row.messages > 0);
        rows
    }

    fn row(&self, start: Time, end: Time) -> SeriesRow {
        let it = &self.intervals[&start];
        let latencies = it.latencies.unpacked();
        let latency_us = |quantile| match &latencies {
            Some(all) => all.value_at_quantile(quantile) as f64 / 1e3,
            None => 0.0,
        };
        let phase = self.phases.iter().rev().find(|&&(from, _)| from <= start);
        SeriesRow {
            t_s: end.since(Time::ZERO).as_secs_f64(),
            length_s: end.since(start).as_secs_f64(),
            phase: phase.map_or("bring-up", |&(_, name)| name),
            live_nodes: it.live_nodes,
            issued: it.issued,
            completed: it.completed,
            incorrect: 0,
            failed: it.failed,
            shed: it.shed,
            orphaned: it.orphaned,
            latency_p50_us: latency_us(0.5),
            latency_p99_us: latency_us(0.99),
            // Only the figures of a stage of the load need them.
            latencies: if self.cuts.is_empty() { Vec::new() } else { it.latencies.packed() },
            messages: it.sent.messages,
            maintenance_bytes: it.sent.maintenance_bytes,
            tables: None,
        }
    }

    fn interval(&mut self, start: Time) -> &mut Interval {
        self.intervals.entry(start).or_default()
    }

    fn count_sent(&mut self, sent: Sent, live_nodes: usize) {
        let before = mem::replace(&mut self.sent, sent);
        let it = self.interval(self.open);
        it.sent.messages += sent.messages - before.messages;
        it.sent.maintenance_bytes += sent.maintenance_bytes - before.maintenance_bytes;
        it.live_nodes = live_nodes;
    }
}

impl Interval {
    /// Whether all its lookups have ended.
    const fn has_ended(&self) -> bool {
        self.issued == self.completed + self.failed + self.shed + self.orphaned
    }

    fn merge(&mut self, other: &Interval) {
        self.issued += other.issued;
        self.completed += other.completed;
        self.failed += other.failed;
        self.shed += other.shed;
        self.orphaned += other.orphaned;
        self.latencies.merge(&other.latencies);
        self.sent.messages += other.sent.messages;
        self.sent.maintenance_bytes += other.sent.maintenance_bytes;
        self.live_nodes += other.live_nodes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_end_where_the_load_changes() {
        let at = |ms| Time::ZERO + Duration::from_millis(ms);
        let mut series = Series::new();
        series.begin_phase(at(500), "measure");
        series.cut([at(2300), at(1200), at(2300)]);
        assert_eq!(
            [1199, 1200, 2299, 2300, 3000].map(|ms| series.interval_at(at(ms))),
            [at(1000), at(1200), at(2000), at(2300), at(3000)]
        );
        assert_eq!(series.last_instant(at(1100)), Time::from_ns(at(1200).as_ns() - 1));
        for (due, latency) in [(1100, 1), (1300, 2), (1400, 3)] {
            let interval = series.interval_at(at(due));
            series.record_issued(interval);
            series.record_completed(interval, Duration::from_millis(latency));
        }
        series.end(at(3500), Sent::default(), 4);
        let mut all = Series::new();
        all.merge(&series);
        let rows = all.rows(at(3500), &[], &[]);
        assert_eq!(
            rows.iter().map(|row| row.t_s).collect::<Vec<_>>(),
            [0.5, 1.0, 1.2, 2.0, 2.3, 3.0, 3.5]
        );
        assert_eq!((rows[2].completed, rows[3].completed), (1, 2));
        assert!(rows[4].latencies.is_empty() && !rows[3].latencies.is_empty());
    }
}
