//! `hopwise compare`: runs several systems ([`Plan`]) or two ways to store a value ([`storage`]) under the
//! same conditions.
//!
//! The comparison of systems runs them with the same items, queries, delays and churn, at several
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
mod execute;
mod plot;
mod regression;
mod runs;
pub mod storage;
mod table;
mod verdict;

use std::sync::atomic::Ordering;

use self::execute::{in_common, run_all};
pub use comparison::{Comparison, Growth, Row, SCHEMA_VERSION, Spread};
pub use runs::{Contender, Crash, Plan, PlanError, Planned, refuse_planned};

use crate::base::wall_clock::WallClock;
use crate::base::whole_file::write_whole;
use crate::commands::Environment;
use crate::commands::destination::Destination;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::run;
use crate::measure::outcome::{Outcome, rfc3339};
use crate::measure::provenance::{Build, Machine};

/// What is compared.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Systems, at several sizes.
    Systems(Plan),
    /// The two ways to store a value, at several sizes of values.
    Storage(storage::Plan),
}

/// Runs what is compared, and writes the results as `options` say.
#[must_use]
pub fn compare(env: &Environment, subject: &Subject, options: &RunOptions) -> Exit {
    match subject {
        Subject::Systems(plan) => compare_systems(env, plan, options),
        Subject::Storage(plan) => storage::compare(env, plan, options),
    }
}

fn compare_systems(env: &Environment, plan: &Plan, options: &RunOptions) -> Exit {
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
