//! The knee held, beyond it, and back: one run whose load changes, read from its time series.
//!
//! ```text
//!                    5 ×┌──────┐
//!              2 ×┌─────┘      │
//!   ──────────────┘            └──────────────
//!        hold       beyond          back
//! ```
//!
//! Nodes need time to join and to leave. If their number changes, each change takes as long as a stage beyond
//! the knee, and belongs to no stage:
//!
//! ```text
//!                           ╱──────╲
//!                  ╱──────╱         ╲
//!   ──────────────╱                  ╲──────────────
//!        hold       beyond               back
//! ```
//!
//! **Invariant:** an operation counts in the stage in which it was due.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::level::Level;
use super::resources::{Reading, Usage, usage};
use super::service::Service;
use crate::measure::series::SeriesRow;
use crate::scenario::{Amount, Fault, FaultKind, Rate, RateChange};

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

/// A last stage that is not a whole one of [`BEYOND`] is this much higher than the one before, at least.
const HIGHER: f64 = 1.1;

/// When stages begin, and how high they are.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Schedule {
    hold: Duration,
    /// The length of a stage beyond the knee.
    beyond: Duration,
    /// How long it takes from one stage to the next.
    change: Duration,
    back: Duration,
    /// The multiples of the knee that are tried.
    multiples: Vec<f64>,
}

/// A stage and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// `hold`, `beyond` or `back`.
    pub(crate) name: String,
    /// The load, as a multiple of the knee.
    pub(crate) multiple: f64,
    pub(crate) service: Service,
    /// Live nodes, on average.
    #[serde(default)]
    pub(crate) nodes: u32,
    /// What the service breaks of the level.
    pub(crate) broken: Vec<String>,
    /// Seconds of the stage, and those in which the level held.
    pub(crate) seconds: u64,
    pub(crate) seconds_held: u64,
    pub(crate) usage: Option<Usage>,
}

impl Schedule {
    /// The stages around a hold of this length, whose load changes at once.
    pub(crate) fn of_load(hold: Duration) -> Schedule {
        let part = |of: u32, [min, max]: [Duration; 2]| (hold / of).clamp(min, max);
        Schedule {
            hold,
            beyond: part(BEYOND_PER_HOLD, BEYOND_LENGTH),
            change: Duration::ZERO,
            back: part(BACK_PER_HOLD, BACK_LENGTH),
            multiples: BEYOND.to_vec(),
        }
    }

    /// The same for nodes, of which there are at most `highest` times as many as at the knee.
    pub(crate) fn of_nodes(hold: Duration, highest: f64) -> Schedule {
        let mut multiples: Vec<f64> = BEYOND.into_iter().filter(|it| *it <= highest).collect();
        let last = multiples.last().copied().unwrap_or(1.0);
        if multiples.len() < BEYOND.len() && highest >= last * HIGHER {
            multiples.push((highest * 100.0).floor() / 100.0);
        }
        let schedule = Schedule::of_load(hold);
        Schedule { change: schedule.beyond, multiples, ..schedule }
    }

    /// The multiples of the knee that are tried.
    pub(crate) fn multiples(&self) -> &[f64] {
        &self.multiples
    }

    /// The length of all stages.
    pub(crate) fn length(&self) -> Duration {
        self.returns_at() + self.back
    }

    /// When the load is back at the knee.
    fn returns_at(&self) -> Duration {
        match self.multiples.len() as u32 {
            0 => self.hold,
            count => self.hold + (self.change + self.beyond) * count + self.change,
        }
    }

    /// The stages beyond the knee: each with its multiple and its start.
    fn beyond(&self) -> impl Iterator<Item = (f64, Duration)> {
        let start = |nth| self.hold + self.change + (self.change + self.beyond) * nth;
        self.multiples.iter().zip(0..).map(move |(&multiple, nth)| (multiple, start(nth)))
    }

    /// The changes of a load that begins at `knee_per_s`. Those at the end change nothing, but the series
    /// has a row for each.
    pub(crate) fn changes(&self, knee_per_s: f64) -> Vec<RateChange> {
        let change = |at: Duration, multiple: f64, over| RateChange {
            at: at - over,
            lookups_per_s: Rate::PerSecond(multiple * knee_per_s),
            over,
        };
        let beyond = self.beyond().map(|(multiple, at)| change(at, multiple, self.change));
        let window = Duration::from_secs_f64((DUE_MIN / knee_per_s).min(1.0)).max(WINDOW_MIN);
        let windows = (0..WINDOWS_MAX).map(|nth| window * nth).take_while(|&at| at < self.back);
        let back = windows.map(|at| {
            let is_return = at.is_zero() && !self.multiples.is_empty();
            let over = if is_return { self.change } else { Duration::ZERO };
            change(self.returns_at() + at, 1.0, over)
        });
        beyond.chain(back).collect()
    }

    /// The joins and departures that change the number of nodes, which is `knee` at the knee.
    pub(crate) fn node_changes(&self, knee: u32) -> Vec<Fault> {
        let up_to = |multiple: f64| (multiple * f64::from(knee)) as u32;
        let change = |at, kind, count| Fault {
            at: at - self.change,
            over: self.change,
            kind,
            amount: Amount::Count(count),
        };
        let mut up = knee;
        let mut changes = Vec::new();
        for (multiple, at) in self.beyond() {
            changes.push(change(at, FaultKind::Join, up_to(multiple) - up));
            up = up_to(multiple);
        }
        changes.push(change(self.returns_at(), FaultKind::Leave, up - knee));
        changes.retain(|it| it.amount != Amount::Count(0));
        changes
    }

    /// The stages in the series of a run, as far as it came.
    pub(crate) fn stages(
        &self,
        series: &[SeriesRow],
        readings: &[Reading],
        level: &Level,
    ) -> Vec<Stage> {
        let Some(start_s) = start_of_phase(series) else { return Vec::new() };
        let beyond = self.beyond().map(|(multiple, at)| ("beyond", multiple, at, self.beyond));
        let hold = [("hold", 1.0, Duration::ZERO, self.hold)];
        let back =
            (!self.multiples.is_empty()).then_some(("back", 1.0, self.returns_at(), self.back));
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
            let nodes: usize = rows.iter().map(|row| row.live_nodes).sum();
            Some(Stage {
                name: name.to_owned(),
                multiple,
                nodes: (nodes as f64 / rows.len() as f64).round() as u32,
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
        if self.multiples.is_empty() {
            return None;
        }
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
        let schedule = Schedule::of_load(Duration::from_secs(4));
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
        let schedule = Schedule::of_load(Duration::from_secs(60));
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
        assert!(Schedule::of_load(Duration::from_secs(1)).changes(0.1).len() <= 4);
    }

    #[test]
    fn nodes_join_and_leave_while_their_load_follows() {
        let schedule = Schedule::of_nodes(Duration::from_secs(60), f64::INFINITY);
        assert_eq!(schedule.length(), Duration::from_secs(60 + 2 * 10 + 3 * 10 + 15));
        let s = Duration::from_secs;
        let faults = schedule.node_changes(1000);
        let changes = faults.iter().map(|it| (it.at, it.over, it.kind, it.amount));
        assert_eq!(
            changes.collect::<Vec<_>>(),
            [
                (s(60), s(10), FaultKind::Join, Amount::Count(1000)),
                (s(80), s(10), FaultKind::Join, Amount::Count(3000)),
                (s(100), s(10), FaultKind::Leave, Amount::Count(4000)),
            ]
        );
        let rates = schedule.changes(500.0);
        let rates = rates.iter().take(4).map(|it| (it.at, it.over, it.lookups_per_s));
        let rate = Rate::PerSecond;
        assert_eq!(
            rates.collect::<Vec<_>>(),
            [
                (s(60), s(10), rate(1000.0)),
                (s(80), s(10), rate(2500.0)),
                (s(100), s(10), rate(500.0)),
                (Duration::from_millis(110_400), Duration::ZERO, rate(500.0)),
            ]
        );
    }

    #[test]
    fn nodes_go_up_to_the_highest_number_that_is_possible() {
        let multiples = |highest| {
            let schedule = Schedule::of_nodes(Duration::from_secs(6), highest);
            (schedule.multiples().to_vec(), schedule.node_changes(100).len())
        };
        assert_eq!(multiples(7.0), (vec![2.0, 5.0], 3));
        assert_eq!(multiples(3.456), (vec![2.0, 3.45], 3));
        assert_eq!(multiples(2.1), (vec![2.0], 2));
        assert_eq!(multiples(1.5), (vec![1.5], 2));
        assert_eq!(multiples(1.05), (vec![], 0));
        let none = Schedule::of_nodes(Duration::from_secs(4), 1.0);
        let (_, rows) = series(|_| (100, 0, 1));
        assert_eq!(none.stages(&rows, &[], &level()).len(), 1);
        assert_eq!(none.recovery_s(&rows, &level()), None);
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
