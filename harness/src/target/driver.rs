//! The turn of the loop: between the director, the pool and the judge.
//!
//! **Invariant:** the judge learns of an end before a question starts that follows it.

use std::io;
use std::time::Duration;

use hopwise_kernel::{Address, Peer, Time};

use super::pool::Pool;
use crate::director::{Director, NodeControl};
use crate::live::{Progress, Snapshot};
use crate::measure::series::Sent;
use crate::plug::NodeEvent;
use crate::workload::ValueWorkload;
use crate::workload::judge::{Judge, Record};
use crate::workload::values::Question;

const SECOND: Duration = Duration::from_secs(1);

/// See the [module](self).
pub(super) struct Driver<'a> {
    pub(super) pool: Pool,
    pub(super) judge: Judge<ValueWorkload>,
    pub(super) director: Director<ValueWorkload>,
    pub(super) progress: &'a Progress,
    /// When the progress is shown next.
    pub(super) shown_at: Time,
}

impl Driver<'_> {
    /// One turn: receives, judges, asks.
    ///
    /// # Errors
    ///
    /// If the operating system refuses to wait.
    pub(super) fn turn(&mut self, phase: &'static str, until: Time) -> io::Result<Time> {
        let wake = self.director.next_due().min(until);
        let now = self.pool.turn(wake)?;
        for (token, answer) in self.pool.take_ended() {
            // A place says nothing here: any connection may have carried the question.
            self.director.on_event(
                now,
                0,
                match answer {
                    Some(answer) => NodeEvent::Answered {
                        token,
                        answer,
                        hops: 0,
                        timeouts: 0,
                        under_suspicion: false,
                    },
                    None => NodeEvent::Failed { token, timeouts: 0 },
                },
            );
        }
        self.director.turn(&mut Connections { pool: &mut self.pool, now }, now, now);
        self.take_records();
        self.pool.flush(now);
        self.judge.settle(now);
        if now >= self.director.series().next_due() {
            let open = self.pool.open();
            self.director.series().advance(now, Sent::default(), open);
        }
        self.show(phase, now);
        Ok(now)
    }

    /// Gives the judge what the director has recorded. Connections are no members.
    pub(super) fn take_records(&mut self) {
        let records = self.director.take_records();
        let is_member = |record: &Record<_>| matches!(record, Record::Joined { .. });
        records.filter(|it| !is_member(it)).for_each(|it| self.judge.take(it));
    }

    /// Shows the progress once a second.
    pub(super) fn show(&mut self, phase: &'static str, now: Time) {
        let length = now.since(self.shown_at);
        if length < SECOND {
            return;
        }
        self.shown_at = now;
        let live_nodes = self.pool.open();
        let recent = self.director.recent();
        let elapsed = now.since(Time::ZERO);
        self.progress.update(&Snapshot::of_interval(phase, elapsed, live_nodes, recent, 0, length));
        recent.clear();
    }
}

/// The connections as the places of a director. Nothing here joins or leaves.
struct Connections<'a> {
    pool: &'a mut Pool,
    now: Time,
}

impl NodeControl<Question> for Connections<'_> {
    fn address_of(&self, _place: u32) -> Address {
        Address::default()
    }

    fn insert(&mut self, _at: Time, _place: u32, _peer: Peer) {}

    fn join(&mut self, _at: Time, _place: u32, _bootstraps: &[Peer]) {}

    fn choose_place(&mut self, _at: Time, _place: u32, _bootstraps: &[Peer]) {}

    fn depart(&mut self, _at: Time, _place: u32, _graceful: bool) {}

    fn busiest(&mut self, _fault: u32) -> Option<u32> {
        None
    }

    fn ask(&mut self, _at: Time, place: u32, question: Question, token: u64, _number: u32) -> bool {
        self.pool.ask(self.now, place as usize, question, token)
    }
}
