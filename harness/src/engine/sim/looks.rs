//! Looks at the tables of a ring's members between windows, at whole seconds.
//!
//! The coordinator lists the live members. Each shard compares the tables of its own nodes with them
//! before the first event of the next window; at its end the findings are put together.
//!
//! **Invariant:** a look changes nothing, and whether there is one does not depend on the number of
//! threads.

use std::sync::Arc;

use hopwise_kernel::{Peer, Time};

use super::exchange::Exchange;
use crate::measure::health::{Findings, Members, Sample};
use crate::plug::System;

/// With more members than this, looks are rarer if nodes have little to do.
const MEMBERS_AT_ANY_TIME: usize = 1000;
/// The least number of events per member between two looks. Looking at a member takes about half
/// as long as an event, so looks take about 2 % of the time.
const EVENTS_PER_MEMBER: u64 = 25;

/// The looks of a run.
#[derive(Debug, Default)]
pub(super) struct Looks {
    /// When the look in progress began, and whether that is in the measured phase; `None` if there is
    /// none.
    open: Option<(Time, bool)>,
    /// The members of the last look. Their memory is used again.
    members: Arc<Members>,
    /// Events before the last look.
    events: u64,
}

impl Looks {
    /// Whether there is a look now, with so many `members`, after so many `events`.
    pub(super) fn are_due(&self, members: usize, events: u64) -> bool {
        let since = events - self.events;
        members <= MEMBERS_AT_ANY_TIME || since >= EVENTS_PER_MEMBER * members as u64
    }

    /// Begins a look at these members at `now`, after so many `events`.
    pub(super) fn begin(
        &mut self,
        now: Time,
        members: impl Iterator<Item = Peer>,
        is_measured: bool,
        events: u64,
    ) {
        self.events = events;
        self.open = Some((now, is_measured));
        match Arc::get_mut(&mut self.members) {
            Some(last) => last.replace(members),
            None => self.members = Arc::new(Members::new(members)),
        }
    }

    /// The members to look at in the next window, if any.
    pub(super) fn members(&self) -> Option<Arc<Members>> {
        self.open.map(|_| self.members.clone())
    }

    /// Ends the look of the last window, if there was one. Returns when it began, what it found, and
    /// whether it was in the measured phase.
    pub(super) fn end<S: System>(
        &mut self,
        exchange: &Exchange<S>,
    ) -> Option<(Time, Sample, bool)> {
        let (at, is_measured) = self.open.take()?;
        let mut findings = Findings::default();
        for summary in &exchange.summaries {
            findings.merge(summary.lock().findings.take().unwrap_or_default());
        }
        Some((at, Sample::new(&self.members, &findings), is_measured))
    }
}
