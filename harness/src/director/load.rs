//! The load: when who is asked what, and what comes of it.
//!
//! **Invariant:** latency counts from the intended start of a lookup, whenever it was really issued.

use std::time::Duration;

use hopwise_kernel::Time;
use hopwise_kernel::context::Found;

use super::lookups::Lookup;
use super::{Director, LOOKUPS_PER_TURN, Questions, Stage, next_due};
use crate::churn::Share;
use crate::scenario::{Load, Measure};
use crate::workload::Question;
use crate::workload::judge::Record;

impl Director {
    /// Lookups that began at nodes that are gone will get no answer.
    pub(super) fn end_lookups_of_departed(&mut self) {
        while let Some(place) = self.departed.pop() {
            while let Some(token) = self.lookups.first_of(place) {
                self.end_failed(token, 0);
            }
        }
    }

    pub(super) fn turn_load(&mut self, stage: &mut impl Stage, now: Time, until: Time) {
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
        let mut begun = 0;
        if let Load::InFlight(all) = self.scenario.workload.load {
            let mine = self.share.part(all as usize);
            while begun < LOOKUPS_PER_TURN
                && self.lookups.len() < mine
                && (self.metrics.issued as usize) < quota
                && self.begin_lookup(stage, now, now)
            {
                begun += 1;
            }
            return;
        }
        while begun < LOOKUPS_PER_TURN
            && (self.metrics.issued as usize) < quota
            && let Some(intended) = next_due(&mut self.arrivals, until)
        {
            self.begin_lookup(stage, intended, now.max(intended));
            begun += 1;
        }
    }

    fn begin_lookup(&mut self, stage: &mut impl Stage, intended: Time, at: Time) -> bool {
        let Some(origin) = self.random_member() else { return false };
        let question = match &self.questions {
            Questions::Keys(keys) => Question::Key(keys.draw(&mut self.rng)),
            Questions::Items(items) => Question::Item(items.draw(&mut self.rng)),
        };
        let counted = self.is_measured(intended);
        self.interval.record_issued(at.since(intended));
        if counted {
            self.metrics.record_issued(at.since(intended));
            if let Question::Item(wanted) = question {
                self.metrics.items.record_issued(wanted.how);
            }
        }
        let lookup = Lookup { question, intended, origin, counted, fetching: false };
        let token = self.lookups.begin(lookup);
        let begun = stage.ask(at, origin, question, token);
        if !begun {
            if counted {
                self.metrics.record_shed();
            }
            self.end_failed(token, 0);
        }
        begun
    }

    pub(super) fn end_failed(&mut self, token: u64, timeouts: u8) {
        let Some(lookup) = self.lookups.end(token) else { return };
        if lookup.fetching {
            self.record_transfer(&lookup, None);
        } else {
            self.interval.record_failed(timeouts.into(), 0);
            if lookup.counted {
                self.metrics.record_failed(timeouts.into(), 0);
            }
        }
    }

    /// A question for an item has its answer.
    pub(super) fn on_found(&mut self, now: Time, found: &Found) {
        let token = found.token;
        let fetches = self.scenario.items.as_ref().is_some_and(|items| items.fetch);
        let lookup = match found.best {
            Some(_) if fetches => self.lookups.begin_fetching(token),
            _ => self.lookups.end(token),
        };
        let Some(lookup) = lookup else { return };
        let latency = now.since(lookup.intended);
        let (hops, timeouts) = (found.hops.into(), found.timeouts.into());
        self.interval.record_completed(latency, hops, timeouts, 0);
        let Question::Item(wanted) = lookup.question else { return };
        if !lookup.counted {
            return;
        }
        self.metrics.record_completed(latency, hops, timeouts, 0);
        match found.best {
            None => self.metrics.items.record_found_none(),
            Some(_) if !fetches => self.metrics.items.record_obtained(wanted.how),
            Some(_) => {}
        }
        self.records.push(Record::Found {
            wanted,
            best: found.best.map(|hit| (hit.name, hit.holder.id)),
            issued: lookup.intended,
            answered: now,
        });
    }

    /// What was found has come, or will not.
    pub(super) fn end_transfer(&mut self, token: u64, came: Option<(Duration, u64)>) {
        if let Some(lookup) = self.lookups.end(token) {
            self.record_transfer(&lookup, came);
        }
    }

    fn record_transfer(&mut self, lookup: &Lookup, came: Option<(Duration, u64)>) {
        let Question::Item(wanted) = lookup.question else { return };
        if !lookup.counted {
            return;
        }
        match came {
            Some((took, bytes)) => {
                self.metrics.items.record_transfer(took, bytes);
                self.metrics.items.record_obtained(wanted.how);
            }
            None => self.metrics.items.record_transfer_failed(),
        }
    }
}
