//! Counts instructions per operation of the paths a message passes through, and compares them with
//! `results/baseline/instructions.toml`.
//!
//! It runs itself under valgrind, once per path. Counts ignore the effects of caches and branch
//! predictors, which the benches measure. But they repeat exactly, so that small changes show.
//!
//! Exit status: 0 no path exceeds its baseline, or there is no valgrind or no comparable baseline;
//! 1 counting failed; 2 the request was wrong; 3 a path exceeds its baseline.
//!
//! **Invariant:** the baseline is written only with `--save`.

use std::env;
use std::error::Error;
use std::fs;
use std::process::ExitCode;

use clap::Parser;
use hopwise_benches::baseline::{Baseline, TOLERANCE, Verdict};
use hopwise_benches::callgrind::{self, CountError};
use hopwise_benches::paths::{COUNTED_IN, OPERATIONS, Path};

/// Path of the baseline.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../results/baseline/instructions.toml");
/// Exit status if a path exceeds its baseline.
const EXCEEDED: u8 = 3;
/// Header of the baseline file.
const HEADER: &str = "\
# Instructions per operation, counted by callgrind. Written by
# cargo run --release -p hopwise-benches --bin instructions -- --save

";

/// Counts instructions per operation and compares them with results/baseline/instructions.toml.
#[derive(Parser)]
struct Request {
    /// Write the counts as the new baseline, instead of comparing.
    #[arg(long)]
    save: bool,
    /// Only run this path, without counting; used under valgrind.
    #[arg(long, value_parser = path_named, conflicts_with = "save")]
    path: Option<Path>,
}

fn main() -> ExitCode {
    let request = Request::parse();
    if let Some(path) = request.path {
        path.run();
        return ExitCode::SUCCESS;
    }
    let counts = count_all();
    match counts.and_then(|counts| if request.save { save(&counts) } else { compare(&counts) }) {
        Ok(status) => status,
        Err(error) => {
            eprintln!("instructions are not counted or compared: {error}");
            let excused = matches!(error.downcast_ref(), Some(CountError::NoValgrind));
            if excused && !request.save { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

fn count_all() -> Result<Baseline, Box<dyn Error>> {
    let program = env::current_exe()?;
    let mut counts = Baseline::here();
    for path in Path::ALL {
        let count = callgrind::count(&program, &["--path", path.name], COUNTED_IN)?;
        let hundredths = (count as f64 * 100.0 / f64::from(OPERATIONS)).round();
        counts.instructions.insert(path.name.to_owned(), hundredths / 100.0);
    }
    Ok(counts)
}

fn save(counts: &Baseline) -> Result<ExitCode, Box<dyn Error>> {
    let text = HEADER.to_owned() + &toml::to_string(counts)?;
    fs::write(FILE, text).map_err(|error| format!("{FILE}: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

fn read_baseline() -> Result<Baseline, Box<dyn Error>> {
    Ok(toml::from_str(&fs::read_to_string(FILE)?)?)
}

/// Prints all counts, beside the baseline if they are comparable. Returns status 3 if a path
/// exceeds its baseline.
fn compare(counts: &Baseline) -> Result<ExitCode, Box<dyn Error>> {
    let baseline =
        read_baseline().map_err(|error| format!("{FILE}: {error}; or write it anew: --save"))?;
    let comparable = baseline.is_comparable(counts);
    if !comparable {
        let Baseline { rustc, arch, profile, .. } = &baseline;
        eprintln!("not compared: the baseline was counted with {rustc} on {arch}, {profile}");
    }
    let mut status = ExitCode::SUCCESS;
    println!("{:28} {:>12}  against the baseline", "path", "instructions");
    for (name, &count) in &counts.instructions {
        let verdict = match baseline.judge(name, count) {
            _ if !comparable => String::new(),
            Verdict::Held(change) => format!("{:+.1} %", change * 100.0),
            Verdict::Exceeded(change) => {
                status = ExitCode::from(EXCEEDED);
                format!("{:+.1} %: at most {:+.1} % is allowed", change * 100.0, TOLERANCE * 100.0)
            }
            Verdict::Unknown => {
                status = ExitCode::from(EXCEEDED);
                "not there: save a new one".to_owned()
            }
        };
        println!("{}", format!("{name:28} {count:12.2}  {verdict}").trim_end());
    }
    Ok(status)
}

fn path_named(name: &str) -> Result<Path, String> {
    Path::named(name).ok_or_else(|| {
        let names: Vec<_> = Path::ALL.iter().map(|path| path.name).collect();
        format!("there are {}", names.join(", "))
    })
}
