//! The pace of a simulation that viewers look at.
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
/// The slowest and the fastest pace but [`Rate::Fastest`].
const TIMES: (f64, f64) = (1e-6, 1e6);
/// The longest step in milliseconds.
const STEP_MAX_MS: f64 = 3.6e6;
/// A simulation that is later than this keeps its pace from there on, and does not catch up.
const LATE: Duration = Duration::from_millis(100);

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
        /// The time in milliseconds, at most an hour.
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

/// Whether simulated time may go on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Permit {
    /// It may.
    Granted,
    /// It must wait for the real time `real`, unless a viewer sends a command. Viewers are shown the simulated
    /// time `reached`.
    Wait { real: Duration, reached: Time },
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
    /// The simulated time that was reached last.
    reached: Time,
    /// Where the step ends, once it has begun.
    step_end: Option<Time>,
    /// A simulated and a real time that belong together.
    anchor: Option<(Time, Duration)>,
}

impl Default for Pace {
    fn default() -> Pace {
        let command = Command::Run(Rate::Times(1.0));
        let state = State { command, reached: Time::ZERO, step_end: None, anchor: None };
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
        let mut state = self.state.lock();
        (state.command, state.step_end, state.anchor) = (command, None, None);
        self.changed.notify_all();
    }

    /// Keeps the pace from the next time on, whatever came before.
    pub(super) fn restart(&self) {
        self.state.lock().anchor = None;
    }

    /// Whether the run, which has come to `now`, may go on to `next`, when its next event is due.
    pub(super) fn permit(&self, now: Time, next: Time) -> Permit {
        let mut state = self.state.lock();
        state.reached = state.reached.max(now);
        let forever = |reached| Permit::Wait { real: Duration::MAX, reached };
        match state.command {
            Command::Pause => forever(state.reached),
            Command::Run(Rate::Fastest) => Permit::Granted,
            Command::Run(Rate::Times(times)) => {
                let times = within(times, TIMES);
                let elapsed = self.clock.elapsed();
                let now = (state.reached, elapsed);
                let (from, at) = *state.anchor.get_or_insert(now);
                let passed = (elapsed - at).mul_f64(times);
                let wanted = next.since(from);
                if passed >= wanted {
                    if passed - wanted > LATE.mul_f64(times) {
                        state.anchor = None;
                    }
                    return Permit::Granted;
                }
                state.reached = state.reached.max(from + passed);
                let real = (wanted - passed).as_secs_f64() / times;
                let real = Duration::try_from_secs_f64(real).unwrap_or(Duration::MAX);
                Permit::Wait { real, reached: state.reached }
            }
            Command::Step { ms } => {
                let ms = within(ms, (0.0, STEP_MAX_MS));
                let begun = state.reached;
                let step = Duration::from_secs_f64(ms / 1e3);
                let end = *state.step_end.get_or_insert(begun + step);
                if next < end {
                    return Permit::Granted;
                }
                (state.reached, state.command) = (end.max(begun), Command::Pause);
                forever(state.reached)
            }
        }
    }

    /// Waits for `time`, or until a viewer sends a command.
    pub(super) fn sleep(&self, time: Duration) {
        let mut state = self.state.lock();
        self.changed.wait_for(&mut state, time);
    }
}

/// `value`, or the bound that it lies beyond.
fn within(value: f64, (least, most): (f64, f64)) -> f64 {
    if value.is_nan() { least } else { value.clamp(least, most) }
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
        assert_eq!(pace.permit(at(0), at(0)), Permit::Granted);
        let Permit::Wait { real, reached } = pace.permit(at(0), at(100)) else {
            panic!("too early")
        };
        assert!(real > Duration::from_secs(9) && real <= Duration::from_secs(10), "{real:?}");
        assert!(reached < at(1), "{reached:?}");
        pace.obey(Command::Run(Rate::Fastest));
        assert_eq!(pace.permit(at(0), at(1_000_000)), Permit::Granted);
    }

    #[test]
    fn steps_are_exact_whenever_events_are_due() {
        let pace = Pace::default();
        for step in 1..=3 {
            pace.obey(Command::Step { ms: 10.0 });
            // The next event is due after all of the steps.
            let reached = at(10 * step);
            assert_eq!(pace.permit(at(0), at(95)), Permit::Wait { real: Duration::MAX, reached });
            assert_eq!(pace.command(), Command::Pause);
        }
        pace.obey(Command::Step { ms: 100.0 });
        assert_eq!(pace.permit(at(0), at(95)), Permit::Granted);
        let reached = at(130);
        assert_eq!(pace.permit(at(96), at(131)), Permit::Wait { real: Duration::MAX, reached });
    }

    #[test]
    fn odd_commands_do_no_harm() {
        let pace = Pace::default();
        for odd in [0.0, -1.0, 1e300, -1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for command in [Command::Run(Rate::Times(odd)), Command::Step { ms: odd }] {
                pace.obey(command);
                pace.permit(at(1), at(2));
                pace.permit(at(u64::from(u32::MAX)), at(u64::from(u32::MAX)));
                pace.times();
            }
        }
    }
}
