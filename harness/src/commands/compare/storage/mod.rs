//! `hopwise compare --what storage`: stores values directly and by reference, under the same keys, delays and
//! departures (figure 7.8 of Wehrle, Götz and Rieche, *Distributed Hash Tables*, 2005).
//!
//! *direct*: a value lies at the owner of its key and the owner's holders. *reference*: it stays at the node
//! that wrote it, and the owner and its holders keep a reference.
//!
//! | in the folder | contents |
//! |---|---|
//! | `runs/WAY-BYTES-CASE/` | the files of one run, as `hopwise run` writes them |
//! | `compare.json` | the [`Comparison`]: all rows and verdicts |
//! | `compare.txt` | the table |
//!
//! **Invariant:** every figure comes from the saved [`Outcome`](crate::measure::outcome::Outcome) of a run.

mod comparison;
mod plan;
mod table;
mod verdict;

use std::sync::atomic::Ordering;

pub use comparison::{Comparison, Departed, Gets, Operation, Row, SCHEMA_VERSION};
pub use plan::{Case, DEFAULT_SIZES, GONE_PERCENT, Plan, Planned, refuse_planned};

use super::execute::{in_common, run_all};
use crate::base::wall_clock::WallClock;
use crate::base::whole_file::write_whole;
use crate::commands::Environment;
use crate::commands::destination::Destination;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::run;
use crate::measure::outcome::rfc3339;
use crate::measure::provenance::{Build, Machine};

/// Runs `plan` and writes the results as `options` say.
#[must_use]
pub(super) fn compare(env: &Environment, plan: &Plan, options: &RunOptions) -> Exit {
    let Plan { sizes, runs } = plan;
    let clock = WallClock::start();
    let started_at = rfc3339(clock.started_at());
    let destination = match Destination::open(options, &started_at, "compare-storage") {
        Ok(destination) => destination,
        Err(message) => return env.refuse(message),
    };
    let folder = destination.folder().to_owned();
    env.tell_adapted(runs.iter().map(|run| &run.scenario), options);
    let interrupts = run::watch_for_interrupts(env);
    let (ended, failures) = run_all(env, runs, &folder, &interrupts, options.quiet);
    let rows = comparison::rows(&ended, sizes);
    let interrupted = interrupts.load(Ordering::Relaxed) > 0;
    let comparison = Comparison {
        schema_version: SCHEMA_VERSION,
        what: "storage".to_owned(),
        started_at,
        wall_s: clock.elapsed().as_secs_f64(),
        machine: Machine::here(),
        build: Build::of(env.program),
        interrupted,
        scenario: in_common(runs),
        verdicts: verdict::verdicts(&rows),
        rows,
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

fn report(comparison: &Comparison, destination: Destination) -> Result<(), String> {
    let text = table::text(comparison);
    let mut json = serde_json::to_string_pretty(comparison).map_err(|error| error.to_string())?;
    json.push('\n');
    for (name, contents) in [("compare.txt", &text), ("compare.json", &json)] {
        write_whole(&destination.folder().join(name), contents)
            .map_err(|error| error.to_string())?;
    }
    destination.finish(&json, &text)
}
