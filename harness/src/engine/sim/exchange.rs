//! What shards exchange between simulation windows.
//!
//! A window is no longer than the least delay of the network, so no message that a node sends in a
//! window arrives in the same window, and shards can run through it side by side. Between windows
//! they exchange messages, and the coordinator decides on the next window:
//!
//! ```text
//! shard 0  receive──run──send ┐             ┌ receive──run──send
//! shard 1  receive──run──send ┼ next window ┼ receive──run──send
//! shard 2  receive──run──send ┘             └ receive──run──send
//! ```
//!
//! **Invariant:** every event a shard receives lies at or after the end of the window it was sent in.

use std::sync::Arc;

use hopwise_kernel::Time;
use hopwise_kernel::drive::Counters;
use parking_lot::{Mutex, MutexGuard};

use super::busiest::Busiest;
use super::costs::{Cost, LookupNumber};
use super::queue::Batch;
use crate::measure::health::{Findings, Members};
use crate::measure::trace::{Selection, Step};
use crate::plug::{AnswerOf, NodeEvent, ProtocolOf, QuestionOf, System};

/// A batch of events of a system.
pub(super) type BatchOf<S> = Batch<ProtocolOf<S>, QuestionOf<S>>;

/// Connects the shards of a run.
pub(super) trait WindowExchange<S: System> {
    /// Gives shard `index` what other shards and the coordinator sent it. Returns the window to run
    /// next.
    fn receive(&self, index: usize, shard: &mut impl Participant<S>) -> Window;

    /// Sends what shard `index` has for other shards and the coordinator.
    fn send(&self, index: usize, shard: &mut impl Participant<S>);
}

/// A shard as the exchange sees it.
pub(super) trait Participant<S: System> {
    /// When its next event is due; [`Time::NEVER`] if there is none.
    fn next_due(&self) -> Time;

    /// Takes over the events of `batch` and empties it.
    fn take(&mut self, batch: &mut BatchOf<S>);

    /// Its events for the other shards, one batch for each shard.
    fn outgoing(&mut self) -> &mut [BatchOf<S>];

    /// What its nodes reported since this was last emptied, in order.
    fn reports(&mut self) -> &mut Vec<Report<S>>;

    /// Its counters since the start.
    fn counters(&self) -> &Counters;

    /// Its busiest node since the measured phase began; before that, since the start.
    fn busiest(&self) -> Option<Busiest>;

    /// What it found when it last looked at its nodes, once.
    fn take_findings(&mut self) -> Option<Findings>;

    /// The costs of lookups that were taken in the last window, in the order of their numbers. The same
    /// number in all shards.
    fn take_costs(&mut self) -> Vec<Cost>;

    /// The steps of traced lookups since this was last emptied, in order.
    fn steps(&mut self) -> &mut Vec<Step>;
}

/// What a node reported: when, its place, what.
pub(super) type Report<S> = (Time, u32, NodeEvent<AnswerOf<S>>);

/// A stretch of simulated time that begins where the one before ended.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) number: u64,
    pub(super) until: Time,
    /// Whether it lies in the measured phase.
    pub(super) is_measured: bool,
    /// Whether it and all later ones begin where the one before ended, whenever the next event is
    /// due.
    pub(super) is_gapless: bool,
    /// The live members at its start, if their tables are to be looked at before its first event.
    pub(super) looks_at: Option<Arc<Members>>,
    /// The costs of lookups with lower numbers are taken before its first event; 0 for none.
    pub(super) costs_before: LookupNumber,
    /// The lookups whose steps are recorded.
    pub(super) traced: Selection,
}

impl Window {
    /// The empty window before the first one.
    const START: Window = Window {
        number: 0,
        until: Time::ZERO,
        is_measured: false,
        is_gapless: false,
        looks_at: None,
        costs_before: 0,
        traced: Selection::NONE,
    };

    /// The set of mailboxes that shards write in this window. They read the other one.
    const fn parity(&self) -> usize {
        (self.number % 2) as usize
    }
}

/// The exchange between the shards of one process.
pub(super) struct Exchange<S: System> {
    shards: usize,
    /// `mailboxes[(parity * shards + from) * shards + to]`. Two sets take turns: in each window,
    /// shards read one and write the other.
    mailboxes: Vec<Mutex<BatchOf<S>>>,
    /// The coordinator's commands, by shard.
    pub(super) commands: Vec<Mutex<BatchOf<S>>>,
    /// By shard.
    pub(super) summaries: Vec<Mutex<Summary<S>>>,
    /// The window that shards run next, or run now.
    window: Mutex<Window>,
}

/// What one shard tells the coordinator.
pub(super) struct Summary<S: System> {
    /// In order of time and place.
    pub(super) reports: Vec<Report<S>>,
    pub(super) counters: Counters,
    /// Its next event, or the earliest one it sends.
    pub(super) next_due: Time,
    pub(super) busiest: Option<Busiest>,
    pub(super) findings: Option<Findings>,
    pub(super) costs: Vec<Cost>,
    /// The steps of traced lookups, in order of time and place.
    pub(super) steps: Vec<Step>,
}

impl<S: System> Exchange<S> {
    pub(super) fn new(shards: usize) -> Exchange<S> {
        let batches = |count: usize| (0..count).map(|_| Mutex::new(Batch::default())).collect();
        let summary = || Summary {
            reports: Vec::new(),
            counters: Counters::default(),
            next_due: Time::NEVER,
            busiest: None,
            findings: None,
            costs: Vec::new(),
            steps: Vec::new(),
        };
        Exchange {
            shards,
            mailboxes: batches(2 * shards * shards),
            commands: batches(shards),
            summaries: (0..shards).map(|_| Mutex::new(summary())).collect(),
            window: Mutex::new(Window::START),
        }
    }

    /// The counters of all shards up to the end of the last window.
    pub(super) fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.summaries.iter().for_each(|summary| sum.merge(&summary.lock().counters));
        sum
    }

    /// Opens the next window to all shards.
    pub(super) fn open(&self, window: Window) {
        *self.window.lock() = window;
    }

    fn mailbox(&self, parity: usize, from: usize, to: usize) -> MutexGuard<'_, BatchOf<S>> {
        self.mailboxes[(parity * self.shards + from) * self.shards + to].lock()
    }
}

impl<S: System> WindowExchange<S> for Exchange<S> {
    fn receive(&self, index: usize, shard: &mut impl Participant<S>) -> Window {
        let window = self.window.lock().clone();
        for from in (0..self.shards).filter(|&from| from != index) {
            shard.take(&mut self.mailbox(1 - window.parity(), from, index));
        }
        shard.take(&mut self.commands[index].lock());
        window
    }

    fn send(&self, index: usize, shard: &mut impl Participant<S>) {
        let parity = self.window.lock().parity();
        let mut next_due = shard.next_due();
        for (to, outgoing) in shard.outgoing().iter_mut().enumerate() {
            // What stays in a shard is not sent.
            if to == index || outgoing.keys().is_empty() {
                continue;
            }
            next_due = next_due.min(outgoing.earliest());
            // Its receiver has emptied the batch that comes back.
            std::mem::swap(outgoing, &mut *self.mailbox(parity, index, to));
        }
        let mut summary = self.summaries[index].lock();
        std::mem::swap(shard.reports(), &mut summary.reports);
        summary.counters = *shard.counters();
        summary.next_due = next_due;
        summary.busiest = shard.busiest();
        summary.findings = shard.take_findings();
        summary.costs = shard.take_costs();
        if !shard.steps().is_empty() {
            std::mem::swap(shard.steps(), &mut summary.steps);
        }
    }
}
