//! `hopwise plan`: which parameters to run a system with, for what is given and what must hold.
//!
//! ```text
//!   Request ─▶ Conditions ─▶ plan::Grid ─▶ Choice ⇄ simulations ─▶ Document ─▶ text, plot, JSON, scenario
//! ```
//!
//! The model answers first. Then the chosen point and its rivals are simulated, as large as fits the time. Where a
//! simulation differs from the model by more than [`TOLERANCE`], the model is corrected by it and chooses again.
//!
//! | in the folder | contents |
//! |---|---|
//! | `plan.json` | the [`Document`]: candidates, choice, steps, simulations |
//! | `plan.txt` | what is printed |
//! | `plan.svg` | mean latency against maintenance |
//! | `plan.toml` | the scenario of the chosen point |
//! | `runs/NAME/` | the files of each simulation, as `hopwise run` writes them |
//!
//! **Invariant:** without time for simulations, nothing is run.

mod compared;
mod document;
mod plot;
mod request;
mod simulate;
mod text;

use core::time::Duration;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

pub use self::compared::Compared;
pub use self::document::{Circumstances, Document, SCHEMA_VERSION};
pub use self::request::Request;

use self::request::Planned;
use self::simulate::{Simulated, Simulator};
use crate::base::wall_clock::WallClock;
use crate::base::whole_file::write_whole;
use crate::commands::Environment;
use crate::commands::destination::Destination;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::run;
use crate::measure::outcome::rfc3339;
use crate::measure::provenance::{Build, Machine};
use crate::plan::{Candidate, Choice, Grid, choose, steps};

/// A simulation that differs by more than this from the model is trusted instead.
pub const TOLERANCE: f64 = 0.15;
/// Simulations that may change the choice.
const ROUNDS_MAX: usize = 3;
/// The shares of the time that the simulations get, in their order. The first one checks the recommendation.
const SHARES_OF_TIME: [f64; ROUNDS_MAX] = [0.45, 0.3, 0.2];

/// Answers `request`, and writes the results as `options` say.
#[must_use]
pub fn plan(env: &Environment, request: &Request, options: &RunOptions) -> Exit {
    let clock = WallClock::start();
    let planned = match request.planned(&env.registry) {
        Ok(planned) => planned,
        Err(why) => return env.refuse(why),
    };
    let mut grid = match Grid::new(planned.model, &planned.conditions, planned.axes.clone()) {
        Ok(grid) => grid,
        Err(why) => return env.refuse(why),
    };
    let started_at = rfc3339(clock.started_at());
    let destination = match Destination::open(options, &started_at, "plan") {
        Ok(destination) => destination,
        Err(message) => return env.refuse(message),
    };
    let interrupts = run::watch_for_interrupts(env);
    let mut answer = match Answer::new(&grid, &planned) {
        Ok(answer) => answer,
        Err(why) => return env.refuse(why),
    };
    let model_s = clock.elapsed().as_secs_f64();
    let mut simulated = Vec::new();
    if !request.time.is_zero() {
        let folder = destination.folder().to_owned();
        let simulator = Simulator::new(env, request, &planned, &folder, options.quiet);
        match check(&simulator, &mut grid, &planned, &mut answer, &interrupts, request.time) {
            Ok(checked) => simulated = checked,
            Err(why) => {
                env.tell(why);
                return Exit::Failure;
            }
        }
    }
    let interrupted = interrupts.load(Ordering::Relaxed) > 0;
    let steps = answer.chosen().map(|chosen| steps(&grid, chosen)).unwrap_or_default();
    let circumstances = Circumstances {
        started_at,
        machine: Machine::here(),
        build: Build::of(env.program),
        time_s: request.time.as_secs_f64(),
        model_s,
        wall_s: clock.elapsed().as_secs_f64(),
        interrupted,
    };
    let Answer { candidates, choice } = &answer;
    let choice = choice.as_ref();
    let document =
        Document::new(circumstances, &planned, &grid, candidates, choice, &steps, &simulated);
    if let Err(error) = write(&document, &planned, request, destination) {
        env.tell(error);
        return Exit::Failure;
    }
    match choice {
        _ if interrupted => Exit::Interrupted,
        Some(choice) if choice.in_the_way.is_empty() => Exit::Success,
        _ => Exit::Unmet,
    }
}

/// The best points and the choice among them.
struct Answer {
    candidates: Vec<Candidate>,
    choice: Option<Choice>,
}

impl Answer {
    fn new(grid: &Grid, planned: &Planned) -> Result<Answer, String> {
        let candidates = grid.best(&planned.demands);
        let choice = choose(&candidates, &planned.demands);
        let sums = candidates.iter().map(|it| it.estimate.bytes_per_node_s).sum::<f64>();
        if !sums.is_finite() {
            return Err(
                "the model has no figures for these conditions: write other ones".to_owned()
            );
        }
        Ok(Answer { candidates, choice })
    }

    fn chosen(&self) -> Option<&Candidate> {
        self.candidates.get(self.choice.as_ref()?.chosen)
    }
}

/// Simulates the chosen point; corrects the model by it and chooses again, until the choice stays. Then simulates
/// its rivals.
fn check(
    simulator: &Simulator<'_>,
    grid: &mut Grid,
    planned: &Planned,
    answer: &mut Answer,
    interrupts: &AtomicU32,
    time: Duration,
) -> Result<Vec<Simulated>, String> {
    let clock = WallClock::start();
    let mut simulated: Vec<Simulated> = Vec::new();
    let left_s = |clock: &WallClock| time.as_secs_f64() - clock.elapsed().as_secs_f64();
    for _ in 0..ROUNDS_MAX {
        let Some(chosen) = answer.chosen().cloned() else { break };
        if simulated.iter().any(|it| it.candidate.place == chosen.place) {
            break;
        }
        let for_s = share_s(time, simulated.len()).min(left_s(&clock));
        let Some(ended) = simulator.simulate(grid, &chosen, for_s, interrupts)? else { break };
        grid.correct(ended.correction());
        simulated.push(ended);
        *answer = Answer::new(grid, planned)?;
    }
    for rival in rivals(answer) {
        let is_known = simulated.iter().any(|it| it.candidate.place == rival.place);
        let for_s = share_s(time, simulated.len()).min(left_s(&clock));
        if is_known || for_s <= 0.0 {
            continue;
        }
        let Some(ended) = simulator.simulate(grid, &rival, for_s, interrupts)? else { break };
        simulated.push(ended);
    }
    Ok(simulated)
}

/// The time for the next simulation, if there were `before` of them.
fn share_s(time: Duration, before: usize) -> f64 {
    SHARES_OF_TIME.get(before).map_or(0.0, |share| time.as_secs_f64() * share)
}

/// The neighbours of the chosen point among the best: the next cheaper one and the next faster one.
fn rivals(answer: &Answer) -> Vec<Candidate> {
    let Some(chosen) = answer.chosen() else { return Vec::new() };
    let hull = document::hull_of(&answer.candidates);
    let bytes = |it: &Candidate| it.estimate.bytes_per_node_s;
    let all = hull.iter().map(|&at| &answer.candidates[at]);
    let cheaper = all.clone().filter(|it| bytes(it) < bytes(chosen) * 0.9);
    let faster = all.filter(|it| bytes(it) > bytes(chosen) * 1.1);
    let cheaper = cheaper.max_by(|a, b| bytes(a).total_cmp(&bytes(b)));
    let faster = faster.min_by(|a, b| bytes(a).total_cmp(&bytes(b)));
    [cheaper, faster].into_iter().flatten().cloned().collect()
}

fn write(
    document: &Document,
    planned: &Planned,
    request: &Request,
    destination: Destination,
) -> Result<(), String> {
    let folder = destination.folder();
    let json = document.to_json();
    let text = text::text(document);
    let svg = plot::svg(document)?;
    write_in(folder, "plan.txt", &text)?;
    write_in(folder, "plan.svg", &svg)?;
    if let Some(chosen) = &document.chosen {
        write_in(
            folder,
            "plan.toml",
            &request.scenario_of(planned, &chosen.parameters, chosen.settle_s)?,
        )?;
    }
    write_in(folder, "plan.json", &json)?;
    let place = format!("\nwritten to {}: plan.toml, plan.svg, plan.json\n", folder.display());
    destination.finish(&json, &(text + &place))
}

fn write_in(folder: &Path, name: &str, text: &str) -> Result<(), String> {
    write_whole(&folder.join(name), text).map_err(|error| error.to_string())
}
