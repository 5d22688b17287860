//! The load: starts lookups and records their results.
//!
//! A closed loop keeps a number of lookups in progress. An open loop starts those that arrive, while
//! [`Admission`](super::admission::Admission) has room; it only counts the others, which are shed.
//!
//! **Invariant:** latency counts from the intended start of a lookup, not from its actual issue.

use std::time::Duration;

use hopwise_kernel::Time;

use super::admission::WAIT_MAX;
use super::ledger::End;
use super::lookups::Lookup;
use super::{Director, NodeControl, is_within, take_due};
use crate::churn::Share;
use crate::scenario::{Load, Measure};
use crate::workload::judge::{Answered, Facts, Record};
use crate::workload::{Next, Workload};

/// The most lookups that a closed loop starts in one turn. Nodes may refuse them all at once, and then as
/// many are due again.
const CLOSED_STARTS_PER_TURN: usize = 512;

impl<W: Workload> Director<W> {
    /// Ends the lookups of departed nodes, which get no answer any more.
    pub(super) fn end_lookups_of_departed(&mut self) {
        while let Some(place) = self.departed.pop() {
            while let Some(token) = self.lookups.first_of(place) {
                self.end_orphaned(token);
            }
        }
    }

    /// Asks what follows from answers.
    pub(super) fn turn_next(&mut self, nodes: &mut dyn NodeControl<W::Question>, now: Time) {
        while let Some(token) = self.next.pop() {
            let Some(&Lookup { question, origin, number, .. }) = self.lookups.find(token) else {
                continue; // Its origin has departed.
            };
            if nodes.ask(now, origin, question, token, number) {
                self.record_change(&question, now);
            } else {
                self.end_refused(now, token);
            }
        }
    }

    /// Tells the judge that a question was issued, if it changes something.
    fn record_change(&mut self, question: &W::Question, at: Time) {
        if W::is_change(question) {
            self.records.push(Record::Issued { question: *question, at });
        }
    }

    /// Tells the judge that a question has ended, if it changes something.
    fn record_end(&mut self, question: &W::Question, answer: Option<W::Answer>, at: Time) {
        if W::is_change(question) {
            self.records.push(Record::Ended { question: *question, answer, at });
        }
    }

    /// Starts the lookups that are due by `until`.
    pub(super) fn turn_load(
        &mut self,
        nodes: &mut dyn NodeControl<W::Question>,
        now: Time,
        until: Time,
    ) {
        let all_nodes = self.scenario.nodes;
        if let Some(calibration) = &mut self.calibration
            && let Some(all) = calibration.in_flight(now, all_nodes)
        {
            let admitted = self.admission.room(now, 0).unwrap_or(usize::MAX);
            return self.turn_closed_loop(nodes, now, all, admitted, u64::MAX);
        }
        let Some((_, to)) = self.phase else { return };
        match self.scenario.workload.load {
            Load::InFlight(all) if now < to => {
                self.turn_closed_loop(nodes, now, all, usize::MAX, self.quota());
            }
            Load::InFlight(_) => {}
            // Lookups that were due in the phase are issued even if it is over by now.
            Load::PerSecond(_) | Load::PerNode(_) => {
                self.turn_open_loop(nodes, now, until.min(before(to)));
            }
        }
    }

    /// The most lookups that this director starts in the measured phase.
    pub(super) fn quota(&self) -> u64 {
        let Measure::Lookups(count) = self.scenario.phases.measure else { return u64::MAX };
        // With fewer lookups in flight than directors, only the first directors issue any.
        let of = match self.scenario.workload.load {
            Load::InFlight(all) => self.share.of.min(all as usize),
            Load::PerSecond(_) | Load::PerNode(_) => self.share.of,
        };
        let part = Share { of, ..self.share };
        if self.share.index < of { part.part(count as usize) as u64 } else { 0 }
    }

    /// Starts lookups until this director's part of `all` is in progress, or `most` if that is less. At
    /// most `quota` in the measured phase.
    fn turn_closed_loop(
        &mut self,
        nodes: &mut dyn NodeControl<W::Question>,
        now: Time,
        all: u32,
        most: usize,
        quota: u64,
    ) {
        if self.share.index >= all as usize {
            return;
        }
        let mine = self.share.part(all as usize).min(most);
        let mut started = 0;
        while started < CLOSED_STARTS_PER_TURN
            && self.lookups.len() < mine
            && self.metrics.issued < quota
            && self.start_lookup(nodes, now, now)
        {
            started += 1;
        }
        self.admission.record_in_progress(self.lookups.len());
    }

    /// Starts the lookups that have arrived by `until`. Those for which there is no room are shed.
    fn turn_open_loop(&mut self, nodes: &mut dyn NodeControl<W::Question>, now: Time, until: Time) {
        let quota = self.quota();
        let room = self.admission.room(now, self.lookups.len());
        let most = room.map_or(self.starts_per_turn, |room| room.min(self.starts_per_turn));
        if room.is_some() && self.due_mean(until) > most as f64 {
            self.shed_due(until.min(now - WAIT_MAX), quota);
        }
        let mut started = 0;
        while started < most
            && self.metrics.issued < quota
            && let Some(intended) = take_due(&mut self.arrivals, until)
        {
            self.start_lookup(nodes, intended, now.max(intended));
            started += 1;
        }
        self.admission.record_in_progress(self.lookups.len());
        if room == Some(started) {
            self.shed_due(until, quota);
        }
        let has_ended = self.phase.is_some_and(|(_, to)| until == before(to))
            && self.arrivals.as_mut().is_some_and(|arrivals| arrivals.next_due() > until);
        if has_ended || self.metrics.issued >= quota {
            self.arrivals = None;
        }
    }

    /// The number of lookups to be expected by `until`, given only the next one. Decisions that
    /// follow from it, not from the number itself, leave arrivals as random as they are.
    fn due_mean(&mut self, until: Time) -> f64 {
        self.arrivals.as_mut().map_or(0.0, |arrivals| arrivals.due_mean(until))
    }

    /// Counts all arrivals by `until` as shed, at most `quota` lookups in the measured phase.
    fn shed_due(&mut self, until: Time, quota: u64) {
        let Some(arrivals) = &mut self.arrivals else { return };
        loop {
            let due = arrivals.next_due();
            if due > until || due == Time::NEVER {
                return;
            }
            // No phase begins or ends within an interval.
            let mut count = arrivals.count_until(until.min(self.series.last_instant(due)));
            let interval = self.series.interval_at(due);
            if is_within(self.phase, due) {
                count = count.min(quota.saturating_sub(self.metrics.issued));
                self.metrics.record_refused(count);
                if self.is_logged {
                    self.records.push(Record::Refused { interval, count });
                }
            }
            self.recent.record_refused(count);
            self.series.record_refused(interval, count);
        }
    }

    fn start_lookup(
        &mut self,
        nodes: &mut dyn NodeControl<W::Question>,
        intended: Time,
        at: Time,
    ) -> bool {
        let Some(origin) = self.random_node() else { return false };
        let question = self.workload.draw(&mut self.rng);
        let counted = self.is_measured(intended);
        let interval = self.series.interval_at(intended);
        let number = self.ledger.as_mut().map_or(0, |ledger| ledger.begin(at, counted));
        let lookup = Lookup {
            question,
            intended,
            interval,
            issued: at,
            number,
            origin,
            counted,
            followed_up: false,
        };
        let token = self.lookups.begin(lookup);
        let is_started = nodes.ask(at, origin, question, token, number);
        if is_started {
            self.record_change(&question, at);
        }
        let metrics = counted.then_some(&mut self.metrics);
        for metrics in [&mut self.recent].into_iter().chain(metrics) {
            if is_started {
                metrics.record_issued(at.since(intended));
            } else {
                metrics.record_refused(1);
            }
        }
        if is_started {
            self.series.record_issued(interval);
        } else {
            self.series.record_refused(interval, 1);
            self.lookups.end(token);
            self.end_costs(&lookup, End::Void);
            self.record_unanswered(&lookup, "shed", at, 0);
        }
        is_started
    }

    /// Records that the origin of a lookup refused it later than at once.
    pub(super) fn end_refused(&mut self, now: Time, token: u64) {
        let Some(lookup) = self.lookups.end(token) else { return };
        self.record_end(&lookup.question, None, now);
        self.recent.record_shed();
        self.series.record_shed(lookup.interval);
        self.end_costs(&lookup, End::Void);
        self.record_unanswered(&lookup, "shed", now, 0);
        if lookup.counted {
            self.metrics.record_shed();
        }
    }

    /// Records that the origin of a lookup has departed. If the lookup had its answer, it stays
    /// completed, and the transfer that followed has failed.
    fn end_orphaned(&mut self, token: u64) {
        let Some(lookup) = self.lookups.end(token) else { return };
        if lookup.followed_up {
            self.record_follow_up(&lookup, None);
            return;
        }
        self.record_end(&lookup.question, None, self.now);
        self.recent.record_orphaned();
        self.series.record_orphaned(lookup.interval);
        self.end_costs(&lookup, End::Void);
        self.record_unanswered(&lookup, "orphaned", self.now, 0);
        if lookup.counted {
            self.metrics.record_orphaned();
        }
    }

    /// Records that a lookup failed. `answer` says why, if the node knows.
    pub(super) fn end_failed(
        &mut self,
        now: Time,
        token: u64,
        answer: Option<W::Answer>,
        timeouts: u32,
    ) {
        let Some(lookup) = self.lookups.end(token) else { return };
        self.record_end(&lookup.question, answer, now);
        if lookup.followed_up {
            self.record_follow_up(&lookup, None);
        } else {
            self.admission.record_failed(lookup.intended);
            self.recent.record_failed();
            self.series.record_failed(lookup.interval);
            self.end_costs(&lookup, End::Ended { timeouts });
            self.record_unanswered(&lookup, "failed", now, timeouts);
            if lookup.counted {
                self.metrics.record_failed();
                let tally = &mut self.metrics.items;
                self.workload.record_issued(&lookup.question, tally);
                self.workload.record_failed(&lookup.question, answer.as_ref(), tally);
            }
        }
    }

    /// Records that an answer, which is recorded next, is given under suspicion.
    pub(super) fn record_under_suspicion(&mut self, token: u64) {
        if self.lookups.is_counted(token) {
            self.metrics.under_suspicion += 1;
        }
    }

    /// Records an answer.
    pub(super) fn on_answered(
        &mut self,
        now: Time,
        token: u64,
        answer: W::Answer,
        hops: u32,
        timeouts: u32,
    ) {
        let Some(&asked) = self.lookups.find(token) else { return };
        match self.workload.next(&asked.question, &answer) {
            Next::Completed => {}
            Next::Failed => return self.end_failed(now, token, Some(answer), timeouts),
            Next::Ask(question) => {
                self.record_part(&asked, answer, now);
                self.lookups.replace(token, question);
                return self.next.push(token);
            }
        }
        self.record_end(&asked.question, Some(answer), now);
        let lookup = if self.workload.is_followed_up(&answer) {
            self.lookups.begin_follow_up(token)
        } else {
            self.lookups.end(token)
        };
        let Some(lookup) = lookup else { return };
        let Lookup { question, intended, interval, issued, counted, .. } = lookup;
        let latency = now.since(intended);
        self.admission.record_answered(intended, now, timeouts);
        self.recent.record_completed(latency, hops);
        self.end_costs(&lookup, End::Ended { timeouts });
        self.series.record_completed(interval, latency);
        if let Some(calibration) = &mut self.calibration {
            calibration.record_completed(now);
        }
        if counted {
            self.metrics.record_completed(latency, hops);
            self.workload.record_issued(&question, &mut self.metrics.items);
            self.workload.record_answered(&question, &answer, &mut self.metrics.items);
            let facts = self.is_logged.then(|| Facts { hops, ..self.facts_of(&lookup, timeouts) });
            let (answered, is_part) = (now, false);
            let answered =
                Answered { question, answer, interval, issued, answered, facts, is_part };
            self.records.push(Record::Answered(answered));
        }
    }

    /// Records the answer to a question that another one follows.
    fn record_part(&mut self, lookup: &Lookup<W::Question>, answer: W::Answer, answered: Time) {
        let &Lookup { question, interval, issued, counted, .. } = lookup;
        if counted {
            self.workload.record_answered(&question, &answer, &mut self.metrics.items);
            let (facts, is_part) = (None, true);
            let part = Answered { question, answer, interval, issued, answered, facts, is_part };
            self.records.push(Record::Answered(part));
        }
    }

    /// Records for the log that a lookup ended without an answer.
    fn record_unanswered(
        &mut self,
        lookup: &Lookup<W::Question>,
        how: &'static str,
        at: Time,
        timeouts: u32,
    ) {
        if self.is_logged && lookup.counted {
            let (question, facts) = (lookup.question, self.facts_of(lookup, timeouts));
            self.records.push(Record::Unanswered { question, how, at, facts });
        }
    }

    fn facts_of(&self, lookup: &Lookup<W::Question>, timeouts: u32) -> Facts {
        let &Lookup { number, intended, issued, origin, .. } = lookup;
        let origin = self.ids[origin as usize];
        Facts { number, intended, issued, origin, hops: 0, timeouts }
    }

    /// Records how a lookup ended, for what it costs. If that is not known, its own timeouts count.
    fn end_costs(&mut self, lookup: &Lookup<W::Question>, end: End) {
        match (&mut self.ledger, end) {
            (Some(ledger), _) => ledger.end(lookup.number, end),
            (None, End::Ended { timeouts }) if lookup.counted => {
                self.metrics.record_timeouts(timeouts);
            }
            (None, _) => {}
        }
    }

    /// Records that what an answer named was obtained (with duration and size in bytes) or was not.
    pub(super) fn end_follow_up(&mut self, token: u64, obtained: Option<(Duration, u64)>) {
        if let Some(lookup) = self.lookups.end(token) {
            self.record_follow_up(&lookup, obtained);
        }
    }

    fn record_follow_up(
        &mut self,
        lookup: &Lookup<W::Question>,
        obtained: Option<(Duration, u64)>,
    ) {
        if lookup.counted {
            let tally = &mut self.metrics.items;
            self.workload.record_followed_up(&lookup.question, obtained, tally);
        }
    }
}

/// The instant before `time`.
fn before(time: Time) -> Time {
    Time::from_ns(time.as_ns().saturating_sub(1))
}
