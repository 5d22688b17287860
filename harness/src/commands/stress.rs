//! `hopwise stress`: what a server holds, how it behaves beyond that, and what gives out.
//!
//! | in the folder | contents |
//! |---|---|
//! | `stress.json` | all findings |
//! | `stress.txt` | the report |
//! | `latency-curve.csv` | the latencies at each load |
//! | `runs/NN-WHAT/` | the files of one run, as `hopwise run` writes them |
//!
//! **Invariant:** runs go one after the other; when the command ends, so have all of its threads.

use std::path::Path;
use std::sync::atomic::AtomicU32;

use crate::Scenario;
use crate::base::wall_clock::WallClock;
use crate::base::whole_file::write_whole;
use crate::commands::Environment;
use crate::commands::assertion::Assertions;
use crate::commands::destination::Destination;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::run::{self, Memory};
use crate::measure::outcome::rfc3339;
use crate::measure::provenance::{Build, available_bytes};
use crate::measure::{EngineError, Observers};
use crate::report::files;
use crate::report::units::bytes;
use crate::stress::bottleneck::Resource;
use crate::stress::findings::Findings;
use crate::stress::packets;
use crate::stress::plan::Plan;
use crate::stress::resources::memory_bytes;
use crate::stress::session::{Session, World};
use crate::stress::step::Ran;
use crate::stress::{Options, Ramp, text};
use crate::target;

/// The workload for a target, if none is named.
const TARGET_WORKLOAD: &str = "ycsb-a";
/// The memory that may be used, as a share of what is free, unless the user says.
const MEMORY_SHARE: f64 = 0.8;

/// Finds out what `asked` asks for, judges it by `assertions`, and writes the findings as `options` say.
/// With a `target`, nodes run there.
#[must_use]
pub fn stress(
    env: &Environment,
    asked: &Options,
    assertions: &Assertions,
    options: &RunOptions,
    target: Option<&target::Options>,
) -> Exit {
    let started_at = rfc3339(WallClock::start().started_at());
    let plan = match Plan::new(&env.registry, asked, target.map(|_| TARGET_WORKLOAD)) {
        Ok(plan) => plan,
        Err(why) => return env.refuse(why),
    };
    let memory_max = match memory_max_bytes(asked.max_memory) {
        Ok(bytes) => bytes,
        Err(why) => return env.refuse(why),
    };
    let name = format!("stress-{}", plan.base.name);
    let destination = match Destination::open(options, &started_at, &name) {
        Ok(destination) => destination,
        Err(why) => return env.refuse(why),
    };
    let interrupts = run::watch_for_interrupts(env);
    let machine = Machine { env, destination: &destination, quiet: options.quiet, target };
    let findings = Findings {
        workload: plan.base.name.clone(),
        has_values: plan.base.store.is_some(),
        target: target.map(target::Options::shown),
        ramp: match asked.ramp {
            Ramp::Load => "load".to_owned(),
            Ramp::Nodes => "nodes".to_owned(),
        },
        nodes: plan.base.nodes,
        ..Findings::new(Build::of(env.program), started_at, &asked.level)
    };
    let limits = (memory_max, asked.max_time);
    let mut session = Session::new(&machine, &plan, &asked.level, limits, &interrupts, findings);
    let ended = session.run();
    let Session { mut findings, held, .. } = session;
    if let Err(why) = &ended {
        env.tell(why);
        if findings.steps.is_empty() {
            return match why {
                EngineError::Request(_) => Exit::BadRequest,
                EngineError::Broken(_) => Exit::Failure,
            };
        }
    }
    findings.expectations = assertions.judge_figures(&findings.figures(held.as_ref()));
    let folder = destination.folder().to_owned();
    if let Err(why) = report(&findings, destination) {
        env.tell(why);
        return Exit::Failure;
    }
    if !options.quiet {
        let folder = folder.display();
        env.note(format_args!("took {:.0} s; written to {folder}", findings.wall_s));
    }
    findings.expectations.iter().filter(|it| !it.held).for_each(|unmet| env.tell(unmet));
    if ended.is_err() {
        return Exit::Failure;
    }
    verdict(env, &findings)
}

/// The exit status of these findings.
fn verdict(env: &Environment, findings: &Findings) -> Exit {
    let gave_out = findings.bottleneck.as_ref().map(|it| it.resource);
    if findings.interrupted {
        Exit::Interrupted
    } else if findings.knee.is_none() {
        env.tell("no load held the service level: write a weaker --slo, or a lower --from");
        Exit::Unmet
    } else if findings.expectations.iter().any(|it| !it.held) {
        Exit::Unmet
    } else if gave_out == Some(Resource::Generator) {
        env.tell("the load generator gave out first, so the capacity is its own");
        Exit::LoadTooHigh
    } else {
        Exit::Success
    }
}

/// The memory that the process may use.
fn memory_max_bytes(asked: Option<u64>) -> Result<u64, String> {
    let used = memory_bytes();
    match (asked, available_bytes()) {
        (Some(most), _) if most <= used => Err(format!(
            "--max-memory {} is too little: this process has {} before it starts any node",
            bytes(most as f64),
            bytes(used as f64)
        )),
        (Some(most), _) => Ok(most),
        (None, 0) => Ok(u64::MAX),
        (None, free) => Ok(used + (free as f64 * MEMORY_SHARE) as u64),
    }
}

fn report(findings: &Findings, destination: Destination) -> Result<(), String> {
    let json = findings.to_json();
    let texts = [
        ("stress.txt", &text::all(findings)),
        ("latency-curve.csv", &findings.curve_csv()),
        ("stress.json", &json),
    ];
    for (name, contents) in texts {
        write_whole(&destination.folder().join(name), contents).map_err(|why| why.to_string())?;
    }
    destination.finish(&json, &text::rest(findings))
}

/// This machine, on which runs go.
struct Machine<'a> {
    env: &'a Environment,
    destination: &'a Destination,
    quiet: bool,
    target: Option<&'a target::Options>,
}

impl Machine<'_> {
    fn folder(&self) -> &Path {
        self.destination.folder()
    }
}

impl World for Machine<'_> {
    fn run(&self, scenario: &Scenario, stop: &AtomicU32) -> Result<Ran, EngineError> {
        let ended = match self.target {
            Some(target) => {
                run::execute_on(self.env, scenario, target, stop, self.quiet, Memory::InTurn)?
            }
            None => run::execute(
                self.env,
                scenario,
                stop,
                self.quiet,
                Memory::InTurn,
                Observers::default(),
            )?,
        };
        let (outcome, measured) = (ended.outcome, ended.measured);
        Ok(Ran { outcome, series: measured.series, measured: measured.measured })
    }

    fn keep(&self, folder: &str, scenario: &Scenario, ran: &Ran) -> Result<(), EngineError> {
        let folder = self.folder().join("runs").join(folder);
        files::write_all(&folder, &ran.outcome, &scenario.to_toml(), &ran.series)
            .map_err(|why| EngineError::Broken(why.to_string()))
    }

    fn packets_per_s(&self) -> Option<f64> {
        // Another machine may hold the nodes.
        if self.target.is_some() { None } else { packets::packets_per_s() }
    }

    fn say(&self, text: &str) {
        self.destination.say(text);
    }
}
