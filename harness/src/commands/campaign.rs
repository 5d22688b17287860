//! `hopwise run --seeds`: one simulated scenario with many seeds, to find those that fail.
//!
//! | in the folder | contents |
//! |---|---|
//! | `campaign.json` | the number of runs, the findings of all checks, the failing seeds |
//! | `seed-S/` | the files of a failing run, as `hopwise run` writes them |
//!
//! A campaign in which a kind of fault that the scenario has never struck fails: it has tried nothing of it.
//!
//! **Invariant:** a failing run ends no other run.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::Serialize;

use crate::Scenario;
use crate::base::wall_clock::WallClock;
use crate::base::whole_file::write_whole;
use crate::base::worker_pool;
use crate::commands::Environment;
use crate::commands::assertion::Assertions;
use crate::commands::destination::Destination;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::parallel_runs;
use crate::commands::run::{self, Ended, Memory};
use crate::live::Progress;
use crate::measure::outcome::{Check, Membership, Outcome, replay_command, rfc3339};
use crate::measure::provenance::{Build, Machine};
use crate::measure::{EngineError, Observers};
use crate::report::files;
use crate::report::units::micros;
use crate::scenario::{Engine, count_of};

/// The most runs in one campaign.
pub const SEEDS_MAX: u64 = 1_000_000;
/// The version of the JSON document.
const SCHEMA_VERSION: u32 = 1;

/// A range of seeds, written `A..B` as in Rust.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seeds(core::ops::Range<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seeds, String> {
        let bounds = text.split_once("..").and_then(|(from, to)| {
            let (from, to) = (count_of(from)?, count_of(to)?);
            Some(u64::try_from(from).ok()?..u64::try_from(to).ok()?)
        });
        match bounds {
            Some(seeds) if seeds.start < seeds.end && seeds.end - seeds.start <= SEEDS_MAX => {
                Ok(Seeds(seeds))
            }
            _ => Err(format!(
                "write A..B, such as 1..1001 for the seeds 1 to 1000, with at most {SEEDS_MAX} seeds"
            )),
        }
    }
}

/// Runs `scenario` once with each of `seeds`, several at a time, judges each run by `assertions`, and writes
/// the results as `options` say.
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
    worker_pool::each(
        &runs,
        workers,
        &interrupts,
        |run| run_one(env, run, assertions, &folder, memory, &interrupts),
        |run, result| {
            let panicked = || {
                let (status, reason) = (Exit::Failure as i32, "the run panicked".to_owned());
                Err(Failing { seed: run.seed, status, reason, replay: None })
            };
            if let Some(failing) = document.take(result.unwrap_or_else(panicked)) {
                progress.suspend(|| destination.say(&failing.line()));
            }
            progress.count(document.ran, document.failing.len());
        },
    );
    progress.finish();
    document.wall_s = clock.elapsed().as_secs_f64();
    document.interrupted = interrupts.load(Ordering::Relaxed) > 0;
    document.failing.sort_by_key(|failing| failing.seed);
    if let Err(error) = report(&document, destination) {
        env.tell(error);
        return Exit::Failure;
    }
    let idle = document.idle_faults();
    if !idle.is_empty() && !document.interrupted {
        env.tell(format_args!("no run was struck by {}: run more seeds", idle.join(", ")));
    }
    if let Some(first) = document.failing.first() {
        let (count, of) = (document.failing.len(), document.ran);
        env.tell(format_args!("{count} of {of} seeds failed; the first: {}", first.line().trim()));
    }
    if !options.quiet {
        env.note(format_args!("written to {}", folder.display()));
    }
    document.verdict()
}

/// A run that ended or was interrupted.
struct Ran {
    exit: Exit,
    simulated_s: f64,
    check: Check,
    strikes: BTreeMap<String, u64>,
    failing: Option<Failing>,
}

/// A seed whose run failed.
#[derive(Debug, Serialize)]
struct Failing {
    seed: u64,
    /// The exit status of `hopwise run` with this seed.
    status: i32,
    reason: String,
    /// The command line that repeats it, if it ran to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
}

impl Failing {
    fn line(&self) -> String {
        let Failing { seed, status, reason, replay } = self;
        let replay =
            replay.as_ref().map_or(String::new(), |replay| format!("; to reproduce it: {replay}"));
        format!("seed {seed}: status {status}: {reason}{replay}\n")
    }
}

/// The result of a campaign.
#[derive(Debug, Serialize)]
struct Document {
    schema_version: u32,
    /// The scenario. Only the seed differs between runs.
    scenario: toml::Table,
    machine: Machine,
    build: Build,
    /// When it started: RFC 3339, UTC.
    started_at: String,
    /// Wall time in seconds.
    wall_s: f64,
    /// Simulated time of all runs together, in seconds.
    simulated_s: f64,
    /// Whether the user stopped it early.
    interrupted: bool,
    /// The first seed and the one after the last.
    seeds: [u64; 2],
    /// Runs that ended.
    ran: usize,
    /// Findings of the checks of all runs.
    check: Check,
    /// How often faults of each kind that the scenario has struck, in all runs.
    faults: BTreeMap<String, u64>,
    failing: Vec<Failing>,
}

impl Document {
    fn new(env: &Environment, scenario: &Scenario, seeds: &Seeds, started_at: String) -> Document {
        Document {
            schema_version: SCHEMA_VERSION,
            scenario: scenario.to_table(),
            machine: Machine::here(),
            build: Build::of(env.program),
            started_at,
            wall_s: 0.0,
            simulated_s: 0.0,
            interrupted: false,
            seeds: [seeds.0.start, seeds.0.end],
            ran: 0,
            check: Check::default(),
            faults: scenario.fault_words().map(|word| (joined(word).to_owned(), 0)).collect(),
            failing: Vec::new(),
        }
    }

    /// Adds the result of a run; returns its entry if it failed. Interrupted runs do not count.
    fn take(&mut self, result: Result<Ran, Failing>) -> Option<&Failing> {
        let failing = match result {
            Ok(Ran { exit: Exit::Interrupted, .. }) => return None,
            Ok(Ran { simulated_s, check, strikes, failing, .. }) => {
                self.simulated_s += simulated_s;
                self.check.merge(&check);
                for (kind, count) in &mut self.faults {
                    *count += strikes.get(kind).copied().unwrap_or_default();
                }
                failing
            }
            Err(failing) => Some(failing),
        };
        self.ran += 1;
        self.failing.push(failing?);
        self.failing.last()
    }

    /// The kinds of faults that never struck.
    fn idle_faults(&self) -> Vec<&str> {
        self.faults
            .iter()
            .filter(|(_, count)| **count == 0)
            .map(|(kind, _)| kind.as_str())
            .collect()
    }

    fn summary(&self) -> String {
        let Document { seeds: [from, to], ran, simulated_s, wall_s, check, failing, .. } = self;
        let stopped = if self.interrupted { ", interrupted" } else { "" };
        let exact = match check.exact {
            0 => String::new(),
            exact => format!(", {exact} had to end with an exact ring"),
        };
        format!(
            "{ran} of {} seeds run, {} failed{stopped}: {} violations, {} explained by node failures{exact}; \
             {simulated_s:.0} s simulated in {}\n",
            to - from,
            failing.len(),
            check.violations,
            check.beyond_promise,
            micros(wall_s * 1e6),
        )
    }

    /// The exit status: that of the worst run.
    fn verdict(&self) -> Exit {
        let any = |exit: Exit| self.failing.iter().any(|failing| failing.status == exit as i32);
        if self.interrupted {
            Exit::Interrupted
        } else if any(Exit::BadRequest) {
            Exit::BadRequest
        } else if any(Exit::Failure) {
            Exit::Failure
        } else if self.failing.is_empty() && self.idle_faults().is_empty() {
            Exit::Success
        } else {
            Exit::Unmet
        }
    }
}

fn with_seed(scenario: &Scenario, seed: u64) -> Scenario {
    // Runs share the host, so each uses one core unless the scenario says otherwise.
    Scenario { seed, threads: scenario.threads.max(1), ..scenario.clone() }
}

/// Runs `scenario`. Writes its files below `folder` if it failed.
fn run_one(
    env: &Environment,
    scenario: &Scenario,
    assertions: &Assertions,
    folder: &Path,
    memory: Memory,
    interrupts: &AtomicU32,
) -> Result<Ran, Failing> {
    let seed = scenario.seed;
    let failing = |exit: Exit, reason| Failing { seed, status: exit as i32, reason, replay: None };
    let ended = run::execute(env, scenario, interrupts, true, memory, Observers::default())
        .map_err(|error| match error {
            EngineError::Request(why) => failing(Exit::BadRequest, why),
            EngineError::Broken(why) => failing(Exit::Failure, why),
        })?;
    let Ended { measured, mut outcome } = ended;
    assertions.judge(&mut outcome);
    let exit = run::verdict(&outcome);
    let failed = exit != Exit::Success && exit != Exit::Interrupted;
    let failing = if failed {
        let reason = outcome.unmet().collect::<Vec<_>>().join("; ");
        let folder = folder.join(format!("seed-{seed}"));
        outcome.name_folder(&folder);
        files::write_all(&folder, &outcome, &scenario.to_toml(), &measured.series)
            .map_err(|error| failing(Exit::Failure, error.to_string()))?;
        Some(Failing {
            replay: Some(replay_command(env.program.name, &folder)),
            ..failing(exit, reason)
        })
    } else {
        None
    };
    let simulated_s = outcome.simulated_s.unwrap_or_default();
    let strikes = strikes(&outcome);
    Ok(Ran { exit, simulated_s, check: outcome.check.unwrap_or_default(), strikes, failing })
}

/// The word under which faults of a kind are counted. A node that returns joins.
fn joined(word: &'static str) -> &'static str {
    if word == "return" { "join" } else { word }
}

/// How often each kind of fault struck in a run. Churn counts, too.
fn strikes(outcome: &Outcome) -> BTreeMap<String, u64> {
    let mut strikes = outcome.engine.disturbances.clone();
    let Membership { joins, leaves, crashes, .. } = outcome.membership;
    let of_members = [("join", joins), ("leave", leaves), ("crash", crashes)];
    strikes.extend(of_members.map(|(kind, count)| (kind.to_owned(), count)));
    strikes
}

fn report(document: &Document, destination: Destination) -> Result<(), String> {
    let json = serde_json::to_string_pretty(document).map_err(|error| error.to_string())? + "\n";
    write_whole(&destination.folder().join("campaign.json"), &json)
        .map_err(|error| error.to_string())?;
    destination.finish(&json, &document.summary())
}
