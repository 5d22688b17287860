//! Measures every figure of the project in the same way. See "How to measure" in
//! `results/README.md`.
//!
//! Exit status: 0 measured, and every gate holds; 1 a command failed; 2 the request was wrong; 3 a
//! gate does not hold; 4 there is no verdict: the machine was busy, or the figures scatter too
//! much.
//!
//! **Invariant:** finished series are on disk, even if a later one fails.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use hopwise_benches::series::binary::Binary;
use hopwise_benches::series::record::{Record, SCHEMA_VERSION, SeriesRecord};
use hopwise_benches::series::rounds::{Limit, Round, order};
use hopwise_benches::series::sample::{FloorReadings, Sampler, Side};
use hopwise_benches::series::summary::{Limits, Verdict, is_exact, is_valid};
use hopwise_benches::series::{Series, Source, list, markdown};
use hopwise_harness::base::wall_clock::WallClock;
use hopwise_harness::measure::provenance::{Build, Machine};
use humantime::Duration;

/// Folder of the results.
const RESULTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../results");
/// Default number of rounds with two binaries.
const COMPARED_ROUNDS: u32 = 10;

/// Takes series of measurements, with the floors of the machine before and after each.
#[derive(Parser)]
#[command(after_help = "Exit status: 0 every gate holds, 1 a command failed, 2 wrong request, \
                        3 a gate does not hold, 4 no verdict: the machine was busy, or figures scatter too much")]
struct Request {
    /// Series to take (see --list) [default: all; with --old, those with gates]
    #[arg(value_parser = series_named)]
    series: Vec<&'static Series>,
    /// The binary `hopwise` to compare with; benches and instruction counts are those beside it
    #[arg(long, value_name = "PATH")]
    old: Option<PathBuf>,
    /// The binary `hopwise` to measure [default: the one beside this program]
    #[arg(long, value_name = "PATH")]
    new: Option<PathBuf>,
    /// Valid rounds of each series; with --old, an even number [default: see --list; with --old,
    /// 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
    /// Take rounds of each series for this long, such as 2min, instead of a number of rounds
    #[arg(long, value_name = "D", conflicts_with = "rounds")]
    time: Option<Duration>,
    /// A round is invalid if the host and other processes took more than this share of all CPU time
    #[arg(long, value_name = "SHARE", default_value_t = 0.03)]
    busy: f64,
    /// A gate holds if the new binary is worse by no more than this share
    #[arg(long, value_name = "SHARE", default_value_t = 0.05)]
    worse: f64,
    /// Take a short closed loop as a floor, too
    #[arg(long)]
    closed_loop: bool,
    /// Folder for the record, the tables and what programs wrote [default: results/DATE for all
    /// series, results/runs/measure-TIME for some]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// List the series and exit
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let request = Request::parse();
    if request.list {
        print_list();
        return ExitCode::SUCCESS;
    }
    let campaign = Campaign::prepare(request).unwrap_or_else(|error| {
        eprintln!("measure: {error}");
        std::process::exit(2);
    });
    match campaign.run() {
        Ok(record) => verdict(&record),
        Err(error) => {
            eprintln!("measure: {error}");
            ExitCode::FAILURE
        }
    }
}

/// All series of one call.
struct Campaign {
    request: Request,
    series: Vec<&'static Series>,
    folder: PathBuf,
    started_at: String,
    sampler: Sampler,
    old: Option<Binary>,
    new: Binary,
}

impl Campaign {
    /// Checks that all programs to run exist.
    fn prepare(request: Request) -> Result<Campaign, String> {
        let is_default = |series: &&Series| request.old.is_none() || series.is_gate();
        let series: Vec<&Series> = match &request.series[..] {
            [] => list::ALL.iter().filter(is_default).collect(),
            named => named.to_vec(),
        };
        let now = WallClock::start().started_at();
        let started_at = humantime::format_rfc3339_seconds(now).to_string();
        let folder = request.out.clone().unwrap_or_else(|| {
            let is_whole = series.len() == list::ALL.len() && request.old.is_none();
            let (date, time) = (&started_at[..10], started_at.replace(':', ""));
            Path::new(RESULTS).join(if is_whole {
                date.to_owned()
            } else {
                format!("runs/measure-{time}")
            })
        });
        let sampler = Sampler::new(&folder)?;
        let beside = || env::current_exe().map(|program| program.with_file_name("hopwise"));
        let new = request.new.clone().map_or_else(beside, Ok).map_err(|error| error.to_string())?;
        let new = Binary::open(&new, &sampler.scratch())?;
        let old = request.old.as_deref().map(|path| Binary::open(path, &sampler.scratch()));
        let old = old.transpose()?;
        for binary in [Some(&new), old.as_ref()].into_iter().flatten() {
            for series in &series {
                match series.source {
                    Source::Bench { name, .. } => binary.bench(name).map(drop)?,
                    Source::Instructions => binary.beside("instructions").map(drop)?,
                    Source::Run(_) | Source::Compare | Source::Floors => {}
                }
            }
        }
        Ok(Campaign { request, series, folder, started_at, sampler, old, new })
    }

    /// Takes all series and writes the record after each.
    fn run(&self) -> Result<Record, String> {
        let mut record = Record {
            schema_version: SCHEMA_VERSION,
            command: env::args().collect(),
            started_at: self.started_at.clone(),
            machine: Machine::here(),
            measured_by: Build::here(),
            old: self.old.as_ref().map(|binary| binary.build.clone()),
            new: self.new.build.clone(),
            limits: self.limits(),
            series: Vec::new(),
        };
        let mut floors = self.floors()?;
        for series in &self.series {
            let (rounds, failure) = self.rounds(series);
            if let Some(failure) = &failure {
                eprintln!("{}: {failure}", series.name);
            }
            let floors_after = self.floors()?;
            let both = [floors, floors_after];
            record.series.push(SeriesRecord::new(series, both, rounds, failure, self.limits()));
            floors = floors_after;
            self.write("measure.json", &record.to_json())?;
            self.write("measure.md", &markdown::tables(&record))?;
        }
        // Some series leave nothing, so the folder may not exist.
        let _ = fs::remove_dir_all(self.sampler.scratch());
        print!("{}", markdown::tables(&record));
        eprintln!("written to {}", self.folder.display());
        Ok(record)
    }

    /// Takes the rounds of a series until there are enough or a command fails.
    fn rounds(&self, series: &Series) -> (Vec<Round>, Option<String>) {
        let (limit, clock) = (self.limit(series), WallClock::start());
        let takes_turns = self.old.is_some() && !is_exact(series);
        let (mut rounds, mut valid) = (Vec::new(), 0);
        while !limit.is_reached(rounds.len() as u32, valid, clock.elapsed(), takes_turns) {
            match self.round(series, rounds.len() as u32) {
                Ok(round) => {
                    valid += u32::from(is_valid(series, &round, self.limits()));
                    rounds.push(round);
                }
                Err(failure) => return (rounds, Some(failure)),
            }
            eprintln!("{}: {} rounds, {valid} valid", series.name, rounds.len());
        }
        (rounds, None)
    }

    /// Takes one sample of each binary, with the same seed.
    fn round(&self, series: &Series, round: u32) -> Result<Round, String> {
        let seed = round + 1;
        let sample = |&side: &Side| {
            let (binary, name) = match (side, &self.old) {
                (Side::Old, Some(old)) => (old, format!("{}-old-{seed}", series.name)),
                (_, Some(_)) => (&self.new, format!("{}-new-{seed}", series.name)),
                (_, None) => (&self.new, format!("{}-{seed}", series.name)),
            };
            self.sampler.take(series, (side, binary), seed, &name)
        };
        let samples = order(round, self.old.is_some()).iter().map(sample);
        Ok(Round { samples: samples.collect::<Result<_, _>>()? })
    }

    fn limit(&self, series: &Series) -> Limit {
        let rounds = match (self.request.rounds, &self.old) {
            _ if is_exact(series) => 1,
            (Some(rounds), _) => rounds,
            (None, Some(_)) => COMPARED_ROUNDS,
            (None, None) => series.rounds,
        };
        match self.request.time {
            Some(time) if !is_exact(series) => Limit::Time(*time),
            _ => Limit::Rounds(rounds),
        }
    }

    fn limits(&self) -> Limits {
        Limits { busy: self.request.busy, worse: self.request.worse }
    }

    /// Measures the floors. The closed loop runs the old binary, if there is one.
    fn floors(&self) -> Result<FloorReadings, String> {
        let reference = self.old.as_ref().unwrap_or(&self.new);
        self.sampler.floors(self.request.closed_loop.then_some(reference))
    }

    fn write(&self, name: &str, text: &str) -> Result<(), String> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }
}

fn verdict(record: &Record) -> ExitCode {
    let is_broken = |verdict| matches!(verdict, Verdict::Worse(_) | Verdict::Missing);
    let is_open = |verdict| matches!(verdict, Verdict::Busy(_) | Verdict::Undecided);
    if record.has_failed() {
        ExitCode::FAILURE
    } else if record.has_verdict(is_broken) {
        ExitCode::from(3)
    } else if record.has_verdict(is_open) {
        ExitCode::from(4)
    } else {
        ExitCode::SUCCESS
    }
}

fn print_list() {
    for series in list::ALL {
        let mark = if series.is_gate() { "gate" } else { "" };
        println!("{:20} {mark:4}  {}", series.name, series.about);
        println!("{:26}  {}, {} rounds", "", series.source.command(), series.rounds);
    }
}

fn series_named(name: &str) -> Result<&'static Series, String> {
    list::find(name).ok_or_else(|| "see --list".to_owned())
}
