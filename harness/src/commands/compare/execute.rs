//! Runs the scenarios of a comparison, several at a time, and saves each result.
//!
//! **Invariant:** an interrupted run has no result.

use std::path::Path;
use std::sync::atomic::AtomicU32;

use crate::base::worker_pool;
use crate::commands::Environment;
use crate::commands::failures::Failures;
use crate::commands::parallel_runs;
use crate::commands::run::{self, Ended, Memory};
use crate::measure::EngineError;
use crate::measure::outcome::Outcome;
use crate::measure::progress::Progress;
use crate::report::files;
use crate::scenario::Scenario;

/// Runs all of `runs`. Returns the outcomes of complete runs and the failures.
pub(super) fn run_all<'r, P: AsRef<Scenario> + Sync>(
    env: &Environment,
    runs: &'r [P],
    folder: &Path,
    interrupts: &AtomicU32,
    quiet: bool,
) -> (Vec<(&'r P, Outcome)>, Failures) {
    let workers = parallel_runs::workers(runs.iter().map(AsRef::as_ref), None);
    let memory = Memory::of_runs_at_a_time(workers);
    let progress = Progress::of_runs(quiet, runs.len());
    let (mut ended, mut failures, mut done) = (Vec::new(), Vec::new(), 0);
    let work = |planned: &P| run_and_save(env, planned.as_ref(), folder, memory, interrupts);
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
        Failures::told(env, failures.iter().map(|(run, why)| (&*run.as_ref().name, why)));
    (ended, failures)
}

fn run_and_save(
    env: &Environment,
    scenario: &Scenario,
    folder: &Path,
    memory: Memory,
    interrupts: &AtomicU32,
) -> Result<Outcome, EngineError> {
    let ended = run::execute(env, scenario, interrupts, true, memory, None)?;
    let Ended { outcome, measured } = ended;
    if !outcome.interrupted {
        let folder = folder.join("runs").join(&scenario.name);
        files::write_all(&folder, &outcome, &scenario.to_toml(), &measured.series)
            .map_err(|error| EngineError::Broken(error.to_string()))?;
    }
    Ok(outcome)
}

/// The values that the scenarios of all runs have in common.
pub(super) fn in_common<P: AsRef<Scenario>>(runs: &[P]) -> toml::Table {
    let mut tables = runs.iter().map(|run| run.as_ref().to_table());
    let first = tables.next().unwrap_or_default();
    tables.fold(first, |common, other| {
        common.into_iter().filter(|(key, value)| other.get(key) == Some(value)).collect()
    })
}
