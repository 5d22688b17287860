//! One round after the other, in which each shard runs once on one of several threads.
//!
//! The lead opens a round and takes part in it. A free thread takes a shard that no thread has taken in
//! this round. The lead waits until all have ended. A thread that waits spins, and then sleeps. The lead wakes helpers
//! when it opens a round. The thread that ends the last shard of a round wakes the lead.
//!
//! `tests/tests/interleavings` compiles this file with other threads and atomics, and tries many orders of their
//! steps.
//!
//! **Invariant:** in each round, each shard runs exactly once. All of a round happens before the next.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use super::sync::SPINS;
use super::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use super::sync::hint;
use super::sync::thread::{self, Thread};

/// What the threads share.
pub(super) struct Rounds<W> {
    work: W,
    threads: usize,
    lead: Thread,
    /// The number of the round that is open or was last open to helpers.
    round: CachePadded<AtomicU64>,
    /// By shard: the last round for which it was taken.
    taken: Vec<CachePadded<AtomicU64>>,
    /// Shards that have not ended in this round.
    left: CachePadded<AtomicUsize>,
    /// What helpers did in this round.
    helped: CachePadded<AtomicU64>,
    /// By thread: whether it sleeps, or is about to.
    asleep: Vec<CachePadded<AtomicBool>>,
    is_over: AtomicBool,
    /// A panic of a helper. The lead goes on with it.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

/// The lead's index among the threads.
const LEAD: usize = 0;

impl<W: Fn(usize) -> u64 + Sync> Rounds<W> {
    /// Rounds of `work` for the shards `0..shards` on so many threads. This one leads.
    pub(super) fn new(threads: usize, shards: usize, work: W) -> Rounds<W> {
        Rounds {
            work,
            threads,
            lead: thread::current(),
            round: CachePadded::default(),
            taken: (0..shards).map(|_| CachePadded::default()).collect(),
            left: CachePadded::default(),
            helped: CachePadded::default(),
            asleep: (0..threads).map(|_| CachePadded::default()).collect(),
            is_over: AtomicBool::new(false),
            panic: Mutex::new(None),
        }
    }

    /// Runs round number `round`, the one after the last, with these helpers. Returns how much was done.
    pub(super) fn run(&self, round: u64, helpers: &[Thread]) -> u64 {
        self.left.store(self.taken.len(), Ordering::Relaxed);
        self.round.store(round, Ordering::SeqCst);
        for (helper, asleep) in helpers.iter().zip(&self.asleep[LEAD + 1..]) {
            if asleep.load(Ordering::SeqCst) {
                helper.unpark();
            }
        }
        let done = self.take_part(LEAD, round);
        self.wait(LEAD, || self.left.load(Ordering::SeqCst) == 0);
        if let Some(panic) = self.panic.lock().take() {
            resume_unwind(panic);
        }
        done + self.helped.swap(0, Ordering::Relaxed)
    }

    /// Runs each shard once, on this thread alone.
    pub(super) fn run_alone(&self) -> u64 {
        (0..self.taken.len()).map(&self.work).sum()
    }

    /// Ends the work of the helpers.
    pub(super) fn dismiss(&self, helpers: &[Thread]) {
        self.is_over.store(true, Ordering::SeqCst);
        helpers.iter().for_each(Thread::unpark);
    }

    /// Helps in all rounds, as thread number `thread`, until the helpers are dismissed.
    pub(super) fn help(&self, thread: usize) {
        let mut last = 0;
        loop {
            self.wait(thread, || {
                self.round.load(Ordering::SeqCst) != last || self.is_over.load(Ordering::SeqCst)
            });
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            last = self.round.load(Ordering::SeqCst);
            // After a panic the lead runs no more rounds, so nobody sees what is half-changed.
            let part = catch_unwind(AssertUnwindSafe(|| self.take_part(thread, last)));
            if let Err(panic) = part {
                *self.panic.lock() = Some(panic);
                self.end_shard();
            }
        }
    }

    /// Runs shards of a round until none is left to take. Returns how much was done.
    fn take_part(&self, thread: usize, round: u64) -> u64 {
        let shards = self.taken.len();
        let own = (thread..shards).step_by(self.threads);
        let others = (0..shards).filter(|shard| shard % self.threads != thread);
        let mut done = 0;
        for shard in own.chain(others) {
            let taken = &self.taken[shard];
            // A late thread may still have the number of an earlier round.
            let is_mine = taken.load(Ordering::Relaxed) + 1 == round
                && taken
                    .compare_exchange(round - 1, round, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok();
            if !is_mine {
                continue;
            }
            let events = (self.work)(shard);
            done += events;
            if thread != LEAD {
                self.helped.fetch_add(events, Ordering::Relaxed);
            }
            self.end_shard();
        }
        done
    }

    fn end_shard(&self) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 && self.asleep[LEAD].load(Ordering::SeqCst)
        {
            self.lead.unpark();
        }
    }

    /// Spins, then sleeps, until `is_due`.
    fn wait(&self, thread: usize, is_due: impl Fn() -> bool) {
        for _ in 0..SPINS {
            if is_due() {
                return;
            }
            hint::spin_loop();
        }
        self.asleep[thread].store(true, Ordering::SeqCst);
        // Others change what is due before they look who sleeps, so no wake-up is lost.
        while !is_due() {
            thread::park();
        }
        self.asleep[thread].store(false, Ordering::SeqCst);
    }
}
