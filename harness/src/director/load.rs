//! The load: starts lookups and records their results.
//!
//! **Invariant:** latency counts from the intended start of a lookup, not from its actual issue.

use std::time::Duration;

use hopwise_kernel::Time;

use super::lookups::Lookup;
use super::{Director, LOOKUPS_PER_TURN, NodeControl, next_due};
use crate::churn::Share;
use crate::scenario::{Load, Measure};
use crate::workload::Workload;
use crate::workload::judge::{Answered, Record};

impl<W: Workload> Director<W> {
    /// Ends the lookups of departed nodes, which get no answer any more.
    pub(super) fn end_lookups_of_departed(&mut self) {
        while let Some(place) = self.departed.pop() {
            while let Some(token) = self.lookups.first_of(place) {
                self.end_failed(token, 0);
            }
        }
    }

    /// Starts the lookups that are due by `until`.
    pub(super) fn turn_load(
        &mut self,
        nodes: &mut dyn NodeControl<W::Question>,
        now: Time,
        until: Time,
    ) {
        let Some((_, to)) = self.phase else { return };
        // With fewer lookups in flight than directors, only the first directors issue any.
        let of = match self.scenario.workload.load {
            Load::InFlight(all) => self.share.of.min(all as usize),
            Load::PerSecond(_) | Load::PerNode(_) => self.share.of,
        };
        if self.share.index >= of || now >= to {
            return;
        }
        let quota = match self.scenario.phases.measure {
            Measure::Lookups(count) => Share { of, ..self.share }.part(count as usize),
            Measure::Lasting(_) => usize::MAX,
        };
        let mut started = 0;
        if let Load::InFlight(all) = self.scenario.workload.load {
            let mine = self.share.part(all as usize);
            while started < LOOKUPS_PER_TURN
                && self.lookups.len() < mine
                && (self.metrics.issued as usize) < quota
                && self.start_lookup(nodes, now, now)
            {
                started += 1;
            }
            return;
        }
        while started < LOOKUPS_PER_TURN
            && (self.metrics.issued as usize) < quota
            && let Some(intended) = next_due(&mut self.arrivals, until)
        {
            self.start_lookup(nodes, intended, now.max(intended));
            started += 1;
        }
    }

    fn start_lookup(
        &mut self,
        nodes: &mut dyn NodeControl<W::Question>,
        intended: Time,
        at: Time,
    ) -> bool {
        let Some(origin) = self.random_member() else { return false };
        let question = self.workload.draw(&mut self.rng);
        let counted = self.is_measured(intended);
        self.interval.record_issued(at.since(intended));
        if counted {
            self.metrics.record_issued(at.since(intended));
            self.workload.record_issued(&question, &mut self.metrics.items);
        }
        let lookup = Lookup { question, intended, origin, counted, followed_up: false };
        let token = self.lookups.begin(lookup);
        let started = nodes.ask(at, origin, question, token);
        if !started {
            if counted {
                self.metrics.record_shed();
            }
            self.end_failed(token, 0);
        }
        started
    }

    pub(super) fn end_failed(&mut self, token: u64, timeouts: u32) {
        let Some(lookup) = self.lookups.end(token) else { return };
        if lookup.followed_up {
            self.record_follow_up(&lookup, None);
        } else {
            self.interval.record_failed(timeouts, 0);
            if lookup.counted {
                self.metrics.record_failed(timeouts, 0);
            }
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
        let lookup = if self.workload.is_followed_up(&answer) {
            self.lookups.begin_follow_up(token)
        } else {
            self.lookups.end(token)
        };
        let Some(Lookup { question, intended, counted, .. }) = lookup else { return };
        let latency = now.since(intended);
        self.interval.record_completed(latency, hops, timeouts, 0);
        if counted {
            self.metrics.record_completed(latency, hops, timeouts, 0);
            self.workload.record_answered(&question, &answer, &mut self.metrics.items);
            let answered = Answered { question, answer, issued: intended, answered: now };
            self.records.push(Record::Answered(answered));
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
