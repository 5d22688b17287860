//! The threads that run the shards, one round for each window.
//!
//! The lead opens a round and takes part in it. A free thread takes a shard that no thread has
//! taken in this round, its own shards first: what it used last is in the cache of its core. So a
//! thread that the system holds back delays the shard it is working on, and no other:
//!
//! ```text
//!   lead    ──0─2─┐ wait ┌─next window─┬──0─2──
//!   helper  ──1─3─┘      └─spin, sleep─┴──1─3──
//! ```
//!
//! Rounds are short, so threads spin before they sleep. When rounds together are slower, because other
//! programs use the cores or because windows have few events, the lead runs rounds alone and helpers
//! sleep: see [`pace`].
//!
//! **Invariant:** in each round, each shard runs exactly once. All of a round happens before the next.

mod pace;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use crossbeam_utils::CachePadded;
use parking_lot::Mutex;

use self::pace::{Pace, Way};
use crate::base::wall_clock::WallClock;

/// Times a waiting thread checks for its turn before it sleeps.
const SPINS: u32 = 4096;

/// Calls `lead` with a [`Lead`] that runs rounds of `work` for the shards `0..shards`, on so many
/// threads including this one. `work` returns how much it did: a number of events.
pub(super) fn with_crew<W: Fn(usize) -> u64 + Sync, T>(
    threads: usize,
    shards: usize,
    work: W,
    lead: impl FnOnce(&mut Lead<'_, W>) -> T,
) -> T {
    let crew = Crew::new(threads, shards, work);
    let crew = &crew;
    thread::scope(|scope| {
        let helper = |index| scope.spawn(move || crew.help(index)).thread().clone();
        let helpers: Vec<Thread> = (1..threads).map(helper).collect();
        let (clock, pace) = (WallClock::start(), Pace::default());
        let mut leader = Lead { crew, helpers, round: 0, pace, clock, ended: Duration::ZERO };
        lead(&mut leader)
    })
}

/// What the threads share.
struct Crew<W> {
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

impl<W: Fn(usize) -> u64 + Sync> Crew<W> {
    fn new(threads: usize, shards: usize, work: W) -> Crew<W> {
        Crew {
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

    /// Helps in all rounds until the crew is dismissed.
    fn help(&self, thread: usize) {
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

/// The thread that decides when rounds begin.
pub(super) struct Lead<'a, W: Fn(usize) -> u64 + Sync> {
    crew: &'a Crew<W>,
    helpers: Vec<Thread>,
    /// The last round that was open to helpers.
    round: u64,
    pace: Pace,
    clock: WallClock,
    /// The end of the last round.
    ended: Duration,
}

impl<W: Fn(usize) -> u64 + Sync> Lead<'_, W> {
    /// Runs one round, each shard once, on all threads.
    pub(super) fn run_first(&mut self) {
        self.run_together();
        self.ended = self.clock.elapsed();
    }

    /// Runs one round, each shard once.
    pub(super) fn run_round(&mut self) {
        if self.helpers.is_empty() {
            self.run_alone();
            return;
        }
        let events = match self.pace.way() {
            Way::Alone => self.run_alone(),
            Way::Together => self.run_together(),
        };
        // What lies between rounds counts as well: helpers that spin may hold the lead back.
        let now = self.clock.elapsed();
        self.pace.after_round(now - self.ended, events);
        self.ended = now;
    }

    fn run_alone(&self) -> u64 {
        (0..self.crew.taken.len()).map(&self.crew.work).sum()
    }

    fn run_together(&mut self) -> u64 {
        let crew = self.crew;
        crew.left.store(crew.taken.len(), Ordering::Relaxed);
        self.round += 1;
        crew.round.store(self.round, Ordering::SeqCst);
        for (helper, asleep) in self.helpers.iter().zip(&crew.asleep[LEAD + 1..]) {
            if asleep.load(Ordering::SeqCst) {
                helper.unpark();
            }
        }
        let events = crew.take_part(LEAD, self.round);
        crew.wait(LEAD, || crew.left.load(Ordering::SeqCst) == 0);
        if let Some(panic) = crew.panic.lock().take() {
            resume_unwind(panic);
        }
        events + crew.helped.swap(0, Ordering::Relaxed)
    }
}

impl<W: Fn(usize) -> u64 + Sync> Drop for Lead<'_, W> {
    /// Dismisses the helpers, also if the lead panics.
    fn drop(&mut self) {
        self.crew.is_over.store(true, Ordering::SeqCst);
        self.helpers.iter().for_each(Thread::unpark);
    }
}
