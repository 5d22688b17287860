//! Runs the scenarios of a comparison, several at a time, saves each result, and writes what is concluded from
//! them.
//!
//! **Invariant:** an interrupted run has no result.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use crate::base::wall_clock::WallClock;
use crate::base::whole_file::write_whole;
use crate::base::worker_pool;
use crate::commands::Environment;
use crate::commands::destination::Destination;
use crate::commands::failures::Failures;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::parallel_runs;
use crate::commands::report::write_page;
use crate::commands::run::{self, Ended, Memory};
use crate::live::Progress;
use crate::measure::outcome::{Outcome, rfc3339};
use crate::measure::provenance::{Build, Machine};
use crate::measure::{EngineError, Observers};
use crate::network::Network;
use crate::report::files;
use crate::scenario::{Engine, Scenario};

/// When, where and how the runs of a comparison took place: a part of its document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    /// When it started: RFC 3339, UTC.
    pub started_at: String,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// The machine that ran it.
    pub machine: Machine,
    /// The program that ran it.
    pub build: Build,
    /// Whether the user stopped it early.
    pub interrupted: bool,
    /// The scenario values that all runs have in common.
    pub scenario: toml::Table,
}

/// What a comparison writes.
pub(super) struct Report {
    /// The table and the verdicts, for people.
    pub(super) text: String,
    /// The document.
    pub(super) json: String,
    /// The figure, if it has one.
    pub(super) svg: Option<String>,
}

impl Report {
    /// A report without a figure.
    pub(super) fn new(text: String, document: &impl Serialize) -> Result<Report, String> {
        let mut json = serde_json::to_string_pretty(document).map_err(|error| error.to_string())?;
        json.push('\n');
        Ok(Report { text, json, svg: None })
    }
}

/// Runs all of `runs`, has `conclude` make a report of the outcomes of complete ones, and writes it as
/// `options` say. `name` is that of the results.
pub(super) fn compare_runs<'r, P: AsRef<Scenario> + Sync>(
    env: &Environment,
    options: &RunOptions,
    name: &str,
    runs: &'r [P],
    conclude: impl FnOnce(Circumstances, &[(&'r P, Outcome)]) -> Result<Report, String>,
) -> Exit {
    if let Err(why) = check_networks(runs.iter().map(AsRef::as_ref)) {
        return env.refuse(why);
    }
    let clock = WallClock::start();
    let started_at = rfc3339(clock.started_at());
    let destination = match Destination::open(options, &started_at, name) {
        Ok(destination) => destination,
        Err(message) => return env.refuse(message),
    };
    let folder = destination.folder().to_owned();
    env.tell_adapted(runs.iter().map(AsRef::as_ref), options);
    let interrupts = run::watch_for_interrupts(env);
    let (ended, failures) = run_all(env, runs, &folder, &interrupts, options.quiet);
    let interrupted = interrupts.load(Ordering::Relaxed) > 0;
    if ended.is_empty() && !interrupted {
        // There is nothing to conclude from; why each run failed has been told.
        return failures.verdict();
    }
    let wall_s = clock.elapsed().as_secs_f64();
    let circumstances = Circumstances {
        started_at,
        wall_s,
        machine: Machine::here(),
        build: Build::of(env.program),
        interrupted,
        scenario: in_common(runs),
    };
    let report = conclude(circumstances, &ended);
    if let Err(error) = report.and_then(|report| write(&report, destination)) {
        env.tell(error);
        return Exit::Failure;
    }
    if !options.quiet {
        let (done, of, folder) = (ended.len(), runs.len(), folder.display());
        env.note(format_args!(
            "complete: {done} of {of} runs in {wall_s:.1} s; written to {folder}"
        ));
    }
    if interrupted { Exit::Interrupted } else { failures.verdict() }
}

/// Checks that a real network can be what these scenarios say, if they run over UDP.
fn check_networks<'s>(scenarios: impl IntoIterator<Item = &'s Scenario>) -> Result<(), String> {
    let mut real = scenarios.into_iter().filter(|scenario| scenario.engine == Engine::Udp);
    real.try_for_each(|scenario| Network::on_top(&scenario.network).map(drop))
}

fn write(report: &Report, destination: Destination) -> Result<(), String> {
    let Report { text, json, svg } = report;
    let files =
        [("compare.txt", Some(text)), ("compare.svg", svg.as_ref()), ("compare.json", Some(json))];
    for (name, contents) in files {
        if let Some(contents) = contents {
            write_whole(&destination.folder().join(name), contents)
                .map_err(|error| error.to_string())?;
        }
    }
    let page = write_page(destination.folder())?;
    destination.finish(json, &format!("{text}\nreport: {}\n", page.display()))
}

/// Runs all of `runs`. Returns the outcomes of complete runs and the failures.
fn run_all<'r, P: AsRef<Scenario> + Sync>(
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
    let ended = run::execute(env, scenario, interrupts, true, memory, Observers::default())?;
    let Ended { outcome, measured } = ended;
    if !outcome.interrupted {
        let folder = folder.join("runs").join(&scenario.name);
        files::write_all(&folder, &outcome, &scenario.to_toml(), &measured.series)
            .map_err(|error| EngineError::Broken(error.to_string()))?;
    }
    Ok(outcome)
}

/// The values that the scenarios of all runs have in common.
fn in_common<P: AsRef<Scenario>>(runs: &[P]) -> toml::Table {
    let mut tables = runs.iter().map(|run| run.as_ref().to_table());
    let first = tables.next().unwrap_or_default();
    tables.fold(first, |common, other| {
        common.into_iter().filter(|(key, value)| other.get(key) == Some(value)).collect()
    })
}

#[cfg(test)]
impl Circumstances {
    /// Those of no real runs.
    pub(super) fn example() -> Circumstances {
        Circumstances {
            started_at: "2026-11-22T00:00:00Z".into(),
            wall_s: 1.0,
            machine: Machine::here(),
            build: Build::of(crate::measure::provenance::Identity::HOPWISE),
            interrupted: false,
            scenario: toml::Table::new(),
        }
    }
}
