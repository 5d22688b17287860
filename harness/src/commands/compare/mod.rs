//! `hopwise compare`: runs several systems with the same items, queries, delays and churn, at several
//! sizes, without and with crashes, and fits how their costs grow.
//!
//! | in the folder | contents |
//! |---|---|
//! | `runs/SYSTEM-NODES-CRASH/` | the files of one run, as `hopwise run` writes them |
//! | `compare.json` | the [`Comparison`]: all rows, fits and verdicts |
//! | `compare.svg` | messages per query against entries per node |
//! | `compare.txt` | the table |
//!
//! **Invariant:** every figure comes from the saved [`Outcome`] of a run.

mod comparison;
mod plot;
mod regression;
mod runs;
mod table;
mod verdict;

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

pub use comparison::{Comparison, Growth, Row, SCHEMA_VERSION, Spread};
pub use runs::{Contender, Crash, Plan, PlanError, Planned, refuse_planned};

use crate::base::wall_clock::WallClock;
use crate::base::whole_file::write_whole;
use crate::base::worker_pool;
use crate::commands::Environment;
use crate::commands::destination::Destination;
use crate::commands::failures::Failures;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::parallel_runs;
use crate::commands::run::{self, Ended, Memory};
use crate::measure::EngineError;
use crate::measure::outcome::{Outcome, rfc3339};
use crate::measure::progress::Progress;
use crate::measure::provenance::{Build, Machine};
use crate::report::files;

/// Runs `plan` and writes the results as `options` say.
#[must_use]
pub fn compare(env: &Environment, plan: &Plan, options: &RunOptions) -> Exit {
    let Plan { systems, has_items, runs } = plan;
    let clock = WallClock::start();
    let started_at = rfc3339(clock.started_at());
    let destination = match Destination::open(options, &started_at, "compare") {
        Ok(destination) => destination,
        Err(message) => return env.refuse(message),
    };
    let folder = destination.folder().to_owned();
    env.tell_adapted(runs.iter().map(|run| &run.scenario), options);
    let interrupts = run::watch_for_interrupts(env);
    let (ended, failures) = run_all(env, runs, &folder, &interrupts, options.quiet);
    let rows = rows(&ended, systems);
    let interrupted = interrupts.load(Ordering::Relaxed) > 0;
    let growth = comparison::growth(&rows, systems);
    let comparison = Comparison {
        schema_version: SCHEMA_VERSION,
        started_at,
        wall_s: clock.elapsed().as_secs_f64(),
        machine: Machine::here(),
        build: Build::of(env.program),
        interrupted,
        scenario: in_common(runs),
        items: *has_items,
        verdicts: verdict::verdicts(&rows, &growth, systems, *has_items),
        rows,
        growth,
    };
    if let Err(error) = report(&comparison, destination) {
        env.tell(error);
        return Exit::Failure;
    }
    if !options.quiet {
        let (took, folder) = (comparison.wall_s, folder.display());
        let (done, of) = (ended.len(), runs.len());
        env.note(format_args!("complete: {done} of {of} runs in {took:.1} s; written to {folder}"));
    }
    if interrupted { Exit::Interrupted } else { failures.verdict() }
}

/// Runs all of `runs`. Returns the outcomes of complete runs and the failures.
fn run_all<'r>(
    env: &Environment,
    runs: &'r [Planned],
    folder: &Path,
    interrupts: &AtomicU32,
    quiet: bool,
) -> (Vec<(&'r Planned, Outcome)>, Failures) {
    let workers = parallel_runs::workers(runs.iter().map(|run| &run.scenario), None);
    let memory = Memory::of_runs_at_a_time(workers);
    let progress = Progress::of_runs(quiet, runs.len());
    let (mut ended, mut failures, mut done) = (Vec::new(), Vec::new(), 0);
    let work = |planned: &Planned| run_and_save(env, planned, folder, memory, interrupts);
    worker_pool::each(runs, workers, interrupts, work, |planned, result| {
        match result.unwrap_or_else(|| Err(EngineError::panicked())) {
            // An interrupted run has no result.
            Ok(outcome) if outcome.interrupted => {}
            Ok(outcome) => ended.push((planned, outcome)),
            Err(error) => failures.push((planned, error)),
        }
        done += 1;
        progress.count(done, failures.len());
    });
    progress.finish();
    let failures =
        Failures::told(env, failures.iter().map(|(run, why)| (&*run.scenario.name, why)));
    (ended, failures)
}

fn run_and_save(
    env: &Environment,
    planned: &Planned,
    folder: &Path,
    memory: Memory,
    interrupts: &AtomicU32,
) -> Result<Outcome, EngineError> {
    let scenario = &planned.scenario;
    let ended = run::execute(env, scenario, interrupts, true, memory, None)?;
    let Ended { outcome, measured } = ended;
    if !outcome.interrupted {
        let folder = folder.join("runs").join(&scenario.name);
        files::write_all(&folder, &outcome, &scenario.to_toml(), &measured.series)
            .map_err(|error| EngineError::Broken(error.to_string()))?;
    }
    Ok(outcome)
}

/// A row for each run without a crash, with the figures of its runs with one.
fn rows(ended: &[(&Planned, Outcome)], systems: &[Contender]) -> Vec<Row> {
    let success_of = |row: &Row, crash: Crash| {
        let is_it = |planned: &Planned| {
            (&planned.scenario.system, planned.scenario.nodes) == (&row.system, row.nodes)
                && planned.crash == crash
        };
        let (_, outcome) = ended.iter().find(|(planned, _)| is_it(planned))?;
        comparison::success(outcome)
    };
    let undisturbed = ended.iter().filter(|(planned, _)| planned.crash == Crash::None);
    let mut rows: Vec<Row> = undisturbed
        .map(|(planned, outcome)| {
            let row = Row::of(&planned.scenario.system, planned.scenario.nodes, outcome);
            Row {
                success_busiest_crashed: success_of(&row, Crash::Busiest),
                success_third_crashed: success_of(&row, Crash::Third),
                ..row
            }
        })
        .collect();
    let rank = |row: &Row| systems.iter().position(|system| system.name == row.system);
    rows.sort_by_key(|row| (rank(row), row.nodes));
    rows
}

/// The values that the scenarios of all runs have in common.
fn in_common(runs: &[Planned]) -> toml::Table {
    let mut tables = runs.iter().map(|run| run.scenario.to_table());
    let first = tables.next().unwrap_or_default();
    tables.fold(first, |common, other| {
        common.into_iter().filter(|(key, value)| other.get(key) == Some(value)).collect()
    })
}

fn report(comparison: &Comparison, destination: Destination) -> Result<(), String> {
    let text = table::text(comparison);
    let mut json = serde_json::to_string_pretty(comparison).map_err(|error| error.to_string())?;
    json.push('\n');
    let svg = plot::svg(&comparison.rows).map_err(|error| error.to_string())?;
    for (name, contents) in [("compare.txt", &text), ("compare.svg", &svg), ("compare.json", &json)]
    {
        write_whole(&destination.folder().join(name), contents)
            .map_err(|error| error.to_string())?;
    }
    destination.finish(&json, &text)
}
