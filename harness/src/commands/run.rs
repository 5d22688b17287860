//! `hopwise run`: one run of one scenario.
//!
//! **Invariant:** results go to standard output, everything else to standard error.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::Scenario;
use crate::base::wall_clock::WallClock;
use crate::base::whole_file::remove_left_over;
use crate::commands::Environment;
use crate::commands::assertion::Assertions;
use crate::commands::destination::Destination;
use crate::commands::expectations;
use crate::commands::live_page;
use crate::commands::options::{Exit, RunOptions};
use crate::director::calibration;
use crate::live::Progress;
use crate::live::feed::Verdict;
use crate::measure::event_log::{EventLog, ROWS_MAX};
use crate::measure::outcome::{self, Lookups, Maintenance, Outcome, Regime, SCHEMA_VERSION};
use crate::measure::provenance::{Build, Machine, peak_rss_bytes, reset_peak_rss};
use crate::measure::trace::{Collector, Tracer, Traces, Wanted};
use crate::measure::{EngineError, Measured, Observers};
use crate::report::{files, text, traces_text};
use crate::scenario::Measure;
use crate::target;

/// The greatest acceptable lag: the 99th percentile of how late lookups are issued.
const LAG_MAX: Duration = Duration::from_millis(100);

/// How a scenario is run.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// What the run must reach.
    pub assertions: &'a Assertions,
    /// Where the result goes.
    pub options: &'a RunOptions,
    /// The file for all that happens, if there is one.
    pub events: Option<&'a Path>,
    /// The number of lookups that are traced.
    pub traced_lookups: Option<u32>,
    /// Where nodes run, if not here.
    pub target: Option<&'a target::Options>,
    /// The address of a live page, if there is one.
    pub watch: Option<SocketAddr>,
}

/// Runs `scenario` as `request` says.
#[must_use]
pub fn run(env: &Environment, scenario: &Scenario, request: &Request<'_>) -> Exit {
    let &Request { assertions, options, events, traced_lookups, target, watch } = request;
    let started_at = outcome::rfc3339(WallClock::start().started_at());
    let destination = match Destination::open(options, &started_at, &scenario.name) {
        Ok(destination) => destination,
        Err(message) => return env.refuse(message),
    };
    if let Some(events) = events
        && let Err(why) = destination.check_apart(events)
    {
        return env.refuse(why);
    }
    if let Some(folder) = events.and_then(Path::parent) {
        remove_left_over(if folder == Path::new("") { Path::new(".") } else { folder });
    }
    let log = match events.map(|path| EventLog::create(path, ROWS_MAX)).transpose() {
        Ok(log) => log,
        Err(error) => return env.refuse(format_args!("--events: {error}: write another file")),
    };
    let watch = match watch.map(|address| live_page::of_run(env, scenario, address)).transpose() {
        Ok(watch) => watch,
        Err(why) => return env.refuse(why),
    };
    let mut collector = traced_lookups.map(|count| Collector::new(Wanted::First(count)));
    let tracer = collector.as_mut().map(|collector| collector as &mut dyn Tracer);
    let observers = Observers { log, tracer };
    env.tell_adapted([scenario], options);
    let interrupts = watch_for_interrupts(env);
    let ended = execute_by(env, scenario, options.quiet, Memory::OnlyRun, |progress| {
        let progress = &progress.with_feed(watch.as_ref().map(|watch| watch.feed().clone()));
        match target {
            Some(target) => target::run(scenario, target, &interrupts, progress),
            None => env.registry.run_observed(scenario, &interrupts, progress, observers),
        }
    });
    if let Some(watch) = watch {
        watch.end(&match &ended {
            Ok(ended) => live_page::verdict(&ended.outcome),
            Err(EngineError::Request(why) | EngineError::Broken(why)) => {
                Verdict { text: why.clone(), is_good: false }
            }
        });
    }
    let Ended { mut measured, mut outcome } = match ended {
        Ok(ended) => ended,
        Err(EngineError::Request(message)) => return env.refuse(message),
        Err(EngineError::Broken(message)) => {
            env.tell(message);
            return Exit::Failure;
        }
    };
    if !options.quiet {
        measured.warnings.iter().for_each(|warning| env.tell(warning));
    }
    let folder = destination.folder().to_owned();
    outcome.name_folder(&folder);
    assertions.judge(&mut outcome);
    let traces = collector.map(|collector| Traces::new(&outcome, collector.traces()));
    let shows_traces = options.out.is_none();
    let written = write(scenario, destination, &measured, &outcome, traces.as_ref(), shows_traces);
    if let Err(error) = written {
        env.tell(error);
        return Exit::Failure;
    }
    if !options.quiet {
        let (bring_up, folder) = (measured.bring_up.as_secs_f64(), folder.display());
        let what = if target.is_some() { "connecting and preloading" } else { "bring-up" };
        env.note(format_args!("{what} took {bring_up:.2} s; written to {folder}"));
    }
    match measured.log.take() {
        Some(Err(error)) => {
            env.tell(format_args!("--events: {error}"));
            return Exit::Failure;
        }
        Some(Ok(missing)) if missing > 0 => {
            env.tell(format_args!(
                "--events: {missing} events after the first {ROWS_MAX} are missing"
            ));
        }
        _ => {}
    }
    outcome.unmet().for_each(|why| env.tell(why));
    let exit = verdict(&outcome);
    if exit == Exit::LoadTooHigh {
        env.tell(format_args!(
            "the load generator could not keep its schedule: of the lookups that it issued, over \
             1 % were more than {} ms late. Lower workload.lookups_per_s or use fewer nodes",
            LAG_MAX.as_millis()
        ));
    }
    exit
}

/// Which runs use the memory of the process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Memory {
    /// This run and no other.
    OnlyRun,
    /// One run after the other.
    InTurn,
    /// Several runs at the same time.
    Shared,
}

impl Memory {
    /// The memory of runs of which so many go on at a time.
    pub(crate) fn of_runs_at_a_time(workers: usize) -> Memory {
        if workers == 1 { Memory::InTurn } else { Memory::Shared }
    }

    /// Prepares for a run. Returns whether the peak of the process will be that of the run.
    fn is_measured(self) -> bool {
        match self {
            Memory::OnlyRun => true,
            Memory::InTurn => reset_peak_rss(),
            Memory::Shared => false,
        }
    }
}

/// A run that ended, by itself or by the user.
pub(crate) struct Ended {
    pub(crate) measured: Measured,
    pub(crate) outcome: Outcome,
}

/// Runs `scenario` in its engine. Shows its progress unless `quiet`.
///
/// # Errors
///
/// As [`Registry::run`](crate::systems::Registry::run).
pub(crate) fn execute(
    env: &Environment,
    scenario: &Scenario,
    interrupts: &AtomicU32,
    quiet: bool,
    memory: Memory,
    observers: Observers<'_>,
) -> Result<Ended, EngineError> {
    execute_by(env, scenario, quiet, memory, |progress| {
        env.registry.run_observed(scenario, interrupts, &progress, observers)
    })
}

/// As [`execute`], with nodes that run elsewhere.
///
/// # Errors
///
/// If no server answers, or they refuse to serve.
pub(crate) fn execute_on(
    env: &Environment,
    scenario: &Scenario,
    target: &target::Options,
    interrupts: &AtomicU32,
    quiet: bool,
    memory: Memory,
) -> Result<Ended, EngineError> {
    execute_by(env, scenario, quiet, memory, |progress| {
        target::run(scenario, target, interrupts, &progress)
    })
}

/// As [`execute`], by `run`.
fn execute_by(
    env: &Environment,
    scenario: &Scenario,
    quiet: bool,
    memory: Memory,
    run: impl FnOnce(Progress) -> Result<Measured, EngineError>,
) -> Result<Ended, EngineError> {
    let clock = WallClock::start();
    let files = env.registry.schema().file_digests(scenario);
    let has_peak = memory.is_measured();
    let measured = run(Progress::new(quiet, expected_length(scenario)))?;
    let outcome = outcome_of(env, scenario, files, &measured, has_peak, &clock);
    Ok(Ended { measured, outcome })
}

/// The exit status of a run with this outcome.
pub(crate) fn verdict(outcome: &Outcome) -> Exit {
    if outcome.interrupted {
        Exit::Interrupted
    } else if outcome.lookups.lag_us.p99 > LAG_MAX.as_micros() as f64 {
        Exit::LoadTooHigh
    } else if outcome.held() {
        Exit::Success
    } else {
        Exit::Unmet
    }
}

/// Counts Ctrl-C from now on. The first ends the run early, the second ends the process.
pub(crate) fn watch_for_interrupts(env: &Environment) -> Arc<AtomicU32> {
    // A process has one handler, and may run several commands.
    static COUNT: OnceLock<Arc<AtomicU32>> = OnceLock::new();
    let count = COUNT.get_or_init(|| {
        let count = Arc::new(AtomicU32::new(0));
        let counted = count.clone();
        let set = ctrlc::set_handler(move || {
            if counted.fetch_add(1, Ordering::Relaxed) > 0 {
                std::process::exit(Exit::Interrupted as i32);
            }
        });
        if let Err(error) = set {
            env.tell(format_args!("Ctrl-C will end the run without a result: {error}"));
        }
        count
    });
    count.store(0, Ordering::Relaxed);
    count.clone()
}

fn expected_length(scenario: &Scenario) -> Duration {
    let measure = match scenario.phases.measure {
        Measure::Lasting(length) => length,
        Measure::Lookups(_) => Duration::ZERO,
    };
    let calibration =
        if scenario.workload.needs_capacity() { calibration::LENGTH } else { Duration::ZERO };
    calibration + scenario.phases.warmup + measure
}

/// How often disturbances struck, by kind.
fn disturbances(measured: &Measured) -> BTreeMap<String, u64> {
    let mut strikes = BTreeMap::new();
    for &(kind, count) in &measured.disturbances {
        *strikes.entry(kind.to_owned()).or_default() += count;
    }
    strikes
}

fn outcome_of(
    env: &Environment,
    scenario: &Scenario,
    files: BTreeMap<String, String>,
    measured: &Measured,
    has_peak: bool,
    clock: &WallClock,
) -> Outcome {
    let lookups = Lookups {
        capacity_per_s: measured.capacity_per_s,
        ..Lookups::new(&measured.metrics, measured.measured)
    };
    let store = measured.values.as_ref().map(|(contents, verdicts)| {
        let tally = &measured.metrics.items.values;
        let (bytes, node_s) = (measured.lookup_bytes, measured.node_s);
        outcome::Store::new(tally, contents, verdicts, bytes, node_s)
    });
    let simulation = measured.simulation.as_ref();
    let drops = measured.drops.iter().map(|&(reason, count)| (reason.to_owned(), count));
    Outcome {
        schema_version: SCHEMA_VERSION,
        scenario: scenario.to_table(),
        adapted: scenario.adapted.to_vec(),
        files,
        seed: scenario.seed,
        machine: Machine::here(),
        build: Build::of(env.program),
        started_at: outcome::rfc3339(clock.started_at()),
        wall_s: clock.elapsed().as_secs_f64(),
        simulated_s: simulation.map(|it| it.simulated.as_secs_f64()),
        interrupted: measured.interrupted,
        has_server: env.registry.system(scenario).schema().has_server,
        regime: simulation.map_or(Regime::Suspicion, |it| it.regime),
        check: simulation.and_then(|it| it.check.clone()),
        items: scenario.items.as_ref().map(|_| {
            outcome::Items::new(&measured.metrics.items, &measured.traffic, measured.node_s)
        }),
        store: store.clone(),
        target: measured.target.clone(),
        maintenance: Maintenance::new(&measured.maintenance, measured.node_s),
        state: measured.state.clone(),
        load: Some(measured.load.clone()),
        membership: measured.membership.clone(),
        health: Some(measured.health.clone()),
        engine: outcome::Engine {
            events: measured.events,
            events_per_s: per_s(measured.events, measured.measured_wall),
            messages_per_s: per_s(measured.traffic.messages(), measured.measured_wall),
            datagrams: measured.datagrams,
            drops: drops.collect(),
            disturbances: disturbances(measured),
            peak_rss_bytes: has_peak.then(peak_rss_bytes),
            threads: measured.threads,
            trace_digest: simulation.map(|it| format!("{:016x}", it.trace_digest)),
        },
        expectations: expectations::judge(&scenario.expect, &lookups, store.as_ref()),
        lookups,
    }
}

/// The rate, or 0 if the run ended before the measured phase.
fn per_s(count: u64, time: Duration) -> f64 {
    if time.is_zero() { 0.0 } else { count as f64 / time.as_secs_f64() }
}

/// Writes the result and the report, which `shows_traces` if there are some.
fn write(
    scenario: &Scenario,
    destination: Destination,
    measured: &Measured,
    outcome: &Outcome,
    traces: Option<&Traces>,
    shows_traces: bool,
) -> Result<(), String> {
    let (folder, toml) = (destination.folder(), scenario.to_toml());
    let outcome_file = files::write_all(folder, outcome, &toml, &measured.series);
    // Without room for the traces, the outcome is still there.
    let traces_file = files::write_traces(folder, traces);
    outcome_file.and(traces_file).map_err(|error| error.to_string())?;
    let mut text = text::text(outcome);
    if let Some(traces) = traces.filter(|_| shows_traces) {
        text += &format!("\n{}", traces_text(traces));
    }
    destination.finish(&outcome.to_json(), &text)
}
