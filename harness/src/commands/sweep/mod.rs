//! `hopwise sweep`: runs a scenario with every combination of the values of some keys, each with
//! several seeds, and estimates the mean of every figure.
//!
//! | in the folder | contents |
//! |---|---|
//! | `runs/KEY=VALUE,…,seed=S/` | the files of one run, as `hopwise run` writes them |
//! | `sweep.json` | the figures of every run and the estimates of every point |
//! | `sweep.csv` | the estimates, one row per point |
//!
//! A run that is complete in the folder is not repeated, so the same command resumes a sweep that
//! was interrupted.
//!
//! **Invariant:** nothing starts unless every run of the plan is valid; a failing run ends no other.

mod figures;
mod runs;
mod saved_runs;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

pub use runs::{Parameters, Plan, PlanError, Planned, REPEATS_MAX, RUNS_MAX, Vary};

use self::saved_runs::Saved;
use self::table::{Course, Results, Table};
use crate::Scenario;
use crate::base::wall_clock::WallClock;
use crate::base::whole_file::write_whole;
use crate::base::worker_pool;
use crate::commands::Environment;
use crate::commands::assertion::Assertions;
use crate::commands::destination::Destination;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::parallel_runs;
use crate::commands::report::write_page;
use crate::commands::run::{self, Memory};
use crate::measure::outcome::{Outcome, rfc3339};
use crate::measure::provenance::{Build, Machine};
use crate::measure::series::SeriesRow;
use crate::measure::{EngineError, Observers};
use crate::report::files;

/// Runs `plan`, judges each run by `assertions`, and writes the results as `options` say. Runs go on `threads` at a time, by default
/// one per core; runs over UDP always one at a time.
#[must_use]
pub fn sweep(
    env: &Environment,
    plan: &Plan,
    threads: Option<NonZeroUsize>,
    assertions: &Assertions,
    options: &RunOptions,
) -> Exit {
    let clock = WallClock::start();
    let started_at = rfc3339(clock.started_at());
    let name = format!("sweep-{}", plan.name());
    let destination = match Destination::open(options, &started_at, &name) {
        Ok(destination) => destination,
        Err(message) => return env.refuse(message),
    };
    let folder = destination.folder().to_owned();
    env.tell_adapted(plan.runs.iter().map(|run| &run.scenario), options);
    let interrupts = run::watch_for_interrupts(env);
    let workers = parallel_runs::workers(plan.runs.iter().map(|run| &run.scenario), threads);
    let lines = destination.has_text();
    let say = |line: &str| destination.say(line);
    let sweep = Sweep {
        env,
        plan,
        assertions,
        folder: &folder,
        workers,
        interrupts: &interrupts,
        lines,
        say: &say,
    };

    // Concurrent runs would overwrite each other's progress line.
    let quiet = options.quiet || workers > 1;
    let memory = Memory::of_runs_at_a_time(workers);
    let results = sweep.results(|scenario| {
        let ended = run::execute(env, scenario, &interrupts, quiet, memory, Observers::default())?;
        let (outcome, measured) = (ended.outcome, ended.measured);
        Ok(Finished { outcome, series: measured.series, warnings: measured.warnings })
    });
    let interrupted = interrupts.load(Ordering::Relaxed) > 0;
    let (verdict, complete) = (results.verdict(), results.complete_count());
    results.tell(env);
    let build = Build::of(env.program);
    let wall_s = clock.elapsed().as_secs_f64();
    let course = Course { build, started_at, wall_s, interrupted };
    let table = results.into_table(plan, course);
    if let Err(error) = report(&table, destination) {
        env.tell(error);
        return Exit::Failure;
    }
    if !options.quiet {
        let (of, folder) = (plan.runs.len(), folder.display());
        let resume = if interrupted { "; to resume, add --out with this folder" } else { "" };
        env.note(format_args!("complete: {complete} of {of} runs, in {folder}{resume}"));
    }
    if interrupted { Exit::Interrupted } else { verdict }
}

/// A run that ended or was interrupted.
struct Finished {
    outcome: Outcome,
    series: Vec<SeriesRow>,
    warnings: Vec<String>,
}

/// A sweep in progress.
#[derive(Clone, Copy)]
struct Sweep<'a> {
    env: &'a Environment,
    plan: &'a Plan,
    assertions: &'a Assertions,
    folder: &'a Path,
    workers: usize,
    interrupts: &'a AtomicU32,
    /// Whether there is a line for each run.
    lines: bool,
    /// Takes these lines.
    say: &'a (dyn Fn(&str) + Sync),
}

impl Sweep<'_> {
    /// Loads the saved runs and runs the others.
    fn results(&self, run: impl Fn(&Scenario) -> Result<Finished, EngineError> + Sync) -> Results {
        let mut results = Results::default();
        let missing = self.take_saved(&mut results);
        let mut warned = BTreeSet::new();
        worker_pool::each(
            &missing,
            self.workers,
            self.interrupts,
            |planned| self.run_and_save(planned, &run),
            |planned, finished| {
                match finished.unwrap_or_else(|| Err(EngineError::panicked())) {
                    // An interrupted run has no result.
                    Ok(Finished { outcome, .. }) if outcome.interrupted => {}
                    Ok(Finished { outcome, warnings, .. }) => {
                        results.complete(
                            planned,
                            saved_runs::folder(planned),
                            &outcome,
                            self.assertions,
                        );
                        let place = (results.ended_count(), self.plan.runs.len());
                        self.say(place, &table::line(planned, &outcome));
                        warned.extend(warnings);
                    }
                    Err(error) => results.failed(self.env, planned, &error),
                }
            },
        );
        // The runs of a sweep share most of their warnings.
        if self.lines {
            warned.iter().for_each(|warning| self.env.tell(warning));
        }
        results
    }

    /// Loads the saved runs; returns the others.
    fn take_saved(&self, results: &mut Results) -> Vec<&Planned> {
        let mut elsewhere = 0;
        let mut unusable: BTreeMap<&str, usize> = BTreeMap::new();
        let mut missing = Vec::new();
        let here = Machine::here();
        for planned in &self.plan.runs {
            let folder = saved_runs::folder(planned);
            match saved_runs::load(self.env, &self.folder.join(&folder), planned) {
                Saved::Run(outcome) => {
                    results.complete(planned, folder, &outcome, self.assertions);
                    elsewhere += usize::from(outcome.machine != here);
                }
                Saved::Unusable(why) => {
                    *unusable.entry(why).or_default() += 1;
                    missing.push(planned);
                }
                Saved::Nothing => missing.push(planned),
            }
        }
        for (why, count) in unusable {
            self.env.tell(format_args!("saved runs that are run again: {count}, {why}"));
        }
        if self.lines && results.complete_count() > 0 {
            let (saved, of) = (results.complete_count(), self.plan.runs.len());
            self.env.note(format_args!("resuming: {saved} of {of} runs are saved"));
        }
        if elsewhere > 0 {
            self.env.tell(format_args!("{elsewhere} of the saved runs are from another machine"));
        }
        missing
    }

    fn run_and_save(
        &self,
        planned: &Planned,
        run: impl Fn(&Scenario) -> Result<Finished, EngineError>,
    ) -> Result<Finished, EngineError> {
        let finished = run(&planned.scenario)?;
        let Finished { outcome, series, .. } = &finished;
        if !outcome.interrupted {
            let folder = self.folder.join(saved_runs::folder(planned));
            files::write_all(&folder, outcome, &planned.scenario.to_toml(), series)
                .map_err(|error| EngineError::Broken(error.to_string()))?;
        }
        Ok(finished)
    }

    fn say(&self, (nth, of): (usize, usize), line: &str) {
        (self.say)(&format!("[{nth}/{of}] {line}\n"));
    }
}

fn report(table: &Table, destination: Destination) -> Result<(), String> {
    let json = table.to_json();
    for (name, contents) in [("sweep.csv", &table.to_csv()), ("sweep.json", &json)] {
        write_whole(&destination.folder().join(name), contents)
            .map_err(|error| error.to_string())?;
    }
    let page = write_page(destination.folder())?;
    destination.finish(&json, &format!("{}\nreport: {}\n", table.to_text(), page.display()))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::Mutex;

    use std::fs;

    use super::*;
    use crate::measure::outcome::example;

    /// A separate folder for each test.
    fn folder(test: &str) -> PathBuf {
        let name = format!("hopwise-sweep-{test}-{}", std::process::id());
        std::env::temp_dir().join(name)
    }

    fn plan(rate: &str) -> Plan {
        let load = |values: &[_]| {
            let rate = [("workload.lookups_per_s".to_owned(), rate.to_owned())];
            Environment::hopwise().registry.from_toml("", "test", &[&rate, values].concat())
        };
        let vary = "nodes=64,128".parse().expect("two values");
        Plan::new(load, &[vary], 2).expect("all can be run")
    }

    fn finished(scenario: &Scenario) -> Finished {
        let mut outcome = example::outcome();
        outcome.scenario = scenario.to_table();
        outcome.build = Build::of(Environment::hopwise().program);
        Finished { outcome, series: Vec::new(), warnings: Vec::new() }
    }

    /// Runs `plan`; returns which runs started and the results.
    fn sweep(
        plan: &Plan,
        folder: &Path,
        run: impl Fn(&Scenario, &AtomicU32) -> Result<Finished, EngineError> + Sync,
    ) -> (Vec<(u32, u64)>, Results) {
        let (interrupts, ran) = (AtomicU32::new(0), Mutex::new(Vec::new()));
        let sweep = Sweep {
            env: &Environment::hopwise(),
            plan,
            assertions: &Assertions::default(),
            folder,
            workers: 1,
            interrupts: &interrupts,
            lines: false,
            say: &|_| {},
        };
        let results = sweep.results(|scenario| {
            ran.lock().expect("no run panics").push((scenario.nodes, scenario.seed));
            run(scenario, &interrupts)
        });
        (ran.into_inner().expect("no run panics"), results)
    }

    #[test]
    fn resumes_with_the_incomplete_runs() {
        let folder = folder("resume");
        let plan_of = plan;
        let plan = plan_of("100");
        let (ran, results) = sweep(&plan, &folder, |scenario, _| match scenario.nodes {
            128 if scenario.seed == 1 => Err(EngineError::Broken("no room".into())),
            _ => Ok(finished(scenario)),
        });
        assert_eq!(ran, [(64, 1), (64, 2), (128, 1), (128, 2)], "a failure ends no other");
        assert_eq!((results.complete_count(), results.verdict()), (3, Exit::Failure));

        let good = |scenario: &Scenario, _: &AtomicU32| Ok(finished(scenario));
        let (ran, results) = sweep(&plan, &folder, good);
        assert_eq!(ran, [(128, 1)], "only what failed is run again");
        assert_eq!((results.complete_count(), results.verdict()), (4, Exit::Success));

        let kept = folder.join(saved_runs::folder(&plan.runs[1])).join("outcome.json");
        fs::write(kept, "{").expect("it can be written");
        assert_eq!(sweep(&plan, &folder, good).0, [(64, 2)], "what cannot be read is run again");
        assert_eq!(sweep(&plan_of("200"), &folder, good).0.len(), 4, "other scenarios, other runs");
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn what_another_build_wrote_or_is_not_complete_is_run_again() {
        let folder = folder("stale");
        let plan = plan("100");
        let good = |scenario: &Scenario, _: &AtomicU32| Ok(finished(scenario));
        let other = |scenario: &Scenario, _: &AtomicU32| {
            let mut finished = finished(scenario);
            if scenario.seed == 2 {
                finished.outcome.build.commit = "another".to_owned();
            }
            Ok(finished)
        };
        assert_eq!(sweep(&plan, &folder, other).0.len(), 4);
        assert_eq!(sweep(&plan, &folder, good).0, [(64, 2), (128, 2)]);
        let files = folder.join(saved_runs::folder(&plan.runs[0]));
        fs::remove_file(files.join("series.csv")).expect("it is there");
        assert_eq!(sweep(&plan, &folder, good).0, [(64, 1)]);
        fs::write(files.join("latency.hgrm"), "").expect("it can be written");
        assert_eq!(sweep(&plan, &folder, good).0, [(64, 1)]);
        assert_eq!(sweep(&plan, &folder, good).0, []);
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn an_interrupted_run_is_dropped_and_no_other_starts() {
        let folder = folder("interrupt");
        let plan = plan("100");
        let (ran, results) = sweep(&plan, &folder, |scenario, interrupts| {
            let mut finished = finished(scenario);
            if scenario.seed == 2 {
                interrupts.store(1, Ordering::Relaxed);
                finished.outcome.interrupted = true;
            }
            Ok(finished)
        });
        assert_eq!((ran, results.complete_count()), (vec![(64, 1), (64, 2)], 1));
        let (ran, _) = sweep(&plan, &folder, |scenario, _| Ok(finished(scenario)));
        assert_eq!(ran, [(64, 2), (128, 1), (128, 2)]);
        fs::remove_dir_all(folder).expect("it is ours");
    }

    #[test]
    fn a_run_fails_if_its_files_cannot_be_written() {
        let folder = folder("no-folder");
        fs::write(&folder, "a file where the folder should be").expect("it can be written");
        let (_, results) = sweep(&plan("100"), &folder, |scenario, _| Ok(finished(scenario)));
        assert_eq!((results.complete_count(), results.verdict()), (0, Exit::Failure));
        fs::remove_file(folder).expect("it is ours");
    }
}
