//! A watch over one run: takes readings of the machine, and ends the run early if the user wishes, if it
//! takes more memory than it may, or if time is up.
//!
//! **Invariant:** the thread of the watch has ended when the run has.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use super::resources::{Reading, memory_bytes};
use crate::base::wall_clock::WallClock;

/// The interval of looks at the user's wishes and at memory.
const LOOK: Duration = Duration::from_millis(10);
/// The interval of readings.
const READ: Duration = Duration::from_millis(100);

/// What a run may take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Limits {
    /// Memory of the process.
    pub(crate) memory_bytes: u64,
    pub(crate) time: Duration,
}

/// Why a run was ended early.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    User,
    /// It occupied so much.
    Memory(u64),
    Time,
}

/// A run that was watched.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    pub(crate) result: T,
    pub(crate) readings: Vec<Reading>,
    pub(crate) stopped: Option<Stop>,
}

/// Calls `run`, whose argument becomes 1 when it is to end. `user` counts the user's requests.
pub(crate) fn watch<T>(
    user: &AtomicU32,
    limits: Limits,
    run: impl FnOnce(&AtomicU32) -> T,
) -> Watched<T> {
    let stop = &AtomicU32::new(0);
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watcher = scope.spawn(move || look_until(is_done, user, limits, stop));
        let result = run(stop);
        drop(done);
        // A watcher that panicked has stopped nothing.
        let (readings, stopped) = watcher.join().unwrap_or_default();
        Watched { result, readings, stopped }
    })
}

fn look_until(
    is_done: mpsc::Receiver<()>,
    user: &AtomicU32,
    limits: Limits,
    stop: &AtomicU32,
) -> (Vec<Reading>, Option<Stop>) {
    let clock = WallClock::start();
    let mut readings = vec![Reading::take(Duration::ZERO)];
    let mut stopped = None;
    while is_done.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        let now = clock.elapsed();
        if stopped.is_none() {
            stopped = reason(user, limits, now);
            stop.store(u32::from(stopped.is_some()), Ordering::Relaxed);
        }
        if readings.last().is_none_or(|last| now >= last.at + READ) {
            readings.push(Reading::take(now));
        }
    }
    readings.push(Reading::take(clock.elapsed()));
    (readings, stopped)
}

fn reason(user: &AtomicU32, limits: Limits, now: Duration) -> Option<Stop> {
    if user.load(Ordering::Relaxed) > 0 {
        return Some(Stop::User);
    }
    let memory = memory_bytes();
    if memory > limits.memory_bytes {
        return Some(Stop::Memory(memory));
    }
    (now > limits.time).then_some(Stop::Time)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { memory_bytes: u64::MAX, time: Duration::from_secs(3600) };

    fn until_stopped(stop: &AtomicU32) -> bool {
        while stop.load(Ordering::Relaxed) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        true
    }

    #[test]
    fn a_run_is_ended_for_each_reason() {
        let (nobody, user) = (AtomicU32::new(0), AtomicU32::new(1));
        for (user, limits, expected) in [
            (&user, LIMITS, "Some(User)"),
            (&nobody, Limits { memory_bytes: 1, ..LIMITS }, "Some(Memory("),
            (&nobody, Limits { time: Duration::from_millis(30), ..LIMITS }, "Some(Time)"),
        ] {
            let watched = watch(user, limits, until_stopped);
            assert!(watched.result && watched.readings.len() >= 2);
            let stopped = format!("{:?}", watched.stopped);
            assert!(stopped.starts_with(expected), "{stopped}");
        }
    }

    #[test]
    fn a_run_that_needs_no_end_has_none() {
        let watched = watch(&AtomicU32::new(0), LIMITS, |_| 5);
        assert_eq!((watched.result, watched.stopped), (5, None));
    }
}
