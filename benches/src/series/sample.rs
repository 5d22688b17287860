//! Takes one sample of a series: runs its command once, and reads its figures.
//!
//! **Invariant:** the program's output is kept beside the record, so that figures can be traced.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Serialize;
use serde_json::Value;

use super::binary::Binary;
use super::machine_load::MachineLoad;
use super::process::{Used, account, run};
use super::readings::{self, Readings};
use super::{Figures, Series, Source};
use crate::floors::Floors;

/// Criterion's arguments: short samples, since rounds are repeated.
const BENCH_OPTIONS: [&str; 5] = ["--bench", "--warm-up-time", "0.2", "--measurement-time", "1"];
/// Arguments of the closed loop, a short run that serves as a floor.
const CLOSED_LOOP: &str = "saturate --nodes 1000 --duration 1s --set phases.warmup=0s";
/// The files that `hopwise compare` writes.
const COMPARE_FILES: [&str; 3] = ["compare.json", "compare.svg", "compare.txt"];

/// One of two binaries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The binary to compare with.
    Old,
    /// The measured binary.
    New,
}

/// One run of a series.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The binary that ran.
    pub side: Side,
    /// The seed of the run.
    pub seed: u32,
    /// Exit status. For `hopwise`, 3 means an unmet expectation.
    pub exit: i32,
    /// Seconds from start to end.
    pub wall_s: f64,
    /// User and system time, in seconds.
    pub cpu_s: f64,
    /// The machine's other load in that time.
    pub load: MachineLoad,
    /// A digest of the simulation's trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_digest: Option<String>,
    /// The figures.
    pub values: BTreeMap<String, f64>,
}

/// The floors of the machine at one time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct FloorReadings {
    /// Nanoseconds of one dependent read of a random cache line.
    pub random_line_ns: f64,
    /// Plain packets per second of one thread over loopback.
    pub packets_per_s: f64,
    /// Lookups per second of a short closed loop, if requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_loop_lookups_per_s: Option<f64>,
    /// The machine's other load in that time.
    pub load: MachineLoad,
}

/// Takes samples.
pub struct Sampler {
    folder: PathBuf,
    floors: Floors,
}

impl Sampler {
    /// Creates a sampler that keeps the programs' output in `folder`.
    ///
    /// # Errors
    ///
    /// If the folder cannot be created.
    pub fn new(folder: &Path) -> Result<Sampler, String> {
        let fault = |error| format!("{}: {error}", folder.display());
        fs::create_dir_all(folder).map_err(fault)?;
        let folder = fs::canonicalize(folder).map_err(fault)?;
        Ok(Sampler { folder, floors: Floors::prepare() })
    }

    /// A folder for unused output.
    #[must_use]
    pub fn scratch(&self) -> PathBuf {
        self.folder.join(".run")
    }

    /// Measures the floors. Measures the closed loop too if `closed_loop` names a binary to run it.
    ///
    /// # Errors
    ///
    /// If the closed loop does not run.
    pub fn floors(&self, closed_loop: Option<&Binary>) -> Result<FloorReadings, String> {
        let (floors, used) =
            account(|| (self.floors.random_line_ns(), self.floors.packets_per_s()))
                .map_err(|error| error.to_string())?;
        let (mut load, mut closed_loop_lookups_per_s) = (used.load, None);
        if let Some(binary) = closed_loop {
            let taken = self.hopwise(binary, CLOSED_LOOP, 1, "closed-loop")?;
            closed_loop_lookups_per_s = taken.readings.get("lookups.per_s").copied();
            if taken.used.load.share() > load.share() {
                load = taken.used.load;
            }
        }
        let (random_line_ns, packets_per_s) = floors;
        Ok(FloorReadings { random_line_ns, packets_per_s, closed_loop_lookups_per_s, load })
    }

    /// Takes a sample. The names of kept files begin with `name`.
    ///
    /// # Errors
    ///
    /// If the command fails, or a reading is missing.
    pub fn take(
        &self,
        series: &Series,
        (side, binary): (Side, &Binary),
        seed: u32,
        name: &str,
    ) -> Result<Sample, String> {
        let taken = match series.source {
            Source::Run(arguments) => self.hopwise(binary, arguments, seed, name)?,
            Source::Compare => self.compare(binary)?,
            Source::Bench { name: bench, filter } => {
                let mut command = Command::new(binary.bench(bench)?);
                command.args(BENCH_OPTIONS).env("CRITERION_HOME", self.scratch());
                command.args((!filter.is_empty()).then_some(filter));
                self.report(&mut command, name, readings::of_criterion)?
            }
            Source::Instructions => {
                let mut command = Command::new(binary.beside("instructions")?);
                self.report(&mut command, name, readings::of_instructions)?
            }
            Source::Floors => {
                let floors = self.floors(None)?;
                let readings = [
                    ("random_line_ns".to_owned(), floors.random_line_ns),
                    ("packets_per_s".to_owned(), floors.packets_per_s),
                ];
                let used = Used { load: floors.load, ..Used::default() };
                Taken { readings: readings.into(), trace_digest: None, exit: 0, used }
            }
        };
        let Taken { readings, trace_digest, exit, used } = taken;
        let Used { wall_s, cpu_s, load } = used;
        let values = figures_of(series, readings, used)?;
        Ok(Sample { side, seed, exit, wall_s, cpu_s, load, trace_digest, values })
    }

    /// Runs `hopwise run` with `arguments`, and keeps the outcome.
    fn hopwise(
        &self,
        binary: &Binary,
        arguments: &str,
        seed: u32,
        name: &str,
    ) -> Result<Taken, String> {
        let file = self.folder.join(format!("{name}.json"));
        let mut command = Command::new(&binary.path);
        command.arg("run").args(arguments.split(' ')).args([
            "--seed",
            &seed.to_string(),
            "--quiet",
        ]);
        command.arg("--json").arg(&file).arg("--out").arg(self.scratch());
        // Removes an earlier run's outcome, so that it is not taken for this one's.
        fs::write(&file, "").map_err(|error| format!("{}: {error}", file.display()))?;
        let (output, used) = run(&mut command).map_err(|error| error.to_string())?;
        let outcome = fs::read(&file).ok().and_then(|text| serde_json::from_slice(&text).ok());
        let outcome: Value = outcome.ok_or_else(|| complaint(&output))?;
        let trace_digest =
            outcome.pointer("/engine/trace_digest").and_then(Value::as_str).map(str::to_owned);
        let readings = readings::of_json(&outcome);
        Ok(Taken { readings, trace_digest, exit: exit(&output), used })
    }

    /// Runs `hopwise compare` and keeps its files.
    fn compare(&self, binary: &Binary) -> Result<Taken, String> {
        let mut command = Command::new(&binary.path);
        command.args(["compare", "--quiet", "--out"]).arg(self.scratch());
        let (output, used) = run(&mut command).map_err(|error| error.to_string())?;
        for file in COMPARE_FILES {
            fs::copy(self.scratch().join(file), self.folder.join(file))
                .map_err(|error| format!("{file}: {error}: {}", complaint(&output)))?;
        }
        let readings = Readings::new();
        Ok(Taken { readings, trace_digest: None, exit: exit(&output), used })
    }

    /// Runs a program that prints its readings, and keeps its output.
    fn report(
        &self,
        command: &mut Command,
        name: &str,
        read: fn(&str) -> Readings,
    ) -> Result<Taken, String> {
        let (output, used) = run(command).map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let file = self.folder.join(format!("{name}.txt"));
        fs::write(&file, text.as_bytes())
            .map_err(|error| format!("{}: {error}", file.display()))?;
        let readings = read(&text);
        if readings.is_empty() {
            return Err(complaint(&output));
        }
        Ok(Taken { readings, trace_digest: None, exit: exit(&output), used })
    }
}

/// The results of a command.
struct Taken {
    readings: Readings,
    trace_digest: Option<String>,
    exit: i32,
    used: Used,
}

/// Computes the figures of `series` from the readings.
fn figures_of(
    series: &Series,
    mut readings: Readings,
    used: Used,
) -> Result<BTreeMap<String, f64>, String> {
    let Figures::Named(figures) = series.figures else { return Ok(readings) };
    readings.insert("process.cpu_s".to_owned(), used.cpu_s);
    readings.insert("process.wall_s".to_owned(), used.wall_s);
    let value = |figure: &super::Figure| {
        let value = figure.of.of(&readings);
        let value =
            value.map_err(|missing| format!("nothing is called {missing} in the result"))?;
        Ok((figure.name.to_owned(), value))
    };
    let values: Result<BTreeMap<_, _>, String> = figures.iter().map(value).collect();
    values.map(|values| values.into_iter().filter(|(_, value)| value.is_finite()).collect())
}

fn exit(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

/// The error output of a program without a result.
fn complaint(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    format!("no result ({}): {}", output.status, said.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::list;

    #[test]
    fn figures_are_computed_from_readings() {
        let series = list::find("saturate").expect("it is there");
        let mut readings = Readings::from(
            [
                ("lookups.per_s", 5e5),
                ("lookups.completed", 2e6),
                ("lookups.correct", 1.5e6),
                ("engine.messages_per_s", 4e6),
                ("state.bytes_per_node", 848.0),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        let used = Used { cpu_s: 8.0, ..Used::default() };
        let figures = figures_of(series, readings.clone(), used).expect("nothing is missing");
        assert_eq!(figures["CPU time per lookup"], 4.0);
        assert_eq!(figures["correct answers"], 75.0);
        assert_eq!(figures.len(), 5);

        readings.insert("lookups.completed".to_owned(), 0.0);
        let figures = figures_of(series, readings.clone(), used).expect("nothing is missing");
        assert!(!figures.contains_key("CPU time per lookup"), "there is none without lookups");

        readings.remove("lookups.per_s");
        let error = figures_of(series, readings, used).unwrap_err();
        assert_eq!(error, "nothing is called lookups.per_s in the result");
    }
}
