//! The knee held, beyond it, and back: one run whose load changes, read from its time series.
//!
//! ```text
//!                    5 ×┌──────┐
//!              2 ×┌─────┘      │
//!   ──────────────┘            └──────────────
//!        hold       beyond          back
//! ```
//!
//! **Invariant:** an operation counts in the stage in which it was due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::level::Level;
use super::resources::{Reading, Usage, usage};
use super::service::Service;
use crate::measure::series::SeriesRow;
use crate::scenario::{Rate, RateChange};

/// Multiples of the knee.
pub(crate) const BEYOND: [f64; 2] = [2.0, 5.0];
/// How long each of them lasts, as a share of the hold, and how long the load is then back.
const BEYOND_PER_HOLD: u32 = 6;
const BACK_PER_HOLD: u32 = 4;
const BEYOND_LENGTH: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
const BACK_LENGTH: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(15)];
/// Windows of the series, after the load is back.
const WINDOW_MIN: Duration = Duration::from_millis(100);
const WINDOWS_MAX: u32 = 50;
/// Operations due in a window, at least.
const DUE_MIN: f64 = 200.0;
/// The level must hold for so long to be recovered.
const RECOVERED_S: f64 = 1.0;

/// When stages begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Schedule {
    hold: Duration,
    beyond: Duration,
    back: Duration,
}

/// A stage and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// `hold`, `beyond` or `back`.
    pub(crate) name: String,
    /// The load, as a multiple of the knee.
    pub(crate) multiple: f64,
    pub(crate) service: Service,
    /// What the service breaks of the level.
    pub(crate) broken: Vec<String>,
    /// Seconds of the stage, and those in which the level held.
    pub(crate) seconds: u64,
    pub(crate) seconds_held: u64,
    pub(crate) usage: Option<Usage>,
}

impl Schedule {
    /// The stages around a hold of this length.
    pub(crate) fn new(hold: Duration) -> Schedule {
        let part = |of: u32, [min, max]: [Duration; 2]| (hold / of).clamp(min, max);
        let beyond = part(BEYOND_PER_HOLD, BEYOND_LENGTH);
        Schedule { hold, beyond, back: part(BACK_PER_HOLD, BACK_LENGTH) }
    }

    /// The length of all stages.
    pub(crate) fn length(&self) -> Duration {
        self.returns_at() + self.back
    }

    /// When the load is back at the knee.
    fn returns_at(&self) -> Duration {
        self.hold + self.beyond * BEYOND.len() as u32
    }

    /// The changes of a load that begins at `knee_per_s`. Those at the end change nothing, but the series
    /// has a row for each.
    pub(crate) fn changes(&self, knee_per_s: f64) -> Vec<RateChange> {
        let change = |at, rate| RateChange {
            at,
            lookups_per_s: Rate::PerSecond(rate),
            over: Duration::ZERO,
        };
        let beyond = BEYOND.iter().zip(0..);
        let beyond = beyond
            .map(|(multiple, nth)| change(self.hold + self.beyond * nth, multiple * knee_per_s));
        let window = Duration::from_secs_f64((DUE_MIN / knee_per_s).min(1.0)).max(WINDOW_MIN);
        let windows = (0..WINDOWS_MAX).map(|nth| window * nth).take_while(|&at| at < self.back);
        let back = windows.map(|at| change(self.returns_at() + at, knee_per_s));
        beyond.chain(back).collect()
    }

    /// The stages in the series of a run, as far as it came.
    pub(crate) fn stages(
        &self,
        series: &[SeriesRow],
        readings: &[Reading],
        level: &Level,
    ) -> Vec<Stage> {
        let Some(start_s) = start_of_phase(series) else { return Vec::new() };
        let beyond = BEYOND.iter().zip(0..).map(|(&multiple, nth)| {
            ("beyond", multiple, self.hold + self.beyond * nth, self.beyond)
        });
        let hold = [("hold", 1.0, Duration::ZERO, self.hold)];
        let back = [("back", 1.0, self.returns_at(), self.back)];
        let all = hold.into_iter().chain(beyond).chain(back);
        let stage = |(name, multiple, from, length): (&str, f64, Duration, Duration)| {
            let from_s = start_s + from.as_secs_f64();
            let to_s = from_s + length.as_secs_f64();
            let rows = within(series, from_s, to_s);
            if rows.is_empty() {
                return None;
            }
            let service = Service::of_rows(&rows);
            let judged = by_second(&rows, from_s).filter(|second| second.due > 0);
            let held: Vec<bool> =
                judged.map(|second| level.broken_by(&second).is_empty()).collect();
            let at = Duration::from_secs_f64;
            Some(Stage {
                name: name.to_owned(),
                multiple,
                broken: level.broken_by(&service),
                service,
                seconds: held.len() as u64,
                seconds_held: held.iter().filter(|held| **held).count() as u64,
                usage: usage(readings, at(from_s), at(from_s + service.length_s)),
            })
        };
        all.filter_map(stage).collect()
    }

    /// The time from the return of the load until the level holds again for a second, in seconds; `None`
    /// if it does not.
    pub(crate) fn recovery_s(&self, series: &[SeriesRow], level: &Level) -> Option<f64> {
        let back_s = start_of_phase(series)? + self.returns_at().as_secs_f64();
        let rows = within(series, back_s, back_s + self.back.as_secs_f64());
        let end_s = rows.last()?.t_s;
        let starts = rows.iter().map(|row| row.t_s - row.length_s);
        let holds_from = |from_s: &f64| {
            let to_s = from_s + RECOVERED_S;
            let rows = within(&rows, *from_s, to_s);
            // The last row may end later than a second after the first begins.
            to_s <= end_s + 1e-6 && level.broken_by(&Service::of_rows(&rows)).is_empty()
        };
        starts.into_iter().find(holds_from).map(|from_s| (from_s - back_s).max(0.0))
    }
}

/// When the measured phase begins, in seconds since the start of the run.
pub(crate) fn start_of_phase(series: &[SeriesRow]) -> Option<f64> {
    let first = series.iter().find(|row| row.phase == "measure")?;
    Some(first.t_s - first.length_s)
}

/// The rows of the measured phase whose middle lies between these times.
fn within(series: &[SeriesRow], from_s: f64, to_s: f64) -> Vec<SeriesRow> {
    let is_within = |row: &&SeriesRow| {
        let middle_s = row.t_s - row.length_s / 2.0;
        row.phase == "measure" && from_s <= middle_s && middle_s < to_s
    };
    series.iter().filter(is_within).cloned().collect()
}

/// The service of each second, from `from_s` on.
fn by_second(rows: &[SeriesRow], from_s: f64) -> impl Iterator<Item = Service> {
    let second = move |row: &SeriesRow| (row.t_s - row.length_s / 2.0 - from_s).floor() as i64;
    rows.chunk_by(move |a, b| second(a) == second(b)).map(Service::of_rows)
}

#[cfg(test)]
mod tests {
    use super::super::service::tests::row;
    use super::*;

    fn level() -> Level {
        "p99<50ms,success>99%".parse().expect("a level")
    }

    /// A hold of 4 s that begins 2.5 s after the start, with rows of half a second.
    fn series(of: impl Fn(f64) -> (u64, u64, u64)) -> (Schedule, Vec<SeriesRow>) {
        let schedule = Schedule::new(Duration::from_secs(4));
        let rows = (0..2 * schedule.length().as_secs()).map(|nth| {
            let from_s = nth as f64 / 2.0;
            let (due, shed, latency_ms) = of(from_s);
            row(2.5 + from_s + 0.5, 0.5, due, shed, latency_ms)
        });
        let before = SeriesRow { phase: "warmup", ..row(2.5, 0.5, 7, 7, 1) };
        (schedule, [before].into_iter().chain(rows).collect())
    }

    #[test]
    fn the_load_goes_up_and_comes_back() {
        let schedule = Schedule::new(Duration::from_secs(60));
        assert_eq!(schedule.length(), Duration::from_secs(60 + 2 * 10 + 15));
        let changes = schedule.changes(1000.0);
        let rates: Vec<(u64, Rate)> =
            changes.iter().map(|it| (it.at.as_millis() as u64, it.lookups_per_s)).collect();
        let rate = Rate::PerSecond;
        assert_eq!(
            rates[..3],
            [(60_000, rate(2000.0)), (70_000, rate(5000.0)), (80_000, rate(1000.0))]
        );
        assert_eq!(rates[3..5], [(80_200, rate(1000.0)), (80_400, rate(1000.0))]);
        assert!(Schedule::new(Duration::from_secs(1)).changes(0.1).len() <= 4);
    }

    #[test]
    fn each_stage_has_its_own_rows() {
        // 4 s hold, 1 s at 2 ×, 1 s at 5 ×, 2 s back.
        let (schedule, rows) = series(|at_s| match at_s {
            0.0 => (100, 50, 1),
            ..4.0 => (100, 0, 1),
            ..5.0 => (200, 60, 30),
            ..6.0 => (500, 300, 90),
            ..6.5 => (100, 40, 90),
            _ => (100, 0, 2),
        });
        let stages = schedule.stages(&rows, &[], &level());
        let all: Vec<_> =
            stages.iter().map(|it| (it.name.as_str(), it.multiple, it.service.due)).collect();
        assert_eq!(
            all,
            [("hold", 1.0, 800), ("beyond", 2.0, 400), ("beyond", 5.0, 1000), ("back", 1.0, 400)]
        );
        assert_eq!((stages[0].seconds, stages[0].seconds_held), (4, 3));
        assert_eq!(stages[0].broken, ["success 93.75 %"]);
        assert_eq!(stages[2].broken.len(), 2);
        assert_eq!(schedule.recovery_s(&rows, &level()), Some(0.5));
    }

    #[test]
    fn what_does_not_recover_has_no_time() {
        let (schedule, rows) = series(|at_s| (100, if at_s < 4.0 { 0 } else { 50 }, 1));
        assert_eq!(schedule.recovery_s(&rows, &level()), None);
        let (schedule, rows) = series(|_| (100, 0, 1));
        assert_eq!(schedule.recovery_s(&rows, &level()), Some(0.0), "it never broke");
        // An interrupted run.
        let stages = schedule.stages(&rows[..5], &[], &level());
        assert_eq!((stages.len(), stages[0].service.due), (1, 400));
        assert_eq!(schedule.recovery_s(&rows[..5], &level()), None);
        assert_eq!(schedule.stages(&[], &[], &level()), []);
    }
}
