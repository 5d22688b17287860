//! The pace of a simulation that somebody looks at.
//!
//! **Invariant:** decides only when simulated time goes on, never what happens in it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hopwise_kernel::Time;
use parking_lot::{Condvar, Mutex};
use serde::{Deserialize, Serialize};

use crate::base::wall_clock::WallClock;

/// What a simulation of some thousand nodes reaches, about.
const FASTEST: f64 = 30.0;
/// The longest step.
const STEP_MAX: Duration = Duration::from_secs(3600);

/// What a viewer asks for.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// To go on at this pace.
    Run(Rate),
    /// To stop.
    Pause,
    /// To stop after so much simulated time.
    Step {
        /// The time in milliseconds.
        ms: f64,
    },
}

/// A pace.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rate {
    /// As fast as the machine can.
    Fastest,
    /// Simulated seconds for each real one.
    Times(f64),
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Pace {
    /// For a look without a lock.
    is_fastest: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
    clock: WallClock,
}

#[derive(Debug)]
struct State {
    command: Command,
    /// Where the step ends, once it has begun.
    step_end: Option<Time>,
    /// A simulated and a real time that belong together.
    anchor: Option<(Time, Duration)>,
}

impl Default for Pace {
    fn default() -> Pace {
        let command = Command::Run(Rate::Times(1.0));
        let state = State { command, step_end: None, anchor: None };
        let (changed, clock) = (Condvar::new(), WallClock::start());
        Pace { is_fastest: AtomicBool::new(false), state: Mutex::new(state), changed, clock }
    }
}

impl Pace {
    /// What was asked for last.
    pub(super) fn command(&self) -> Command {
        self.state.lock().command
    }

    /// Simulated seconds for each real one, about.
    pub(super) fn times(&self) -> f64 {
        match self.command() {
            Command::Run(Rate::Times(times)) => times,
            Command::Run(Rate::Fastest) => FASTEST,
            Command::Pause | Command::Step { .. } => 1.0,
        }
    }

    /// Whether nothing ever waits.
    #[inline]
    pub(super) fn is_fastest(&self) -> bool {
        self.is_fastest.load(Ordering::Relaxed)
    }

    /// Goes on as `command` says.
    pub(super) fn obey(&self, command: Command) {
        self.is_fastest.store(command == Command::Run(Rate::Fastest), Ordering::Relaxed);
        *self.state.lock() = State { command, step_end: None, anchor: None };
        self.changed.notify_all();
    }

    /// Measures the pace from the next time on.
    pub(super) fn restart(&self) {
        self.state.lock().anchor = None;
    }

    /// How long the time after `now` must wait, or longer; `None` if it may begin.
    pub(super) fn wait(&self, now: Time) -> Option<Duration> {
        let mut state = self.state.lock();
        let times = match state.command {
            Command::Pause => return Some(Duration::MAX),
            Command::Run(Rate::Fastest) => return None,
            Command::Run(Rate::Times(times)) => times,
            Command::Step { ms } => {
                let ms = if ms.is_finite() { ms.max(0.0) } else { 0.0 };
                let step = Duration::from_secs_f64(ms / 1e3).min(STEP_MAX);
                let end = *state.step_end.get_or_insert(now + step);
                if now < end {
                    return None;
                }
                state.command = Command::Pause;
                return Some(Duration::MAX);
            }
        };
        let elapsed = self.clock.elapsed();
        let (from, at) = *state.anchor.get_or_insert((now, elapsed));
        let due_s = now.since(from).as_secs_f64() / times.max(1e-6);
        let due = at + Duration::try_from_secs_f64(due_s).unwrap_or(STEP_MAX);
        (due > elapsed).then(|| due - elapsed)
    }

    /// Waits for so long, or until something else is asked for.
    pub(super) fn sleep(&self, time: Duration) {
        let mut state = self.state.lock();
        self.changed.wait_for(&mut state, time);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::from_ns(ms * 1_000_000)
    }

    #[test]
    fn simulated_time_waits_for_real_time() {
        let pace = Pace::default();
        pace.obey(Command::Run(Rate::Times(0.01)));
        assert_eq!(pace.wait(at(0)), None);
        let wait = pace.wait(at(100)).expect("10 s later");
        assert!(wait > Duration::from_secs(9) && wait <= Duration::from_secs(10), "{wait:?}");
        pace.obey(Command::Run(Rate::Fastest));
        assert_eq!(pace.wait(at(1_000_000)), None);
    }

    #[test]
    fn odd_commands_do_no_harm() {
        let pace = Pace::default();
        for command in [
            Command::Run(Rate::Times(0.0)),
            Command::Run(Rate::Times(-1.0)),
            Command::Run(Rate::Times(f64::NAN)),
            Command::Step { ms: f64::INFINITY },
            Command::Step { ms: -1.0 },
        ] {
            pace.obey(command);
            pace.wait(at(1));
            pace.wait(at(u64::from(u32::MAX)));
        }
    }
}
