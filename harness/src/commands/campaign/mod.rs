//! `hopwise run --seeds`: one simulated scenario with many seeds, to find those that fail.
//!
//! | in the folder | contents |
//! |---|---|
//! | `campaign.json` | the number of runs, the findings of all checks, the failing seeds |
//! | `seed-S/` | the files of a failing run, as `hopwise run` writes them; only its scenario if it did not end |
//! | `seed-S/shrunk.toml` | a smaller scenario that fails in the same way, for the first failing seeds |
//!
//! A campaign in which a kind of fault that the scenario has never struck fails: it has tried nothing of it.
//!
//! **Invariant:** a failing run ends no other run.

mod document;
mod failure;
mod runner;
mod seeds;
mod shrink;
mod shrunk_seed;
mod smaller;

use std::io;
use std::path::Path;

use self::document::{Document, Failing};
use self::failure::Failure;
use self::runner::{FailedSeed, Runner, SHRUNK, SeedRun, write_scenario};
pub use self::seeds::{SEEDS_MAX, Seeds};
use self::shrink::RUNS_MAX;
use self::shrunk_seed::ShrunkSeed;
use crate::Scenario;
use crate::base::quiet_panics::QuietPanics;
use crate::base::wall_clock::WallClock;
use crate::base::whole_file::write_whole;
use crate::base::worker_pool;
use crate::commands::Environment;
use crate::commands::assertion::Assertions;
use crate::commands::destination::Destination;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::parallel_runs;
use crate::commands::run::{self, Memory};
use crate::live::Progress;
use crate::measure::EngineError;
use crate::measure::outcome::{rfc3339, run_command};
use crate::scenario::Engine;

/// The most seeds that are shrunk: the first that failed. Each takes up to [`RUNS_MAX`] runs.
const SHRUNK_MAX: usize = 4;

/// Runs `scenario` once with each of `seeds`, several at a time, judges each run by `assertions`, shrinks the
/// first that fail, and writes the results as `options` say.
#[must_use]
pub fn campaign(
    env: &Environment,
    scenario: &Scenario,
    seeds: &Seeds,
    assertions: &Assertions,
    options: &RunOptions,
) -> Exit {
    if scenario.engine != Engine::Sim {
        return env.refuse("--seeds needs runs that can be repeated: write --engine sim");
    }
    let clock = WallClock::start();
    let started_at = rfc3339(clock.started_at());
    let name = format!("seeds-{}", scenario.name);
    let destination = match Destination::open(options, &started_at, &name) {
        Ok(destination) => destination,
        Err(message) => return env.refuse(message),
    };
    let folder = destination.folder().to_owned();
    env.tell_adapted([scenario], options);
    let interrupts = run::watch_for_interrupts(env);
    let mut document = Document::new(env, scenario, seeds, started_at);
    let runs: Vec<Scenario> = seeds.0.clone().map(|seed| with_seed(scenario, seed)).collect();
    let progress = Progress::of_runs(options.quiet, runs.len());
    let workers = parallel_runs::workers(runs.iter(), None);
    let memory = Memory::of_runs_at_a_time(workers);
    let runner = Runner { env, assertions, memory, interrupts: &interrupts, folder: &folder };
    let mut failed = Vec::new();
    worker_pool::each(
        &runs,
        workers,
        &interrupts,
        |run| runner.run_seed(run),
        |run, result| {
            let SeedRun { ran, failed: failure } = result.unwrap_or_else(|| {
                let failure = Failure::of_error(EngineError::panicked());
                SeedRun { ran: None, failed: Some(FailedSeed::without_files(failure)) }
            });
            let failing = failure.map(|FailedSeed { failure, replay }| {
                let (status, reason) = (failure.exit as i32, failure.reason.clone());
                failed.push((run, failure));
                Failing { seed: run.seed, status, reason, replay, shrunk: None }
            });
            if let Some(failing) = document.take(ran, failing) {
                progress.suspend(|| destination.say(&(failing.line() + "\n")));
            }
            progress.count(document.ran, document.failing.len());
        },
    );
    progress.finish();
    document.wall_s = clock.elapsed().as_secs_f64();
    document.interrupted = runner.is_interrupted();
    document.failing.sort_by_key(|failing| failing.seed);
    let mut written = write(&document, &folder);
    if written.is_ok() && !document.interrupted {
        failed.retain(|(_, failure)| failure.can_shrink());
        failed.sort_by_key(|(run, _)| run.seed);
        failed.truncate(SHRUNK_MAX);
        for shrunk in shrink_all(&runner, &failed, workers, options.quiet) {
            destination.say(&format!("seed {}: {}\n", shrunk.of, shrunk.entry));
            document.add_shrunk(shrunk);
        }
        document.interrupted = runner.is_interrupted();
        written = write(&document, &folder);
    }
    let reported = written.and_then(|json| destination.finish(&json, &document.summary()));
    if let Err(error) = reported {
        env.tell(error);
        return Exit::Failure;
    }
    let idle = document.idle_faults();
    if !idle.is_empty() && !document.interrupted {
        env.tell(format_args!("no run was struck by {}: run more seeds", idle.join(", ")));
    }
    if let Some(first) = document.failing.first() {
        let (count, of) = (document.failing.len(), document.ran);
        env.tell(format_args!("{count} of {of} seeds failed; the first: {}", first.line()));
    }
    if !options.quiet {
        env.note(format_args!("written to {}", folder.display()));
    }
    document.verdict()
}

fn with_seed(scenario: &Scenario, seed: u64) -> Scenario {
    // Runs share the host, so each uses one core unless the scenario says otherwise.
    Scenario { seed, threads: scenario.threads.max(1), ..scenario.clone() }
}

/// Shrinks the scenarios of these failing runs, several at a time. Those that did not get smaller are left out.
fn shrink_all(
    runner: &Runner<'_>,
    failed: &[(&Scenario, Failure)],
    workers: usize,
    quiet: bool,
) -> Vec<ShrunkSeed> {
    if failed.is_empty() {
        return Vec::new();
    }
    if !quiet {
        let seeds: Vec<String> = failed.iter().map(|(run, _)| run.seed.to_string()).collect();
        runner.env.note(format_args!(
            "shrinking {} {}, {RUNS_MAX} runs each at most; Ctrl-C ends it with the smallest so far",
            if seeds.len() == 1 { "seed" } else { "seeds" },
            seeds.join(", ")
        ));
    }
    let _silence = failed.iter().any(|(_, failure)| failure.is_panic()).then(QuietPanics::begin);
    let progress = Progress::of_shrinking(quiet, failed.len());
    let (mut ended, mut runs, mut all) = (0, 0, Vec::new());
    worker_pool::each(
        failed,
        workers,
        runner.interrupts,
        |(run, failure)| shrink_one(runner, run, failure),
        |(run, _), result| {
            match result {
                Some(Ok(Some(shrunk))) => {
                    runs += shrunk.entry.runs();
                    all.push(shrunk);
                }
                Some(Ok(None)) => {}
                Some(Err(why)) => progress.suspend(|| runner.env.tell(why)),
                None => progress.suspend(|| {
                    runner.env.tell(format_args!("seed {}: shrinking it panicked", run.seed));
                }),
            }
            ended += 1;
            progress.shrunk(ended, runs);
        },
    );
    all.sort_by_key(|shrunk| shrunk.of);
    all
}

/// Shrinks the scenario of a failing run, and writes what it becomes.
fn shrink_one(
    runner: &Runner<'_>,
    scenario: &Scenario,
    failure: &Failure,
) -> io::Result<Option<ShrunkSeed>> {
    let schema = runner.env.registry.schema();
    let shrunk = shrink::shrink(schema, scenario, failure, |smaller| runner.try_out(smaller));
    let Some(shrunk) = shrunk else { return Ok(None) };
    let folder = runner.folder_of(scenario.seed);
    write_scenario(&folder, SHRUNK, &shrunk.scenario.to_toml())?;
    let command = run_command(runner.env.program.name, &folder.join(SHRUNK));
    let replay = command + &runner.assertions.arguments();
    Ok(Some(ShrunkSeed::new(scenario, &shrunk, replay)))
}

/// Writes `campaign.json`. Returns its text.
fn write(document: &Document, folder: &Path) -> Result<String, String> {
    let json = serde_json::to_string_pretty(document).map_err(|error| error.to_string())? + "\n";
    write_whole(&folder.join("campaign.json"), &json).map_err(|error| error.to_string())?;
    Ok(json)
}
