//! Where shards meet at the end of each window.
//!
//! A window is no longer than the least delay of the network, so nothing that a node sends in it
//! arrives in it: shards can run through it side by side. Then they meet, hand over what is for
//! others, and learn how far to go on.
//!
//! **Invariant:** what a shard is handed lies at or after the end of the window it comes from.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use hopwise_kernel::Time;
use hopwise_kernel::reactor::Counters;
use parking_lot::{Mutex, MutexGuard};

use super::queue::Batch;
use super::shard::{Busiest, Report, Shard};
use crate::plug::System;

/// Looks at the clock's hand so often before letting another thread have the core.
const SPINS: u32 = 4096;

/// What shards need of whatever connects them.
pub(super) trait Meeting<S: System> {
    /// Hands over what `shard` has for others and takes what they have for it; gives the window
    /// that it is to run through next, or nothing if it is over.
    fn meet(&mut self, shard: &mut Shard<S>) -> Option<Window>;
}

/// A stretch of time that begins where the one before has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) until: Time,
    /// Whether it lies in the measured phase.
    pub(super) is_measured: bool,
}

/// Decides, when all have come, how far they go on.
pub(super) trait Leader {
    /// Sees what each shard has shown and may add commands; gives the next window, or nothing if
    /// it is over.
    fn decide(&mut self, table: &Table) -> Option<Window>;
}

/// What lies between the shards of one process while they meet.
#[derive(Debug)]
pub(super) struct Table {
    shards: usize,
    /// `mail[(parity * shards + from) * shards + to]`. Meetings take turns with two sets: who is
    /// quick may hand over anew while others still take what they were handed.
    mail: Vec<Mutex<Batch>>,
    /// The leader's, by shard.
    pub(super) commands: Vec<Mutex<Batch>>,
    pub(super) shown: Vec<Mutex<Shown>>,
    window: Mutex<Option<Window>>,
    barrier: Barrier,
}

/// What one shard shows the leader.
#[derive(Debug)]
pub(super) struct Shown {
    /// In order of time and place.
    pub(super) reports: Vec<Report>,
    pub(super) counters: Counters,
    /// Its next event, or the earliest of what it hands over.
    pub(super) next_due: Time,
    pub(super) busiest: Option<Busiest>,
}

impl Table {
    pub(super) fn new(shards: usize) -> Table {
        let batches = |count: usize| (0..count).map(|_| Mutex::new(Batch::default())).collect();
        let shown = || Shown {
            reports: Vec::new(),
            counters: Counters::default(),
            next_due: Time::NEVER,
            busiest: None,
        };
        Table {
            shards,
            mail: batches(2 * shards * shards),
            commands: batches(shards),
            shown: (0..shards).map(|_| Mutex::new(shown())).collect(),
            window: Mutex::new(None),
            barrier: Barrier::new(shards),
        }
    }

    fn mail(&self, parity: usize, from: usize, to: usize) -> MutexGuard<'_, Batch> {
        self.mail[(parity * self.shards + from) * self.shards + to].lock()
    }
}

/// A shard's seat at the [`Table`]. The first shard's has the leader beside it.
pub(super) struct Seat<'a, L> {
    table: &'a Table,
    index: usize,
    leader: Option<&'a mut L>,
    parity: usize,
}

impl<'a, L> Seat<'a, L> {
    pub(super) fn new(table: &'a Table, index: usize, leader: Option<&'a mut L>) -> Seat<'a, L> {
        Seat { table, index, leader, parity: 0 }
    }
}

impl<S: System, L: Leader> Meeting<S> for Seat<'_, L> {
    fn meet(&mut self, shard: &mut Shard<S>) -> Option<Window> {
        let table = self.table;
        let mut next_due = shard.next_due();
        for (to, outgoing) in shard.outgoing().iter_mut().enumerate() {
            next_due = next_due.min(outgoing.earliest());
            // What lay there has been taken and is empty.
            std::mem::swap(outgoing, &mut *table.mail(self.parity, self.index, to));
        }
        {
            let mut shown = table.shown[self.index].lock();
            std::mem::swap(shard.reports(), &mut shown.reports);
            shown.counters = *shard.counters();
            shown.next_due = next_due;
            shown.busiest = shard.busiest();
        }
        table.barrier.wait();
        if let Some(leader) = &mut self.leader {
            *table.window.lock() = leader.decide(table);
        }
        table.barrier.wait();
        for from in 0..table.shards {
            shard.take(&mut table.mail(self.parity, from, self.index));
        }
        shard.take(&mut table.commands[self.index].lock());
        self.parity ^= 1;
        *table.window.lock()
    }
}

/// Holds threads until all have come. Windows are short, so it spins before it yields.
#[derive(Debug)]
struct Barrier {
    threads: usize,
    waiting: AtomicUsize,
    round: AtomicUsize,
}

impl Barrier {
    const fn new(threads: usize) -> Barrier {
        Barrier { threads, waiting: AtomicUsize::new(0), round: AtomicUsize::new(0) }
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
