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
mod rounds;
mod sync;
#[cfg(test)]
mod tests;

use std::thread::{self, Thread};
use std::time::Duration;

use self::pace::{Pace, Way};
use self::rounds::Rounds;
use crate::base::wall_clock::WallClock;

/// Calls `lead` with a [`Lead`] that runs rounds of `work` for the shards `0..shards`, on so many
/// threads including this one. `work` returns how much it did: a number of events.
pub(super) fn with_crew<W: Fn(usize) -> u64 + Sync, T>(
    threads: usize,
    shards: usize,
    work: W,
    lead: impl FnOnce(&mut Lead<'_, W>) -> T,
) -> T {
    let rounds = Rounds::new(threads, shards, work);
    let rounds = &rounds;
    thread::scope(|scope| {
        let helper = |index| scope.spawn(move || rounds.help(index)).thread().clone();
        let helpers: Vec<Thread> = (1..threads).map(helper).collect();
        let (clock, pace) = (WallClock::start(), Pace::default());
        let mut leader = Lead { rounds, helpers, round: 0, pace, clock, ended: Duration::ZERO };
        lead(&mut leader)
    })
}

/// The thread that decides when rounds begin.
pub(super) struct Lead<'a, W: Fn(usize) -> u64 + Sync> {
    rounds: &'a Rounds<W>,
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
            self.rounds.run_alone();
            return;
        }
        let events = match self.pace.way() {
            Way::Alone => self.rounds.run_alone(),
            Way::Together => self.run_together(),
        };
        // What lies between rounds counts as well: helpers that spin may hold the lead back.
        let now = self.clock.elapsed();
        self.pace.after_round(now - self.ended, events);
        self.ended = now;
    }

    fn run_together(&mut self) -> u64 {
        self.round += 1;
        self.rounds.run(self.round, &self.helpers)
    }
}

impl<W: Fn(usize) -> u64 + Sync> Drop for Lead<'_, W> {
    /// Dismisses the helpers, also if the lead panics.
    fn drop(&mut self) {
        self.rounds.dismiss(&self.helpers);
    }
}
