//! Two programs that run the same scenario in turn, so that whatever else the machine does happens to both.
//!
//! The order within each pair of runs alternates, and both runs of a pair have the same seed. It ends when
//! the intervals of the main figures are narrow enough, which says nothing about where they lie, or when
//! the time is over.
//!
//! **Invariant:** what was measured is compared, also after an interrupt.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::comparison::{Comparison, Row, Tolerances};
use super::side::Side;
use crate::base::wall_clock::WallClock;
use crate::commands::Environment;
use crate::commands::options::{Exit, RunOptions};
use crate::commands::result_folder::ResultFolder;
use crate::commands::run::watch_for_interrupts;
use crate::live::Progress;
use crate::measure::outcome::{Outcome, rfc3339};

/// The fewest runs of each program.
const FEWEST: usize = 7;
/// Figures whose intervals must be narrow.
const MAIN: [&str; 4] =
    ["engine.cpu_per_lookup", "engine.messages_per_s", "latency.p50", "maintenance.bytes"];
/// A narrow interval has at most this width.
const NARROW: f64 = 0.04;

/// Which programs run what, and for how long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alternation {
    /// The programs: the old one and the new one.
    pub programs: [PathBuf; 2],
    /// A named scenario, or a file.
    pub scenario: String,
    /// Values of the scenario that are set.
    pub set: Vec<(String, String)>,
    /// No pair of runs begins after this time.
    pub time: Duration,
    /// Where results go.
    pub options: RunOptions,
}

/// What was measured.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) a: Side,
    pub(super) b: Side,
    pub(super) is_interrupted: bool,
}

/// Runs both programs in turn.
///
/// # Errors
///
/// If one cannot be started, or refuses the scenario; with the exit status.
pub(super) fn run(
    env: &Environment,
    alternation: &Alternation,
    tolerances: &Tolerances,
) -> Result<Ended, (Exit, String)> {
    let clock = WallClock::start();
    let options = &alternation.options;
    let name = format!("diff-{}", alternation.scenario.replace(['/', '.'], "_"));
    let started_at = rfc3339(clock.started_at());
    let folder = ResultFolder::open(options.out.as_deref(), &started_at, &name)
        .map_err(|why| (Exit::BadRequest, why))?;
    let interrupts = watch_for_interrupts(env);
    let progress = Progress::new(options.quiet, alternation.time);
    let mut runs: [Vec<Outcome>; 2] = [Vec::new(), Vec::new()];
    let mut sides = [Side::default(), Side::default()];
    let is_over = |interrupts: &AtomicU32| interrupts.load(Ordering::Relaxed) > 0;
    for pair in 0.. {
        if is_over(&interrupts) || pair >= FEWEST && clock.elapsed() >= alternation.time {
            break;
        }
        let order = if pair % 2 == 0 { [0, 1] } else { [1, 0] };
        for which in order {
            let place = folder.path().join(format!("{}-{}", ["old", "new"][which], pair + 1));
            match run_one(alternation, which, pair as u64 + 1, &place) {
                Ok(outcome) => runs[which].push(outcome),
                Err(_) if is_over(&interrupts) => {}
                Err(error) => return Err(error),
            }
            progress.advance("alternating", clock.elapsed());
        }
        sides = [0, 1].map(|which| {
            let shown = alternation.programs[which].display().to_string();
            Side::of(shown, runs[which].clone())
        });
        if pair + 1 >= FEWEST && is_narrow(&sides, tolerances) {
            break;
        }
    }
    progress.finish();
    let [a, b] = sides;
    if a.groups.is_empty() || b.groups.is_empty() {
        return Err((Exit::Interrupted, "interrupted before both programs had run".to_owned()));
    }
    if !options.quiet {
        env.note(format_args!(
            "{} runs of each in {:.0} s, in {}",
            runs[0].len().min(runs[1].len()),
            clock.elapsed().as_secs_f64(),
            folder.path().display()
        ));
    }
    Ok(Ended { a, b, is_interrupted: is_over(&interrupts) })
}

/// Whether the intervals of the main figures are narrow.
fn is_narrow([a, b]: &[Side; 2], tolerances: &Tolerances) -> bool {
    let Ok(comparison) = Comparison::new(a, b, tolerances, false) else { return false };
    let rows = comparison.pairs.iter().flat_map(|pair| &pair.figures);
    let mut main = rows.filter(|row| MAIN.contains(&row.name.as_str()));
    let is_narrow = |row: &Row| row.interval.is_none_or(|[low, high]| high - low <= NARROW);
    main.all(is_narrow)
}

/// Runs one program once.
fn run_one(
    alternation: &Alternation,
    which: usize,
    seed: u64,
    place: &Path,
) -> Result<Outcome, (Exit, String)> {
    let program = &alternation.programs[which];
    let shown = program.display();
    let mut command = Command::new(program);
    command.args(["run", &alternation.scenario, "--quiet", "--json", "-"]);
    command.args(["--seed", &seed.to_string()]).arg("--out").arg(place);
    for (key, value) in &alternation.set {
        command.args(["--set", &format!("{key}={value}")]);
    }
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        (
            Exit::BadRequest,
            format!("{shown}: {error}: name a program such as target/release/hopwise"),
        )
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    Outcome::from_json(&text).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().map_or_else(|| error.to_string(), str::to_owned);
        (Exit::BadRequest, format!("{shown} gave no outcome ({}): {last}", output.status))
    })
}
