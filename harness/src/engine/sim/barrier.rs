//! The barrier between simulation windows.
//!
//! A window is no longer than the least delay of the network, so no message that a node sends in a
//! window arrives in the same window, and shards can run through it side by side. At its end they
//! wait for each other, exchange messages, and agree on the next window:
//!
//! ```text
//! shard 0  ──run──┐ wait ┌──run──┐ wait ┌──
//! shard 1  ──run──┤      ├──run──┤      ├──
//! shard 2  ──run──┘      └──run──┘      └──
//! ```
//!
//! **Invariant:** every event a shard receives lies at or after the end of the window it was sent in.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hopwise_kernel::Time;
use hopwise_kernel::drive::Counters;
use parking_lot::{Mutex, MutexGuard};

use super::busiest::Busiest;
use super::costs::{Cost, LookupNumber};
use super::queue::Batch;
use crate::measure::health::{Findings, Members};
use crate::plug::{AnswerOf, NodeEvent, ProtocolOf, QuestionOf, System};

/// A batch of events of a system.
pub(super) type BatchOf<S> = Batch<ProtocolOf<S>, QuestionOf<S>>;

/// Times a waiting thread checks the barrier before it yields its core.
const SPINS: u32 = 4096;

/// Connects the shards of a run.
pub(super) trait WindowBarrier<S: System> {
    /// Sends what `shard` has for other shards and gives it what they sent. Returns the window to
    /// run next, or `None` when the run is over.
    fn wait(&mut self, shard: &mut impl Participant<S>) -> Option<Window>;
}

/// A shard as the barrier sees it.
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
}

/// What a node reported: when, its place, what.
pub(super) type Report<S> = (Time, u32, NodeEvent<AnswerOf<S>>);

/// A stretch of simulated time that begins where the one before ended.
#[derive(Clone, Debug)]
pub(super) struct Window {
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
}

/// Decides on the next window, on the thread of the first shard, while all others wait.
pub(super) trait Coordinator<S: System> {
    /// Reads the summaries and may add commands. Returns the next window, or `None` when the run is
    /// over.
    fn next_window(&mut self, exchange: &Exchange<S>) -> Option<Window>;
}

/// What the shards of one process share while they wait for each other.
pub(super) struct Exchange<S: System> {
    shards: usize,
    /// `mailboxes[(parity * shards + from) * shards + to]`. Two sets take turns: a fast shard may
    /// send again while others still read what it sent before.
    mailboxes: Vec<Mutex<BatchOf<S>>>,
    /// The coordinator's commands, by shard.
    pub(super) commands: Vec<Mutex<BatchOf<S>>>,
    /// By shard.
    pub(super) summaries: Vec<Mutex<Summary<S>>>,
    window: Mutex<Option<Window>>,
    barrier: SpinBarrier,
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
        };
        Exchange {
            shards,
            mailboxes: batches(2 * shards * shards),
            commands: batches(shards),
            summaries: (0..shards).map(|_| Mutex::new(summary())).collect(),
            window: Mutex::new(None),
            barrier: SpinBarrier::new(shards),
        }
    }

    /// The counters of all shards up to the end of the last window.
    pub(super) fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        self.summaries.iter().for_each(|summary| sum.merge(&summary.lock().counters));
        sum
    }

    fn mailbox(&self, parity: usize, from: usize, to: usize) -> MutexGuard<'_, BatchOf<S>> {
        self.mailboxes[(parity * self.shards + from) * self.shards + to].lock()
    }
}

/// One shard's access to the [`Exchange`]. The first shard's thread runs the coordinator as well.
pub(super) struct ThreadBarrier<'a, S: System, C> {
    exchange: &'a Exchange<S>,
    index: usize,
    coordinator: Option<&'a mut C>,
    parity: usize,
}

impl<'a, S: System, C> ThreadBarrier<'a, S, C> {
    pub(super) fn new(
        exchange: &'a Exchange<S>,
        index: usize,
        coordinator: Option<&'a mut C>,
    ) -> ThreadBarrier<'a, S, C> {
        ThreadBarrier { exchange, index, coordinator, parity: 0 }
    }
}

impl<S: System, C: Coordinator<S>> WindowBarrier<S> for ThreadBarrier<'_, S, C> {
    fn wait(&mut self, shard: &mut impl Participant<S>) -> Option<Window> {
        let exchange = self.exchange;
        let mut next_due = shard.next_due();
        for (to, outgoing) in shard.outgoing().iter_mut().enumerate() {
            if to == self.index {
                continue; // What stays in a shard is not sent.
            }
            next_due = next_due.min(outgoing.earliest());
            // Its receiver has emptied the batch that comes back.
            std::mem::swap(outgoing, &mut *exchange.mailbox(self.parity, self.index, to));
        }
        {
            let mut summary = exchange.summaries[self.index].lock();
            std::mem::swap(shard.reports(), &mut summary.reports);
            summary.counters = *shard.counters();
            summary.next_due = next_due;
            summary.busiest = shard.busiest();
            summary.findings = shard.take_findings();
            summary.costs = shard.take_costs();
        }
        exchange.barrier.wait();
        if let Some(coordinator) = &mut self.coordinator {
            *exchange.window.lock() = coordinator.next_window(exchange);
        }
        exchange.barrier.wait();
        for from in (0..exchange.shards).filter(|&from| from != self.index) {
            shard.take(&mut exchange.mailbox(self.parity, from, self.index));
        }
        shard.take(&mut exchange.commands[self.index].lock());
        self.parity ^= 1;
        exchange.window.lock().clone()
    }
}

/// Holds threads until all have arrived. Windows are short, so it spins before it yields.
#[derive(Debug)]
struct SpinBarrier {
    threads: usize,
    waiting: AtomicUsize,
    round: AtomicUsize,
}

impl SpinBarrier {
    const fn new(threads: usize) -> SpinBarrier {
        SpinBarrier { threads, waiting: AtomicUsize::new(0), round: AtomicUsize::new(0) }
    }

    fn wait(&self) {
        if self.threads == 1 {
            return;
        }
        let round = self.round.load(Ordering::Acquire);
        if self.waiting.fetch_add(1, Ordering::AcqRel) + 1 == self.threads {
            self.waiting.store(0, Ordering::Relaxed);
            self.round.store(round + 1, Ordering::Release);
            return;
        }
        let mut spins = 0;
        while self.round.load(Ordering::Acquire) == round {
            spins += 1;
            if spins < SPINS {
                hint::spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}
